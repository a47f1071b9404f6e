//! Sessions by their number: the client's own, where a query asks for it, and that of another client, which is to be cancelled or
//! sent away.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::logic::plan::asked::{Asked, with_list};
use crate::logic::plan::process::{Signal, SignalKind, with_number};
use crate::logic::plan::{Access, Command, Refusal};
use crate::logic::protocol::frame::client;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::{Destination, Values, whole_number};
use crate::logic::sql::name::literal;
use crate::logic::value::{KeyType, oid};
use crate::proxy::cancel::Slot;
use crate::proxy::plans::Shape;
use crate::proxy::session::split::Stored;
use crate::proxy::session::{Session, Trouble};
use crate::proxy::statements::Statement;

/// How often to look whether a client has gone.
const PAUSE: Duration = Duration::from_millis(10);

impl Session {
    /// A query that asks for something of its session, as servers are to have it.
    pub(super) fn answered_for(&self, text: &str, asked: &Asked) -> Result<String, Refusal> {
        match asked {
            Asked::Number(places) => Ok(with_number(text, places, self.slot.pid)),
            Asked::Channels(..) => {
                // Functions may have listened on a server that stays.
                if self.held.iter().any(|held| held.pin.is_some() && held.lease.has_unseen) {
                    return Err(Refusal::listening_channels());
                }
                let channels = self.hearing.iter().flat_map(|hearing| hearing.listening.channels());
                let names: BTreeSet<&str> = channels.map(|channel| &*channel.name).collect();
                Ok(with_list(text, asked, names.into_iter()))
            }
            Asked::Prepared(_) => {
                let names: Vec<_> = self.named.keys().map(|name| String::from_utf8_lossy(name)).collect();
                Ok(with_list(text, asked, names.iter().map(|name| &**name)))
            }
        }
    }

    /// The same for a statement that is prepared. `None`: it does not ask.
    pub(super) fn numbered_statement(&self, statement: &Statement) -> Option<Arc<Statement>> {
        let shape = statement.shape(&self.picture().planner);
        let planned = super::only(&shape)?;
        let Some(Command::OfSession(Asked::Number(places))) = super::command(&planned.plan) else { return None };
        let text = with_number(shape.text_of(planned), places, self.slot.pid);
        Some(self.interned(&text, &statement.types))
    }

    /// What is bound for a statement that asks for a list: with what it has now. `None`: it does not ask.
    pub(super) fn listed_statement(
        &self,
        statement: &Statement,
        shape: &Shape,
    ) -> Result<Option<Arc<Statement>>, Refusal> {
        let Some(planned) = super::only(shape) else { return Ok(None) };
        let Some(Command::OfSession(asked)) = super::command(&planned.plan) else { return Ok(None) };
        let text = self.answered_for(shape.text_of(planned), asked)?;
        Ok(Some(self.interned(&text, &statement.types)))
    }

    /// A Query that names a client by its number.
    pub(super) async fn signal_query(&mut self, signal: &Signal) -> Result<(), Trouble> {
        const LENGTH: i16 = 1;
        write::column(&mut self.client.outbox, &signal.column, oid::BOOL, LENGTH);
        let mut stored = self.signal(signal, &Values::None, &[0, 0]).await?;
        stored.give(0, &mut self.client.outbox);
        self.say_ready();
        Ok(())
    }

    /// The same, bound.
    pub(super) async fn signal_portal(
        &mut self,
        signal: &Signal,
        statement: &Statement,
        bind: &[u8],
    ) -> Result<Stored, Trouble> {
        let bind = view::Bind::parse(bind)?;
        let values = Values::Bind { bind: &bind, types: &statement.types };
        self.signal(signal, &values, bind.results).await
    }

    /// The one row that it answers with, in the format that `results` asks for.
    async fn signal(&mut self, signal: &Signal, values: &Values<'_>, results: &[u8]) -> Result<Stored, Trouble> {
        let answer = self.do_signal(signal, values).await?;
        let is_binary = view::is_binary(results);
        let value: Option<&[u8]> = answer.map(|answer| match (answer, is_binary) {
            (true, false) => b"t".as_slice(),
            (false, false) => b"f",
            (true, true) => &[1],
            (false, true) => &[0],
        });
        let mut row = Vec::new();
        write::data_row(&mut row, value);
        Ok(Stored::returned("SELECT", row))
    }

    async fn do_signal(&mut self, signal: &Signal, values: &Values<'_>) -> Result<Option<bool>, Trouble> {
        let timeout = signal.timeout.as_ref().map(|timeout| whole_number(timeout, KeyType::BigInt, values));
        let number = whole_number(&signal.number, KeyType::Integer, values);
        let (number, timeout) = match (number, timeout.unwrap_or(Some(Some(0)))) {
            (Some(Some(number)), Some(Some(timeout))) => (number, timeout),
            (Some(_), Some(_)) => return Ok(None),
            (None, _) | (_, None) => return Err(Refusal::client_number().into()),
        };
        let Ok(timeout) = u64::try_from(timeout) else {
            return Err(said("22003", "\"timeout\" must not be negative".to_owned()));
        };
        let Some(slot) = i32::try_from(number).ok().and_then(|number| self.shared.cancels.named(number)) else {
            return self.nobody(number).map(Some);
        };
        self.check_signal(signal.kind, &slot).await?;
        let (is_own, connector) = (slot.pid == self.slot.pid, Arc::clone(&self.shared.connector));
        match signal.kind {
            SignalKind::Cancel if is_own => Err(Fault::Cancelled.into()),
            SignalKind::Terminate if is_own => Err(Fault::Terminated.into()),
            SignalKind::Cancel => {
                slot.cancel(&connector).await;
                Ok(Some(true))
            }
            SignalKind::Terminate => {
                slot.terminate(&connector).await;
                drop(connector);
                self.wait_for_end(slot.pid, timeout).await.map(Some)
            }
        }
    }

    /// No client of this proxy has the number.
    fn nobody(&mut self, number: i64) -> Result<bool, Trouble> {
        if self.shared.cancels.has_peers() {
            return Err(Refusal::client_of_peer(number).into());
        }
        self.warn_of(&format!("PID {number} is not a PostgreSQL backend process"));
        Ok(false)
    }

    fn warn_of(&mut self, message: &str) {
        let least = self.settings.get("client_min_messages").unwrap_or_default();
        if !least.trim_matches('\'').eq_ignore_ascii_case("error") {
            write::notice(&mut self.client.outbox, write::WARNING, "01000", message);
        }
    }

    /// May the current role do this to sessions of that user? A server knows.
    async fn check_signal(&mut self, kind: SignalKind, slot: &Slot) -> Result<(), Trouble> {
        if slot.card.database != self.database && !self.shares_server(&slot.card.database) {
            return Err(Refusal::client_elsewhere(slot.pid).into());
        }
        let user = &slot.card.user;
        let name = literal(user.server_user.as_deref().unwrap_or(&user.name));
        let ask = format!(
            "SELECT t.rolsuper AND NOT u.rolsuper, NOT pg_catalog.pg_has_role(u.oid, t.oid, 'USAGE') AND NOT \
             pg_catalog.pg_has_role(u.oid, 'pg_signal_backend', 'USAGE') FROM pg_catalog.pg_roles t, pg_catalog.pg_roles u \
             WHERE t.rolname = {name} AND u.rolname = current_user"
        );
        let target = self.target(Destination::Any, Access::Read)?;
        let index = self.hold(target).await?;
        let rows = self.fetch_rows(index, &[2], |out| {
            write::parse(out, b"", ask.as_bytes(), b"");
            write::frame(out, client::BIND, |out| out.extend_from_slice(&[0; 8]));
            write::execute(out);
        });
        let rows = rows.await?;
        let first = |column: usize| {
            let column = rows.first().and_then(|rows| rows.columns.get(column));
            column.and_then(|column| column.values().next().flatten())
        };
        let message = match (kind, first(0), first(1)) {
            (_, Some(b"f"), Some(b"f")) => return Ok(()),
            (SignalKind::Cancel, Some(b"t"), _) => "must be a superuser to cancel superuser query",
            (SignalKind::Terminate, Some(b"t"), _) => "must be a superuser to terminate superuser process",
            (SignalKind::Cancel, ..) => {
                "must be a member of the role whose query is being canceled or member of pg_signal_backend"
            }
            (SignalKind::Terminate, ..) => {
                "must be a member of the role whose process is being terminated or member of pg_signal_backend"
            }
        };
        Err(said("42501", message.to_owned()))
    }

    /// Is that database on the one server that ours is on? Its users are ours then.
    fn shares_server(&self, database: &str) -> bool {
        let topology = self.shared.topology.load();
        match (&self.picture().database.shards[..], topology.databases.get(database).map(|it| &it.shards[..])) {
            ([ours], Some([other])) => {
                let (ours, other) = (&ours.primary.address, &other.primary.address);
                (&ours.host, ours.port) == (&other.host, other.port)
            }
            (_, _) => false,
        }
    }

    /// Waits until a client that has to go is gone, for so many milliseconds.
    async fn wait_for_end(&mut self, pid: i32, timeout: u64) -> Result<bool, Trouble> {
        if timeout == 0 {
            return Ok(true);
        }
        let shared = Arc::clone(&self.shared);
        let gone = async move {
            while shared.cancels.named(pid).is_some() {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let waiting = tokio::time::timeout(Duration::from_millis(timeout), gone);
        let ended = self.unless_called_off(waiting).await?.is_ok();
        if !ended {
            let unit = if timeout == 1 { "millisecond" } else { "milliseconds" };
            self.warn_of(&format!("backend with PID {pid} did not terminate within {timeout} {unit}"));
        }
        Ok(ended)
    }
}

fn said(sqlstate: &'static str, message: String) -> Trouble {
    Fault::Said { sqlstate, message }.into()
}
