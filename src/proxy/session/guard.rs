//! Plans of statements over rows that were fetched. PostgreSQL knows nothing of these rows but their number, takes joins of
//! them for much smaller than they are, and chooses nested loops that read all of them again and again. There is no index
//! that a nested loop could use, so for a statement over many rows it plans without.
//!
//! The parameter is changed for the transaction alone, and put back once the statement is planned (by Bind): what it says of
//! the session's settings when it runs is true. EXPLAIN plans while it runs. So do CREATE TABLE AS and DECLARE, which go
//! without: what they store could be such a setting.

use crate::logic::plan::gather::Gather;
use crate::logic::protocol::write;
use crate::logic::session::pipeline::Owed;
use crate::proxy::session::Session;
use crate::proxy::session::errand::Fetched;
use crate::proxy::session::gather::{Bound, Given};

/// Over fewer rows every plan is quick.
const ROWS_MIN: u64 = 2000;

const WITHOUT: &str = "SELECT pg_catalog.set_config('shardway.nestloop', pg_catalog.current_setting('enable_nestloop'), true), \
                       pg_catalog.set_config('enable_nestloop', 'off', true)";
const AS_BEFORE: &str =
    "SELECT pg_catalog.set_config('enable_nestloop', pg_catalog.current_setting('shardway.nestloop'), true)";

/// What was changed has to be put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(super) struct Guarded(bool);

impl Session {
    /// Parse and Bind of the final statement. Whoever reads the answers leaves out those to statements of ours where this
    /// returns `true`.
    pub(super) fn write_planned(
        &mut self,
        index: usize,
        gather: &Gather,
        given: Given<'_>,
        fetched: &Fetched,
        bound: Bound<'_>,
    ) -> bool {
        let guarded = self.guard(fetched);
        self.write_final(index, gather, given, fetched, bound);
        self.unguard(guarded);
        guarded.is_there()
    }

    /// What is written next is planned over these rows.
    pub(super) fn guard(&mut self, fetched: &Fetched) -> Guarded {
        let joins = fetched.len() > 1;
        let rows: u64 = fetched.iter().flatten().map(|rows| u64::from(rows.count)).sum();
        // Who has a wish of their own knows better.
        let is_guarded = joins && rows >= ROWS_MIN && self.settings.get("enable_nestloop").is_none();
        if is_guarded {
            self.write_aside(WITHOUT);
        }
        Guarded(is_guarded)
    }

    /// It has been planned.
    pub(super) fn unguard(&mut self, guarded: Guarded) {
        if guarded.0 {
            self.write_aside(AS_BEFORE);
        }
    }

    /// A statement of ours among those of a batch.
    fn write_aside(&mut self, sql: &str) {
        write::aside(self.outgoing.buffer(), sql);
        self.pipeline.owe(Owed::Aside);
    }
}

impl Guarded {
    /// Who reads the answers leaves out those to statements of ours.
    pub fn is_there(self) -> bool {
        self.0
    }
}
