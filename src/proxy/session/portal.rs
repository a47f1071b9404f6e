//! What a client has prepared and bound, and where it stands among its messages.

use std::sync::{Arc, OnceLock};

use crate::logic::plan::across::Across;
use crate::logic::plan::{Access, SettingChange};
use crate::logic::shards::ShardId;
use crate::proxy::plans::{PathNumber, Shape};
use crate::proxy::session::split::Stored;
use crate::proxy::statements::Statement;

/// A prepared statement of the client.
#[derive(Clone)]
pub(super) struct Named {
    pub statement: Arc<Statement>,
    /// When the client parsed it
    pub since: u64,
    /// How literals were read then
    pub reading: u64,
    /// What the client was told of it
    pub told: Option<Arc<Told>>,
    /// An EXECUTE of a statement that was there then: of another, PostgreSQL never learns that it has columns
    pub has_executed: bool,
}

/// What a client was told of a statement when it described it.
pub(super) struct Told {
    /// Types of its parameters, as a Parse carries them
    pub types: Box<[u8]>,
    /// Its columns
    pub columns: Arc<[u8]>,
    /// Values of its columns may name types, in binary
    pub may_name_types: bool,
    /// Where names were looked up then
    pub path: PathNumber,
    /// The same statement with these types declared
    pub typed: OnceLock<Arc<Statement>>,
}

/// Where the session stands in the extended protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// Between two pipelines
    Between,
    /// Messages have been served that no Sync has ended: portals live on
    Pipelining,
    /// After an error: what comes before Sync is not looked at
    Skipping,
}

/// A portal: a bound statement.
pub(super) struct Portal {
    pub name: Box<[u8]>,
    /// What its statement was planned to
    pub shape: Arc<Shape>,
    /// The shard that has it; `None`: no server does, or its Bind is on its way
    pub shard: Option<ShardId>,
    /// It needs rows of several shards
    pub across: Option<Box<AcrossPortal>>,
    /// Its server has not begun to run it
    pub unrun: Option<Unrun>,
    /// The formats of its rows, where it is to become the portal of another statement
    pub results: Box<[u8]>,
    /// Its rows may name types by numbers that the client does not know: they are to be described first
    pub names_types: bool,
    /// It is the session's to answer, and that has been done: PostgreSQL runs such portals once
    pub is_run: bool,
    /// Over several shards it has ended in an error: PostgreSQL runs it no more
    pub has_failed: bool,
    /// How many savepoints stood when it was bound
    pub depth: usize,
}

/// What comes of a portal when its server begins to run it.
pub(super) struct Unrun {
    /// It writes, as far as we can tell
    pub access: Access,
    /// What it sets, of what values of its Bind say
    pub settings: Option<Vec<SettingChange>>,
}

/// What a portal over several shards is made of, until it is a portal of one server.
pub(super) struct AcrossPortal {
    pub across: Arc<Across>,
    pub statement: Arc<Statement>,
    /// The body of its Bind
    pub bind: Vec<u8>,
    /// How many statements the session had executed by then
    pub since: u32,
    /// The body of the RowDescription that the client was told
    pub told: Option<Box<[u8]>>,
    /// Its rows have been sent
    pub is_done: bool,
    /// It has stored its rows; those that it returns are given as they are asked for
    pub stored: Option<Stored>,
}

/// A statement among several of one text. The client is not owed a ReadyForQuery for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Among {
    /// Characters of the text that stand before it
    pub before: u32,
}
