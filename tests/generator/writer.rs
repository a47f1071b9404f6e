//! What all parts of a generated statement share: choices, names, parameters, and what its answer may depend on.

use super::choices::Choices;
use super::kinds::{self, Kind};
use super::schema::Schema;

/// What the answer of a statement may depend on besides the rows.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Marks {
    /// It may fail, or not, by the order in which PostgreSQL computes
    pub may_fail: bool,
    /// Equal values in it may look different (1.0 and 1.00, 0 and -0)
    pub is_mixed: bool,
    /// It keeps one of several equal values
    pub dedupes: bool,
    /// Last digits of floats depend on the order of rows
    pub is_inexact: bool,
    /// Which rows it keeps is not certain, only how many
    pub counts_only: bool,
    /// Its rows come in one order
    pub is_ordered: bool,
    /// Rows are among its values: their types have other numbers on each server
    pub has_rows: bool,
    /// It stores rows, each of which may be a fault of its own
    pub stores: bool,
}

impl Marks {
    /// Those of both.
    pub fn and(self, other: Self) -> Self {
        Self {
            may_fail: self.may_fail || other.may_fail,
            is_mixed: self.is_mixed || other.is_mixed,
            dedupes: self.dedupes || other.dedupes,
            is_inexact: self.is_inexact || other.is_inexact,
            ..self
        }
    }

    /// Values have to be compared as numbers, not as texts.
    pub fn is_loose(self) -> bool {
        self.is_inexact || self.is_mixed && (self.dedupes || self.is_ordered)
    }
}

/// Something that FROM makes visible.
#[derive(Debug, Clone)]
pub struct Relation {
    pub alias: String,
    pub columns: Vec<(String, Kind)>,
    /// A column that tells its rows apart
    pub id: Option<String>,
}

/// What an expression may name.
#[derive(Clone, Copy)]
pub struct Place<'s> {
    pub relations: &'s [Relation],
    /// The query around it
    pub outer: Option<&'s Self>,
    /// Behind a GROUP BY: its keys
    pub groups: Option<&'s [(String, Kind)]>,
}

impl<'s> Place<'s> {
    /// Columns of these alone.
    pub fn of(relations: &'s [Relation], outer: Option<&'s Self>) -> Self {
        Self { relations, outer, groups: None }
    }
}

/// Writes one statement.
pub struct Writer<'a> {
    pub choices: Choices,
    pub schema: &'a Schema,
    pub marks: Marks,
    /// May it use parameters? Their values
    pub params: Option<Vec<String>>,
    /// How much more there may be of it
    pub fuel: i32,
    /// Plain statements go the cheap ways: columns of a table or two, little else
    pub is_plain: bool,
    /// The parts of WITH that are visible
    pub common: Vec<Relation>,
    names: usize,
}

impl<'a> Writer<'a> {
    /// Of a statement over these tables.
    pub fn new(choices: Choices, schema: &'a Schema, with_params: bool) -> Self {
        let params = with_params.then(Vec::new);
        Self {
            choices,
            schema,
            marks: Marks::default(),
            params,
            fuel: 40,
            is_plain: false,
            common: Vec::new(),
            names: 0,
        }
    }

    /// A name that nothing else has.
    pub fn name(&mut self, prefix: &str) -> String {
        self.names += 1;
        format!("{prefix}{}", self.names)
    }

    /// Takes from the fuel; `false`: only the simplest may follow.
    pub fn may_grow(&mut self) -> bool {
        self.fuel -= 1;
        self.fuel > 0
    }

    /// A value that has its type.
    pub fn literal(&mut self, kind: Kind) -> String {
        self.note(kind);
        match self.param(kind) {
            Some(param) => format!("{param}::{}", kind.name()),
            None => kinds::literal(&mut self.choices, kind),
        }
    }

    /// A value next to something that has its type.
    pub fn value(&mut self, kind: Kind) -> String {
        self.note(kind);
        if let Some(param) = self.param(kind) {
            return param;
        }
        match self.choices.below(3) {
            0 => format!("'{}'", kinds::value(&mut self.choices, kind)),
            1 if matches!(kind, Kind::Int8 | Kind::Int2 | Kind::Numeric | Kind::Int4) => {
                self.choices.value(&["1", "2", "42", "7", "-3"]).to_owned()
            }
            _ => kinds::literal(&mut self.choices, kind),
        }
    }

    fn param(&mut self, kind: Kind) -> Option<String> {
        self.params.as_ref()?;
        if !self.choices.one_in(3) {
            return None;
        }
        let value = kinds::value(&mut self.choices, kind).replace("''", "'");
        let params = self.params.as_mut()?;
        params.push(value);
        Some(format!("${}", params.len()))
    }

    /// An expression of this type takes part.
    pub fn note(&mut self, kind: Kind) {
        self.marks.is_mixed |= kind.is_mixed();
    }

    /// All columns that a place sees, and their types.
    pub fn columns(&mut self, place: &Place<'_>) -> Vec<(String, Kind)> {
        if let Some(groups) = place.groups {
            return groups.to_vec();
        }
        let mut relations = place.relations;
        if let Some(outer) = place.outer
            && (relations.is_empty() || self.choices.one_in(5))
        {
            // A bare name could mean a column further in.
            return all_columns(outer.relations);
        }
        let is_bare = self.choices.one_in(4);
        if relations.len() > 1 && self.choices.one_in(2) {
            let at = self.choices.below(relations.len());
            relations = &relations[at..=at];
        }
        let mut found = Vec::new();
        for relation in relations {
            for (name, kind) in &relation.columns {
                let all = place.relations.iter().flat_map(|it| &it.columns);
                let is_alone = all.filter(|(other, _)| other == name).count() == 1;
                let name = quoted(name);
                let text = if is_bare && is_alone { name } else { format!("{}.{name}", relation.alias) };
                found.push((text, *kind));
            }
        }
        found
    }
}

/// The columns of these, with their tables' names.
pub fn all_columns(relations: &[Relation]) -> Vec<(String, Kind)> {
    let of = |it: &Relation| -> Vec<(String, Kind)> {
        it.columns.iter().map(|(name, kind)| (format!("{}.{}", it.alias, quoted(name)), *kind)).collect()
    };
    relations.iter().flat_map(of).collect()
}

/// The parameters that a text names, numbered in the order of their values; values that it does not name are dropped.
pub fn numbered(text: &str, values: &[String]) -> (String, Vec<String>) {
    let (mut out, mut kept) = (String::new(), Vec::<usize>::new());
    let mut pieces = text.split('$');
    out += pieces.next().unwrap_or_default();
    for piece in pieces {
        let end = piece.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(piece.len());
        let number: usize = piece[..end].parse().unwrap();
        let place = kept.iter().position(|it| *it == number).unwrap_or_else(|| {
            kept.push(number);
            kept.len() - 1
        });
        out += &format!("${}{}", place + 1, &piece[end..]);
    }
    (out, kept.into_iter().map(|number| values[number - 1].clone()).collect())
}

/// A name as SQL.
pub fn quoted(name: &str) -> String {
    if name.chars().any(char::is_uppercase) { format!("\"{name}\"") } else { name.to_owned() }
}
