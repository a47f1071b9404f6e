//! Transactions over several shards: their names while they are in doubt, and what becomes of them.
//!
//! ```text
//! others    PREPARE TRANSACTION gid ──────────────────────────→ COMMIT PREPARED gid
//! decider                            INSERT gid, then COMMIT ──↗
//!                                    (the decision: one commit on one server)
//! ```
//!
//! Whoever finds a prepared transaction asks its decider for the row. Without one it writes a row "aborted" first:
//! a decision that is still on its way meets it and fails, so there is never more than one (the row's primary key).
//! The name carries the process that decides, so that a commit which only takes long is left alone for a while.

use crate::logic::sql::name::literal;

/// The schema and table of decisions, on every shard.
pub const DECISIONS: &str = "shardway.decisions";

/// What makes the table, for people whose proxy may not.
pub const SETUP: &str = "CREATE SCHEMA IF NOT EXISTS shardway; \
    CREATE TABLE IF NOT EXISTS shardway.decisions (gid text PRIMARY KEY, outcome text NOT NULL DEFAULT 'committed', \
    at timestamptz NOT NULL DEFAULT pg_catalog.now()); \
    GRANT USAGE ON SCHEMA shardway TO PUBLIC; GRANT SELECT, INSERT ON shardway.decisions TO PUBLIC";

/// PostgreSQL's limit of a global transaction identifier, its NUL included (GIDSIZE of xact.h).
const GID_MAX: usize = 199;
const PREFIX: &str = "shardway";

/// Who decides a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decider<'a> {
    /// The shard
    pub shard: &'a str,
    /// The server process that has its part of the transaction
    pub pid: i32,
}

/// The global transaction identifier of a transaction; `None`: the names are too long.
pub fn gid(database: &str, decider: Decider<'_>, unique: u128) -> Option<String> {
    let Decider { shard, pid } = decider;
    let gid = format!("{PREFIX}:{unique:032x}:{pid}:{database}:{shard}");
    (gid.len() <= GID_MAX).then_some(gid)
}

/// Who decides this transaction of this database; `None`: it is none of ours.
pub fn decider<'g>(gid: &'g str, database: &str) -> Option<Decider<'g>> {
    let rest = gid.strip_prefix(PREFIX)?.strip_prefix(':')?;
    let (unique, rest) = rest.split_once(':')?;
    let is_unique = unique.len() == 32 && unique.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (pid, rest) = rest.split_once(':').filter(|_| is_unique)?;
    let shard = rest.strip_prefix(database)?.strip_prefix(':')?;
    Some(Decider { shard, pid: pid.parse().ok()? })
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All of it stays
    Committed,
    /// Nothing of it stays
    Aborted,
}

impl Outcome {
    /// As the table says it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "committed" => Some(Self::Committed),
            "aborted" => Some(Self::Aborted),
            _ => None,
        }
    }

    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
        }
    }

    /// What ends a prepared transaction so.
    pub fn statement(self, gid: &str) -> String {
        let verb = match self {
            Self::Committed => "COMMIT",
            Self::Aborted => "ROLLBACK",
        };
        format!("{verb} PREPARED {}", literal(gid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_decider_and_to_no_other_database() {
        let shard = Decider { shard: "shard:a", pid: 12 };
        let gid = gid("app", shard, 7).expect("short");
        assert_eq!(decider(&gid, "app"), Some(shard));
        assert_eq!(decider(&gid, "ap"), None);
        assert_eq!(decider(&gid, "app2"), None);
        assert_eq!(decider("shardway_old", "app"), None);
        assert_eq!(decider("someone else's", "app"), None);
    }

    #[test]
    fn a_name_that_postgresql_would_refuse_is_not_made() {
        assert_eq!(gid("app", Decider { shard: &"x".repeat(200), pid: 1 }, 7), None);
    }

    #[test]
    fn quotes_in_names_stay_inside_the_literal() {
        assert_eq!(Outcome::Aborted.statement("it's"), "ROLLBACK PREPARED 'it''s'");
    }
}
