//! What a session has left, set or named, and what stands in its way.

use crate::logic::shards::TableName;

use super::{Reason, Refusal};

const CHANGED_RESULT: &str = "cached plan must not change result type";

impl Refusal {
    /// A prepared statement whose constants were made under other settings.
    pub fn read_otherwise() -> Self {
        Self::new(
            Reason::NeedsSession,
            "the statement was prepared when dates and times were read otherwise".to_owned(),
            "The session has changed DateStyle, TimeZone or the like since; PostgreSQL would go on with the constants of then, which a server that prepares it now does not know.",
            "Prepare it again, or give its constants as parameters.",
        )
    }

    /// A write whose values travel as text, where this setting would make others of them on the way.
    pub fn text_depends(setting: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!(
                "a write of values whose text depends on {setting} is not possible over several shards while it is set like this"
            ),
            "They go from shard to shard as text, which the statement prints itself: by the settings that all in it is computed with.",
            "Put the setting back for this statement.",
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

    /// SQL names a portal of the protocol whose rows no server has yet, or has any more.
    pub fn portal_by_sql(name: &str) -> Self {
        Self::new(
            Reason::NeedsSession,
            format!("portal \"{name}\" over several shards cannot be used as a cursor by SQL"),
            "Its rows are asked of the shards when the protocol executes it; until then no server has them.",
            "Use Execute and Close of the protocol, or DECLARE CURSOR.",
        )
    }

    /// CLOSE ALL among messages of the extended protocol, where several servers have cursors.
    pub fn close_all() -> Self {
        Self::alone("CLOSE ALL of cursors on several shards")
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

    /// A statement that must not stand in such company.
    pub fn alone(what: &str) -> Self {
        Self::new(Reason::NotAlone, format!("{what} is not supported"), "", "send it as a query of its own")
    }

    /// The schema has changed since the client prepared it, in PostgreSQL's words.
    pub fn changed_result() -> Self {
        Self::new(
            Reason::ManyShards,
            CHANGED_RESULT.to_owned(),
            "The columns that the statement reads have changed since it was prepared.",
            "prepare it again",
        )
    }

    /// The function of PostgreSQL that says the same, where drivers know an error by that; else empty.
    pub fn routine(&self) -> &'static str {
        if self.message == CHANGED_RESULT { "RevalidateCachedQuery" } else { "" }
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

    /// `setval` of a sequence that all shards have, in a way that would let them meet.
    pub fn sets_sequence() -> Self {
        Self::new(
            Reason::Sequence,
            "setval() of this sequence, which all shards have, is not possible in this way".to_owned(),
            "Each shard goes on at the next number of its own. For that its steps have to keep it apart from the others, and a query that calls setval() may do nothing else.",
            "Use SELECT setval(…), with FROM and WHERE alone. `shardway check --live` prints what keeps the shards of a sequence apart that was made elsewhere; SET shardway.shard = 'name' goes to one.",
        )
    }

    /// Rows on several shards would get the same numbers.
    pub fn numbers_alike(sequence: &TableName) -> Self {
        Self::new(
            Reason::Sequence,
            format!("the sequence {}.{} gives out the same numbers on several shards", sequence.schema, sequence.name),
            "It was made on each shard by itself: each counts for itself, and two rows would get one number.",
            "`shardway check --live` prints what to run on each shard, once, to keep them apart. Or give the column a value.",
        )
    }

    /// A sequence that all shards have is read as a table, in a statement that cannot put their numbers together.
    pub fn reads_sequence(name: &str) -> Self {
        Self::new(
            Reason::Sequence,
            format!("reading the sequence \"{name}\", which all shards have, is not possible in this way"),
            "Each shard counts for itself, and a statement that reads it has to know all of them.",
            "Read it in a SELECT of its own; SET shardway.shard = 'name' goes to one.",
        )
    }

    /// RESTART WITH of a sequence that all shards have, where they would meet.
    pub fn restarts_sequence(name: &str) -> Self {
        Self::new(
            Reason::Sequence,
            format!("RESTART WITH of the sequence {name}, which all shards have, is not possible"),
            "Each shard goes on at the next number of its own. For that its steps have to keep it apart from the others.",
            "`shardway check --live` prints what keeps the shards of a sequence apart that was made elsewhere; SET shardway.shard = 'name' goes to one.",
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

    /// A statement that asks for a number and needs rows of another shard.
    pub fn number_elsewhere() -> Self {
        Self::new(
            Reason::NeedsSession,
            "lastval() and currval() are not possible where other shards are needed than the one that has given the number"
                .to_owned(),
            "Each server knows the numbers that it has given itself.",
            "Ask for the number first, then give it as a constant or a parameter.",
        )
    }

    /// A statement that may need any of them.
    pub fn temporary_on_several() -> Self {
        Self::new(
            Reason::ManyShards,
            "the session has temporary tables on several shards".to_owned(),
            "Each was made where its rows were, and which of them this statement needs is not known.",
            "DISCARD ALL ends them. Without SET shardway.shard and its like all temporary tables of a session are made on one server.",
        )
    }

    /// A transaction has a snapshot, or cursors, on a replica.
    pub fn behind_reads_of_replica() -> Self {
        Self::new(
            Reason::NeedsSession,
            "a statement that takes locks, or that only a primary answers, behind reads of a replica".to_owned(),
            "The READ ONLY transaction has its snapshot, or cursors, on the replica.",
            "SET shardway.role = 'primary' before the transaction, or READ COMMITTED without cursors.",
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

    /// A name that the open transaction has given another meaning.
    pub fn changed_here(name: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("\"{name}\" has been changed in this transaction and cannot be used in it"),
            "Where a statement goes is decided by the schema that all sessions see.",
            "COMMIT first.",
        )
    }

    /// The open transaction has made what runs functions that look at tables, whoever may use it.
    pub fn changed_anything() -> Self {
        Self::new(
            Reason::Definition,
            "operators or casts of this transaction may look at tables and cannot be used in it".to_owned(),
            "Which statements use them is decided by the schema that all sessions see.",
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

    /// A setting of PL/pgSQL's prefix that it may not know.
    pub fn reserved_setting(name: &str) -> Self {
        Self::new(
            Reason::NeedsSession,
            format!("\"plpgsql\" is a reserved prefix: parameter \"{name}\" cannot be set to this"),
            "PostgreSQL takes it until the session runs PL/pgSQL, and not after that; each server of the session has or has not.",
            "Use a prefix of your own. Of PL/pgSQL's, check_asserts and print_strict_params can be set to on or off, \
             extra_warnings and extra_errors to one of their words.",
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

    /// A hint that does not exist.
    pub fn bad_hint(word: &str) -> Self {
        Self::new(
            Reason::BadHint,
            format!("unrecognized shardway hint \"{word}\""),
            "",
            "Hints stand in /* shardway … */ and are shard=name, key=value, key=keyspace:value, role=primary, replica or auto, and new_tables=keyspace(column), \
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
