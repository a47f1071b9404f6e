//! Reports of wrong settings show lines of the file, and no password that stands in them.

use shardway::config::load_with;

use crate::support::folder::Folder;

const FILE: &str = "[[users]]\nname = \"app\"\npassword = PASSWORD\n[databases.app]\ndefault_shard = \"a\"\n\
                    [databases.app.shards.a]\nprimary = \"PRIMARY\"\n";

/// What is said of the file with a secret in it, which is something every time.
fn report(name: &str, text: &str) -> String {
    let folder = Folder::new(name);
    let path = folder.file("s.toml", text);
    let report = load_with(&path, &|_| None).err().unwrap_or_else(|| panic!("nothing wrong in {text}")).to_string();
    assert!(!report.is_empty() && report.contains("s.toml"), "{text}");
    report
}

#[test]
fn no_report_shows_a_password_of_an_address() {
    for (number, address) in [
        "postgres://u:my sekret@h:bad/app",
        "postgres://u:sekr%zz sekret@h/app",
        "postgres://u:a% sekret@h/app",
        "postgres://u:100%sekret@h/app",
        "postgres://u:sekret%@h/app",
        "postgres://u:my sekret word@h/app?nosuch=1",
        "postgres://u:x?sekret@h/app",
        "postgres://u:sek\\u00zzsekret@h/app",
        "postgres://u:sekret\"sekret@h/app",
        "postgres://u:sekret\\qsekret@h/app",
        "postgres://u:sekret",
        "postgres://u:sekret@[::1/app",
        "postgres:///app?host=x&password=my sekret&bad=1",
        "postgres:///app?host=x&password='a sekret'%zz",
        "postgres:///app?host=x&password=x&sekret&bad=1",
        "postgres:///app?host=x&passwort=x%sekret",
        "host=x password=sekret dbname=app",
        "host=x password='my sekret' dbname=app",
    ]
    .iter()
    .enumerate()
    {
        let text = FILE.replace("PASSWORD", "\"word\"").replace("PRIMARY", address);
        let shown = report(&format!("secret-address-{number}"), &text);
        assert!(!shown.contains("sekret"), "{address}:\n{shown}");
    }
}

#[test]
fn no_report_shows_the_value_of_a_password() {
    for (number, value) in [
        "[\"sekret\"]",
        "[\n  \"sekret\",\n]",
        "{ value = \"sekret\" }",
        "{ env = \"X\", extra = [\"sekret\"] }",
        "[{ a = \"sekret\" }]",
        "\"\"\"sekret\nsekret \\q sekret\"\"\"",
        "'sekret'x",
        "123sekret",
        "sekret",
        "\"sekret",
        "\"x\", sekret\"",
        "\"SCRAM-SHA-256$4096:sekret$\"",
        "\"word\"\npasword = [\"sekret\"]",
        "\"word\"\nkeyword = [\"sekret\"]",
    ]
    .iter()
    .enumerate()
    {
        let text = FILE.replace("PASSWORD", value).replace("PRIMARY", "postgres://h/app");
        let shown = report(&format!("secret-value-{number}"), &text);
        assert!(!shown.contains("sekret"), "{value}:\n{shown}");
    }
}
