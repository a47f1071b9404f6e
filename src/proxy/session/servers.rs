//! The servers a session holds: which of them a statement goes to, what it leaves on them, and their loss.

use std::borrow::Cow;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::logic::plan::{
    Access, CURSORS, Known, LISTENING_CHANNELS, Mark, One, PREPARED_STATEMENTS, Reason, Refusal, SETTING,
    TEMPORARY_OBJECT, TEMPORARY_SEQUENCE, TEMPORARY_TABLE, TakenNumbers,
};
use crate::logic::protocol::report::Fault;
use crate::logic::route::{self, Destination, Values};
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::Isolation;
use crate::logic::topology::{Database, Pinning, PoolMode, Role, Shard};
use crate::proxy::pool::Lease;
use crate::proxy::session::exchange::{Exchange, Outcome};
use crate::proxy::session::{End, Session, Trouble};

/// The status of a server that has not answered yet: it is not lent to anybody.
pub(super) const UNDER_WAY: u8 = b'?';

/// A server that the session holds.
#[allow(clippy::struct_excessive_bools, reason = "facts about the server, each independent of the others")]
pub struct Held {
    /// The connection
    pub lease: Lease,
    /// Its shard
    pub shard: ShardId,
    /// Its role
    pub role: Role,
    /// The open transaction is on it
    pub is_member: bool,
    /// It has been sent messages of a pipeline and no Sync yet
    pub in_pipeline: bool,
    /// Those parse and describe: nothing is lost if they are ended
    pub only_asked: bool,
    /// Where it stood when it last said so: `I`, `T` or `E`
    pub status: u8,
    /// The transaction has written here, as far as we can tell
    pub has_written: bool,
    /// The open transaction is on it, or has been
    pub took_part: bool,
    /// That has been prepared here: what it has SET stays, even where the rest of it is undone
    pub was_prepared: bool,
    /// What the open transaction has set on another server since, as SQL
    pub untold: String,
    /// Why it stays with the client
    pub pin: Option<&'static str>,
    /// The open transaction cannot be prepared here because of this
    pub unpreparable: Option<&'static str>,
    /// What it is to be sent next notifies other sessions
    pub notifies: bool,
    /// What is known of the numbers that the session has taken from its sequences
    pub numbers: Known,
    /// Parameters that it has reported, and their values, of which the client is to hear when the transaction commits
    pub reported: Vec<(Box<str>, Box<str>)>,
}

impl Held {
    /// A READ ONLY transaction reads from this replica.
    pub fn is_member_of_replica(&self) -> bool {
        self.is_member && self.role == Role::Replica
    }

    /// Nobody knows what is set on it. What functions have set stays on a server that stays: it is the client's own.
    pub fn is_to_reset(&self) -> bool {
        self.lease.is_tainted || self.lease.has_unseen && self.pin.is_none()
    }

    /// What it was lent for is something else by now: its shard is gone from the map or stands at another place, or another
    /// server takes the writes of it.
    pub fn is_elsewhere(&self, database: &Database) -> bool {
        let pool = self.lease.pool();
        let is_same = |shard: &&Shard| *shard.name == *pool.shard;
        let Some(shard) = database.shards.get(usize::from(self.shard.0)).filter(is_same) else { return true };
        let (new, old) = (&shard.primary.address, &pool.address);
        self.role == Role::Primary && (&new.host, new.port) != (&old.host, old.port)
    }

    /// A transaction is open on it, explicit or implicit.
    pub fn is_engaged(&self) -> bool {
        self.is_member || self.in_pipeline
    }

    /// It is sent messages whose Sync is still to come. `only_asks`: they parse and describe, and leave nothing to be run.
    pub fn pipe(&mut self, only_asks: bool) {
        self.only_asked = only_asks && (self.only_asked || !self.in_pipeline);
        self.in_pipeline = true;
    }

    /// The types of a Parse, as this server numbers them.
    pub fn types<'t>(&self, types: &'t [u8]) -> Cow<'t, [u8]> {
        self.lease.walk.oids.as_ref().map_or(Cow::Borrowed(types), |oids| oids.to_server(types))
    }
}

/// Where a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Shard
    pub shard: ShardId,
    /// Role
    pub role: Role,
}

impl Session {
    /// Shard and role for a statement, given where the open transaction is.
    pub(super) fn target(&self, destination: Destination, access: Access) -> Result<Target, Refusal> {
        let mut members = self.held.iter().filter(|held| held.is_engaged());
        let first = ShardId(0);
        let shard = match (members.next(), destination) {
            (_, Destination::Shard(shard)) => shard,
            (member, Destination::Any) => {
                let own = self.with_temporary_objects().next().filter(|_| self.isolation() != Isolation::Serializable);
                own.or(member).or_else(|| self.pinned()).map_or_else(|| self.any_shard(), |held| held.shard)
            }
            // The catalogs of the server that has the session's temporary objects show those too. Those of another server
            // lack tables of one shard, and have numbers of their own for types.
            (member, Destination::First) if access == Access::Read => {
                let own = only(self.with_temporary_objects())?;
                let stays = self.isolation() == Isolation::Serializable && self.map().is_uniform();
                own.or(member.filter(|_| stays)).map_or(first, |held| held.shard)
            }
            (member, Destination::Current) => self.current(member)?,
            (_, Destination::First) => first,
        };
        // What only a primary can do does not follow a read to a replica.
        let may_be_replica = access == Access::Read && !self.asks_primaries;
        // Where both are part of a pipeline, the primary knows what the pipeline has written.
        let serving = |role| self.held.iter().any(|held| held.is_engaged() && held.shard == shard && held.role == role);
        if serving(Role::Primary) {
            return Ok(Target { shard, role: Role::Primary });
        }
        // A transaction that is chained to one that has failed may be on a replica, and is READ ONLY no more.
        let may_stay = || self.transaction.begun().is_none() || self.is_read_only();
        if may_be_replica && serving(Role::Replica) && may_stay() {
            return Ok(Target { shard, role: Role::Replica });
        }
        if self.is_read_from_replica(shard) {
            self.check_may_leave_replicas()?;
        }
        self.check_join(shard, access)?;
        let is_pinned = self.held.iter().any(|held| held.shard == shard && held.pin.is_some());
        let role = if access == Access::Read && !is_pinned { self.role_for_read(shard) } else { Role::Primary };
        Ok(Target { shard, role })
    }

    /// Where a statement of one shard goes. One that may name a temporary table does not leave the server that has it.
    pub(super) fn destination(&self, one: &One, values: &Values<'_>) -> Result<Destination, Refusal> {
        let found = route::destination(&one.home, values, self.map())?;
        let found = self.where_taken(&one.mark.numbers, found)?;
        let Destination::Shard(shard) = found else { return Ok(found) };
        if one.is_bound {
            self.check_temporary(shard)?;
        }
        Ok(found)
    }

    /// A statement that may name temporary tables can run on this shard.
    pub(super) fn check_temporary(&self, shard: ShardId) -> Result<(), Refusal> {
        let mut with_tables = self.with_temporary_tables().peekable();
        if with_tables.peek().is_some() && with_tables.all(|held| held.shard != shard) {
            return Err(Refusal::temporary_elsewhere());
        }
        Ok(())
    }

    /// A statement that asks for numbers goes where the session has taken them.
    fn where_taken(&self, numbers: &TakenNumbers, found: Destination) -> Result<Destination, Refusal> {
        if numbers.asked.is_empty() {
            return Ok(found);
        }
        let knows = |held: &&Held| held.numbers.answers(&numbers.asked);
        match (self.held.iter().find(knows).map(|held| held.shard), found) {
            (Some(shard), Destination::Any | Destination::Current) => Ok(Destination::Shard(shard)),
            (Some(ShardId(0)), Destination::First) => Ok(found),
            (Some(shard), Destination::Shard(other)) if shard == other => Ok(found),
            (Some(_), Destination::First | Destination::Shard(_)) => Err(Refusal::number_elsewhere()),
            (None, _) => Ok(found),
        }
    }

    /// Its server says the same as one PostgreSQL would.
    fn check_numbers(&self, numbers: &TakenNumbers, what: &str) -> Result<(), Refusal> {
        let is_known = self.held.iter().any(|held| held.numbers.answers(&numbers.asked));
        let is_elsewhere = self.pinned().is_none_or(|held| held.numbers == Known::Elsewhere);
        if !is_known && is_elsewhere { Err(needs_session(what)) } else { Ok(()) }
    }

    /// A statement has been carried out on this server, unless it has failed there.
    pub(super) fn took(&mut self, index: usize, numbers: &TakenNumbers) {
        if self.pipeline.failure.is_none() {
            self.held[index].numbers.took(numbers);
        }
    }

    /// A part of a statement that has gone well.
    pub(super) fn took_on(&mut self, shard: ShardId, numbers: &TakenNumbers) {
        let is_there = |held: &&mut Held| held.shard == shard && held.role == Role::Primary;
        if let Some(held) = self.held.iter_mut().find(is_there) {
            held.numbers.took(numbers);
        }
    }

    /// A statement that may write has been sent to this server: numbers that others have given may not be the last. A
    /// transaction that is READ ONLY by its own word cannot become another one behind it.
    pub(super) fn wrote(&mut self, index: usize) {
        let is_read_only = self.transaction.begun().is_some_and(|begun| begun.said.is_read_only == Some(true));
        let held = &mut self.held[index];
        held.has_written |= !is_read_only || held.lease.has_unseen;
        self.last_numbers_at(index);
    }

    /// What runs on this server may take numbers of its sequences.
    pub(super) fn last_numbers_at(&mut self, index: usize) {
        for (other, held) in self.held.iter_mut().enumerate() {
            if other != index {
                held.numbers = Known::Elsewhere;
            }
        }
    }

    /// Where a statement of a text or pipeline goes, whatever stands beside it: to the server of the session's temporary
    /// objects, if there are any and the keys do not send it elsewhere.
    pub(super) fn beside(&self, destination: Destination, access: Access) -> Result<Destination, Refusal> {
        match destination {
            Destination::Any | Destination::First | Destination::Current
                if self.with_temporary_objects().next().is_some() =>
            {
                Ok(Destination::Shard(self.target(destination, access)?.shard))
            }
            Destination::Any | Destination::First | Destination::Current | Destination::Shard(_) => Ok(destination),
        }
    }

    /// Where temporary tables are; without any, a server of the open transaction: what it has made is where it has written.
    fn current(&self, member: Option<&Held>) -> Result<ShardId, Refusal> {
        Ok(only(self.with_temporary_tables())?
            .or_else(|| self.held.iter().find(|held| held.is_engaged() && held.has_written))
            .or(member)
            .or_else(|| self.pinned())
            .map_or(ShardId(0), |held| held.shard))
    }

    /// A server that stays with the session.
    pub(super) fn pinned(&self) -> Option<&Held> {
        self.held.iter().find(|held| held.pin.is_some())
    }

    pub(super) fn with_temporary_objects(&self) -> impl Iterator<Item = &Held> {
        let kinds = [TEMPORARY_TABLE, TEMPORARY_SEQUENCE, TEMPORARY_OBJECT];
        self.held.iter().filter(move |held| held.pin.is_some_and(|pin| kinds.contains(&pin)))
    }

    /// A shard where the session has temporary tables.
    pub(super) fn temporary_tables_at(&self) -> Option<ShardId> {
        self.with_temporary_tables().next().map(|held| held.shard)
    }

    fn with_temporary_tables(&self) -> impl Iterator<Item = &Held> {
        // Views are such objects, of several shards the only ones.
        self.held.iter().filter(|held| matches!(held.pin, Some(TEMPORARY_TABLE | TEMPORARY_OBJECT)))
    }

    /// May the open transaction come to a further shard? Reads may; a second shard to write on needs an atomic commit.
    fn check_join(&self, shard: ShardId, access: Access) -> Result<(), Refusal> {
        let Some(other) = self.held.iter().find(|held| held.is_engaged()) else { return Ok(()) };
        let refuse = |why: String, hint: &str| Refusal {
            reason: Reason::ManyShards,
            sqlstate: "0A000",
            message: format!("transaction cannot go on to shard \"{}\"", self.shard_name(shard)),
            detail: Some(why),
            hint: Some(hint.to_owned()),
        };
        if self.isolation() == Isolation::Serializable {
            let why = format!("it is SERIALIZABLE and already on shard \"{}\"", self.shard_name(other.shard));
            return Err(refuse(why, "use one shard in a transaction, or READ COMMITTED"));
        }
        // Outside a transaction block nobody commits a pipeline on several shards.
        let writer = self.held.iter().find(|held| held.in_pipeline && held.has_written);
        match (access, writer, self.transaction.is_idle()) {
            (Access::Write, Some(writer), true) => {
                let why = format!(
                    "it has written to shard \"{}\", and only a transaction block is committed on several shards",
                    self.shard_name(writer.shard)
                );
                Err(refuse(why, "send BEGIN first"))
            }
            (Access::Write | Access::Read, _, _) => Ok(()),
        }
    }

    /// Spreads what any shard can answer over the sessions, past shards that are down.
    pub(super) fn any_shard(&self) -> ShardId {
        let shards = &self.picture().database.shards;
        let start = self.id as usize;
        let up = (0..shards.len()).map(|step| (start + step) % shards.len());
        let found = up.into_iter().find(|index| !shards[*index].is_down());
        ShardId(found.unwrap_or(0) as u16)
    }

    /// The client has gone while a statement runs: the statement is cancelled on all its servers, the connections closed.
    pub(super) fn abandon(&mut self, index: usize) {
        // Before the session, which ends now, forgets what runs.
        let cancelling = self.slot.begin_cancel();
        let connector = Arc::clone(&self.shared.connector);
        let held = self.held.swap_remove(index);
        self.client.is_cut = !held.lease.walk.is_between_frames();
        let others: Vec<Held> = self.held.extract_if(.., |other| other.status == UNDER_WAY).collect();
        drop(tokio::spawn(async move {
            cancelling.deliver(&connector).await;
            drop((held, others));
        }));
    }

    /// A server is gone: what the client is told.
    pub(super) fn lose(&mut self, index: usize, cause: String) -> Fault {
        let held = self.held.swap_remove(index);
        let in_transaction = held.is_member;
        self.note_kept(&held);
        if held.has_written {
            self.remember_unanswered(held.shard);
        }
        if held.is_engaged() {
            self.transaction.lose();
            if std::mem::take(&mut self.is_implicit) {
                self.transaction.forget();
            }
            self.portals.clear();
            self.transaction_ended(false);
            // What the other shards did in this transaction must not stay: their connections close with it.
            self.held.retain(|other| !other.is_engaged());
        }
        let goodbye = self.pipeline.goodbye.take();
        self.note_farewell(&held, goodbye.as_deref());
        let said = goodbye.as_deref().and_then(|body| crate::logic::protocol::view::error_field(body, b'M'));
        let cause = match said {
            Some(message) => String::from_utf8_lossy(message).into_owned(),
            None => cause,
        };
        let shard = held.lease.pool().shard.clone();
        self.pipeline = Default::default();
        self.outgoing.clear();
        self.slot.clear();
        if let Some(unready) = self.unready.take() {
            return *unready;
        }
        self.shared.steering.hasten(&held.lease.pool().server);
        tracing::warn!(client = self.id, %shard, server = %held.lease.pool().server, %cause, "server connection lost");
        Fault::ServerLost { shard, cause, in_transaction }
    }

    /// A server is lost. If it was kept for the session, the session ends with it.
    pub(super) fn note_kept(&mut self, held: &Held) {
        if let Some(kept) = held.pin {
            self.bereft = Some(Box::new(Fault::SessionLost { shard: held.lease.pool().shard.clone(), kept }));
        }
    }

    /// Where `pin = "error"`, a statement that would keep its server with the session is refused.
    pub(super) fn check_pin(&self, mark: &Mark) -> Result<(), Refusal> {
        let database = &self.picture().database;
        match (mark.pin, database.limits.pin, database.pool.mode) {
            (Some(reason), Pinning::Error, PoolMode::Transaction) => Err(Refusal::pins(reason)),
            (Some(_) | None, Pinning::Allow | Pinning::Warn | Pinning::Error, _) => Ok(()),
        }
    }

    /// EXECUTE in SQL of a statement that sets what a parameter says: the value is not looked at, and stays on its server.
    pub(super) fn check_executed(&self, mark: &Mark) -> Result<(), Refusal> {
        match (mark.set_bound.is_empty(), self.map().shards.len()) {
            (true, _) => Ok(()),
            (false, 1) => self.check_pin(&Mark { pin: Some(SETTING), ..Mark::default() }),
            (false, _) => Err(Refusal::computed_setting()),
        }
    }

    /// What runs on this server next may notify others.
    pub(super) fn announce(&mut self, index: usize, mark: &Mark) {
        self.held[index].notifies |= mark.notifies();
    }

    /// Before it is sent: who listens hears that it was this client, and has heard what clients before it have notified.
    pub(super) async fn make_known(&mut self, index: usize) {
        let held = &mut self.held[index];
        held.notifies = false;
        let notifier = &held.lease.cancellable.notifier;
        if notifier.is_anothers() {
            self.shared.channels.catch_up(&held.lease.pool().address).await;
        }
        notifier.notify(Instant::now());
    }

    /// A statement whose answer lies in what earlier ones have left on a server needs that server.
    pub(super) fn check_needs(&self, mark: &Mark) -> Result<(), Refusal> {
        match mark.needs_pinned {
            Some(LISTENING_CHANNELS) if self.hearing.is_some() => Err(Refusal::listening_channels()),
            Some(PREPARED_STATEMENTS) => Err(Refusal::prepared_statements()),
            Some(CURSORS) if self.has_cursors_apart() => Err(Refusal::cursors()),
            // No server listens for a client: any of them says so.
            Some(LISTENING_CHANNELS | CURSORS) | None => Ok(()),
            Some(what) if !mark.numbers.asked.is_empty() => self.check_numbers(&mark.numbers, what),
            Some(what) if self.pinned().is_none() => Err(needs_session(what)),
            Some(_) => Ok(()),
        }
    }

    /// No one server knows all cursors and portals of the session.
    fn has_cursors_apart(&self) -> bool {
        self.map().shards.len() > 1
            && (!self.cursors.shards().is_empty() || !self.portals.is_empty() && !self.transaction.is_idle())
    }

    /// Marks what running a statement did to the session's server.
    pub(super) fn mark(&mut self, index: usize, mark: &Mark, access: Access) {
        let calls_made = self.has_made_functions && !mark.makes_functions && access == Access::Write;
        self.has_made_functions |= mark.makes_functions;
        let sets_unseen = calls_made || !mark.set_bound.is_empty();
        let pin = mark.pin.or(sets_unseen.then_some(SETTING));
        // A held cursor is computed by COMMIT, which may fail.
        if access == Access::Write || mark.unpreparable.is_some() {
            self.wrote(index);
        }
        let held = &mut self.held[index];
        held.lease.has_unseen |= mark.taints || sets_unseen;
        held.unpreparable = held.unpreparable.or(mark.unpreparable);
        if let Some(pin) = pin
            && (held.pin.is_none() || pin == TEMPORARY_TABLE)
        {
            if held.pin != Some(pin) {
                self.metrics.pin(pin);
            }
            held.pin = Some(pin);
            let (client, user) = (self.id, &self.user.name);
            match self.picture.as_ref().map_or(Pinning::Allow, |picture| picture.database.limits.pin) {
                Pinning::Warn => tracing::warn!(client, %user, reason = pin, "server stays with its client"),
                Pinning::Allow | Pinning::Error => {
                    tracing::info!(client, %user, reason = pin, "server stays with its client");
                }
            }
        }
        if !mark.cursors.is_empty() {
            self.last_numbers_at(index);
        }
        if !mark.cursors.is_empty() && self.pipeline.failure.is_none() {
            self.remember_cursors(index, &mark.cursors, false);
        }
        if !mark.set_config.is_empty() && self.pipeline.failure.is_none() {
            for change in &mark.set_config {
                self.settings.apply(change);
            }
            self.set_elsewhere(&mark.set_config, index);
            self.set_in_transaction(&mark.set_config, index);
            if !self.transaction.is_on_server() {
                self.held[index].lease.settings = Arc::clone(self.settings.base());
            }
        }
    }

    /// Between two transactions: servers go back to their pools, unless they are pinned.
    pub(super) fn release(&mut self) {
        self.slot.clear();
        if self.transaction.is_on_server() {
            return;
        }
        if self.held.len() > 1 {
            // COMMIT may have run deferred triggers.
            self.held.iter_mut().for_each(|held| held.numbers = Known::Elsewhere);
        }
        let mut index = 0;
        while index < self.held.len() {
            let held = &mut self.held[index];
            if held.in_pipeline {
                index += 1;
                continue;
            }
            held.is_member = false;
            self.forget_written(index);
            let held = &mut self.held[index];
            if held.status != b'I' {
                debug_assert!(false, "a server in a transaction that the session does not know of");
                tracing::error!(client = self.id, "a server was left in a transaction: its connection is closed");
                self.held.swap_remove(index);
            } else if held.pin.is_none() {
                self.held.swap_remove(index).lease.give_back();
            } else {
                index += 1;
            }
        }
    }

    /// The transaction that has written on this server is over.
    pub(super) fn forget_written(&mut self, index: usize) {
        let held = &mut self.held[index];
        if held.unpreparable.take().is_some() {
            held.lease.cancellable.notifier.notified(Instant::now());
        }
        let (has_written, shard) = (std::mem::take(&mut held.has_written), held.shard);
        if has_written {
            self.remember_write(shard);
        }
    }

    /// The session ends: what is pinned or in a transaction closes, the rest goes back.
    pub(super) fn release_all(&mut self) {
        self.slot.clear();
        for held in self.held.drain(..) {
            if held.pin.is_none() && !held.is_engaged() && held.status == b'I' && held.lease.walk.is_between_frames() {
                held.lease.give_back();
            }
        }
    }

    /// Servers that stay with a waiting client: they may notify, or close.
    pub(super) fn poll_held(&mut self, context: &mut Context<'_>) -> Poll<Result<(), End>> {
        for index in 0..self.held.len() {
            let is_idle = self.held[index].pin.is_some() && self.transaction.is_idle();
            let polled = {
                let backend = &mut *self.held[index].lease;
                if is_idle {
                    backend.walk.idle_at = Some(Instant::now());
                }
                Exchange::new(&mut self.client, backend, &mut self.pipeline, &mut self.outgoing).poll_unasked(context)
            };
            if let Poll::Ready(outcome) = polled {
                return Poll::Ready(match outcome {
                    Outcome::ServerLost { cause, .. } => {
                        let is_open = self.transaction.status() == b'T';
                        let fault = self.lose(index, cause);
                        tracing::debug!(client = self.id, %fault, "lost between two statements");
                        self.unheard = Some(Box::new(fault)).filter(|_| is_open && self.transaction.status() == b'E');
                        // The client hears of it with its next statement: outside a statement nothing can be said
                        // but FATAL, and the session can go on.
                        Ok(())
                    }
                    Outcome::ClientGone => Err(End::Gone),
                    Outcome::Settled | Outcome::CopyIn => Ok(()),
                });
            }
        }
        Poll::Pending
    }

    pub(super) fn trouble_of(&mut self, index: usize, outcome: Outcome) -> Result<(), Trouble> {
        match outcome {
            Outcome::Settled | Outcome::CopyIn => Ok(()),
            Outcome::ClientGone => Err(End::Gone.into()),
            Outcome::ServerLost { cause, is_inside_frame, .. } => {
                let fault = self.lose(index, cause);
                if is_inside_frame { Err(End::Gone.into()) } else { Err(fault.into()) }
            }
        }
    }
}

/// A statement whose answer lies in what earlier ones left on a server.
pub(super) fn needs_session(what: &str) -> Refusal {
    Refusal {
        reason: Reason::NeedsSession,
        sqlstate: "0A000",
        message: format!("{what} is not supported with transaction pooling"),
        detail: Some(
            "its answer depends on what earlier statements left on the server, which may be another one now".to_owned(),
        ),
        hint: Some(
            match what {
                "currval" | "lastval" => {
                    "ask in the transaction that has taken the number, or use RETURNING, or pool_mode = \"session\""
                }
                _ => "use pool_mode = \"session\"",
            }
            .to_owned(),
        ),
    }
}

/// The one server that has temporary objects of the session.
fn only<'a>(mut servers: impl Iterator<Item = &'a Held>) -> Result<Option<&'a Held>, Refusal> {
    match (servers.next(), servers.next()) {
        (found, None) => Ok(found),
        (_, Some(_)) => Err(Refusal::temporary_on_several()),
    }
}
