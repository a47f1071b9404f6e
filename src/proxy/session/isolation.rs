//! What a transaction over several shards sees. Each shard has snapshots of its own; there is none across shards.
//!
//! READ COMMITTED: each statement sees, on each shard, what was committed there when the statement began on it.
//! REPEATABLE READ: each shard has one snapshot for the whole transaction; all shards take theirs together when a
//! statement needs several of them for the first time. SERIALIZABLE stays on one shard.

use crate::logic::plan::{Access, Refusal};
use crate::logic::route::Destination;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::{Characteristics, Isolation};
use crate::proxy::session::{Session, Trouble};

/// The cheapest statement that takes a snapshot.
const TAKE_SNAPSHOT: &str = "SELECT";

impl Session {
    /// The level of the open transaction, or of a statement outside one.
    pub(super) fn isolation(&self) -> Isolation {
        let begun = self.transaction.begun().and_then(|begun| begun.said.isolation);
        begun.unwrap_or_else(|| self.default_isolation())
    }

    /// How a transaction runs that does not say how.
    pub(super) fn default_modes(&self) -> Characteristics {
        let is_read_only = Some(self.is_read_only_by_default());
        Characteristics { isolation: Some(self.default_isolation()), is_read_only, is_deferrable: None }
    }

    /// A statement needs several shards. Their servers are taken one after the other from here on, and known by their places.
    pub(super) async fn isolate(&mut self, access: Access) -> Result<(), Trouble> {
        self.leave_replicas_for(access).await;
        match self.isolation() {
            Isolation::ReadCommitted => Ok(()),
            Isolation::RepeatableRead if self.transaction.is_idle() => Ok(()),
            Isolation::RepeatableRead => self.take_snapshots().await,
            Isolation::Serializable => Err(Refusal::across("SERIALIZABLE").into()),
        }
    }

    /// Shards that the transaction is on have theirs already.
    async fn take_snapshots(&mut self) -> Result<(), Trouble> {
        let mut joining = Vec::new();
        for shard in 0..self.map().shards.len() {
            let target = self.target(Destination::Shard(ShardId(shard as u16)), Access::Read)?;
            let index = self.hold(target).await?;
            if !self.held[index].is_member {
                joining.push(index);
            }
        }
        if joining.is_empty() { Ok(()) } else { self.join(&joining, TAKE_SNAPSHOT).await }
    }
}
