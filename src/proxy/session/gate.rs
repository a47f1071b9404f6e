//! Statements that name a table which another session is changing on all shards. PostgreSQL lets them wait for the change, and
//! then reads the schema anew; so does a session that holds nothing. Who holds something may hold what the change waits for, and
//! goes on.

use std::time::{Duration, Instant};

use crate::logic::plan::everywhere::Everywhere;
use crate::logic::plan::{Mark, Planned};
use crate::logic::protocol::frame::{self, Front, HEADER, client};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::view::{self, Bind, Parse};
use crate::logic::sql::statement::Reach;
use crate::logic::topology::PoolMode;
use crate::proxy::metrics::ClientState;
use crate::proxy::session::leases::SESSION_POOLING;
use crate::proxy::session::servers::Target;
use crate::proxy::session::shadows::has_word;
use crate::proxy::session::{Run, Session};

/// What ends a wait for a change, and how long that is allowed.
enum End {
    Never,
    Statement(Duration),
    Lock(Duration),
}

impl Session {
    /// It is about to change tables on all shards: others that name them wait from now on.
    pub(super) fn close_gate(&mut self, everywhere: &Everywhere) {
        if everywhere.is_ddl && everywhere.reach == Reach::Database && !everywhere.locks.is_empty() {
            let gate = self.shared.gates.close(&self.database, &everywhere.locks);
            self.names.get_or_insert_default().gates.push(gate);
        }
    }

    /// Does it keep others waiting?
    pub(super) fn has_closed_gates(&self) -> bool {
        self.names.as_ref().is_some_and(|names| !names.gates.is_empty())
    }

    /// The change is over, or nobody knows how it has ended: others go on when the schema has been read.
    pub(super) fn open_gates(&mut self) {
        let Some(gates) = self.names.as_mut().map(|names| std::mem::take(&mut names.gates)) else { return };
        if !gates.is_empty() {
            let read = self.shared.steering.schema_changed(&self.database);
            drop(tokio::spawn(async move {
                read.await;
                drop(gates);
            }));
        }
    }

    /// A transaction that has failed as a whole holds no locks any more, and changes nothing.
    pub(super) fn open_gates_of_failed(&mut self) {
        if self.has_closed_gates() && self.cursors.savepoints().is_empty() {
            self.open_gates();
        }
    }

    /// Before the messages at the front are planned. For sessions that find some gate closed.
    pub(super) async fn pass_gates(&mut self) -> Result<(), Fault> {
        if let Err(fault) = self.look() {
            Box::pin(self.lose_map(fault)).await?;
        }
        if self.may_hold_locks() {
            return Ok(());
        }
        let texts = self.asked_texts();
        let limit = self.wait_limit();
        let started = Instant::now();
        let deadline = match limit {
            End::Never => None,
            End::Statement(limit) | End::Lock(limit) => Some(tokio::time::Instant::now() + limit),
        };
        let is_named = |name: &str| {
            let name = name.to_lowercase();
            texts.iter().any(|text| has_word(text, &name))
        };
        let before = self.state;
        let ended = loop {
            let Some(opened) = self.shared.gates.in_the_way(&self.database, &is_named) else { break Ok(true) };
            self.show(ClientState::Waiting);
            self.slot.card.wait(Some(started));
            let late = async move {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            let passed = async move {
                tokio::select! {
                    biased;
                    () = opened => true,
                    () = late => false,
                }
            };
            match self.unless_called_off(passed).await {
                Ok(true) => (),
                ended => break ended,
            }
        };
        self.slot.card.wait(None);
        self.show(before);
        match (ended?, limit) {
            (true, _) | (false, End::Never) => Ok(()),
            (false, End::Statement(limit)) => Err(Fault::StatementTimeout { limit }),
            (false, End::Lock(_)) => {
                Err(Fault::Said { sqlstate: "55P03", message: "canceling statement due to lock timeout".to_owned() })
            }
        }
    }

    /// What is planned from here on knows what was changed behind gates that are open now.
    pub(super) fn see_gates(&mut self) {
        self.moves = self.shared.gates.moves();
    }

    /// A server for a statement that runs as it was planned.
    pub(super) async fn hold_to_run(&mut self, target: Target, mark: &Mark) -> Result<usize, Fault> {
        let index = self.hold(target).await?;
        self.check_places(mark)?;
        Ok(index)
    }

    /// Behind the wait for a server: a statement whose rows find their shards by the places of columns goes by the columns
    /// of before where another session changes the table, or has since. PostgreSQL lets it wait for the lock, and looks then.
    fn check_places(&self, mark: &Mark) -> Result<(), Fault> {
        mark.by_position.as_ref().map_or(Ok(()), |table| self.check_places_of(table))
    }

    /// The same of several statements.
    pub(super) fn check_places_among<'p>(&self, planned: impl IntoIterator<Item = &'p Planned>) -> Result<(), Fault> {
        planned.into_iter().filter_map(Planned::mark).try_for_each(|mark| self.check_places(mark))
    }

    /// The same of a table that is written without a list of columns.
    pub(super) fn check_places_of(&self, table: &str) -> Result<(), Fault> {
        let gates = &self.shared.gates;
        let own = self.names.as_ref().map_or(&[][..], |names| &names.gates);
        let is_quiet = gates.moves() == self.moves && !gates.are_any_closed();
        match is_quiet || !gates.has_moved(&self.database, table, self.moves, own) {
            true => Ok(()),
            false => Err(Fault::Shifted(table.into())),
        }
    }

    /// A server works for it, or stays with it: locks may be held there that others wait for.
    fn may_hold_locks(&self) -> bool {
        let is_pooled_by_session = self.picture().database.pool.mode == PoolMode::Session;
        let stays = |pin: Option<&str>| pin.is_some_and(|pin| !(is_pooled_by_session && pin == SESSION_POOLING));
        self.run != Run::Between
            || self.is_implicit
            || self.has_closed_gates()
            || self.held.iter().any(|held| held.is_engaged() || stays(held.pin))
    }

    /// In small letters: the texts of what stands at the front, up to its Sync, and those of what it names.
    fn asked_texts(&self) -> Vec<String> {
        let small = |text: &[u8]| String::from_utf8_lossy(text).to_lowercase();
        let mut texts = Vec::new();
        let mut rest = self.client.received();
        while let Front::Whole(frame) = frame::front(rest) {
            rest = &rest[frame.bytes.len()..];
            match frame.tag {
                client::QUERY => {
                    texts.extend(view::query(&frame.bytes[HEADER..]).map(small));
                    break;
                }
                client::PARSE => texts.extend(Parse::parse(frame.body).map(|parse| small(parse.text))),
                client::BIND => {
                    let bound = Bind::parse(frame.body).map(|bind| self.statement(bind.statement));
                    texts.extend(bound.ok().and_then(Result::ok).map(|it| small(it.statement.text.as_bytes())));
                }
                client::SYNC => break,
                _ => (),
            }
        }
        if texts.iter().any(|text| has_word(text, "execute")) {
            texts.extend(self.named.values().map(|it| small(it.statement.text.as_bytes())));
        }
        texts
    }

    /// The shortest of what the proxy allows a statement and what the session itself has set.
    fn wait_limit(&self) -> End {
        let own = |name: &str| self.settings.get(name).and_then(milliseconds).unwrap_or_default();
        let both = [self.statement_limit(), own("statement_timeout")];
        let statement = both.into_iter().filter(|limit| !limit.is_zero()).min();
        let lock = Some(own("lock_timeout")).filter(|limit| !limit.is_zero());
        match (statement, lock) {
            (None, None) => End::Never,
            (Some(limit), None) => End::Statement(limit),
            (Some(limit), Some(lock)) if limit <= lock => End::Statement(limit),
            (_, Some(lock)) => End::Lock(lock),
        }
    }
}

/// A duration as PostgreSQL reads it where milliseconds are meant: `250`, `'5s'`, `'1.5 min'`.
fn milliseconds(value: &str) -> Option<Duration> {
    let value = value.trim_matches(['\'', ' ']);
    let end = value.find(|it: char| !it.is_ascii_digit() && it != '.').unwrap_or(value.len());
    let number: f64 = value[..end].parse().ok()?;
    let unit = match value[end..].trim() {
        "us" => 1e-6,
        "" | "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * unit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_they_are_set() {
        let cases =
            [("250", 250), ("'5s'", 5000), ("'1.5 min'", 90_000), ("'0'", 0), ("'20ms'", 20), ("1d", 86_400_000)];
        for (value, expected) in cases {
            assert_eq!(milliseconds(value), Some(Duration::from_millis(expected)), "{value}");
        }
        assert_eq!(milliseconds("DEFAULT"), None);
    }
}
