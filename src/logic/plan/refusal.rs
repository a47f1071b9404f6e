//! Refusals: why a statement has no right answer here, and what would work. All texts of the planner stand here.

use crate::logic::commit::{DECISIONS, SETUP};

/// Why, in one word: the label of the refusal metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The statement needs rows of more than one shard
    ManyShards,
    /// The key of a row that is written is not a constant of the statement
    KeyIsUnknown,
    /// A row would have to move to another shard
    KeyIsChanged,
    /// A conflict or a uniqueness that one shard alone cannot decide
    Conflict,
    /// A table that is in no line of the shard map
    UnlistedTable,
    /// A function that may look at rows of other shards
    Function,
    /// A change of the schema or of something else that all shards have
    Ddl,
    /// A definition that cannot hold over several shards
    Definition,
    /// A construct that the planner does not know
    Unknown,
    /// A misspelled hint or setting of ours
    BadHint,
    /// PREPARE TRANSACTION and its kin
    TwoPhase,
    /// Files and programs of the server
    ServerFiles,
    /// Deeper than any server would take
    TooDeep,
    /// A row whose key belongs to no shard
    NoHome,
    /// A key that only a server could decode
    UndecidableKey,
    /// It must be a query of its own
    NotAlone,
    /// It needs what earlier statements left on one server
    NeedsSession,
    /// It names a client by its number
    ClientNumber,
    /// More rows of several shards than may be fetched
    TooMuch,
}

impl Reason {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::ManyShards => "many_shards",
            Self::KeyIsUnknown => "key_is_unknown",
            Self::KeyIsChanged => "key_is_changed",
            Self::Conflict => "conflict",
            Self::UnlistedTable => "unlisted_table",
            Self::Function => "function",
            Self::Ddl => "ddl",
            Self::Definition => "definition",
            Self::Unknown => "unknown",
            Self::BadHint => "bad_hint",
            Self::TwoPhase => "two_phase",
            Self::ServerFiles => "server_files",
            Self::TooDeep => "too_deep",
            Self::NoHome => "no_home",
            Self::UndecidableKey => "undecidable_key",
            Self::NotAlone => "not_alone",
            Self::NeedsSession => "needs_session",
            Self::ClientNumber => "client_number",
            Self::TooMuch => "too_much",
        }
    }

    /// It stands even where all data is on one shard.
    pub(super) fn holds_on_one_shard(self) -> bool {
        match self {
            Self::BadHint | Self::TooDeep | Self::NeedsSession => true,
            Self::ManyShards
            | Self::KeyIsUnknown
            | Self::KeyIsChanged
            | Self::Conflict
            | Self::UnlistedTable
            | Self::Function
            | Self::Ddl
            | Self::Definition
            | Self::Unknown
            | Self::TwoPhase
            | Self::ServerFiles
            | Self::NoHome
            | Self::UndecidableKey
            | Self::NotAlone
            | Self::ClientNumber
            | Self::TooMuch => false,
        }
    }
}

/// A refusal, as the client will read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for metrics
    pub reason: Reason,
    /// 0A000 unless PostgreSQL itself would give another code for the case
    pub sqlstate: &'static str,
    /// Names the construct and the tables
    pub message: String,
    /// Why it cannot be answered
    pub detail: Option<String>,
    /// What would work
    pub hint: Option<String>,
}

/// What to do with statements that a person may send to a shard of their choice.
const CHOOSE: &str = "To run it on one shard of your choice: SET shardway.shard = 'name'.";

impl Refusal {
    fn new(reason: Reason, message: String, detail: &str, hint: &str) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self { reason, sqlstate: "0A000", message, detail: some(detail), hint: some(hint) }
    }

    /// A prepared statement whose constants were made under other settings.
    pub fn read_otherwise() -> Self {
        Self::new(
            Reason::NeedsSession,
            "the statement was prepared when dates and times were read otherwise".to_owned(),
            "The session has changed DateStyle, TimeZone or the like since; PostgreSQL would go on with the constants of then, which a server that prepares it now does not know.",
            "Prepare it again, or give its constants as parameters.",
        )
    }

    /// It asks a server which statements the session has prepared.
    pub fn prepared_statements() -> Self {
        Self::new(
            Reason::NeedsSession,
            "pg_prepared_statements is not supported".to_owned(),
            "Sessions share the statements that servers have prepared, under other names and as they need them.",
            "",
        )
    }

    /// It asks a server which cursors the session has, where several servers may have some.
    pub fn cursors() -> Self {
        Self::new(
            Reason::NeedsSession,
            "pg_cursors is not supported while the session has cursors or portals over several shards".to_owned(),
            "Each of its servers knows its own, and those of rows that were put together by another text.",
            "",
        )
    }

    /// It asks a server on which channels the session listens.
    pub fn listening_channels() -> Self {
        Self {
            reason: Reason::NeedsSession,
            sqlstate: "0A000",
            message: "pg_listening_channels() is not supported while the session listens".to_owned(),
            detail: Some(
                "The session has no server that listens for it: one connection does for all sessions.".to_owned(),
            ),
            hint: None,
        }
    }

    /// A number that is a client's, or one that only a server can compute: no shard has its process.
    pub fn client_number() -> Self {
        Self::new(
            Reason::ClientNumber,
            "the number of a client is no process of a server".to_owned(),
            "Numbers above those of all processes are those of clients.",
            "Write the number or a parameter: SELECT pg_terminate_backend($1).",
        )
    }

    /// Not a client of this proxy, but there are others.
    pub fn client_of_peer(number: i64) -> Self {
        Self::new(
            Reason::ClientNumber,
            format!("no client of this proxy has the number {number}"),
            "It may be connected to another of the proxies behind this address (peers), which are not asked.",
            "Cancel its statement by its key, as drivers do, or use KILL_CLIENT in the console of its proxy.",
        )
    }

    /// Its users may be others.
    pub fn client_elsewhere(pid: i32) -> Self {
        Self::new(
            Reason::ClientNumber,
            format!("client {pid} is connected to another database of the shard map"),
            "Whether its user may be cancelled or terminated is known on the servers of that database.",
            "Connect to that database.",
        )
    }

    /// It would keep its server with the session, and the map says that nothing may.
    pub fn pins(what: &str) -> Self {
        Self {
            reason: Reason::NeedsSession,
            sqlstate: "0A000",
            message: format!("{what} is not allowed here (pin)"),
            detail: Some(
                "it would keep a server connection with this client for as long as it is connected".to_owned(),
            ),
            hint: Some("leave it out, or ask for pin = \"allow\" for this database".to_owned()),
        }
    }

    /// PostgreSQL can read the text, the planner cannot.
    pub fn unread() -> Self {
        Self::new(
            Reason::Unknown,
            "the grammar of this statement is not known here".to_owned(),
            "The servers can read it, but which rows it needs or writes cannot be seen: words that another version of PostgreSQL reserves stand in it, or syntax newer than this proxy.",
            "Put names that are reserved words in double quotes.",
        )
    }

    /// A sharded table without a restriction of its key.
    pub fn unrestricted(verb: &str, table: &str, column: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} needs rows of \"{table}\" from more than one shard"),
            &format!("No condition that must hold restricts \"{table}.{column}\"."),
            &format!("Add a condition such as {column} = …, for each use of the table."),
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

    /// A change over several shards whose rows are not changed each by itself.
    pub fn not_row_by_row(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} needs rows of \"{table}\" from more than one shard"),
            "Each shard changes its own rows. What it needs besides must be the same for all: not what differs between servers, not rows of single tables, not the writes of another part of the statement.",
            "Restrict it to one key, or give what is computed as a parameter.",
        )
    }

    /// A value that may stand in one row of the whole table only.
    pub fn may_repeat(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::Conflict,
            format!("{verb} over several shards sets a column of \"{table}\" that must not repeat"),
            "Each shard would see its own rows only: two of them could store the same value.",
            "Restrict it to one key, or let the unique index contain the sharding key.",
        )
    }

    /// Rows that cannot move to the shard of their new key.
    pub fn key_moved(table: &str, column: &str, why: &str) -> Self {
        Self::new(
            Reason::KeyIsChanged,
            format!("cannot update sharding key \"{table}.{column}\""),
            why,
            "Delete the row and insert it again.",
        )
    }

    /// A foreign key that would give rows of another table another sharding key.
    pub fn cascades_to_key(verb: &str, table: &str, foreign_key: &str, to: &str, key: &str) -> Self {
        Self::new(
            Reason::KeyIsChanged,
            format!("{verb} of \"{table}\" cannot update sharding key \"{to}.{key}\""),
            &format!(
                "The foreign key \"{foreign_key}\" would change rows where they are, and they would belong to another shard."
            ),
            "Change or delete the rows that point to it first.",
        )
    }

    /// A column of a reference table that each copy would fill by itself.
    pub fn copies_may_draw(verb: &str, table: &str, column: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} of reference table \"{table}\" leaves out \"{column}\""),
            "Every copy must get the same rows, and each would fill the column by itself.",
            "List the column and give its values.",
        )
    }

    /// A foreign key that would change one copy of a reference table.
    pub fn cascades_to_copy(verb: &str, table: &str, foreign_key: &str, to: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} of \"{table}\" cannot change reference table \"{to}\""),
            &format!("The foreign key \"{foreign_key}\" would change the copy of one shard."),
            "Change or delete the rows that point to it first.",
        )
    }

    /// A write to a reference table that looks at rows that not every shard has.
    pub fn copies_need_rows(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} of reference table \"{table}\" needs rows that not every shard has"),
            "Every copy must get the same rows.",
            "Read them first, then write them as values.",
        )
    }

    /// A write to a reference table whose outcome may differ from copy to copy.
    pub fn copies_may_differ(verb: &str, table: &str, why: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} of reference table \"{table}\" could give its copies different rows"),
            why,
            "Give the values as constants or parameters.",
        )
    }

    /// A parameter that says `now`, or `today`.
    pub fn moving_time(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} of \"{table}\" on several shards is given a time that moves"),
            "Each server would read it as its own time.",
            "Use now(), or give the time itself.",
        )
    }

    /// Copies that are no longer the same. XX001: data_corrupted.
    pub fn copies_differ(table: &str, counts: &str) -> Self {
        let refusal = Self::new(
            Reason::ManyShards,
            format!("the copies of reference table \"{table}\" are not the same on all shards"),
            &format!("The statement concerned {counts}. It has been undone."),
            "Make the copies equal, with SET shardway.shard.",
        );
        Self { sqlstate: "XX001", ..refusal }
    }

    /// A statement that must not stand in such company.
    pub fn alone(what: &str) -> Self {
        Self::new(Reason::NotAlone, format!("{what} is not supported"), "", "send it as a query of its own")
    }

    /// The schema has changed since the client prepared it, in PostgreSQL's words.
    pub fn changed_result() -> Self {
        Self::new(
            Reason::ManyShards,
            "cached plan must not change result type".to_owned(),
            "The columns that the statement reads have changed since it was prepared.",
            "prepare it again",
        )
    }

    /// Only some of the shards may have a constraint of this name.
    pub fn named_constraints() -> Self {
        Self::new(
            Reason::ManyShards,
            "SET CONSTRAINTS by name is not supported".to_owned(),
            "It concerns every shard, and not all of them have the constraint; outside a transaction block it does nothing.",
            "SET CONSTRAINTS ALL",
        )
    }

    /// More rows than one statement may fetch. 54000: program_limit_exceeded.
    pub fn too_much(limit: u64) -> Self {
        let refusal = Self::new(
            Reason::TooMuch,
            "statement needs too many rows of several shards".to_owned(),
            &format!("They come to more than gather_limit ({} MiB).", limit >> 20),
            "Restrict the statement, or raise gather_limit.",
        );
        Self { sqlstate: "54000", ..refusal }
    }

    /// A transaction over several shards whose decision has no place to be written to.
    pub fn no_decisions(shard: &str) -> Self {
        Self::new(
            Reason::TwoPhase,
            format!(
                "a transaction over several shards cannot be committed: table {DECISIONS} is missing on \"{shard}\""
            ),
            "The user of [monitor] makes it where it may.",
            &format!("Run on every shard: {SETUP}"),
        )
    }

    /// Names that leave no room for a global transaction identifier.
    pub fn long_names() -> Self {
        Self::new(
            Reason::TwoPhase,
            "a transaction over several shards cannot be committed: the names of database and shard are too long"
                .to_owned(),
            "Together they may have about 150 bytes.",
            "",
        )
    }

    /// Of the shards that a transaction has written on, all but one are prepared; these two cannot be.
    pub fn unpreparable(one: (&str, &str), other: (&str, &str)) -> Self {
        let of = |(what, shard): (&str, &str)| format!("{what} on shard \"{shard}\"");
        Self::new(
            Reason::TwoPhase,
            "transaction cannot be committed on several shards together".to_owned(),
            &format!("PostgreSQL does not prepare a transaction with {}, nor with {}.", of(one), of(other)),
            "The transaction has been rolled back. Use such things on one shard in a transaction.",
        )
    }

    /// COPY whose rows do not say where they belong.
    pub fn copy_without_key(table: &str, column: &str) -> Self {
        Self::new(
            Reason::KeyIsUnknown,
            format!("COPY into \"{table}\" needs its sharding key"),
            &format!("The rows have no column \"{column}\"."),
            &format!("Add {column} to the column list."),
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

    /// A write to a table that every shard has.
    pub fn reference(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} of reference table \"{table}\" concerns every shard"),
            "A reference table has a full copy on every shard.",
            CHOOSE,
        )
    }

    /// A write to a view.
    pub fn view(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::Unknown,
            format!("{verb} through view \"{table}\" is not supported"),
            "",
            "Write to the table itself.",
        )
    }

    /// An INSERT that leaves the key out.
    pub fn key_left_out(table: &str, column: &str) -> Self {
        Self::new(
            Reason::KeyIsUnknown,
            format!("writing a row needs its sharding key \"{table}.{column}\""),
            "Its default is computed by the server, after the shard has been chosen.",
            &format!("List {column} and give it a constant or a parameter."),
        )
    }

    /// An INSERT whose key is an expression.
    pub fn key_not_constant(verb: &str, table: &str, column: &str) -> Self {
        Self::new(
            Reason::KeyIsUnknown,
            format!("{verb} must give sharding key \"{table}.{column}\" as a constant"),
            "An expression is computed by the server, after the shard has been chosen.",
            "Use a literal or a parameter, with a cast if need be.",
        )
    }

    /// An INSERT … SELECT whose rows may belong elsewhere.
    pub fn key_not_carried(verb: &str, table: &str, column: &str) -> Self {
        Self::new(
            Reason::KeyIsUnknown,
            format!("{verb} cannot tell where the rows of \"{table}\" belong"),
            &format!(
                "\"{table}.{column}\" is neither a constant nor the restricted key of a table of the same keyspace."
            ),
            &format!("Select a constant for {column}, or the key column itself."),
        )
    }

    /// An INSERT of rows for several shards, or with a key to be computed, whose rows need more than that.
    pub fn rows_beside(what: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{what} is not possible in an INSERT of rows for several shards"),
            "Each shard stores its own rows, and would find another value for it.",
            "Give the value as a constant or a parameter, or insert the rows one by one.",
        )
    }

    /// An UPDATE of the key.
    pub fn key_changed(table: &str, column: &str) -> Self {
        Self::new(
            Reason::KeyIsChanged,
            format!("cannot update sharding key \"{table}.{column}\""),
            "The row could belong to another shard afterwards.",
            "Delete the row and insert it again.",
        )
    }

    /// ON CONFLICT on something that rows of other shards may share.
    pub fn conflict(table: &str, column: &str) -> Self {
        Self::new(
            Reason::Conflict,
            format!("ON CONFLICT on \"{table}\" must include sharding key \"{column}\""),
            "A conflicting row may be on another shard.",
            &format!("Use a unique key that contains {column}, and list its columns: ON CONFLICT ({column}, …)."),
        )
    }

    /// A value that only one row of the whole table may have, without the key beside it.
    pub fn torn_index(verb: &str, table: &str, index: &str, column: &str) -> Self {
        Self::new(
            Reason::Conflict,
            format!("{verb} of \"{table}\" cannot keep unique index \"{index}\" over several shards"),
            &format!("It does not contain sharding key \"{column}\": a row in its way may be on another shard."),
            &format!(
                "Add {column} to the index, or vouch in the shard map for values that cannot repeat, such as UUIDs: unique = [\"{index}\"]."
            ),
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
            "It is not immutable and may run queries of its own.",
            "If it only reads rows of the shard it runs on, list it under local_functions in the shard map.",
        )
    }

    /// A trigger that may read and write anything.
    pub fn trigger(table: &str, function: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("trigger function {function}() of \"{table}\" may need rows of more than one shard"),
            "It runs with every write and is not looked into.",
            "If it leaves the sharding key alone and uses only rows of the shard it runs on, list it under local_functions in the shard map.",
        )
    }

    /// Rules put other statements in the place of a write.
    pub fn rules(table: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("writing to \"{table}\" runs its rules, which may need more than one shard"),
            "",
            "Use a trigger instead of the rule.",
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

    /// A function that reads what a text names.
    pub fn reads_by_text(name: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("function {name}() reads tables that its arguments name"),
            "shardway does not look into those texts.",
            "",
        )
    }

    /// `set_config` with computed arguments.
    pub fn computed_setting() -> Self {
        Self::new(
            Reason::Function,
            "set_config() needs constant arguments".to_owned(),
            "The setting must follow the session to other servers.",
            "Use literals in a SELECT without FROM and WHERE, SET, or is_local = true.",
        )
    }

    /// What sets something for the session on one server, where the session has several.
    pub fn sets_session(what: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("{what} may set something for the session"),
            "The session's servers on other shards would not have it.",
            "Use SET in the client, or set_config(…, true) in the function, which ends with the transaction.",
        )
    }

    /// The numbers of `random()` in an order of the session's choice.
    pub fn seed() -> Self {
        Self::new(
            Reason::Function,
            "the seed of random() is not supported over several shards".to_owned(),
            "Each server has a sequence of its own.",
            "Compute such numbers in the client.",
        )
    }

    /// `N'a\b'` with `standard_conforming_strings = off`.
    pub fn national_escapes() -> Self {
        Self::new(
            Reason::Unknown,
            "N'…' is not supported among strings with escapes while standard_conforming_strings is off".to_owned(),
            "Strings with escapes are read as E'…', and there is no such form of N'…'.",
            "Write the string without N, or its escapes as E'…'.",
        )
    }

    /// A client encoding that is not UTF-8, where that matters.
    pub fn encoding(what: &str, encoding: &str) -> Self {
        Self::new(
            Reason::Unknown,
            format!("{what} needs client_encoding = UTF8, which is {encoding}"),
            "In another encoding only what one server reads as it came, by names and keys in ASCII, can be answered.",
            "SET client_encoding TO 'UTF8'.",
        )
    }

    /// A statement whose rows are on another shard than the temporary tables that it names.
    pub fn temporary_elsewhere() -> Self {
        Self::new(
            Reason::ManyShards,
            "the temporary tables of the session are on another shard than the rows of this statement".to_owned(),
            "A temporary table is on one server alone.",
            "make it in a transaction that begins on that shard, or select the rows first",
        )
    }

    /// A statement that may mean a temporary table, whose name plans know for another one.
    pub fn shadowed(table: &str) -> Self {
        Self::new(
            Reason::Unknown,
            format!("\"{table}\" is a temporary table of this session, and cannot be a table of all sessions to it"),
            "Plans are shared by all sessions, which mean the other table by this name.",
            "DISCARD ALL ends the session's temporary tables. Choose another name for one of the two.",
        )
    }

    /// A temporary table in front of one that others see.
    pub fn shadow(table: &str) -> Self {
        Self::new(
            Reason::Unknown,
            format!("a temporary table \"{table}\" in front of the table of that name is not supported"),
            "Plans are shared by all sessions, which mean the other table by this name.",
            "Choose another name for the temporary table.",
        )
    }

    /// A statement that concerns every shard.
    pub fn every_shard(verb: &str, tables: &[&str]) -> Self {
        let of = if tables.is_empty() { String::new() } else { format!(" of \"{}\"", tables.join("\", \"")) };
        Self::new(Reason::Ddl, format!("{verb}{of} concerns more than one shard"), "", CHOOSE)
    }

    /// CREATE TABLE AS of a table that several shards have.
    pub fn filled(table: &str) -> Self {
        Self::new(
            Reason::Ddl,
            format!("CREATE TABLE AS of \"{table}\" concerns more than one shard"),
            "Its rows would have to be computed and stored on each of them.",
            "Use CREATE TABLE, then INSERT … SELECT.",
        )
    }

    /// A statement that names both tables of one shard and what all shards have.
    pub fn mixed_homes(verb: &str, tables: &[&str]) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} of \"{}\" names tables that live on different shards", tables.join("\", \"")),
            "",
            "Use a statement for each table.",
        )
    }

    /// What is one server's, and not the database's.
    pub fn of_server(verb: &str) -> Self {
        Self::new(Reason::Definition, format!("{verb} is one server's own and not possible here"), "", CHOOSE)
    }

    /// Roles, where several shards share a server.
    pub fn shared_server(verb: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} concerns a server that several shards share"),
            "Roles are the same for all databases of a server.",
            CHOOSE,
        )
    }

    /// A unique index whose equal values could lie on different shards.
    pub fn unique_without_key(what: &str, table: &str, key: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{what} on \"{table}\" must include sharding key \"{key}\""),
            "Rows with equal values could be on different shards, which do not see each other's.",
            &format!("Add {key} to its columns, or use a plain index."),
        )
    }

    /// A foreign key whose rows could lie on different shards.
    pub fn reference_elsewhere(table: &str, to: &str, why: &str, hint: &str) -> Self {
        let message = format!("a foreign key from \"{table}\" to \"{to}\" cannot be checked");
        Self::new(Reason::Definition, message, why, hint)
    }

    /// A foreign key whose actions would change a sharding key where the row is.
    pub fn reference_moves(table: &str, to: &str, key: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("a foreign key from \"{table}\" to \"{to}\" cannot change the sharding key \"{key}\""),
            "Its action would change rows where they are, and they would belong to another shard.",
            "Leave out ON UPDATE CASCADE, SET NULL and SET DEFAULT for the sharding key.",
        )
    }

    /// The key column is what the map says.
    pub fn key_defined(verb: &str, table: &str, key: &str, why: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} \"{table}\" contradicts its sharding key \"{key}\""),
            why,
            "Change the shard map first.",
        )
    }

    /// A table of the map that is to have another name.
    pub fn name_of_map(table: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("table \"{table}\" is in the shard map by this name"),
            "Under another name nobody would know where its rows live.",
            "Change the shard map first.",
        )
    }

    /// A part of a definition that cannot be followed.
    pub fn not_followed(what: &str, table: &str, why: &str, hint: &str) -> Self {
        Self::new(Reason::Definition, format!("{what} of \"{table}\" is not supported"), why, hint)
    }

    /// A type or a function that one session has.
    pub fn temporary_object(verb: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} in the schema of temporary objects is not supported"),
            "Plans are shared by all sessions, which do not know the types and functions of one.",
            "Make it in a schema that all sessions see.",
        )
    }

    /// A name that the open transaction has given another meaning.
    pub fn changed_here(name: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("\"{name}\" has been changed in this transaction and cannot be used in it"),
            "Where a statement goes is decided by the schema that all sessions see.",
            "COMMIT first.",
        )
    }

    /// A query over several shards after a change of the schema.
    pub fn after_ddl() -> Self {
        Self::new(
            Reason::Definition,
            "a query over several shards is not possible in a transaction that has changed the schema".to_owned(),
            "Which columns to fetch is decided by the schema that all sessions see.",
            "COMMIT first.",
        )
    }

    /// A table of no home.
    pub fn no_place(table: &str) -> Self {
        Self::new(
            Reason::UnlistedTable,
            format!("CREATE TABLE \"{table}\" does not say where its rows are to live"),
            "It is not in the shard map, and no default_shard is set.",
            "List it under tables in the shard map first, or say where with SET shardway.new_tables; or set default_shard.",
        )
    }

    /// `shardway.new_tables` does not say where rows live.
    pub fn bad_place(value: &str, why: &str, hint: &str) -> Self {
        Self {
            sqlstate: "22023",
            ..Self::new(
                Reason::BadHint,
                format!("invalid value for parameter \"shardway.new_tables\": \"{value}\""),
                why,
                hint,
            )
        }
    }

    /// The map says something else than the session.
    pub fn placed_otherwise(table: &str, value: &str) -> Self {
        Self {
            sqlstate: "22023",
            ..Self::new(
                Reason::BadHint,
                format!("table \"{table}\" is in the shard map, but not as shardway.new_tables says: \"{value}\""),
                "",
                "RESET shardway.new_tables: the map decides.",
            )
        }
    }

    /// A new table that the map cannot gain.
    pub fn not_listed(table: &str, why: &str, hint: &str) -> Self {
        let message = format!("CREATE TABLE \"{table}\" cannot list it in the shard map");
        Self::new(Reason::UnlistedTable, message, why, hint)
    }

    /// Another table was listed meanwhile.
    pub fn listed_meanwhile(table: &str) -> Self {
        let message = format!("CREATE TABLE \"{table}\" cannot list it in the shard map");
        let why = "The shard map has changed meanwhile.";
        Self { sqlstate: "40001", ..Self::new(Reason::UnlistedTable, message, why, "Try again.") }
    }

    /// A user who may not list new tables.
    pub fn may_not_place(user: &str, database: &str) -> Self {
        Self {
            sqlstate: "42501",
            ..Self::new(
                Reason::UnlistedTable,
                "permission denied to set parameter \"shardway.new_tables\"".to_owned(),
                &format!("User \"{user}\" may not add tables to the shard map."),
                &format!("create_tables under [databases.{database}] says who may."),
            )
        }
    }

    /// DO and CALL.
    pub fn procedural(verb: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("{verb} may need rows of more than one shard"),
            "Its body is not looked into.",
            CHOOSE,
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

    /// A feature of COPY that cannot be followed.
    pub fn copy_option(table: &str, option: &str) -> Self {
        Self::new(
            Reason::Unknown,
            format!("COPY into sharded table \"{table}\" does not support {option}"),
            "Each row must be read to find its shard.",
            "",
        )
    }

    /// PREPARE TRANSACTION and its kin.
    pub fn two_phase(verb: &str) -> Self {
        Self::new(
            Reason::TwoPhase,
            format!("{verb} is not supported"),
            "shardway runs two-phase commits itself.",
            "Use COMMIT.",
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

    /// A hint that does not exist.
    pub fn bad_hint(word: &str) -> Self {
        Self::new(
            Reason::BadHint,
            format!("unrecognized shardway hint \"{word}\""),
            "",
            "Hints are shard=name, key=value, key=keyspace:value, role=primary, replica or auto, and new_tables=keyspace(column), \
             new_tables=reference or new_tables=shard=name.",
        )
    }

    /// A setting of ours that does not exist.
    pub fn bad_setting(name: &str) -> Self {
        Self {
            sqlstate: "42704",
            ..Self::new(
                Reason::BadHint,
                format!("unrecognized configuration parameter \"{name}\""),
                "",
                "The parameters are shardway.shard, shardway.key, shardway.role, shardway.position and shardway.new_tables.",
            )
        }
    }
}
