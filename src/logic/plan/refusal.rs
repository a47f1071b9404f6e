//! Refusals: why a statement has no right answer here, and what would work.

/// Why, in one word: the label of the refusal metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The statement needs rows of more than one shard
    ManyShards,
}

impl Reason {
    /// The metric label.
    pub fn label(self) -> &'static str {
        match self {
            Self::ManyShards => "many_shards",
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
