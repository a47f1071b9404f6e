//! Random tables, where their rows live, and their rows.

use std::fmt::Write as _;

use super::choices::Choices;
use super::kinds::{ALL, Kind, value};
use super::query::Standing;
use super::writer::{Marks, Writer};
use crate::support::data::Home;

/// A table.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    /// The first is the key `k`, the second `id`, which no two rows of the table share
    pub columns: Vec<(String, Kind)>,
    pub home: Home,
    /// CREATE TABLE
    pub ddl: String,
    /// INSERT, or nothing for an empty table
    pub rows: String,
}

/// A view on a random query.
#[derive(Debug, Clone)]
pub struct View {
    pub name: String,
    pub columns: Vec<(String, Kind)>,
    /// What the answers of statements that name it depend on
    pub marks: Marks,
    /// CREATE VIEW
    pub ddl: String,
}

/// Tables and views that statements join.
#[derive(Debug, Clone)]
pub struct Schema {
    pub tables: Vec<Table>,
    pub views: Vec<View>,
}

const SMALL: &str = "CASE WHEN k < 3 THEN 'a' WHEN k < 10 THEN 'b' ELSE 'c' END";
const DAYS: &str = "CASE WHEN k < '2024-01-01' THEN 'a' WHEN k < '2024-05-01' THEN 'b' ELSE 'c' END";

/// Keys and their homes.
const HOMES: [(Kind, Home); 14] = [
    (Kind::Int8, Home::Hash("k", "bigint")),
    (Kind::Int4, Home::Hash("k", "integer")),
    (Kind::Int8, Home::Reference),
    (Kind::Text, Home::Hash("k", "text")),
    (Kind::Int8, Home::Range(SMALL)),
    (Kind::Int8, Home::Hash("k", "bigint")),
    (Kind::Int8, Home::Single("a")),
    (Kind::Icu, Home::Hash("k", "text")),
    (Kind::Date, Home::Range(DAYS)),
    (Kind::Numeric, Home::Hash("k", "numeric")),
    (Kind::Timestamptz, Home::Hash("k", "timestamptz")),
    (Kind::Uuid, Home::Hash("k", "uuid")),
    (Kind::Int2, Home::Hash("k", "smallint")),
    (Kind::Text, Home::Reference),
];

/// The keyspaces of these homes that the map of the corpus has not, and `[databases.app.tables]`.
pub fn map_toml(schemas: &[Schema]) -> String {
    let mut toml = "[databases.app.keyspaces.smalls]\ntype = \"bigint\"\nmethod = \"range\"\n\
         ranges = [ { to = 3, shard = \"a\" }, { from = 3, to = 10, shard = \"b\" }, { from = 10, shard = \"c\" } ]\n\n\
         [databases.app.keyspaces.dates_by_range]\ntype = \"date\"\nmethod = \"range\"\n\
         ranges = [ { to = \"2024-01-01\", shard = \"a\" }, { from = \"2024-01-01\", to = \"2024-05-01\", shard = \"b\" }, { from = \"2024-05-01\", shard = \"c\" } ]\n\n\
         [databases.app.tables]\n"
        .to_owned();
    for table in schemas.iter().flat_map(|schema| &schema.tables) {
        let place = match table.home {
            Home::Hash(_, kind) => format!("{{ keyspace = \"{kind}s\", key = \"k\" }}"),
            Home::Range(DAYS) => "{ keyspace = \"dates_by_range\", key = \"k\" }".to_owned(),
            Home::Range(_) => "{ keyspace = \"smalls\", key = \"k\" }".to_owned(),
            Home::Reference => "\"reference\"".to_owned(),
            Home::Single(shard) | Home::Only(shard) => format!("{{ shard = \"{shard}\" }}"),
        };
        writeln!(toml, "{} = {place}", table.name).unwrap();
    }
    toml
}

impl Schema {
    /// Two to four tables; `number` is in their names.
    pub fn random(number: usize, choices: &mut Choices) -> Self {
        let count = 2 + choices.below(3);
        let sharded: Vec<_> =
            HOMES.iter().filter(|(_, home)| !matches!(home, Home::Reference | Home::Single(_))).collect();
        let first = **choices.pick(&sharded);
        let tables = (0..count).map(|it| {
            // Often the keyspace of the first: then they are colocated.
            let home = if it == 0 || choices.one_in(3) { first } else { *choices.pick(&HOMES) };
            Table::random(&format!("g{number}_{it}"), home, choices)
        });
        Self { tables: tables.collect(), views: Vec::new() }
    }

    /// A view over what there is.
    pub fn view(&self, number: usize, choices: Choices) -> View {
        let name = format!("{}_v{number}", self.tables[0].name);
        let mut writer = Writer::new(choices, self, false);
        let made = writer.query(None, None, Standing::InFrom);
        let ddl = format!("CREATE VIEW {name} AS {}; GRANT SELECT ON {name} TO app", made.sql);
        View { name, columns: made.columns, marks: writer.marks, ddl }
    }

    /// The statements that make its tables, without rows.
    pub fn ddl(&self) -> String {
        self.tables.iter().map(|table| format!("{}; GRANT ALL ON {} TO app; ", table.ddl, table.name)).collect()
    }

    /// The statements that fill them.
    pub fn rows(&self) -> String {
        self.tables.iter().map(|table| &*table.rows).filter(|rows| !rows.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

impl Table {
    fn random(name: &str, (key, home): (Kind, Home), choices: &mut Choices) -> Self {
        let mut columns = vec![("k".to_owned(), key), ("id".to_owned(), Kind::Int4)];
        let mut parts = vec![format!("k {} NOT NULL", key.of_column()), "id integer NOT NULL".to_owned()];
        for _ in 0..3 + choices.below(6) {
            let kind = ALL[choices.below(ALL.len())];
            let names = kind.column_names();
            let Some(column) = names.into_iter().find(|it| columns.iter().all(|(known, _)| known != it)) else {
                continue;
            };
            parts.push(format!("\"{column}\" {}", kind.of_column()));
            columns.push((column.to_owned(), kind));
        }
        parts.push("PRIMARY KEY (k, id)".to_owned());
        let ddl = format!("CREATE TABLE {name} ({})", parts.join(", "));
        let count = [6, 12, 3, 9, 0, 1, 14][choices.below(7)];
        let mut rows = Vec::new();
        for id in 1..=count {
            let fields = columns.iter().enumerate().map(|(place, (_, kind))| match place {
                0 => format!("'{}'", value(choices, *kind)),
                1 => id.to_string(),
                _ if choices.one_in(5) => "NULL".to_owned(),
                _ => format!("'{}'", value(choices, *kind)),
            });
            rows.push(format!("({})", fields.collect::<Vec<_>>().join(", ")));
        }
        let rows =
            if rows.is_empty() { String::new() } else { format!("INSERT INTO {name} VALUES {}", rows.join(", ")) };
        Self { name: name.to_owned(), columns, home, ddl, rows }
    }
}
