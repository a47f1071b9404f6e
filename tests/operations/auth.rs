//! Who may log in, as servers, lists, rules and certificates say.

use super::*;
use crate::door::certificates::Folder;

fn count(stage: &Stage) -> String {
    format!("SELECT count(*) FROM events WHERE client_id = {}", stage.clients[0])
}

/// The query of every shard's primary gives the same answer: the same statement everywhere.
fn everywhere(stage: &Stage, sql: &str) {
    for server in &stage.world.shards {
        admin(server.port()).rows(sql);
    }
}

/// One verifier on all shards: the roles of a real installation are made from one dump, or by copying the verifier.
fn same_verifier(stage: &Stage, role: &str) -> String {
    let stored = format!("SELECT rolpassword FROM pg_authid WHERE rolname = '{role}'");
    let verifier = admin(stage.world.shards[0].port()).value(&stored);
    everywhere(stage, &format!("ALTER ROLE {role} PASSWORD '{verifier}'"));
    verifier
}

fn enter_with(port: u16, user: &str, password: &str) -> (bool, String) {
    let mut command = Command::new("psql");
    command.env("PGPASSWORD", password).env("LC_ALL", "C").env("PGOPTIONS", "");
    let at = format!("host=127.0.0.1 port={port} dbname=app user={user}");
    let output = command.args(["-XqAt", "-c", "SELECT current_user", &at]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said.trim().to_owned())
}

const QUERY: &str = "[auth]\nuser = \"postgres\"\npassword = \"secret\"\n";

#[test]
fn users_that_only_servers_know_log_in_and_reach_the_servers_as_themselves() {
    let stage = &*STAGE;
    stage.role("looked_up");
    same_verifier(stage, "looked_up");
    let proxy = stage.proxy("looking-up", &Settings { more: QUERY, ..Settings::default() });
    let mut wire = enter(proxy.port, "looked_up", &[]).unwrap();
    // Each shard is reached with what the client has shown: its password is known nowhere.
    for client in &stage.clients {
        let ask = format!("SELECT current_user FROM events WHERE client_id = {client} LIMIT 1");
        assert_eq!(wire.value(&ask), "looked_up");
    }
    let refused = |user: &str, password: &str| enter_with(proxy.port, user, password);
    for (user, password) in [("looked_up", "wrong"), ("nobody_at_all", "secret")] {
        let (is_in, said) = refused(user, password);
        assert!(!is_in && said.contains("password authentication failed for user"), "{user}: {said}");
    }
    // Who may not log in, and whose password is not valid any more (CVE-2025-2291).
    everywhere(stage, "CREATE ROLE expired LOGIN PASSWORD 'secret' VALID UNTIL '2020-01-01' IN ROLE app");
    everywhere(stage, "CREATE ROLE barred NOLOGIN PASSWORD 'secret' IN ROLE app");
    everywhere(stage, "CREATE ROLE unset LOGIN IN ROLE app");
    for user in ["expired", "barred", "unset"] {
        let (is_in, said) = refused(user, "secret");
        assert!(!is_in && said.contains("password authentication failed for user"), "{user}: {said}");
    }
    everywhere(stage, "ALTER ROLE expired VALID UNTIL '2100-01-01'");
    assert!(enter(proxy.port, "expired", &[]).is_ok(), "the next login sees it");
    everywhere(stage, "ALTER ROLE looked_up PASSWORD 'renewed'");
    assert!(!refused("looked_up", "secret").0);
    same_verifier(stage, "looked_up");
    assert_eq!(refused("looked_up", "renewed"), (true, "looked_up".to_owned()));
    assert_eq!(wire.value(&count(stage)), "6", "who is inside stays");
    let log = proxy.output();
    assert!(!log.contains("renewed") && !log.contains("SCRAM-SHA-256$"), "{log}");
}

#[test]
fn a_name_that_is_too_long_is_looked_up_as_postgres_cuts_it() {
    let stage = &*STAGE;
    let long = "too_long_".repeat(8);
    stage.role(&long);
    same_verifier(stage, &long[..63]);
    let proxy = stage.proxy("cutting", &Settings { more: QUERY, ..Settings::default() });
    let (server, longer) = (stage.world.shards[0].port(), format!("{long}and_more"));
    for (user, password) in [(&long, "secret"), (&longer, "secret"), (&long, "wrong")] {
        let heard = |port: u16| {
            let (is_in, said) = enter_with(port, user, password);
            (is_in, said.rsplit("failed: ").next().unwrap_or_default().to_owned())
        };
        assert_eq!(heard(proxy.port), heard(server), "{user}");
    }
    assert!(!proxy.output().contains("cannot be looked up"), "{}", proxy.output());
}

#[test]
fn what_a_client_sends_does_not_reach_the_query() {
    let stage = &*STAGE;
    // CVE-2025-12819: a client's search_path put another function in place of the one that the query names.
    everywhere(
        stage,
        "CREATE SCHEMA trap; GRANT USAGE ON SCHEMA trap TO PUBLIC;
         CREATE FUNCTION trap.find(text) RETURNS TABLE (name text, secret text) LANGUAGE sql AS $$ SELECT $1, 'trapped' $$;
         CREATE FUNCTION public.find(text) RETURNS TABLE (name text, secret text) LANGUAGE sql AS $$ SELECT $1, 'proper' $$",
    );
    let with = |query: &str| format!("{QUERY}query = \"{query}\"\n");
    let more = with("SELECT name, secret FROM public.find($1)");
    let proxy = stage.proxy("untrapped", &Settings { more: &more, ..Settings::default() });
    let attempt = |port: u16, password: &str| {
        let mut command = Command::new("psql");
        command.env("PGPASSWORD", password).env("PGOPTIONS", "-c search_path=trap").env("LC_ALL", "C");
        let at = format!("host=127.0.0.1 port={port} dbname=app user=whoever");
        let output = command.args(["-XqAt", "-c", "SELECT 1", &at]).output().unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // The right one is let in by us; that there is no such role is the server's to say.
    let said = [attempt(proxy.port, "trapped"), attempt(proxy.port, "proper")];
    assert!(
        said[0].contains("password authentication failed") && !said[0].contains("refused a connection"),
        "{said:?}"
    );
    assert!(said[1].contains("refused a connection"), "{said:?}");
    // A name without a schema finds nothing, whatever search_path the client asks for.
    let more = with("SELECT name, secret FROM find($1)");
    let proxy = stage.proxy("unqualified", &Settings { more: &more, ..Settings::default() });
    for password in ["trapped", "proper"] {
        assert!(attempt(proxy.port, password).contains("it cannot be found out now who may log in"));
    }
}

#[test]
fn a_verifier_alone_is_enough_where_the_servers_have_the_same() {
    let stage = &*STAGE;
    stage.role("verified");
    let verifier = same_verifier(stage, "verified");
    let more = format!(
        "[[users]]\nname = \"verified\"\npassword = \"{verifier}\"\n\n[monitor]\nuser = \"postgres\"\npassword = \"secret\"\n"
    );
    let proxy = stage.proxy("pass-through", &Settings { more: &more, ..Settings::default() });
    assert_eq!(enter_with(proxy.port, "verified", "secret"), (true, "verified".to_owned()));
    let mut wire = enter(proxy.port, "verified", &[]).unwrap();
    reload(&proxy, |toml| toml + "\n", "ok");
    assert_eq!(wire.value(&count(stage)), "6");
    // Another salt: the server does not take the proof, and says so.
    everywhere(stage, "ALTER ROLE verified PASSWORD 'secret'");
    everywhere(stage, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'verified'");
    let error = whole_error(&wire.simple(&count(stage)).unwrap());
    assert!(error.contains("C28P01") && error.contains("refused a connection"), "{error}");
}

#[test]
fn rules_decide_in_their_order() {
    let stage = &*STAGE;
    let rules = |rules: &str| format!("[auth]\nrules = [{rules}]\n");
    let more = rules(
        "{ user = \"postgres\", method = \"reject\" }, { address = \"127.0.0.0/8\", database = [\"app\", \"other\"], tls = false, method = \"scram\" }",
    );
    let proxy = stage.proxy("ruled", &Settings { more: &more, ..Settings::default() });
    assert_eq!(login(&proxy).value(&count(stage)), "6");
    let refused = |user: &str, options: &[(&str, &str)]| enter(proxy.port, user, options).err().unwrap().to_string();
    let expected =
        "FATAL 28000: no rule of [auth] lets in host \"127.0.0.1\", user \"postgres\", database \"app\", no encryption";
    assert_eq!(refused("postgres", &[]), expected);
    // Unknown names hear of rules only what the rules say of everyone.
    assert_eq!(refused("nobody", &[]), "FATAL 28P01: password authentication failed for user \"nobody\"");
    assert!(refused("app", &[("database", "third")]).contains("28000"));
    reload(&proxy, |toml| toml.replace("\"127.0.0.0/8\"", "\"10.0.0.0/8\""), "ok");
    assert!(refused("app", &[]).contains("28000"));
    reload(&proxy, |toml| toml.replace("method = \"reject\"", "method = \"trust\""), "ok");
    let mut wire = Wire::connect(proxy.port).unwrap();
    wire.send(&wire::startup(196_608, &[("user", "postgres"), ("database", "app")])).unwrap();
    assert_eq!(wire.until_ready().unwrap()[0].body, [0, 0, 0, 0], "AuthenticationOk at once");
}

#[test]
fn a_list_of_pgbouncers_is_read_and_read_again_when_a_password_is_wrong() {
    let stage = &*STAGE;
    stage.role("listed");
    let list = stage.world.lab.folder().join("userlist.txt");
    let write = |password: &str| {
        let text = format!(
            "; users\n\"listed\" \"{password}\"\n\"old\" \"md5{}\"\n\"app\" \"not this one\"\n",
            "0".repeat(32)
        );
        fs::write(&list, text).unwrap();
    };
    write("secret");
    let more =
        format!("[auth]\nfile = \"{}\"\n\n[monitor]\nuser = \"postgres\"\npassword = \"secret\"\n", list.display());
    let proxy = stage.proxy("listing", &Settings { more: &more, ..Settings::default() });
    assert!(proxy.output().contains("the user `old` has an MD5 hash"), "{}", proxy.output());
    assert_eq!(enter_with(proxy.port, "listed", "secret"), (true, "listed".to_owned()));
    assert_eq!(login(&proxy).value(&count(stage)), "6", "[[users]] win over the list");
    assert!(!enter_with(proxy.port, "old", "secret").0);
    // Nobody tells us; the first login that fails does.
    everywhere(stage, "ALTER ROLE listed PASSWORD 'changed it'");
    write("changed it");
    let epoch = metric(&proxy, "shardway_reloads_total", &[]);
    until("the new password is right", || {
        enter_with(proxy.port, "listed", "changed it") == (true, "listed".to_owned())
    });
    assert!(!enter_with(proxy.port, "listed", "secret").0);
    assert_eq!(metric(&proxy, "shardway_reloads_total", &[]), epoch, "nothing else is loaded");
}

#[test]
fn certificates_name_users_by_a_map() {
    let stage = &*STAGE;
    let folder = Folder::new();
    folder.authority("ca");
    folder.leaf("proxy", "ca", "proxy", "DNS:localhost,IP:127.0.0.1");
    // Of several common names PostgreSQL knows the first.
    folder.leaf("billing", "ca", "billing.example.com/CN=second.example.com", "");
    let path = |name: &str| folder.path(name).to_str().unwrap().to_owned();
    stage.role("billing");
    let more = format!(
        "[listen.tls]\nmode = \"allow\"\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n\n\
         [[users]]\nname = \"billing\"\nauth = \"certificate\"\nserver_password = \"secret\"\n\n\
         [auth.certificate_names]\n\"billing.example.com\" = [\"billing\", \"postgres\"]\n",
        path("proxy.crt"),
        path("proxy.key"),
        path("ca.crt")
    );
    let proxy = stage.proxy("mapped", &Settings { more: &more, ..Settings::default() });
    let at = |user: &str| {
        let files = format!("sslcert={} sslkey={}", path("billing.crt"), path("billing.key"));
        format!("host=localhost hostaddr=127.0.0.1 port={} dbname=app user={user} sslmode=require {files}", proxy.port)
    };
    assert_eq!(psql(&["-c", "SELECT current_user", &at("billing")]), (true, "billing".to_owned()));
    // It may be postgres too, by the map; but that user logs in by password, which is right here.
    assert_eq!(psql(&["-c", "SELECT current_user", &at("postgres")]), (true, "postgres".to_owned()));
    reload(&proxy, |toml| toml.replace("\"billing.example.com\" =", "\"other.example.com\" ="), "ok");
    for second in ["\"other.example.com\" =", "\"second.example.com\" ="] {
        reload(&proxy, |toml| toml.replace("\"other.example.com\" =", second), "ok");
        let (is_in, said) = psql(&["-c", "SELECT current_user", &at("billing")]);
        assert!(!is_in && said.contains("authentication failed"), "{said}");
    }
}
