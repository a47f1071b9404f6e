//! Parameters: which types PostgreSQL may find for those that the client leaves open.
//!
//! PostgreSQL takes the type of the first place where a parameter stands. If all its places agree, that is the key's
//! type; if not, the same bytes could mean another value to the server than to us.

use std::collections::{BTreeSet, HashMap};

use crate::logic::shards::ShardMap;
use crate::logic::sql::statement::expression::{Expression, TypeName};
use crate::logic::value::{KeyType, oid};

use super::super::constants::{array_of_plain, array_oid, type_oid, type_oid_of_element};
use super::super::scope::Scope;
use super::super::{Place, Requirement, Restriction, Source, Value};
use super::Survey;
use super::nature::{is_now, speaks_of_now};

/// The places of all parameters of a statement.
#[derive(Debug, Default)]
pub(super) struct Params {
    places: HashMap<u32, Places>,
    /// Those that are texts first, then dates or times
    read_as_time: BTreeSet<u32>,
}

/// The parameters whose values may be times that move, each server's own: in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MomentParams {
    /// They are read as dates or times, or hold some
    read: Vec<u16>,
    /// Nobody knows what they are read as
    perhaps: Vec<u16>,
}

impl MomentParams {
    /// This value of the parameter is another one on each server.
    pub fn moves(&self, number: u16, value: &[u8]) -> bool {
        self.read.binary_search(&number).is_ok() && speaks_of_now(value)
            || self.perhaps.binary_search(&number).is_ok() && is_now(value)
    }
}

/// The types of the places where one parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Places {
    /// This one alone
    One(Option<u32>),
    /// Several, all of this type
    Same(u32),
    /// Several, one of them of a type that we cannot tell
    Unknown,
    /// Several, and two that differ
    Mixed,
}

impl Params {
    /// The parameter stands beside something of this type.
    pub fn meet(&mut self, number: u32, type_oid: Option<u32>) {
        // PostgreSQL compares varchar as text.
        let here = type_oid.map(|it| if it == oid::VARCHAR { oid::TEXT } else { it });
        let merged = match (self.places.get(&number).copied(), here) {
            (None, here) => Places::One(here),
            (Some(Places::Mixed), _) => Places::Mixed,
            (Some(Places::One(Some(before)) | Places::Same(before)), Some(here)) if before == here => {
                Places::Same(here)
            }
            (Some(Places::One(Some(_)) | Places::Same(_)), Some(_)) => Places::Mixed,
            (Some(Places::One(_) | Places::Same(_) | Places::Unknown), _) => Places::Unknown,
        };
        self.places.insert(number, merged);
    }

    /// PostgreSQL finds the same type for it wherever it stands.
    pub fn is_certain(&self, number: u16) -> bool {
        match self.places.get(&u32::from(number)) {
            None | Some(Places::One(_) | Places::Same(_)) => true,
            Some(Places::Unknown | Places::Mixed) => false,
        }
    }

    /// It stands in a text that is read as a date or a time.
    pub fn read_as_time(&mut self, number: u32) {
        self.read_as_time.insert(number);
    }

    /// Those whose values may be times that move.
    pub fn of_moments(&self) -> MomentParams {
        let mut found = MomentParams::default();
        for number in self.numbers() {
            let is_read = self.read_as_time.contains(&u32::from(number));
            match self.places.get(&u32::from(number)) {
                Some(Places::One(Some(oid)) | Places::Same(oid)) if is_read || holds_time(*oid) => {
                    found.read.push(number);
                }
                Some(Places::One(Some(_)) | Places::Same(_)) => (),
                Some(_) if is_read => found.read.push(number),
                Some(_) | None => found.perhaps.push(number),
            }
        }
        found
    }

    /// The numbers of all.
    pub fn numbers(&self) -> BTreeSet<u16> {
        self.places.keys().filter_map(|number| u16::try_from(*number).ok()).collect()
    }

    /// The highest number.
    pub fn highest(&self) -> u16 {
        self.places.keys().max().and_then(|number| u16::try_from(*number).ok()).unwrap_or_default()
    }

    /// Might the server read it as another type than that of its key?
    fn is_shared(&self, number: u16, key_type: KeyType) -> bool {
        match self.places.get(&u32::from(number)) {
            None | Some(Places::One(_) | Places::Same(_)) => false,
            // Text is what PostgreSQL takes where nothing says otherwise.
            Some(Places::Unknown) => key_type != KeyType::Text,
            Some(Places::Mixed) => true,
        }
    }
}

impl Survey<'_> {
    /// Visits what stands where a value of this type is wanted.
    pub(super) fn visit_as(&mut self, expression: &Expression, type_oid: Option<u32>, scope: &Scope<'_>) {
        if let Expression::Param(number) = expression {
            self.params.meet(*number, type_oid);
        } else {
            self.visit(expression, scope);
        }
    }

    /// Visits one side of a comparison.
    pub(super) fn visit_beside(&mut self, expression: &Expression, other: &Expression, scope: &Scope<'_>) {
        match (expression, other) {
            (Expression::Row(items), Expression::Row(others)) if items.len() == others.len() => {
                for (item, other) in items.iter().zip(others) {
                    self.visit_beside(item, other, scope);
                }
            }
            _ => self.visit_as(expression, type_of(other, scope), scope),
        }
    }

    /// Visits a row that is stored into columns of these types.
    pub(super) fn visit_row(&mut self, row: &[Expression], columns: &[(Option<u32>, Option<&str>)], scope: &Scope<'_>) {
        for (position, value) in row.iter().enumerate() {
            let (of_type, name) = columns.get(position).copied().unwrap_or_default();
            self.with_column(name, |this| this.visit_as(value, of_type, scope));
        }
    }

    /// Names the parameters whose type at the server is in doubt.
    pub(super) fn mark_shared_params(&mut self) {
        for requirement in &mut self.required {
            self.params.mark_requirement(requirement, self.schema.map);
        }
    }
}

impl Params {
    /// The same for one use of a table.
    pub fn mark_requirement(&self, requirement: &mut Requirement, map: &ShardMap) {
        match &mut requirement.place {
            Place::Shard(_) | Place::Copies | Place::Every => (),
            Place::Lookup { keyspace, keys, .. } => {
                let key_type = map.keyspaces[usize::from(keyspace.0)].key_type;
                mark(keys, &mut |value| self.mark(value, key_type));
            }
            Place::Store { keyspace, keys, .. } => {
                let key_type = map.keyspaces[usize::from(keyspace.0)].key_type;
                keys.iter_mut().for_each(|value| self.mark(value, key_type));
            }
        }
    }

    fn mark(&self, value: &mut Value, key_type: KeyType) {
        if let Source::Param(number) = value.source
            && self.is_shared(number, key_type)
        {
            value.source = Source::SharedParam(number);
        }
    }
}

fn mark(keys: &mut Restriction, visit: &mut impl FnMut(&mut Value)) {
    match keys {
        Restriction::All | Restriction::Nothing => (),
        Restriction::Equals(value) | Restriction::AnyOf(value) => visit(value),
        Restriction::Between { from, to } => {
            from.iter_mut().chain(to).for_each(|(value, _)| visit(value));
        }
        Restriction::And(parts) | Restriction::Or(parts) => parts.iter_mut().for_each(|part| mark(part, visit)),
    }
}

/// Dates and times, arrays and ranges of them, and what users have made.
fn holds_time(oid: u32) -> bool {
    // daterange, tsrange, tstzrange, their multiranges
    const RANGES: [u32; 6] = [3912, 3908, 3910, 4535, 4533, 4534];
    let is_made_of = |of: &u32| *of == oid || array_of_plain(*of) == Some(oid);
    oid >= oid::FIRST_OF_USERS || oid::TIMES.iter().chain(&RANGES).any(is_made_of)
}

/// The type of a column or of a cast.
#[expect(clippy::wildcard_enum_match_arm, reason = "the types of all other expressions are PostgreSQL's to find")]
pub(super) fn type_of(expression: &Expression, scope: &Scope<'_>) -> Option<u32> {
    match expression {
        Expression::Column(parts) => scope.find(parts).and_then(|column| column.type_oid),
        Expression::Cast { to, .. } => cast_oid(to),
        _ => None,
    }
}

/// The type that a cast names, an array's too.
pub(super) fn cast_oid(to: &TypeName) -> Option<u32> {
    match to.dimensions {
        1 => type_oid_of_element(to).and_then(array_oid),
        _ => type_oid(to),
    }
}
