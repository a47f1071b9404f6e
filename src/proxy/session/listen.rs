//! LISTEN without a server of one's own: a connection of the proxy listens for all sessions (`proxy::channels`), and what
//! comes waits in the session's mailbox until it is between two transactions.
//!
//! PostgreSQL tells a session of all that was committed before it says ReadyForQuery, its own notifications too. So a session
//! that listens keeps its ReadyForQuery back until the connection that listens for it has caught up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::logic::plan::Planned;
use crate::logic::protocol::frame::HEADER;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::write;
use crate::logic::session::encoding::Encoding;
use crate::logic::session::listening::{Channel, Listening, remark};
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::{Control, Listen};
use crate::logic::topology::{Role, Topology};
use crate::proxy::channels::{Answer, Mailbox, Moved, Subscription};
use crate::proxy::pool::ServerPool;
use crate::proxy::session::picture::shard_by_name;
use crate::proxy::session::{End, Run, Session, Trouble};

/// What a session has that listens.
pub(super) struct Hearing {
    /// Its channels
    pub listening: Listening,
    subscriptions: BTreeMap<Channel, Subscription>,
    mailbox: Arc<Mailbox>,
}

impl Hearing {
    /// Puts what has come into what the client is to be sent. What it cannot read in its encoding it cannot be told.
    fn deliver(&self, encoding: Encoding, out: &mut Vec<u8>) -> Result<(), Fault> {
        for notification in self.mailbox.take() {
            let channel = Channel { shard: (*notification.shard).into(), name: (*notification.channel).into() };
            // UNLISTEN holds for what has not been delivered yet.
            if !self.listening.channels().contains(&channel) {
                continue;
            }
            if encoding != Encoding::Utf8 && !notification.frame[HEADER + 4..].is_ascii() {
                let cause = "it is more than ASCII, and client_encoding is not UTF8".to_owned();
                return Err(Fault::Missed { shard: channel.shard, cause });
            }
            out.extend_from_slice(&notification.frame);
        }
        Ok(())
    }
}

impl Session {
    /// LISTEN and UNLISTEN: now, or when the open transaction commits.
    pub(super) async fn listen_command(
        &mut self,
        listen: &Listen,
        text: &str,
        planned: &Planned,
    ) -> Result<(), Trouble> {
        if let Some(remark) = remark(text) {
            write::notice(&mut self.client.outbox, write::NOTICE, "42622", &remark);
        }
        let shard = self.named_for(planned)?.unwrap_or(ShardId(0));
        let shard = self.shard_name(shard).to_owned();
        if self.hearing.is_none() {
            if !matches!(listen, Listen::To(_)) {
                return Ok(());
            }
            self.hearing = Some(Box::new(Hearing {
                listening: Listening::new(self.cursors.savepoints()),
                subscriptions: BTreeMap::new(),
                mailbox: Arc::default(),
            }));
        }
        if !matches!(listen, Listen::To(_)) {
            self.hear_first().await?;
        }
        let Some(hearing) = &mut self.hearing else { return Ok(()) };
        hearing.listening.ask(&shard, listen);
        if !self.transaction.is_idle() {
            return Ok(());
        }
        let result = self.subscribe().await;
        if let Some(hearing) = &mut self.hearing {
            hearing.listening.end(result.is_ok());
        }
        result
    }

    /// Before the session listens no longer: PostgreSQL has told it of what was committed before it was asked to stop.
    pub(super) async fn hear_first(&mut self) -> Result<(), Trouble> {
        if self.transaction.is_idle() {
            self.catch_up().await?;
            self.notify()?;
        }
        Ok(())
    }

    /// DISCARD ALL.
    pub(super) fn listen_to_nothing(&mut self) {
        if let Some(hearing) = &mut self.hearing {
            hearing.listening.ask("", &Listen::ToNothing);
            hearing.listening.end(true);
        }
    }

    /// The open transaction has asked to listen, or not to.
    pub(super) fn is_to_listen(&self) -> bool {
        self.hearing.as_ref().is_some_and(|hearing| hearing.listening.is_pending())
    }

    /// The same, before a command that may be its COMMIT.
    pub(super) async fn listen_before(&mut self, control: &Control) -> Result<(), Trouble> {
        match control.is_commit() && self.transaction.status() == b'T' {
            true => self.listen_first().await,
            false => Ok(()),
        }
    }

    /// Before the open transaction commits: what it has asked to hear is heard from before its commit, as in PostgreSQL. Where
    /// that cannot be, the transaction is undone.
    pub(super) async fn listen_first(&mut self) -> Result<(), Trouble> {
        if !self.is_to_listen() {
            return Ok(());
        }
        let subscribed = Box::pin(self.subscribe()).await;
        if subscribed.is_err() {
            self.undo().await;
        }
        subscribed
    }

    /// Subscribes to what the session will listen on, and waits until it does.
    async fn subscribe(&mut self) -> Result<(), Trouble> {
        let Some(hearing) = &self.hearing else { return Ok(()) };
        let wanted = hearing.listening.wanted().into_iter();
        let missing: Vec<Channel> = wanted.filter(|it| !hearing.subscriptions.contains_key(it)).collect();
        let mut answers: Vec<(Answer, Arc<ServerPool>)> = Vec::with_capacity(missing.len());
        for channel in missing {
            let shard = shard_by_name(self.map(), &channel.shard)?;
            let pool = self.pool_to_hear(shard).await?;
            let label = self.picture().database.label().to_owned();
            let Some(hearing) = &mut self.hearing else { return Ok(()) };
            let (database, shared) = (self.database.clone(), &self.shared);
            let moved = || moved(shared.steering.as_ref(), database.clone(), shard, &pool);
            let about = (&*channel.name, self.id, &hearing.mailbox);
            let (subscription, answer) =
                shared.channels.join((&database, &label), &pool, (&shared.metrics, moved), about);
            hearing.subscriptions.insert(channel, subscription);
            answers.push((answer, pool));
        }
        for (answer, pool) in answers {
            let cause = match answer.await {
                Ok(Ok(())) => continue,
                Ok(Err(Fault::Missed { cause, .. })) => cause,
                Ok(Err(fault)) => return Err(fault.into()),
                Err(_) => "the connection that listens has ended".to_owned(),
            };
            // It does not listen yet: nothing has been missed.
            return Err(Fault::ServerDown { shard: pool.shard.clone(), server: pool.server.clone(), cause }.into());
        }
        Ok(())
    }

    /// The pool of a shard's primary, once it takes connections.
    async fn pool_to_hear(&mut self, shard: ShardId) -> Result<Arc<ServerPool>, Fault> {
        let held = self.held.iter().find(|held| held.shard == shard && held.role == Role::Primary);
        if let Some(held) = held {
            return Ok(Arc::clone(held.lease.pool()));
        }
        let lease = self.lease_primary(usize::from(shard.0)).await?;
        let pool = Arc::clone(lease.pool());
        lease.give_back();
        Ok(pool)
    }

    /// Behind a request: the client hears what was committed before, then that the session is ready.
    pub(super) async fn hear_notifications(&mut self) -> Result<(), End> {
        let kept = [self.kept_ready.take(), self.pipeline.kept_ready.take()].into_iter().flatten().next();
        self.keep_subscriptions().await?;
        if self.may_hear() {
            if kept.is_some() {
                self.catch_up().await?;
            }
            self.notify().map_err(End::Fault)?;
            self.hearing.take_if(|hearing| hearing.listening.is_nothing());
        }
        if let Some(status) = kept {
            write::ready(&mut self.client.outbox, status);
        }
        Ok(())
    }

    fn may_hear(&self) -> bool {
        self.transaction.is_idle() && self.run == Run::Between
    }

    fn notify(&mut self) -> Result<(), Fault> {
        let encoding = self.encoding();
        self.hearing.as_ref().map_or(Ok(()), |hearing| hearing.deliver(encoding, &mut self.client.outbox))
    }

    /// A transaction may have ended: what it has turned off is heard no longer, and what it has asked for is heard, also
    /// where no server was told of its end.
    async fn keep_subscriptions(&mut self) -> Result<(), End> {
        let Some(hearing) = &mut self.hearing else { return Ok(()) };
        let Hearing { listening, subscriptions, .. } = &mut **hearing;
        subscriptions.retain(|channel, _| listening.channels().contains(channel));
        if subscriptions.len() == listening.channels().len() {
            return Ok(());
        }
        loop {
            return match self.subscribe().await {
                Ok(()) => Ok(()),
                Err(Trouble::End(end)) => Err(end),
                // What has asked for it is done: there is no statement to cancel.
                Err(Trouble::Fault(Fault::Cancelled)) => continue,
                Err(Trouble::Fault(Fault::ServerDown { shard, cause, .. })) => {
                    Err(End::Fault(Fault::Missed { shard, cause }))
                }
                Err(trouble) => {
                    let cause = format!("{trouble:?}");
                    Err(End::Fault(Fault::Missed { shard: self.shard_name(ShardId(0)).into(), cause }))
                }
            };
        }
    }

    /// Waits until all that has been committed up to now is in the mailbox.
    async fn catch_up(&mut self) -> Result<(), End> {
        let Some(hearing) = &self.hearing else { return Ok(()) };
        let mut ears: Vec<_> = hearing.subscriptions.values().map(|subscription| &subscription.ear).collect();
        ears.dedup_by(|one, other| Arc::ptr_eq(one, other));
        let answers: Vec<Answer> = ears.into_iter().map(|ear| ear.catch_up()).collect();
        for answer in answers {
            if let Ok(Err(fault)) = answer.await {
                return Err(End::Fault(fault));
            }
        }
        Ok(())
    }

    /// While the session waits for its client: the end, where it has missed something. What has come is put into what the
    /// client is to be sent.
    pub(super) fn poll_heard(&mut self, context: &Context<'_>) -> Option<End> {
        while let Some(hearing) = &self.hearing {
            let is_there = hearing.mailbox.park(context.waker());
            if let Some(fault) = hearing.mailbox.lost() {
                return Some(End::Fault(fault));
            }
            match is_there {
                Poll::Ready(()) if self.may_hear() => {
                    if let Err(fault) = self.notify() {
                        return Some(End::Fault(fault));
                    }
                }
                Poll::Ready(()) | Poll::Pending => break,
            }
        }
        None
    }
}

/// Ends when another server is the shard's primary.
fn moved(
    steering: &dyn crate::proxy::shared::Steering,
    database: Box<str>,
    shard: ShardId,
    pool: &Arc<ServerPool>,
) -> Moved {
    let (name, address) = (pool.shard.clone(), pool.address.clone());
    let is_another = move |topology: &Topology| {
        let shards = topology.databases.get(&database).map(|database| &database.shards);
        let found = shards.and_then(|shards| shards.get(usize::from(shard.0)));
        found.is_none_or(|found| found.name != name || found.primary.address != address)
    };
    steering.until(Box::new(is_another))
}
