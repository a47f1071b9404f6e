//! Tables that are written into the settings file, and taken out of it again: what else stands there stays.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use shardway::config::{diff, listed, load};
use shardway::logic::catalog::Catalog;
use shardway::logic::plan::Schema;
use shardway::logic::plan::listing::{Listing, placement};
use shardway::logic::plan::placed::placed;
use shardway::logic::shards::TableName;

use crate::support::folder::Folder;

const HEAD: &str = "[[users]]
name = \"app\"
password = \"hunter2\" # not the real one
";

const SHARDS: &str = "
[databases.app.shards]
a.primary = \"postgres://pg-a/app\"
b.primary = \"postgres://pg-b/app\"

# who is where
[databases.app.keyspaces.clients]
type    = \"bigint\"
buckets = { a = \"0-127\",   b = \"128-255\" }
";

const TABLES: &str = "
[databases.app.tables]   # one a line
events    = { keyspace = \"clients\", key = \"client_id\" }   # the big one
# small ones
countries = \"reference\"
";

/// One more of those
const AUDIT: &str = "audit = { shard = \"b\" }\n";

/// Lists `table` in the database `app` as `place` says, and takes it out again, which must leave the file as it was. Gives
/// the file with the table in it.
fn listed(file: &Path, holder: &Path, table: (&str, &str), place: &str) -> String {
    let before = fs::read_to_string(holder).unwrap();
    let old = load(file).unwrap_or_else(|report| panic!("{report}"));
    let map = &old.databases[0].map;
    let table = TableName { schema: table.0.into(), name: table.1.into() };
    let listing = [Listing { table: table.clone(), placement: placement(place, map).unwrap() }];
    listed::check(file, "app", &listing, map).unwrap();
    assert_eq!(fs::read_to_string(holder).unwrap(), before, "a look changes nothing");
    listed::add(file, "app", &listing, map).unwrap();
    let after = fs::read_to_string(holder).unwrap();
    let new = load(file).unwrap_or_else(|report| panic!("{after}\n{report}"));
    assert_eq!(new.databases[0].map.tables.get(&table), Some(&listing[0].placement), "{after}");
    assert_eq!(new.databases[0].map.tables.len(), map.tables.len() + 1, "{after}");
    assert_eq!(diff(&old, &new).changes.len(), 1, "{after}");
    listed::remove(file, "app", &listing).unwrap();
    let again = load(file).unwrap_or_else(|report| panic!("{report}"));
    assert!(diff(&old, &again).is_empty());
    after
}

#[test]
fn comments_and_layout_stay() {
    let folder = Folder::new("listed-layout");
    let after_it = "\n# ---------------------------------------------- more\n\n[log]\nlevel = \"warn\"\n# the end\n";
    let text = format!("# our proxy\n{HEAD}{SHARDS}{TABLES}{after_it}");
    let file = folder.file("s.toml", &text);
    let line = "orders = { keyspace = \"clients\", key = \"client_id\" }\n";
    let orders = listed(&file, &file, ("public", "orders"), "clients(client_id)");
    assert_eq!(orders, format!("# our proxy\n{HEAD}{SHARDS}{TABLES}{line}{after_it}"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text, "taken out, nothing is left of it");
    // Its key as SQL writes it.
    let quoted = listed(&file, &file, ("public", "orders"), "clients(\"client_id\")");
    assert_eq!(quoted, orders);
    let camel = listed(&file, &file, ("public", "orders"), "clients(\"clientId\")");
    assert!(camel.contains("key = \"clientId\""), "{camel}");
    let other = listed(&file, &file, ("sales", "Open orders"), "reference");
    assert_eq!(other, format!("# our proxy\n{HEAD}{SHARDS}{TABLES}\"sales.Open orders\" = \"reference\"\n{after_it}"));
    let one = listed(&file, &file, ("public", "audit"), " shard = b ");
    assert!(one.contains("countries = \"reference\"\naudit = { shard = \"b\" }\n"), "{one}");
    assert_eq!(folder.names(), ["s.toml"]);
}

#[test]
fn tables_may_be_written_in_any_way() {
    let folder = Folder::new("listed-forms");
    let ways = [
        "[databases.app]\ndefault_shard = \"a\"\ntables = { events = { keyspace = \"clients\", key = \"k\" } }\n",
        "[databases.app]\ntables.events = { keyspace = \"clients\", key = \"k\" }\ndefault_shard = \"a\"\n",
        "[databases.app.tables.events]\nkeyspace = \"clients\"\nkey = \"k\"\n",
        "[databases.app.tables]\n",
        "[databases.app]\ndefault_shard = \"a\" # and nothing is listed\n",
        "",
    ];
    for way in ways {
        let file = folder.file("s.toml", &format!("{HEAD}{way}{SHARDS}"));
        let after = listed(&file, &file, ("public", "orders"), "clients(client_id)");
        for line in format!("{HEAD}{way}{SHARDS}").lines().filter(|line| !line.starts_with("tables = ")) {
            assert!(after.contains(line), "{line} in\n{after}");
        }
    }
}

#[test]
fn line_ends_of_another_system_stay() {
    let folder = Folder::new("listed-ends");
    let file = folder.file("s.toml", &format!("{HEAD}{SHARDS}{TABLES}").replace('\n', "\r\n"));
    let after = listed(&file, &file, ("public", "orders"), "reference");
    assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
    assert!(after.ends_with("orders = \"reference\"\r\n"), "{after:?}");
}

#[test]
fn it_goes_to_the_file_that_lists_the_tables() {
    let folder = Folder::new("listed-include");
    let main = format!("include = [\"databases/*.toml\"]\n{HEAD}");
    let file = folder.file("s.toml", &main);
    let servers = folder.file("databases/app-servers.toml", SHARDS);
    let tables = folder.file("databases/app-tables.toml", TABLES);
    let after = listed(&file, &tables, ("public", "orders"), "reference");
    assert!(after.ends_with("countries = \"reference\"\norders = \"reference\"\n"), "{after}");
    assert_eq!(fs::read_to_string(&file).unwrap(), main);
    assert_eq!(fs::read_to_string(&servers).unwrap(), SHARDS);
    // While none are listed, to the one that describes the database.
    fs::remove_file(&tables).unwrap();
    let after = listed(&file, &servers, ("public", "orders"), "reference");
    assert!(after.starts_with(SHARDS) && after.contains("[databases.app.tables]\norders = \"reference\"\n"), "{after}");
    assert_eq!(fs::read_to_string(&file).unwrap(), main);
}

#[test]
fn the_file_keeps_its_rights_and_its_links() {
    let folder = Folder::new("listed-rights");
    let real = folder.file("real/s.toml", &format!("{HEAD}{SHARDS}{TABLES}"));
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    let link = folder.0.join("s.toml");
    symlink(&real, &link).unwrap();
    listed(&link, &real, ("public", "orders"), "reference");
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn what_cannot_be_written_is_said_before() {
    let folder = Folder::new("listed-refused");
    let text = format!("{HEAD}{SHARDS}{TABLES}");
    let file = folder.file("s.toml", &text);
    let settings = load(&file).unwrap();
    let map = &settings.databases[0].map;
    let listing = |name: &str, place: &str| {
        let table = TableName { schema: "public".into(), name: name.into() };
        [Listing { table, placement: placement(place, map).unwrap() }]
    };
    let check = |name: &str, place: &str| listed::check(&file, "app", &listing(name, place), map).unwrap_err();
    // The file says more than is in force.
    fs::write(&file, format!("{text}orders = {{ shard = \"a\" }}\n")).unwrap();
    assert!(check("orders", "reference").contains("reload it first"));
    assert!(listed::add(&file, "app", &listing("orders", "reference"), map).is_err());
    // It has no such keyspace any more.
    fs::write(&file, text.replace("clients", "customers")).unwrap();
    let error = check("orders", "clients(client_id)");
    assert!(error.contains("there is no keyspace `clients`"), "{error}");
    // It has errors of its own.
    fs::write(&file, format!("{text}[log]\nlevel = 7\n")).unwrap();
    assert!(check("orders", "reference").contains("shardway check"));
    fs::write(&file, format!("{text}[log\n")).unwrap();
    assert!(check("orders", "reference").starts_with("The settings cannot be read"));
    // Nobody may write it.
    fs::write(&file, &text).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o444)).unwrap();
    assert!(check("orders", "reference").contains("read-only"));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(folder.names(), ["s.toml"]);
}

/// Whoever holds the folder does not hold the proxy for ever.
#[test]
fn a_locked_folder_is_waited_for_a_while() {
    let folder = Folder::new("listed-locked");
    let file = folder.file("s.toml", &format!("{HEAD}{SHARDS}{TABLES}"));
    let settings = load(&file).unwrap();
    let map = &settings.databases[0].map;
    let table = TableName { schema: "public".into(), name: "orders".into() };
    let listing = [Listing { table, placement: placement("reference", map).unwrap() }];
    let lock = fs::File::open(&folder.0).unwrap();
    lock.lock().unwrap();
    let error = listed::add(&file, "app", &listing, map).unwrap_err();
    assert!(error.starts_with("Cannot lock the folder of "), "{error}");
    lock.unlock().unwrap();
    listed::add(&file, "app", &listing, map).unwrap();
}

#[test]
fn a_place_is_written_in_the_words_of_the_map() {
    let folder = Folder::new("listed-words");
    let file = folder.file("s.toml", &format!("{HEAD}{SHARDS}{TABLES}"));
    let settings = load(&file).unwrap();
    let map = &settings.databases[0].map;
    let refused = |text: &str| {
        let refusal = placement(text, map).unwrap_err();
        assert_eq!(refusal.sqlstate, "22023");
        format!("{} {}", refusal.detail.unwrap_or_default(), refusal.hint.unwrap_or_default())
    };
    for good in ["clients(client_id)", " clients ( Client Id ) ", "reference", "shard=a", "shard = b"] {
        assert!(placement(good, map).is_ok(), "{good}");
    }
    assert_eq!(refused("client(id)"), "There is no keyspace \"client\". The keyspaces are clients.");
    assert_eq!(refused("shard=x"), "There is no shard \"x\". The shards are a, b.");
    let forms = "Write keyspace(column), reference or shard=name.";
    for bad in ["", "clients", "a", "Reference", "clients(id", "shard a"] {
        assert_eq!(refused(bad), format!("It does not say where rows are to live. {forms}"), "{bad}");
    }
    for bad in ["clients()", "clients(a, b)", "clients(f(a))"] {
        assert_eq!(refused(bad), format!("One column is the key. {forms}"), "{bad}");
    }
}

/// What becomes of a statement where the session has named a place.
#[test]
fn only_new_tables_that_nobody_else_places_are_placed() {
    let folder = Folder::new("listed-planned");
    let file = folder.file("s.toml", &format!("{HEAD}{SHARDS}{TABLES}{AUDIT}"));
    let settings = load(&file).unwrap();
    let catalog = Catalog::default();
    let search_path: [Box<str>; 2] = ["app".into(), "public".into()];
    let schema = Schema { map: &settings.databases[0].map, catalog: &catalog, search_path: &search_path };
    let of = |place: &str, text: &str| match placed(text, place, &schema) {
        Ok(Some(everywhere)) => {
            let listing = everywhere.listing.unwrap();
            let only = everywhere.only.map_or(String::new(), |shard| format!(" on {}", shard.0));
            format!("{}{only}{}", listing.line(schema.map), if everywhere.numbers.is_some() { " counts" } else { "" })
        }
        Ok(None) => "as ever".to_owned(),
        Err(refusal) => format!("{} {}", refusal.sqlstate, refusal.message),
    };
    let clients = "clients(client_id)";
    for (place, text, expected) in [
        (clients, "CREATE TABLE t (client_id bigint)", r#""t" = { keyspace = "clients", key = "client_id" }"#),
        (
            clients,
            "CREATE TABLE S.t (client_id int8, n serial)",
            r#""s.t" = { keyspace = "clients", key = "client_id" } counts"#,
        ),
        ("reference", "CREATE UNLOGGED TABLE IF NOT EXISTS \"T t\" (id int)", r#""T t" = "reference""#),
        ("shard=b", "CREATE TABLE t (id serial PRIMARY KEY)", r#""t" = { shard = "b" } on 1"#),
        ("reference", "CREATE TABLE t AS SELECT 1 AS one", r#""t" = "reference""#),
        ("shard=b", "CREATE TABLE t AS SELECT 1 AS one", "0A000 "),
        (clients, "CREATE TABLE t (id bigint)", "0A000 CREATE TABLE \"t\" contradicts its sharding key \"client_id\""),
        (
            clients,
            "CREATE TABLE t (client_id text)",
            "0A000 CREATE TABLE \"t\" contradicts its sharding key \"client_id\"",
        ),
        (clients, "CREATE TABLE t (client_id bigint, id int UNIQUE)", "0A000 "),
        ("reference", "CREATE TABLE t (e bigint REFERENCES events)", "0A000 "),
        ("reference", "CREATE TABLE t (a int) INHERITS (countries)", "0A000 "),
        ("shard=b", "CREATE TABLE t () INHERITS (events)", "0A000 INHERITS of \"t\" is not supported"),
        ("shard=b", "CREATE TABLE t () INHERITS (audit, countries)", "0A000 INHERITS of \"t\" is not supported"),
        ("shard=a", "CREATE TABLE t () INHERITS (audit)", "0A000 INHERITS of \"t\" is not supported"),
        ("shard=b", "CREATE TABLE t () INHERITS (audit)", r#""t" = { shard = "b" } on 1"#),
        ("reference", "CREATE TABLE \"a.b\" (a int)", "0A000 CREATE TABLE \"a.b\" cannot list it in the shard map"),
        (clients, "CREATE TABLE events (client_id bigint)", "as ever"),
        ("reference", "CREATE TABLE events (client_id bigint)", "22023 "),
        ("nowhere", "CREATE TABLE t (a int)", "22023 "),
        ("reference", "CREATE TEMP TABLE t (a int)", "as ever"),
        ("reference", "CREATE TABLE pg_temp.t (a int)", "as ever"),
        ("reference", "CREATE TABLE t PARTITION OF events FOR VALUES IN (1)", "as ever"),
        ("reference", "CREATE VIEW t AS SELECT 1", "as ever"),
        ("reference", "CREATE TABLE t (", "as ever"),
        ("reference", "CREATE TABLE t (a int); CREATE TABLE u (a int)", "as ever"),
    ] {
        let found = of(place, text);
        assert!(
            found == expected || expected.ends_with(' ') && found.starts_with(expected),
            "{place}, {text}: {found}"
        );
    }
}
