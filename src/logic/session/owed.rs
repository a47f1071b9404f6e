//! What is owed for each message on its way, and what becomes of it.

use smallvec::SmallVec;

use crate::logic::memory::{Charge, Over};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::write;

/// Stands for the unnamed statement where a proxy-wide number is expected.
pub const UNNAMED: u64 = u64::MAX;

/// A client's name of a statement; empty: the unnamed one, or not to be translated.
pub type Name = SmallVec<[u8; 24]>;

/// One message on its way, or one reply of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owed {
    /// A Query or FunctionCall of the client: everything up to ReadyForQuery
    Query,
    /// A Query of the client with more behind its first statement that is ours: only the first is answered
    FirstOf,
    /// A Query of ours: hidden up to ReadyForQuery
    HiddenQuery,
    /// A Query of ours of which the client hears errors and notices only
    QuietQuery,
    /// A Query of ours of which the client hears nothing; its error is kept for us
    DeafQuery,
    /// A Query of ours that several servers run in the client's place: what the first says besides passes, tag and error
    /// are kept for us
    Everywhere {
        /// The client hears its notices
        is_first: bool,
    },
    /// Parse of the client; when it also prepares the proxy-wide statement of this number on the server
    Parse(Option<u64>),
    /// Parse, of the client or of ours, of what stands in for a statement: it has other words
    StandIn {
        /// The number of what it prepares
        id: u64,
        /// Each column that stands ungrouped there would do so in the client's
        groups_as_tables: bool,
        /// The client has asked for it
        is_heard: bool,
    },
    /// Parse of ours
    HiddenParse(u64),
    /// Parse of ours of a text that could not be read here: the client hears what is wrong with it
    TrialParse,
    /// Bind of the statement that the client calls by this name; a server knows it by another
    Bind(Name),
    /// Parse of a statement over rows of several shards, in place of the client's own
    FinalParse {
        /// Each column that stands ungrouped there would do so in the client's
        groups_as_tables: bool,
    },
    /// Bind of ours
    HiddenBind,
    /// Describe
    Describe,
    /// Describe of a portal that several shards will run: they are held to what the client is told
    DescribeAcross,
    /// Describe of the named statement that this step describes: what its columns are is told to those who asked
    DescribeStatement(u32),
    /// Describe of ours of a statement: the client hears nothing of it
    HiddenDescribe,
    /// Describe of ours of a portal, for the walk over its rows: nobody else hears of it
    SilentDescribe,
    /// Describe of ours: the client hears of rows only
    DescribeRows,
    /// Describe of ours of a statement: the client hears of its columns, not of its parameters
    DescribeColumns,
    /// Execute; the number names the step for those who asked to be told
    Execute(Option<u16>),
    /// Close of the client that went to the server
    Close,
    /// Close of ours
    HiddenClose,
    /// A statement of ours among those of a batch, from Parse to Close of its portal
    Aside,
    /// A statement that several servers run: rows pass, their description from the first, the tags are kept for us
    Share {
        /// What the client sees of it
        shown: Shown,
        /// A Query, which ends in ReadyForQuery; else an Execute
        is_query: bool,
    },
    /// A message that fails on purpose, so that the server aborts too; the client gets this error instead
    Poison(Box<[u8]>),
    /// A reply of ours
    Local(Box<[u8]>),
    /// Sync of the client
    Sync,
    /// Sync of ours
    HiddenSync,
    /// Another server answers first: what this one says next is for later
    Turn,
}

/// What the client sees of one server's share of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Rows and their description
    Described,
    /// Rows
    Rows,
    /// Errors only: another server has said it all
    Errors,
}

/// Something the session wants to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// The server has this proxy-wide statement now
    Prepared(u64),
    /// An Execute that asked to be told has completed
    Executed(u16),
    /// The body of the ParameterDescription of the statement that is described next
    Parameters(Box<[u8]>),
    /// The body of the RowDescription of the statement that this step describes, empty for NoData
    Described(u32, Box<[u8]>),
    /// The nth statement (from 0) of the client's Query has completed
    Completed(u16),
}

/// Rows for a client that asks for them piece by piece.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptRows {
    /// Their frames
    pub frames: Vec<u8>,
    /// So many bytes may be kept
    pub max: usize,
    /// There were more
    pub over: Option<Over>,
    /// What they come to
    pub charge: Charge,
}

impl KeptRows {
    /// None yet. At most so many bytes, which count in this memory.
    pub fn up_to(max: usize, charge: Charge) -> Self {
        Self { max, charge, ..Self::default() }
    }

    /// For some of the same rows.
    pub fn share(&self) -> Self {
        Self::up_to(self.max, self.charge.another())
    }

    /// Keeps a DataRow of this body.
    pub fn keep(&mut self, body: &[u8]) {
        if self.has_room(body.len()) {
            write::frame(&mut self.frames, server::DATA_ROW, |out| out.extend_from_slice(body));
        }
    }

    /// These come behind it.
    pub fn extend(&mut self, more: &Self) {
        self.over = self.over.or(more.over);
        if self.has_room(more.frames.len()) {
            self.frames.extend_from_slice(&more.frames);
        }
    }

    /// Takes up so many more bytes, if it may. What there is goes otherwise: the statement fails.
    fn has_room(&mut self, more: usize) -> bool {
        if self.over.is_none() {
            self.charge.grow(more);
            let size = self.frames.len() + more;
            let limit = (size > self.max).then_some(Over::Limit(self.max as u64));
            self.over = limit.or_else(|| self.charge.over(size));
        }
        if self.over.is_some() {
            (self.frames, self.charge) = (Vec::new(), self.charge.another());
        }
        self.over.is_none()
    }
}

/// An error that the client was told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Five characters
    pub sqlstate: [u8; 5],
    /// How many owed entries had been answered before it
    pub answered: u32,
}

/// An error of a message of ours, which goes before the client's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenFailure {
    /// The body of the ErrorResponse
    pub error: Box<[u8]>,
    /// Nobody was to hear of the rest anyway: another server had failed
    pub is_silenced: bool,
}

/// What makes a statement worth asking again, of another server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The server takes no writes: it is not the primary any more
    ReadOnly,
    /// Replay was in the way of a read on a replica
    Conflict,
}

impl Again {
    /// Is this what the server says? On a replica nothing else has these codes: it takes no locks that others wait for.
    pub fn is_said_by(self, sqlstate: &[u8]) -> bool {
        match self {
            Self::ReadOnly => sqlstate == b"25006",
            Self::Conflict => sqlstate == b"40001" || sqlstate == b"40P01",
        }
    }
}

/// An error that the client has not heard of yet.
#[derive(Debug)]
pub struct Withheld {
    /// What it is worth
    pub again: Again,
    /// The body of the ErrorResponse
    pub error: Box<[u8]>,
    /// What the server said before it, as frames
    pub said: Vec<u8>,
}
