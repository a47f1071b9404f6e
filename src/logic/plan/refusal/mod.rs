//! Refusals: why a statement has no right answer here, and what would work. All texts of the planner stand in this folder.

mod reads;
mod writes;
mod definitions;
mod sessions;

/// Why, in one word: the label of the refusal metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The statement needs rows of more than one shard
    ManyShards,
    /// The key of a row that is written is not a constant of the statement
    KeyIsUnknown,
    /// A row would have to move to another shard
    KeyIsChanged,
    /// A conflict or a uniqueness that one shard alone cannot decide
    Conflict,
    /// A table that is in no line of the shard map
    UnlistedTable,
    /// A function that may look at rows of other shards
    Function,
    /// A function that may do so and runs although nobody calls it, some even where a statement is parsed
    Unasked,
    /// A change of the schema or of something else that all shards have
    Ddl,
    /// A definition that cannot hold over several shards
    Definition,
    /// A construct that the planner does not know
    Unknown,
    /// A misspelled hint or setting of ours
    BadHint,
    /// PREPARE TRANSACTION and its kin
    TwoPhase,
    /// Files and programs of the server
    ServerFiles,
    /// Deeper than any server would take
    TooDeep,
    /// A row whose key belongs to no shard
    NoHome,
    /// A key that only a server could decode
    UndecidableKey,
    /// It must be a query of its own
    NotAlone,
    /// It needs what earlier statements left on one server
    NeedsSession,
    /// It names a client by its number
    ClientNumber,
    /// A sequence that every shard counts for itself
    Sequence,
    /// More rows of several shards than may be fetched
    TooMuch,
}

impl Reason {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::ManyShards => "many_shards",
            Self::KeyIsUnknown => "key_is_unknown",
            Self::KeyIsChanged => "key_is_changed",
            Self::Conflict => "conflict",
            Self::UnlistedTable => "unlisted_table",
            Self::Function => "function",
            Self::Unasked => "unasked",
            Self::Ddl => "ddl",
            Self::Definition => "definition",
            Self::Unknown => "unknown",
            Self::BadHint => "bad_hint",
            Self::TwoPhase => "two_phase",
            Self::ServerFiles => "server_files",
            Self::TooDeep => "too_deep",
            Self::NoHome => "no_home",
            Self::UndecidableKey => "undecidable_key",
            Self::NotAlone => "not_alone",
            Self::NeedsSession => "needs_session",
            Self::ClientNumber => "client_number",
            Self::Sequence => "sequence",
            Self::TooMuch => "too_much",
        }
    }

    /// Several shards together may have an answer where one has none.
    pub fn is_for_several(self) -> bool {
        match self {
            Self::ManyShards
            | Self::KeyIsUnknown
            | Self::KeyIsChanged
            | Self::Ddl
            | Self::Sequence
            | Self::UndecidableKey => true,
            Self::Conflict
            | Self::UnlistedTable
            | Self::Function
            | Self::Unasked
            | Self::Definition
            | Self::Unknown
            | Self::BadHint
            | Self::TwoPhase
            | Self::ServerFiles
            | Self::TooDeep
            | Self::NoHome
            | Self::NotAlone
            | Self::NeedsSession
            | Self::ClientNumber
            | Self::TooMuch => false,
        }
    }

    /// It stands even where all data is on one shard.
    pub(super) fn holds_on_one_shard(self) -> bool {
        match self {
            Self::BadHint | Self::TooDeep | Self::NeedsSession | Self::Unasked => true,
            Self::ManyShards
            | Self::KeyIsUnknown
            | Self::KeyIsChanged
            | Self::Conflict
            | Self::UnlistedTable
            | Self::Function
            | Self::Ddl
            | Self::Definition
            | Self::Unknown
            | Self::TwoPhase
            | Self::ServerFiles
            | Self::NoHome
            | Self::UndecidableKey
            | Self::NotAlone
            | Self::ClientNumber
            | Self::Sequence
            | Self::TooMuch => false,
        }
    }
}

/// A refusal, as the client will read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, for metrics
    pub reason: Reason,
    /// 0A000 unless PostgreSQL itself would give another code for the case
    pub sqlstate: &'static str,
    /// Names the construct and the tables
    pub message: String,
    /// Why it cannot be answered
    pub detail: Option<String>,
    /// What would work
    pub hint: Option<String>,
}

/// What to do with statements that a person may send to a shard of their choice.
const CHOOSE: &str = "To run it on one shard of your choice: SET shardway.shard = 'name'.";

impl Refusal {
    fn new(reason: Reason, message: String, detail: &str, hint: &str) -> Self {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self { reason, sqlstate: "0A000", message, detail: some(detail), hint: some(hint) }
    }
}
