//! FROM: tables, subqueries, functions and joins, and what each makes visible.

use crate::logic::catalog::Relation;
use crate::logic::shards::KeyspaceId;
use crate::logic::sql::parse::{deeper, with_statements};
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{Alias, FromItem, Join, JoinKind, Query, RelationName, Statement};
use crate::logic::value::Modifier;

use super::super::constants::Literals;
use super::super::facts::Variable;
use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::super::scope::{Column, Columns, Entry, Meaning, Scope, make_nullable, sources, variables};
use super::{Place, Requirement, Survey, Target, Use};

/// Views on views beyond this are refused.
pub(super) const VIEW_DEPTH_MAX: usize = 16;
/// So are statements that come to more uses of views than this.
const VIEWS_MAX: usize = 200;

impl<'a> Survey<'a> {
    /// Surveys one item of FROM. `visible` holds its left siblings.
    pub fn item_of_from(&mut self, item: &FromItem, visible: &Scope<'_>) -> Vec<Entry> {
        deeper(|| match item {
            FromItem::Table { name, alias, sample } => vec![self.table(name, alias, sample.as_deref(), visible)],
            FromItem::Query { is_lateral, query, alias } => {
                let parent = if *is_lateral { visible } else { visible.without_siblings() };
                let columns = self.query(query, parent).renamed(&alias.columns);
                let sources = std::mem::take(&mut self.sources);
                vec![Entry { is_query: true, sources, ..Entry::of(alias.name.clone(), columns) }]
            }
            FromItem::Rows { calls, alias } => {
                let outside = std::mem::replace(&mut self.is_in_rows, true);
                self.visit_all(calls, visible);
                self.is_in_rows = outside;
                vec![Entry::of(alias.name.clone(), Columns::open().renamed(&alias.columns))]
            }
            FromItem::Join(join) => self.join(join, visible),
            FromItem::Unknown(what) => {
                self.unknown(what);
                Vec::new()
            }
        })
    }

    fn table(
        &mut self,
        name: &RelationName,
        alias: &Alias,
        sample: Option<&[Expression]>,
        visible: &Scope<'_>,
    ) -> Entry {
        if let Some(expressions) = sample {
            self.visit_all(expressions, visible);
        }
        let common = if name.schema.is_none() { visible.common_table(&name.name) } else { None };
        self.sources.clear();
        let (columns, table) = match common {
            Some(index) => (self.use_of_common_table(index), None),
            None => {
                let before = self.begin_mention();
                let columns = self.relation(name, sample.is_some());
                (columns, self.mention(name, alias, sample.is_some(), before))
            }
        };
        Entry {
            schema: if alias.name.is_some() { None } else { name.schema.clone() },
            table,
            is_query: common.is_some(),
            sources: std::mem::take(&mut self.sources),
            ..Entry::of(Some(alias.name.clone().unwrap_or_else(|| name.name.clone())), columns.renamed(&alias.columns))
        }
    }

    fn use_of_common_table(&mut self, index: usize) -> Columns {
        self.common[index].uses += 1;
        let mut columns = self.common[index].columns.clone();
        if self.is_modified(index) {
            self.read_modified(&mut columns);
            return columns;
        }
        for column in &mut columns.list {
            if let Meaning::Key { variable, .. } = &mut column.meaning {
                let outside = self.facts.variable(self.facts.keyspace(*variable));
                self.facts.within(outside, *variable);
                self.common[index].ties.push((*variable, outside));
                *variable = outside;
            }
        }
        columns
    }

    /// A table that is read. Returns its columns.
    fn relation(&mut self, name: &RelationName, is_sampled: bool) -> Columns {
        match self.find(name) {
            Found::Sharded { keyspace, key, relation } => {
                if is_sampled {
                    self.refuse(Refusal::sampled(&name.name));
                }
                let (columns, variable) = self.sharded_columns(keyspace, key, relation);
                self.use_table(name, key, keyspace, variable);
                self.check_key_column(Target { table: &name.name, key, keyspace, relation });
                self.policies(name, relation, &columns);
                self.sources = vec![variable];
                columns
            }
            Found::Reference(relation) => {
                self.nature.reads_copies = true;
                self.copies += 1;
                self.checked_columns(name, relation)
            }
            Found::Single(shard, relation) => {
                self.require(Requirement { table: name.name.clone(), place: Place::Shard(shard) });
                self.singles.push(shard);
                self.checked_columns(name, relation)
            }
            Found::View(definition, relation) => self.view(name, definition, relation),
            Found::Sequence => {
                self.reads_numbers(name);
                plain_columns(self.schema.relation(name))
            }
            Found::System => {
                self.is_first();
                self.asks_catalogs = true;
                self.reads_system(&name.name);
                Columns::open()
            }
            Found::Unlisted => {
                self.refuse(Refusal::unlisted(&name.name));
                Columns::open()
            }
            Found::Unheard => {
                // A temporary table of this session, or an error that PostgreSQL words best.
                self.writes();
                self.is_bound();
                self.unheard.push(name.clone());
                Columns::open()
            }
        }
    }

    fn checked_columns(&mut self, name: &RelationName, relation: Option<&Relation>) -> Columns {
        let columns = plain_columns(relation);
        self.policies(name, relation, &columns);
        self.sources.clear();
        columns
    }

    /// Every use of a sharded table must be restricted.
    pub fn use_table(&mut self, name: &RelationName, key: &str, keyspace: KeyspaceId, variable: Variable) {
        self.uses.push(Use { table: name.name.clone(), column: Box::from(key), keyspace, variable });
    }

    /// The columns of a sharded table, its key a new variable.
    pub fn sharded_columns(
        &mut self,
        keyspace: KeyspaceId,
        key: &str,
        relation: Option<&Relation>,
    ) -> (Columns, Variable) {
        let columns = relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
        let own = columns.iter().find(|column| column.name.as_ref() == key);
        let modifier = own.map_or(Modifier::None, |column| Modifier::of_type(&column.type_name));
        let variable = self.facts.stored(keyspace, modifier);
        let type_oid = own.map_or_else(|| self.key_type(keyspace).oid(), |column| column.type_oid);
        let key_column = || Column {
            name: Some(Box::from(key)),
            meaning: Meaning::Key { variable, nullable: false },
            is_merged: false,
            type_oid: Some(type_oid),
        };
        let columns = match relation {
            Some(relation) => {
                let mut columns = plain_columns(Some(relation));
                for column in columns.list.iter_mut().filter(|column| column.name.as_deref() == Some(key)) {
                    *column = key_column();
                }
                columns
            }
            None => Columns { list: vec![key_column()], is_open: true, is_positional: false },
        };
        (columns, variable)
    }

    fn view(&mut self, name: &RelationName, definition: &str, relation: &Relation) -> Columns {
        self.views += 1;
        if self.view_depth >= VIEW_DEPTH_MAX || self.views > VIEWS_MAX {
            self.refuse(Refusal::unknown(&format!("view \"{}\" on so many other views", name.name)));
            return Columns::open();
        }
        let names: Vec<Box<str>> = relation.columns.iter().map(|column| column.name.clone()).collect();
        match self.of_catalog(definition, |this, query| this.query(query, &Scope::default())) {
            Some(columns) => columns.renamed(&names),
            None => {
                self.refuse(Refusal::unknown(&format!("the definition of view \"{}\"", name.name)));
                Columns::open()
            }
        }
    }

    /// Surveys a query of the catalog: it qualifies every name, and its literals are none of the client's text.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the catalog holds queries")]
    pub(super) fn of_catalog<T>(&mut self, text: &str, work: impl FnOnce(&mut Self, &Query) -> T) -> Option<T> {
        let outer_schema = self.schema;
        self.schema.search_path = &[];
        let literals = std::mem::replace(&mut self.literals, Literals::new("", None));
        self.view_depth += 1;
        let done = with_statements(text, |statements| match statements {
            [one] => match &one.statement {
                Statement::Query(query) => Some(work(self, query)),
                _ => None,
            },
            _ => None,
        });
        self.view_depth -= 1;
        self.literals = literals;
        self.schema = outer_schema;
        done.ok().flatten()
    }

    fn join(&mut self, join: &Join, visible: &Scope<'_>) -> Vec<Entry> {
        let first = self.mentioned();
        let mut left = self.item_of_from(&join.left, visible);
        let mut right = {
            let beside = Scope::siblings(left.clone(), visible);
            self.item_of_from(&join.right, &beside)
        };
        let mut whole = None;
        if let Some(on) = &join.on {
            whole = self.on(join.kind, on, &left, &right, visible);
        }
        let merged = self.using(join, &left, &right);
        for name in merged.iter().filter_map(|column| column.name.clone()) {
            hide(&mut left, &name);
            hide(&mut right, &name);
        }
        match join.kind {
            JoinKind::Inner => (),
            JoinKind::Left => make_nullable(&mut right),
            JoinKind::Right => make_nullable(&mut left),
            JoinKind::Full => {
                make_nullable(&mut left);
                make_nullable(&mut right);
            }
        }
        // Merged columns come first.
        let mut entries = Vec::new();
        if !merged.is_empty() {
            whole = merged.iter().find_map(|column| match &column.meaning {
                Meaning::Key { variable, nullable: false } if join.kind == JoinKind::Full => Some(*variable),
                Meaning::Key { .. } | Meaning::Value(_) | Meaning::Opaque => None,
            });
            let columns = Columns { list: merged, is_open: false, is_positional: false };
            let sources = whole.take().into_iter().collect();
            entries.push(Entry { sources, ..Entry::of(join.using_alias.clone(), columns) });
        }
        if let Some(whole) = whole {
            entries.push(Entry { sources: vec![whole], ..Entry::of(None, Columns::closed(Vec::new())) });
        }
        entries.extend(left);
        entries.extend(right);
        match &join.alias.name {
            Some(_) => {
                self.mention_alias_of_join(first);
                vec![as_one(&join.alias, entries)]
            }
            None => entries,
        }
    }

    /// Returns the key by which the rows of a FULL join may be split among shards.
    fn on(
        &mut self,
        kind: JoinKind,
        on: &Expression,
        left: &[Entry],
        right: &[Entry],
        visible: &Scope<'_>,
    ) -> Option<Variable> {
        let both = Scope {
            entries: left.iter().chain(right).cloned().collect(),
            common: Vec::new(),
            parent: Some(visible),
            is_sibling: false,
        };
        self.visit(on, &both);
        if kind == JoinKind::Inner {
            self.mention_joined(on, &both);
        }
        self.condition(on, &both, &free_sides(kind, left, right));
        let (one, other) = self.equal_keys(on, &both).filter(|_| kind == JoinKind::Full)?;
        self.full_key(one, other, left, right).or_else(|| self.full_key(other, one, left, right))
    }

    /// Rows of a FULL join have the key of the one side, of the other, or of both where these are equal.
    fn full_key(&mut self, one: Variable, other: Variable, left: &[Entry], right: &[Entry]) -> Option<Variable> {
        let splits =
            |key: Variable, entries: &[Entry]| sources(entries).into_iter().any(|source| self.facts.shows(key, source));
        let keyspace = self.facts.keyspace(one)?;
        if self.facts.keyspace(other) != Some(keyspace) || !splits(one, left) || !splits(other, right) {
            return None;
        }
        let whole = self.facts.variable(Some(keyspace));
        self.facts.within_any_of(whole, vec![one, other]);
        self.facts.within(one, whole);
        self.facts.within(other, whole);
        Some(whole)
    }

    /// The columns that USING and NATURAL merge; keys among them are tied.
    fn using(&mut self, join: &Join, left: &[Entry], right: &[Entry]) -> Vec<Column> {
        let names = match (join.is_natural, is_open(left) || is_open(right)) {
            (false, _) => join.using.clone(),
            (true, false) => {
                self.mention_star(&[]);
                common_names(left, right)
            }
            // A column that we cannot see may be merged: nothing is known of any.
            (true, true) => {
                self.mention_star(&[]);
                return Vec::new();
            }
        };
        names.iter().for_each(|name| self.mention_column(None, name));
        let free = free_sides(join.kind, left, right);
        let mut merged = Vec::with_capacity(names.len());
        let entries = (left, right);
        for name in names {
            let is_meant = |column: &&Column| column.name.as_ref() == Some(&name);
            let types: Vec<Option<u32>> =
                [left, right].into_iter().flat_map(visible_columns).filter(is_meant).map(|it| it.type_oid).collect();
            self.note_merged(&types);
            if join.kind == JoinKind::Inner {
                self.mention_used(&name, left, right);
            }
            let (left, right) = (find(left, &name), find(right, &name));
            if let (Meaning::Key { variable: a, .. }, Meaning::Key { variable: b, .. }) = (&left, &right) {
                self.tie(*a, *b, &free);
            }
            self.restrict_by_constant(&left, &right, &free);
            let meaning = match join.kind {
                JoinKind::Inner | JoinKind::Left => left,
                JoinKind::Right => right,
                JoinKind::Full => self.full_meaning(&left, &right, entries),
            };
            let type_oid = types.first().copied().flatten().filter(|_| types.windows(2).all(|two| two[0] == two[1]));
            merged.push(Column { name: Some(name), meaning, is_merged: false, type_oid });
        }
        merged
    }

    fn full_meaning(&mut self, left: &Meaning, right: &Meaning, entries: (&[Entry], &[Entry])) -> Meaning {
        let key = match (left, right) {
            (Meaning::Key { variable: one, nullable: false }, Meaning::Key { variable: other, nullable: false }) => {
                self.full_key(*one, *other, entries.0, entries.1)
            }
            (Meaning::Key { .. } | Meaning::Value(_) | Meaning::Opaque, _) => None,
        };
        key.map_or(Meaning::Opaque, |variable| Meaning::Key { variable, nullable: false })
    }

    fn restrict_by_constant(&mut self, left: &Meaning, right: &Meaning, free: &[Variable]) {
        if let (Meaning::Key { variable, .. }, Meaning::Value(value))
        | (Meaning::Value(value), Meaning::Key { variable, .. }) = (left, right)
            && free.contains(variable)
        {
            self.facts.restrict(*variable, super::Restriction::Equals(value.clone()));
        }
    }
}

/// Whose rows a condition of a join can leave out: those of the sides that are not preserved.
fn free_sides(kind: JoinKind, left: &[Entry], right: &[Entry]) -> Vec<Variable> {
    match kind {
        JoinKind::Inner => {
            let mut both = variables(left);
            both.extend(variables(right));
            both
        }
        JoinKind::Left => variables(right),
        JoinKind::Right => variables(left),
        JoinKind::Full => Vec::new(),
    }
}

fn plain_columns(relation: Option<&Relation>) -> Columns {
    match relation {
        Some(relation) if !relation.columns.is_empty() => Columns::closed(
            relation
                .columns
                .iter()
                .map(|column| Column {
                    name: Some(column.name.clone()),
                    meaning: Meaning::Opaque,
                    is_merged: false,
                    type_oid: Some(column.type_oid),
                })
                .collect(),
        ),
        Some(_) | None => Columns::open(),
    }
}

fn is_open(entries: &[Entry]) -> bool {
    entries.iter().any(|entry| entry.columns.is_open)
}

fn visible_columns(entries: &[Entry]) -> impl Iterator<Item = &Column> {
    entries.iter().flat_map(|entry| &entry.columns.list).filter(|column| !column.is_merged)
}

fn common_names(left: &[Entry], right: &[Entry]) -> Vec<Box<str>> {
    visible_columns(left)
        .filter_map(|column| column.name.clone())
        .filter(|name| visible_columns(right).any(|column| column.name.as_ref() == Some(name)))
        .collect()
}

fn find(entries: &[Entry], name: &str) -> Meaning {
    let mut found = visible_columns(entries).filter(|column| column.name.as_deref() == Some(name));
    match (found.next(), found.next()) {
        (Some(column), None) => column.meaning.clone(),
        _ => Meaning::Opaque,
    }
}

/// Merged columns are no longer found without their table's name.
fn hide(entries: &mut [Entry], name: &str) {
    for column in entries.iter_mut().flat_map(|entry| &mut entry.columns.list) {
        if column.name.as_deref() == Some(name) {
            column.is_merged = true;
        }
    }
}

/// `(a JOIN b) AS j`: one relation.
fn as_one(alias: &Alias, entries: Vec<Entry>) -> Entry {
    let (is_open, sources) = (is_open(&entries), sources(&entries));
    let is_positional = entries.iter().all(|entry| entry.columns.is_positional)
        && entries.iter().all(|entry| entry.columns.list.iter().all(|column| !column.is_merged));
    let list = entries.into_iter().flat_map(|entry| entry.columns.list).filter(|column| !column.is_merged).collect();
    let columns = Columns { list, is_open, is_positional }.renamed(&alias.columns);
    Entry { sources, ..Entry::of(alias.name.clone(), columns) }
}
