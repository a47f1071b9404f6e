//! What writes cannot do: keys, copies, triggers, commits.

use crate::logic::commit::{DECISIONS, SETUP};

use super::{CHOOSE, Reason, Refusal};

/// What makes a function that runs unasked one that may.
const ONE_OF_TWO: &str = "If it depends on its arguments alone, say so: ALTER FUNCTION … IMMUTABLE. If it only uses rows of the shard it runs on, list it under local_functions in the shard map.";

impl Refusal {
    /// A sharded table without a restriction of its key.
    pub fn unrestricted(verb: &str, table: &str, column: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} needs rows of \"{table}\" from more than one shard"),
            &format!("No condition that must hold restricts \"{table}.{column}\"."),
            &format!("Add a condition such as {column} = …, for each use of the table."),
        )
    }

    /// A change over several shards whose rows are not changed each by itself.
    pub fn not_row_by_row(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} needs rows of \"{table}\" from more than one shard"),
            "Each shard changes its own rows. What it needs besides must be the same for all: not what differs between servers, not rows of temporary tables, not the writes of another part of the statement.",
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

    /// A text that is computed, or stands in rows, and is read as a date or a time.
    pub fn reads_time(verb: &str, table: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("{verb} of \"{table}\" on several shards computes a text and reads it as a date or a time"),
            "It may say \"now\" or \"today\", which each server would read as its own time.",
            "Restrict it to one key, or give the text, or the time, as a parameter.",
        )
    }

    /// Copies that are no longer the same. XX001: data_corrupted.
    pub fn copies_differ(table: &str, counts: &str) -> Self {
        let refusal = Self::new(
            Reason::ManyShards,
            format!("the copies of reference table \"{table}\" are not the same on all shards"),
            &format!("The statement concerned {counts}. It has been undone."),
            "Another transaction may have written to it meanwhile: try again. If it stays so, make the copies equal, with SET shardway.shard.",
        );
        Self { sqlstate: "XX001", ..refusal }
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

    /// A transaction that has written on several shards, and has become read only since.
    pub fn decides_read_only() -> Self {
        Self::new(
            Reason::TwoPhase,
            "a transaction over several shards cannot be committed: it has become read only after it has written"
                .to_owned(),
            "That it is committed is a row on one of them.",
            "leave out SET TRANSACTION READ ONLY, or say it in a transaction of its own",
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
            "Views of one table are written through on one shard, where they show its sharding key and look at no other rows.",
            "Add a condition on the key, or write to the table itself.",
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

    /// VALUES whose functions make rows.
    pub fn rows_of_rows() -> Self {
        Self::new(
            Reason::ManyShards,
            "VALUES with a function that returns several rows is not possible over several shards".to_owned(),
            "It makes several rows of one, which may belong to different shards.",
            "Use INSERT … SELECT.",
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

    /// A trigger that may read and write anything.
    pub fn trigger(table: &str, function: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("trigger function {function}() of \"{table}\" may need rows of more than one shard"),
            "It runs with every write, and its body does more than to look at the row and to set its columns, or cannot be looked into.",
            "If it leaves the sharding key alone and uses only rows of the shard it runs on, list it under local_functions in the shard map.",
        )
    }

    /// A trigger that gives rows another key.
    pub fn trigger_sets_key(table: &str, function: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("trigger function {function}() sets the sharding key of \"{table}\""),
            "The row could belong to another shard afterwards.",
            "Compute the key before the statement is sent.",
        )
    }

    /// A trigger that looks at nothing but its row, and may set what its server alone would.
    pub fn trigger_of_server(table: &str, function: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("trigger function {function}() of \"{table}\" may do something else on each shard"),
            "It looks at no tables, but each shard would run it for itself: now() and chance, for one, differ.",
            "Restrict the statement to one shard. If it does not matter, list it under local_functions in the shard map.",
        )
    }

    /// An operator, a type or a table that runs something.
    pub fn unasked(function: &str, of: &str) -> Self {
        Self::new(
            Reason::Unasked,
            format!("function {function}() of {of} may need rows of more than one shard"),
            "It runs although nobody calls it, and is not IMMUTABLE, or reads tables all the same.",
            ONE_OF_TWO,
        )
    }

    /// A type that sets something for the session.
    pub fn unasked_setting(function: &str, of: &str) -> Self {
        Self::new(
            Reason::Unasked,
            format!("function {function}() of {of} may set something for the session"),
            "It may run wherever a statement is parsed, and other clients' statements are parsed there, too.",
            "Use SET, or set_config(…, true), which ends with the transaction.",
        )
    }

    /// A parameter that is declared to be of such a type.
    pub fn unasked_parameter(oid: u32) -> Self {
        Self::new(
            Reason::Unasked,
            format!(
                "a parameter is declared to be of type {oid}, which runs functions that may need rows of more than one shard"
            ),
            "They run where the value is bound.",
            "Leave its type open, or declare the type that its domain is made of.",
        )
    }

    /// A change of the schema that asks a function about the rows that are there.
    pub fn evaluated(verb: &str, function: &str) -> Self {
        Self::new(
            Reason::Function,
            format!(
                "{verb} runs function {function}() over the rows that are there, which may need more than one shard"
            ),
            "Each shard would ask it about its own rows, and it is not IMMUTABLE, or reads tables all the same.",
            "ADD CONSTRAINT … NOT VALID looks at no rows. If it only uses rows of the shard it runs on, list it under local_functions in the shard map.",
        )
    }

    /// A string that PostgreSQL makes a constant moment of, in a definition that each shard runs for itself.
    pub fn moment_in_definition(verb: &str) -> Self {
        Self::new(
            Reason::Definition,
            format!("{verb} with a string like 'now' or 'today', which each shard would take for another moment"),
            "PostgreSQL writes down the moment at which the definition runs.",
            "now(), or current_date, is asked for when a row is stored; the moment itself is the same everywhere.",
        )
    }

    /// Values whose type runs something when they are made.
    pub fn made_again(column: &str, type_name: &str, function: &str) -> Self {
        Self::new(
            Reason::ManyShards,
            format!("column \"{column}\" of type {type_name} cannot be put together from rows of several shards"),
            &format!("Its values would be made anew on another server, and {function}() may run with them there."),
            "If the function depends on its arguments alone, say so: ALTER FUNCTION … IMMUTABLE.",
        )
    }

    /// Event triggers run with every change of the schema.
    pub fn event_trigger(verb: &str, function: &str) -> Self {
        Self::new(
            Reason::Function,
            format!("{verb} runs event trigger function {function}(), which may need rows of more than one shard"),
            "It runs on every shard and is not looked into.",
            "If it only uses rows of the shard it runs on, list it under local_functions in the shard map.",
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

    /// A feature of COPY that cannot be followed.
    pub fn copy_option(table: &str, option: &str) -> Self {
        Self::new(
            Reason::Unknown,
            format!("COPY into sharded table \"{table}\" does not support {option}"),
            "Each row must be read to find its shard.",
            "",
        )
    }
}
