//! What queries cannot be answered from, and what nobody can read.

use crate::logic::memory::Over;

use super::{CHOOSE, Reason, Refusal};

impl Refusal {
    /// PostgreSQL can read the text, the planner cannot.
    pub fn unread() -> Self {
        Self::new(
            Reason::Unknown,
            "the grammar of this statement is not known here".to_owned(),
            "The servers can read it, but which rows it needs or writes cannot be seen: words that another version of PostgreSQL reserves stand in it, or syntax newer than this proxy.",
            "Put names that are reserved words in double quotes.",
        )
    }

    /// Something that only tables of one server have.
    pub fn across(what: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{what} is not possible where rows of several shards are needed"),
            "Rows of several shards are put together on one server, where they are no longer rows of their table.",
            CHOOSE,
        )
    }

    /// `now()` beside `statement_timestamp()`.
    pub fn two_moments() -> Self {
        Self::new(
            Reason::ManyShards,
            "now() beside statement_timestamp() is not possible where rows of several shards are needed".to_owned(),
            "Whether they are one moment is told by how the client sent the statement, and not by how its parts are run.",
            "Ask for one of them, or give the time as a parameter.",
        )
    }

    /// FOR UPDATE with ORDER BY or LIMIT.
    pub fn locked_in_order() -> Self {
        Self::new(
            Reason::ManyShards,
            "FOR UPDATE and its kin with ORDER BY or LIMIT is not possible where rows of several shards are needed"
                .to_owned(),
            "Each shard would lock the first of its own rows, in an order of its own: also rows that are not returned.",
            "Read the keys first, then lock the rows by their keys; or leave out ORDER BY and LIMIT.",
        )
    }

    /// More rows than one statement may fetch (54000: program_limit_exceeded), or all that run (53200: out_of_memory).
    pub fn too_much(over: Over) -> Self {
        let message = "statement needs too many rows of several shards".to_owned();
        let (sqlstate, detail, hint) = match over {
            Over::Limit(max) => (
                "54000",
                format!("They come to more than gather_limit ({} MiB).", max >> 20),
                "Restrict the statement, or raise gather_limit.",
            ),
            Over::Memory(max) => (
                "53200",
                format!("With those of other statements they come to more than gather_memory ({} MiB).", max >> 20),
                "Try again; restrict the statement, or raise gather_memory.",
            ),
        };
        Self { sqlstate, ..Self::new(Reason::TooMuch, message, &detail, hint) }
    }

    /// Tables of one shard each, without a server that has them together.
    pub fn known_nowhere() -> Self {
        Self::new(
            Reason::ManyShards,
            "no shard has all tables that a statement names, so that none can parse it".to_owned(),
            "They live on one shard each. What is prepared, bound or stored is described by a server.",
            "Create the one table on the other's shard, too, without rows: that is enough.",
        )
    }

    /// TABLESAMPLE of a sharded table.
    pub fn sampled(table: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("TABLESAMPLE of \"{table}\" is not possible"),
            "It would sample the pages of one shard, not those of the whole table.",
            CHOOSE,
        )
    }

    /// A table that the map does not list.
    pub fn unlisted(table: &str) -> Self {
        Self::new(
            Reason::UnlistedTable,
            format!("table \"{table}\" is not in the shard map"),
            "Where its rows live is not known, and no default_shard is set.",
            "List it under tables in the shard map.",
        )
    }

    /// A function that may read anything.
    pub fn function(name: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("function {name}() may need rows of more than one shard"),
            "It is not immutable, or reads tables all the same: it may run queries of its own.",
            "If it only reads rows of the shard it runs on, list it under local_functions in the shard map.",
        )
    }

    /// A function that looks at nothing but its arguments, and may return what its server alone would.
    pub fn function_of_server(name: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("function {name}() may return something else on each shard"),
            "It looks at no tables, but it is not IMMUTABLE: the time, chance and settings may be in it.",
            "Restrict the statement to one shard. If it depends on its arguments alone, say so: ALTER FUNCTION … IMMUTABLE. If it does not matter, list it under local_functions in the shard map.",
        )
    }

    /// A key column that does not compare as its keyspace does.
    pub fn key_type(table: &str, column: &str, type_name: &str) -> Self {
        Self::new(
            Reason::UndecidableKey,
            format!("the type of \"{table}.{column}\" ({type_name}) is not that of its keyspace"),
            "Values that are equal there could belong to different shards.",
            "Give the column the keyspace's type and a deterministic collation.",
        )
    }

    /// A type that is called as one of PostgreSQL's, before which the search path may find it.
    pub fn shadowed_type(name: &str) -> Self {
        Self::new(
            Reason::UndecidableKey,
            format!("type {name} may be another than PostgreSQL's"),
            "A type of that name is in another schema, and search_path lists pg_catalog.",
            &format!(
                "Name its schema: pg_catalog.{name}, or leave pg_catalog out of search_path, which then comes first."
            ),
        )
    }

    /// COPY of a query whose rows each shard cannot give by itself.
    pub fn copy_out_of_query() -> Self {
        Self::new(
            Reason::ManyShards,
            "COPY TO of this query needs rows of several shards put together".to_owned(),
            "Their data is written here in UTF8, with plain delimiters, quotes and markers, and only of a SELECT.",
            "Leave these options out, or send the query by itself.",
        )
    }

    /// COPY with files of the server.
    pub fn server_files() -> Self {
        Self::new(
            Reason::ServerFiles,
            "COPY from or to a file or program of the server is not possible".to_owned(),
            "Several servers stand behind this one.",
            "Use COPY … FROM STDIN or TO STDOUT (\\copy in psql).",
        )
    }

    /// A construct that the planner does not know.
    pub fn unknown(what: &str) -> Self {
        Self::new(Reason::Unknown, format!("{what} is not supported"), "", CHOOSE)
    }

    /// Deeper than any server would take.
    pub fn too_deep() -> Self {
        Self { sqlstate: "54001", ..Self::new(Reason::TooDeep, "statement is nested too deeply".to_owned(), "", "") }
    }
}
