//! Which part of a schema is to be read again, by the rows that have changed.
//!
//! Each relation is read from rows of its own. What reaches further: the names of everything, which definitions print; the
//! columns of tables, on which the text of a query may depend (PostgreSQL invents aliases); partitions, which have their root's name and whose triggers
//! count as its own. Where more than a relation may depend on what has changed, all is read.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::rows::{Changed, Row, Rows, Source};
use crate::logic::shards::TableName;

/// What is read again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Relations, by OID: tables, views and sequences, and indexes and sequences for what they belong to
    pub relations: BTreeSet<u32>,
    /// Of these, tables and views that were there before and whose columns may have changed
    pub columns: BTreeSet<u32>,
    /// Tables, views, indexes, sequences that are no more; another one may have the name
    pub gone: Vec<TableName>,
    /// All views, policies and bodies of functions: what they print may depend on the columns of tables
    pub texts: bool,
    /// All foreign keys
    pub foreign_keys: bool,
    /// All functions, and what runs them
    pub functions: bool,
    /// New types, by OID
    pub types: BTreeSet<u32>,
    /// Types that are no more
    pub gone_types: Vec<TableName>,
}

impl Part {
    /// What depends on these rows alone. `None`: too much may.
    pub fn of(changed: &[Changed], rows: &Rows) -> Option<Self> {
        let is_new = |it: &&Changed| it.source == Source::Class && it.before.is_none();
        let new = changed.iter().filter(is_new).map(|it| oid(it.key)).collect();
        let mut finding = Finding { rows, new, part: Self::default(), family: None };
        for it in changed {
            finding.follow(it)?;
        }
        finding.add_ancestors();
        Some(finding.part)
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What was read at the last look too. A server tells its other sessions of a change a moment after they see it: what
    /// was read in that moment is read once more.
    pub fn join(&mut self, last: Self) {
        self.relations.extend(last.relations);
        self.columns.extend(last.columns);
        self.gone.extend(last.gone);
        self.texts |= last.texts;
        self.foreign_keys |= last.foreign_keys;
        self.functions |= last.functions;
        self.types.extend(last.types);
        self.gone_types.extend(last.gone_types);
    }
}

struct Finding<'a> {
    rows: &'a Rows,
    /// Relations that were not there before: nothing that is older depends on them
    new: HashSet<u32>,
    part: Part,
    family: Option<Family>,
}

impl Finding<'_> {
    fn follow(&mut self, it: &Changed) -> Option<()> {
        let after = self.rows.get(it.source, it.key);
        match it.source {
            Source::Operator | Source::Other => return None,
            Source::Function => match (&it.before, after) {
                // Nobody has called a new one yet, and nothing that is left calls one that is gone.
                (None, Some(row)) | (Some(row), None) if !self.is_system(row) => self.part.functions = true,
                (_, _) => return None,
            },
            // Nothing is in a new one but what is new itself.
            Source::Namespace if it.before.is_some() => return None,
            Source::Namespace => (),
            Source::Class => return self.relation(oid(it.key), it.before.as_ref(), after),
            Source::Type => return self.a_type(oid(it.key), it.before.as_ref(), after),
            Source::Inherits => self.child(oid(it.key >> 16), it.before.as_ref(), after),
            Source::ForeignKey => self.part.foreign_keys = true,
            Source::Attribute | Source::Rewrite => {
                for row in it.before.iter().chain(after) {
                    self.columns_of(row.owner)?;
                }
            }
            Source::Index => {
                self.part.relations.insert(oid(it.key));
                self.owners(it, after);
            }
            Source::Trigger => {
                for row in it.before.iter().chain(after) {
                    let ancestors = self.family().ancestors(row.owner);
                    self.part.relations.extend(ancestors);
                }
            }
            Source::Default | Source::Policy | Source::Sequence => self.owners(it, after),
        }
        Some(())
    }

    /// What checks the rows of a partition checks those of the whole table.
    fn add_ancestors(&mut self) {
        if self.part.relations.is_empty() || self.rows.all(Source::Inherits).is_empty() {
            return;
        }
        let relations = std::mem::take(&mut self.part.relations);
        let family = self.family();
        let all = relations.into_iter().flat_map(|oid| family.ancestors(oid)).collect();
        self.part.relations = all;
    }

    fn owners(&mut self, it: &Changed, after: Option<&Row>) {
        self.part.relations.extend(it.before.iter().chain(after).map(|row| row.owner));
    }

    fn relation(&mut self, oid: u32, before: Option<&Row>, after: Option<&Row>) -> Option<()> {
        if before.or(after).is_some_and(|row| self.is_system(row)) {
            return None;
        }
        match (before, after) {
            (Some(before), Some(after))
                if (before.owner, before.kind, &before.name) != (after.owner, after.kind, &after.name) =>
            {
                return None;
            }
            (Some(_), Some(_)) => return self.columns_of(oid),
            (None, Some(after)) if is_read(after.kind) => drop(self.part.relations.insert(oid)),
            (None, Some(after)) if after.kind == COMPOSITE => self.part.functions = true,
            (Some(before), None) if is_read(before.kind) => self.part.gone.extend(self.rows.name(before)),
            (_, _) => (),
        }
        Some(())
    }

    /// What a relation is called and looks like from outside may have changed.
    fn columns_of(&mut self, oid: u32) -> Option<()> {
        if self.new.contains(&oid) {
            return Some(());
        }
        match self.rows.get(Source::Class, oid.into()).map(|row| row.kind) {
            // A composite type.
            Some(COMPOSITE) => return None,
            Some(b'i' | b'I' | b'S') => drop(self.part.relations.insert(oid)),
            Some(kind) if is_read(kind) => {
                self.part.relations.insert(oid);
                self.part.columns.insert(oid);
                self.part.texts = true;
            }
            // It is gone, or temporary, or for large values.
            Some(_) | None => (),
        }
        Some(())
    }

    fn a_type(&mut self, oid: u32, before: Option<&Row>, after: Option<&Row>) -> Option<()> {
        match (before, after) {
            (None, after) => {
                self.part.types.insert(oid);
                // Values of a domain, or of a range, may run what values of another type do.
                self.part.functions |= after.is_some_and(|after| matches!(after.kind, b'd' | b'r'));
            }
            // Those of temporary tables are in no schema that is looked at.
            (Some(before), None) => self.part.gone_types.extend(self.rows.name(before)),
            // A domain may have another default.
            (Some(before), Some(after))
                if after.kind == b'd'
                    || (before.owner, before.kind, &before.name) != (after.owner, after.kind, &after.name) =>
            {
                return None;
            }
            (Some(_), Some(_)) => (),
        }
        Some(())
    }

    fn child(&mut self, child: u32, before: Option<&Row>, after: Option<&Row>) {
        for parent in before.into_iter().chain(after).map(|row| row.owner) {
            // In plain inheritance, and among indexes, nobody depends on anybody.
            if self.rows.get(Source::Class, parent.into()).is_some_and(|row| row.kind != b'p') {
                continue;
            }
            let family = self.family();
            let (ancestors, descendants) = (family.ancestors(parent), family.descendants(child));
            self.part.relations.extend(ancestors);
            self.part.relations.extend(descendants);
            self.part.foreign_keys = true;
        }
    }

    /// Definitions name what is there without its schema, unless something else is called the same.
    fn is_system(&self, row: &Row) -> bool {
        self.rows.get(Source::Namespace, row.owner.into()).is_some_and(|it| *it.name == *"pg_catalog")
    }

    fn family(&mut self) -> &Family {
        self.family.get_or_insert_with(|| Family::of(self.rows))
    }
}

/// `relkind` of a type that is made of others.
const COMPOSITE: u8 = b'c';

/// Are relations of this kind read, or whose they are?
fn is_read(kind: u8) -> bool {
    matches!(kind, b'r' | b'p' | b'v' | b'm' | b'S' | b'f' | b'i' | b'I')
}

fn oid(key: i64) -> u32 {
    u32::try_from(key).expect("the key of such a row is an OID")
}

/// Who inherits from whom.
struct Family {
    parents: HashMap<u32, Vec<u32>>,
    children: HashMap<u32, Vec<u32>>,
}

impl Family {
    fn of(rows: &Rows) -> Self {
        let mut family = Self { parents: HashMap::new(), children: HashMap::new() };
        for (key, row) in rows.all(Source::Inherits) {
            let child = oid(key >> 16);
            family.parents.entry(child).or_default().push(row.owner);
            family.children.entry(row.owner).or_default().push(child);
        }
        family
    }

    /// With the relation itself.
    fn ancestors(&self, oid: u32) -> BTreeSet<u32> {
        reachable(oid, &self.parents)
    }

    /// With the relation itself.
    fn descendants(&self, oid: u32) -> BTreeSet<u32> {
        reachable(oid, &self.children)
    }
}

fn reachable(from: u32, ways: &HashMap<u32, Vec<u32>>) -> BTreeSet<u32> {
    let (mut found, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(oid) = next.pop() {
        if found.insert(oid) {
            next.extend(ways.get(&oid).into_iter().flatten());
        }
    }
    found
}
