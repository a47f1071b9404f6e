//! Names of columns to what is known of them, as PostgreSQL's scoping rules find them.

use super::Value;
use super::facts::Variable;
use crate::logic::value::oid;

/// What a column stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Meaning {
    /// A key of a row
    Key {
        /// Which
        variable: Variable,
        /// An outer join may have made it NULL
        nullable: bool,
    },
    /// A constant of the text
    Value(Value),
    /// Anything else
    Opaque,
}

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name; `None`: PostgreSQL makes one up
    pub name: Option<Box<str>>,
    /// What it stands for
    pub meaning: Meaning,
    /// Merged by USING: only found with its table's name
    pub is_merged: bool,
    /// OID of its type, where that is known
    pub type_oid: Option<u32>,
}

impl Column {
    /// One of which nothing is known but that it is there.
    pub fn opaque() -> Self {
        Self { name: None, meaning: Meaning::Opaque, is_merged: false, type_oid: None }
    }
}

/// The columns of a relation or of a query.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Those we know, in order
    pub list: Vec<Column>,
    /// There may be others
    pub is_open: bool,
    /// They are complete up to each position: a column list may rename them
    pub is_positional: bool,
}

impl Columns {
    /// Nothing is known of them.
    pub fn open() -> Self {
        Self { list: Vec::new(), is_open: true, is_positional: false }
    }

    /// These, and no others.
    pub fn closed(list: Vec<Column>) -> Self {
        let is_open = list.iter().any(|column| column.name.is_none());
        Self { list, is_open, is_positional: true }
    }

    /// `AS name (columns)` renames the first ones, known or not.
    pub fn renamed(mut self, names: &[Box<str>]) -> Self {
        if names.is_empty() {
            return self;
        }
        if !self.is_positional || names.len() > self.list.len() {
            let list = names.iter().map(|name| Column { name: Some(name.clone()), ..Column::opaque() }).collect();
            return Self { list, ..Self::open() };
        }
        for (column, name) in self.list.iter_mut().zip(names) {
            column.name = Some(name.clone());
        }
        self.is_open = self.list.iter().any(|column| column.name.is_none());
        self
    }
}

/// One relation that a FROM makes visible.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its alias or name; `None` for columns that have no table name
    pub name: Option<Box<str>>,
    /// Its schema, when it is a table without alias
    pub schema: Option<Box<str>>,
    /// Its columns
    pub columns: Columns,
    /// Its number among the tables that the text mentions
    pub table: Option<usize>,
    /// A query: it names itself what it needs of its tables
    pub is_query: bool,
    /// An outer join may put rows of NULLs in the place of its own
    pub is_nullable: bool,
    /// The keys by which its rows may be split among shards
    pub sources: Vec<Variable>,
}

impl Entry {
    /// One that is no mentioned table, and not nullable.
    pub fn of(name: Option<Box<str>>, columns: Columns) -> Self {
        Self { name, schema: None, columns, table: None, is_query: false, is_nullable: false, sources: Vec::new() }
    }

    /// This very column is one of its own.
    fn has(&self, wanted: &Column) -> bool {
        self.columns.list.iter().any(|column| std::ptr::eq(column, wanted))
    }
}

/// What is visible at one place of a statement.
#[derive(Debug, Default)]
pub struct Scope<'p> {
    /// Relations of this level
    pub entries: Vec<Entry>,
    /// WITH parts of this level, as indexes
    pub common: Vec<(Box<str>, usize)>,
    /// The level around it
    pub parent: Option<&'p Self>,
    /// Left siblings of a FROM item: seen by LATERAL only
    pub is_sibling: bool,
}

impl<'p> Scope<'p> {
    /// A level inside `parent`.
    pub fn inside(parent: &'p Self) -> Self {
        Self { entries: Vec::new(), common: Vec::new(), parent: Some(parent), is_sibling: false }
    }

    /// Items of FROM to the left, seen from an item to the right.
    pub fn siblings(entries: Vec<Entry>, parent: &'p Self) -> Self {
        Self { entries, common: Vec::new(), parent: Some(parent), is_sibling: true }
    }

    /// The nearest level that is not a FROM item's left sibling.
    pub fn without_siblings(&'p self) -> &'p Self {
        let mut scope = self;
        while let (true, Some(parent)) = (scope.is_sibling, scope.parent) {
            scope = parent;
        }
        scope
    }

    /// A WITH part by name.
    pub fn common_table(&self, name: &str) -> Option<usize> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some((_, index)) = here.common.iter().rev().find(|(part, _)| part.as_ref() == name) {
                return Some(*index);
            }
            scope = here.parent;
        }
        None
    }

    /// What a column reference stands for.
    pub fn column(&self, parts: &[Box<str>]) -> Meaning {
        self.find(parts).map_or(Meaning::Opaque, |column| column.meaning.clone())
    }

    /// The column that a reference means, where that is certain.
    pub fn find(&self, parts: &[Box<str>]) -> Option<&Column> {
        match parts {
            [name] => self.unqualified(name),
            [table, name] => self.qualified(None, table, name),
            [schema, table, name] | [_, schema, table, name] => self.qualified(Some(schema), table, name),
            _ => None,
        }
    }

    /// The mentioned table that certainly has this column, where it is of this level, of one of PostgreSQL's own types,
    /// and no outer join can make it NULL.
    pub fn table_of(&self, parts: &[Box<str>]) -> Option<usize> {
        let wanted = self.find(parts)?;
        let is_own = wanted.type_oid.is_some_and(|oid| oid < oid::FIRST_OF_USERS);
        let entry = self.entries.iter().find(|it| it.has(wanted)).filter(|entry| is_own && !entry.is_nullable)?;
        entry.table
    }

    /// The relation that has the column which a reference certainly means, at this level or further out.
    pub fn entry_of(&self, parts: &[Box<str>]) -> Option<&Entry> {
        let wanted = self.find(parts)?;
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some(entry) = here.entries.iter().find(|it| it.has(wanted)) {
                return Some(entry);
            }
            scope = here.parent;
        }
        None
    }

    /// The column is certainly one of this level.
    pub fn is_own(&self, parts: &[Box<str>]) -> bool {
        self.find(parts).is_some_and(|found| self.entries.iter().any(|entry| entry.has(found)))
    }

    /// The variables of this level alone.
    pub fn variables(&self) -> Vec<Variable> {
        variables(&self.entries)
    }

    /// A relation of this level has this name.
    pub fn names(&self, table: &str) -> bool {
        self.entries.iter().any(|entry| entry.name.as_deref() == Some(table))
    }

    /// A relation of this name is visible at this level or further out.
    pub fn has_named(&self, table: &str) -> bool {
        self.names(table) || self.parent.is_some_and(|parent| parent.has_named(table))
    }

    fn unqualified(&self, name: &str) -> Option<&Column> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            let columns = here.entries.iter().flat_map(|entry| &entry.columns.list);
            let mut found = columns.filter(|column| !column.is_merged && column.name.as_deref() == Some(name));
            match (found.next(), found.next()) {
                // If a relation whose columns we do not know had it too, PostgreSQL would call it ambiguous.
                (Some(column), None) => return Some(column),
                (Some(_), Some(_)) => return None,
                (None, _) if here.entries.iter().any(|entry| entry.columns.is_open) => return None,
                (None, _) => scope = here.parent,
            }
        }
        None
    }

    fn qualified(&self, schema: Option<&str>, table: &str, name: &str) -> Option<&Column> {
        let mut scope = Some(self);
        while let Some(here) = scope {
            let named = || here.entries.iter().filter(|entry| entry.name.as_deref() == Some(table));
            // The search path may have led to that schema: certain where no level further out has the name too.
            let is_bare = schema.is_some() && named().any(|entry| entry.schema.is_none());
            if is_bare && here.parent.is_some_and(|parent| parent.has_named(table)) {
                return None;
            }
            let fits = |entry: &&Entry| schema.is_none() || is_bare || entry.schema.as_deref() == schema;
            let mut tables = named().filter(fits);
            match (tables.next(), tables.next()) {
                (Some(entry), None) => {
                    let mut found = entry.columns.list.iter().filter(|column| column.name.as_deref() == Some(name));
                    return match (found.next(), found.next()) {
                        (Some(column), None) => Some(column),
                        _ => None,
                    };
                }
                (Some(_), Some(_)) => return None,
                (None, _) => scope = here.parent,
            }
        }
        None
    }
}

/// The variables of these relations.
pub fn variables(entries: &[Entry]) -> Vec<Variable> {
    let mut found = Vec::new();
    for column in entries.iter().flat_map(|entry| &entry.columns.list) {
        match &column.meaning {
            Meaning::Key { variable, .. } if !found.contains(variable) => found.push(*variable),
            Meaning::Key { .. } | Meaning::Value(_) | Meaning::Opaque => (),
        }
    }
    found
}

/// The keys by which rows of these relations together may be split among shards: none of those that an outer join may
/// leave NULL.
pub fn sources(entries: &[Entry]) -> Vec<Variable> {
    entries.iter().filter(|entry| !entry.is_nullable).flat_map(|entry| &entry.sources).copied().collect()
}

/// An outer join may leave these NULL.
pub fn make_nullable(entries: &mut [Entry]) {
    entries.iter_mut().for_each(|entry| entry.is_nullable = true);
    for column in entries.iter_mut().flat_map(|entry| &mut entry.columns.list) {
        match &mut column.meaning {
            Meaning::Key { nullable, .. } => *nullable = true,
            Meaning::Value(_) => column.meaning = Meaning::Opaque,
            Meaning::Opaque => (),
        }
    }
}
