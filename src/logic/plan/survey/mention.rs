//! The tables that a text names in FROM, and what it needs of them: for plans that fetch rows from several shards.

use std::collections::{HashMap, HashSet};

use crate::logic::catalog::Relation;
use crate::logic::shards::{KeyspaceId, ShardId};
use crate::logic::sql::statement::{Alias, RelationName};

use super::super::Requirement;
use super::super::facts::Variable;
use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::super::scope::Scope;
use super::nature::Nature;
use super::ties::Ties;
use super::whole::Grouped;
use super::{Preferred, Survey};

/// A table that the text names.
pub struct Mention<'a> {
    /// As written
    pub name: RelationName,
    /// The alias as written
    pub alias: Option<Box<str>>,
    /// The schema that it is in, where the catalog knows it
    pub schema: Option<Box<str>>,
    /// Its columns are known by their places, too (an alias renames them, or a join around the table has one): all of them
    /// travel, and conditions that come later stay behind
    pub(super) is_renamed: bool,
    /// What it is
    pub what: Mentioned<'a>,
    /// The conditions that its rows must meet, as SQL
    pub conditions: Vec<Condition>,
}

impl<'a> Mention<'a> {
    /// The name that it has in its statement.
    pub(super) fn visible_name(&self) -> &str {
        self.alias.as_ref().unwrap_or(&self.name.name)
    }

    /// What the catalog knows of the table.
    pub fn relation(&self) -> Option<&'a Relation> {
        match &self.what {
            Mentioned::Sharded { relation, .. } | Mentioned::Whole { relation, .. } => *relation,
            Mentioned::View { relation, .. } | Mentioned::Counted { relation } => Some(relation),
        }
    }
}

/// A condition on the rows of one table.
pub struct Condition {
    /// SQL
    pub text: Box<str>,
    /// The parameters it names
    pub params: Vec<u16>,
}

/// What a text names.
pub enum Mentioned<'a> {
    /// A sharded table
    Sharded {
        /// What the catalog knows of it
        relation: Option<&'a Relation>,
        /// Which keys matter
        variable: Variable,
        /// Its keyspace
        keyspace: KeyspaceId,
        /// Its key column
        key: Box<str>,
    },
    /// A table that some shard has as a whole, or a view of such tables
    Whole {
        /// What the catalog knows of it
        relation: Option<&'a Relation>,
        /// Which shard has it; `None`: all
        shard: Option<ShardId>,
    },
    /// A sequence that each shard counts for itself
    Counted {
        /// What the catalog knows of it
        relation: &'a Relation,
    },
    /// A view that needs rows of several shards
    View {
        /// Its query
        definition: &'a str,
        /// What the catalog knows of it
        relation: &'a Relation,
    },
}

/// Everything that a text names.
#[allow(clippy::struct_excessive_bools, reason = "facts about the text, each independent of the others")]
#[derive(Default)]
pub struct Mentions<'a> {
    /// In the order of FROM
    pub tables: Vec<Mention<'a>>,
    /// Reference tables and single tables are fetched too
    pub(super) takes_whole: bool,
    /// Single tables are
    pub(super) takes_single: bool,
    /// How many uses of single tables are among these tables
    pub(super) singles: usize,
    /// The names of all columns, wherever they stand, each with the names of tables that stand before it; `None`: nothing does
    names: HashMap<Box<str>, HashSet<Option<Box<str>>>>,
    /// What the text calls its tables
    visible: HashSet<Box<str>>,
    /// `t.*` and `*`
    stars: Vec<Option<Box<str>>>,
    /// Tables of which a row is looked at as a whole
    pub(super) wholes: HashSet<Box<str>>,
    /// Tables of which a row is looked at as a whole, whatever its type is called
    pub(super) rows: HashSet<Box<str>>,
    /// GROUP BY a primary key
    pub grouped: Vec<Grouped>,
    /// Columns may depend on a primary key that is grouped by where that is not told of
    pub may_depend: bool,
    /// Columns are named with the schemas of their tables
    pub names_schemas: bool,
    /// Names that mean more than one relation
    pub shadowed: HashSet<Box<str>>,
    /// The name of two relations of one FROM: only their schemas tell them apart
    pub(super) twice: Option<Box<str>>,
    /// Something in the text needs more than one row, or the server it runs on
    pub(super) depends_on_more: bool,
    /// Something in it picks rows of reference tables, or follows their order: each copy could give others
    pub(super) picks_copies: bool,
    /// Something in it depends on the server it runs on, now() and its kin left out
    pub(super) depends_on_server: bool,
    /// A function is called that tells how a value is stored, not which it is
    pub(super) tells_storage: Option<&'static str>,
    /// How often the text itself names now() and its kin
    pub(super) moments: usize,
    /// Which tables need rows of which others
    pub(super) ties: Ties,
}

const SYSTEM_COLUMNS: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

impl Mentions<'_> {
    /// The columns of a relation that the text may look at, in order.
    pub fn columns_of<'r>(
        &self,
        mention: &Mention<'_>,
        relation: &'r Relation,
    ) -> Vec<&'r crate::logic::catalog::Column> {
        let visible = mention.alias.as_ref().unwrap_or(&mention.name.name);
        let is_all = mention.is_renamed || self.stars.iter().any(|star| star.as_ref().is_none_or(|of| of == visible));
        relation.columns.iter().filter(|column| is_all || self.names_column(visible, &column.name)).collect()
    }

    /// Does the text name this column of the table that it calls so, or of what may be it?
    fn names_column(&self, visible: &str, column: &str) -> bool {
        let is_other = |of: &str| of != visible && self.visible.contains(of);
        let befores = self.names.get(column);
        befores.is_some_and(|befores| befores.iter().any(|of| of.as_deref().is_none_or(|of| !is_other(of))))
    }

    /// A column that every table has and no two servers the same.
    pub(super) fn system_column(&self, relation: Option<&Relation>) -> Option<&'static str> {
        let has = |name: &str| relation.is_some_and(|it| it.columns.iter().any(|column| &*column.name == name));
        SYSTEM_COLUMNS.into_iter().find(|name| self.names.contains_key(*name) && !has(name))
    }

    /// A column that every table has is named, and is none of these tables' own.
    pub(super) fn names_system_column(&self) -> bool {
        let has_column = |name: &str| {
            let relations = self.tables.iter().filter_map(Mention::relation);
            relations.into_iter().any(|it| it.columns.iter().any(|column| &*column.name == name))
        };
        SYSTEM_COLUMNS.into_iter().any(|name| self.names.contains_key(name) && !has_column(name))
    }

    /// A name of what only a real table has.
    pub(super) fn of_real_table(&self, tables: &[(Mention<'_>, Requirement)]) -> Option<String> {
        let has_column = |name: &str| {
            tables.iter().any(|(mention, _)| match &mention.what {
                Mentioned::Sharded { relation: Some(relation), .. }
                | Mentioned::Whole { relation: Some(relation), .. } => {
                    relation.columns.iter().any(|column| &*column.name == name)
                }
                Mentioned::Sharded { relation: None, .. }
                | Mentioned::Whole { relation: None, .. }
                | Mentioned::Counted { .. }
                | Mentioned::View { .. } => false,
            })
        };
        if let Some(function) = self.tells_storage {
            return Some(format!("function {function}()"));
        }
        let system = SYSTEM_COLUMNS.iter().find(|name| self.names.contains_key(**name) && !has_column(name));
        system.map(|name| format!("system column {name}"))
    }

    /// A row of it may be looked at, whatever its type is called.
    pub fn shows_rows(&self, mention: &Mention<'_>) -> bool {
        self.rows.contains(mention.alias.as_ref().unwrap_or(&mention.name.name)) || self.is_whole(mention)
    }

    /// A row of it may be looked at as a whole: a name that is no column means the row of the table that is called so.
    pub fn is_whole(&self, mention: &Mention<'_>) -> bool {
        let visible = mention.alias.as_ref().unwrap_or(&mention.name.name);
        // Its own column of that name comes first.
        let is_column = mention.relation().is_some_and(|it| it.columns.iter().any(|column| column.name == *visible));
        self.wholes.contains(visible) || self.names.contains_key(visible) && !is_column
    }
}

/// What had been met before a table.
pub(super) struct Before {
    uses: usize,
    pub(super) singles: usize,
    copies: usize,
    counted: usize,
    preferred: Preferred,
    nature: Nature,
}

impl<'a> Survey<'a> {
    /// The numbers of all shards are put together for a sequence that the text names.
    pub(super) fn puts_numbers_together(&self) -> bool {
        self.view_depth == 0 && self.mentions.as_ref().is_some_and(|mentions| mentions.takes_whole)
    }

    /// From here on everything that the text names is kept.
    pub fn keep_mentions(&mut self) {
        self.mentions = Some(Mentions::default());
    }

    /// The same; and where rows are fetched, those of tables that some shard has as a whole are fetched with them: one
    /// snapshot of it shows them all.
    pub fn keep_all_tables(&mut self) {
        self.mentions = Some(Mentions { takes_whole: true, ..Mentions::default() });
    }

    /// The same for a write whose shards each have the reference tables, and no single one.
    pub fn keep_tables_of_write(&mut self) {
        self.mentions = Some(Mentions { takes_single: true, ..Mentions::default() });
    }

    /// A table of FROM comes.
    pub(super) fn begin_mention(&mut self) -> Before {
        Before {
            uses: self.uses.len(),
            singles: self.singles.len(),
            copies: self.copies,
            counted: self.counted,
            preferred: std::mem::replace(&mut self.preferred, Preferred::Any),
            nature: std::mem::take(&mut self.nature),
        }
    }

    /// The table that has come. Returns its number, where its rows are to be fetched.
    pub(super) fn mention(
        &mut self,
        name: &RelationName,
        alias: &Alias,
        is_sampled: bool,
        before: Before,
    ) -> Option<usize> {
        // What a view asks its server for has to be asked where the rest of the statement is.
        let is_steady = self.preferred == Preferred::Any && !self.nature.asks_server && !self.nature.is_now;
        self.preferred = self.preferred.max(before.preferred);
        self.nature.join(before.nature);
        let Mentions { takes_whole, takes_single, .. } = *self.mentions.as_ref()?;
        if self.view_depth > 0 {
            return None;
        }
        let singles = &self.singles[before.singles..];
        let (is_sharded, is_on_one) =
            (self.uses.len() > before.uses, singles.windows(2).all(|pair| pair[0] == pair[1]));
        let is_single = (takes_whole || takes_single) && !singles.is_empty();
        let is_whole = !is_sharded && (is_single || takes_whole && self.copies > before.copies);
        let what = match self.schema.find(name) {
            Found::Sharded { keyspace, key, relation } => {
                let variable = self.uses.get(before.uses)?.variable;
                Mentioned::Sharded { relation, variable, keyspace, key: key.into() }
            }
            Found::View(_, relation) if is_whole && is_steady && is_on_one => {
                Mentioned::Whole { relation: Some(relation), shard: singles.first().copied() }
            }
            Found::View(definition, relation) if is_sharded || is_whole => Mentioned::View { definition, relation },
            Found::Reference(relation) if is_whole && singles.is_empty() => Mentioned::Whole { relation, shard: None },
            Found::Single(shard, relation) if is_whole && is_on_one => {
                Mentioned::Whole { relation, shard: Some(shard) }
            }
            Found::Sequence if self.counted > before.counted => {
                Mentioned::Counted { relation: self.schema.relation(name)? }
            }
            Found::View(..)
            | Found::Reference(_)
            | Found::Single(..)
            | Found::Sequence
            | Found::System
            | Found::Unlisted
            | Found::Unheard => return None,
        };
        if let (Mentioned::Whole { .. }, Some(mentions)) = (&what, &mut self.mentions) {
            mentions.singles += singles.len();
            if is_sampled {
                self.refuse(Refusal::across("TABLESAMPLE"));
            }
        }
        let mention = Mention {
            name: name.clone(),
            alias: alias.name.clone(),
            schema: self.schema.schema_of(name),
            is_renamed: !alias.columns.is_empty(),
            what,
            conditions: Vec::new(),
        };
        let mentions = self.mentions.as_mut()?;
        mentions.visible.insert(mention.visible_name().into());
        mentions.tables.push(mention);
        Some(mentions.tables.len() - 1)
    }

    /// A column of the table of this name is looked at; without one, of any table.
    pub(super) fn mention_column(&mut self, of: Option<&str>, name: &str) {
        if let Some(mentions) = &mut self.mentions {
            mentions.names.entry(name.into()).or_default().insert(of.map(Box::from));
        }
    }

    /// A column or a row is looked at with so many names before it: that of its table, of its schema, of the database.
    pub(super) fn mention_schema(&mut self, names: usize) {
        if self.view_depth > 0 || names < 2 {
            return;
        }
        if names > 2 {
            return self.refuse(Refusal::across("a column with the name of its database"));
        }
        if let Some(mentions) = &mut self.mentions {
            mentions.names_schemas = true;
        }
    }

    /// All columns are looked at.
    pub(super) fn mention_star(&mut self, of: &[Box<str>]) {
        let Some(mentions) = &mut self.mentions else { return };
        mentions.stars.push(of.last().cloned());
        self.mention_schema(of.len());
    }

    /// All columns of a table or, by a bare star, of this level's FROM are looked at: those of a query in it are what that
    /// query names.
    pub(super) fn mention_stars(&mut self, of: &[Box<str>], scope: &Scope<'_>) {
        if !of.is_empty() {
            return self.mention_star(of);
        }
        let Some(mentions) = &mut self.mentions else { return };
        let shown = scope.entries.iter().filter(|entry| entry.name.is_some() || entry.columns.is_open);
        mentions.stars.extend(shown.map(|entry| entry.name.clone()));
    }

    /// Names of relations that mean two of them, at one level or at several.
    pub(super) fn mention_shadows(&mut self, scope: &Scope<'_>, parent: &Scope<'_>) {
        let Some(mentions) = &mut self.mentions else { return };
        for (number, entry) in scope.entries.iter().enumerate() {
            let Some(name) = &entry.name else { continue };
            let is_twice = scope.entries[..number].iter().any(|it| it.name.as_ref() == Some(name));
            if is_twice && self.view_depth == 0 {
                mentions.twice.get_or_insert_with(|| name.clone());
            }
            if is_twice || parent.has_named(name) {
                mentions.shadowed.insert(name.clone());
            }
        }
    }

    /// How many tables have been met.
    pub(super) fn mentioned(&self) -> usize {
        self.mentions.as_ref().map_or(0, |mentions| mentions.tables.len())
    }

    /// The tables from this one on stand in a join with an alias, whose columns are those of all of them in turn.
    pub(super) fn mention_alias_of_join(&mut self, first: usize) {
        let tables = self.mentions.iter_mut().flat_map(|mentions| &mut mentions.tables[first..]);
        tables.for_each(|mention| mention.is_renamed = true);
    }

    /// Something that one row does not tell.
    pub(super) fn depends_on_more_than_a_row(&mut self) {
        if let Some(mentions) = &mut self.mentions {
            mentions.depends_on_more = true;
        }
    }

    /// Another server would tell something else.
    pub(super) fn depends_on_server(&mut self) {
        if let Some(mentions) = &mut self.mentions {
            mentions.depends_on_server = true;
        }
    }

    /// One value for the whole statement.
    pub(super) fn meet_moment(&mut self) {
        if let Some(mentions) = &mut self.mentions
            && self.view_depth == 0
        {
            mentions.moments += 1;
        }
    }

    /// Has there been something that one row does not tell?
    pub(super) fn depends_on_more(&self) -> bool {
        self.mentions.as_ref().is_some_and(|mentions| mentions.depends_on_more)
    }

    /// Single tables alone are to be fetched: nothing in the text depends on the places of the others.
    pub(super) fn can_leave_sharded(&self) -> bool {
        self.mentions.as_ref().is_some_and(|mentions| mentions.grouped.is_empty())
    }
}
