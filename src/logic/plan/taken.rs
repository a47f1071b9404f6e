//! TakenNumbers of sequences: which a statement surely takes, and which it asks for again (`lastval()`, `currval('seq')`).
//!
//! A server answers for its own connection, which other clients have had before. So its answer counts only where the session
//! has surely taken a number there, and nothing has been written anywhere else since.

use crate::logic::shards::TableName;

/// What a statement does with numbers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TakenNumbers {
    /// It surely takes one: of these sequences at least, where the text and the schema say which
    pub taken: Option<Vec<TableName>>,
    /// Those that it asks for
    pub asked: Vec<AskedNumber>,
}

/// A number that has been taken before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AskedNumber {
    /// `lastval()`
    Last,
    /// `currval` of this sequence
    Of(TableName),
    /// `currval` of what is computed
    Unknown,
}

impl TakenNumbers {
    /// It surely takes a number of each of these sequences.
    pub fn take(&mut self, sequences: impl IntoIterator<Item = TableName>) {
        self.taken.get_or_insert_default().extend(sequences);
    }
}

/// What is known of the numbers that a session has taken on one server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Known {
    /// Nothing
    #[default]
    Nothing,
    /// The last one, and the last of each of these sequences, were taken here
    Here(Vec<TableName>),
    /// Some may have been taken elsewhere since
    Elsewhere,
}

impl Known {
    /// A statement has been carried out here.
    pub fn took(&mut self, numbers: &TakenNumbers) {
        let Some(taken) = &numbers.taken else { return };
        let mut here = match std::mem::take(self) {
            Self::Here(here) => here,
            Self::Nothing | Self::Elsewhere => Vec::new(),
        };
        for sequence in taken {
            if !here.contains(sequence) {
                here.push(sequence.clone());
            }
        }
        *self = Self::Here(here);
    }

    /// This server says what one PostgreSQL would.
    pub fn answers(&self, asked: &[AskedNumber]) -> bool {
        let Self::Here(here) = self else { return false };
        asked.iter().all(|asked| match asked {
            AskedNumber::Last => true,
            AskedNumber::Of(sequence) => here.contains(sequence),
            AskedNumber::Unknown => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(name: &str) -> TableName {
        TableName { schema: "public".into(), name: name.into() }
    }

    #[test]
    fn a_server_answers_for_what_was_taken_there() {
        let mut known = Known::default();
        assert!(!known.answers(&[AskedNumber::Last]));
        known.took(&TakenNumbers::default());
        assert_eq!(known, Known::Nothing);
        known.took(&TakenNumbers { taken: Some(vec![sequence("a")]), asked: Vec::new() });
        known.took(&TakenNumbers { taken: Some(vec![sequence("b"), sequence("a")]), asked: Vec::new() });
        assert!(known.answers(&[AskedNumber::Last, AskedNumber::Of(sequence("a")), AskedNumber::Of(sequence("b"))]));
        assert!(!known.answers(&[AskedNumber::Of(sequence("c"))]));
        assert!(!known.answers(&[AskedNumber::Last, AskedNumber::Unknown]));
        known = Known::Elsewhere;
        assert!(!known.answers(&[AskedNumber::Last]));
        known.took(&TakenNumbers { taken: Some(vec![sequence("b")]), asked: Vec::new() });
        assert!(!known.answers(&[AskedNumber::Of(sequence("a"))]));
    }
}
