//! INSERT … SELECT whose rows may belong to any shard: the query is answered as any other, its rows are taken to their
//! shards.
//!
//! ```sql
//! INSERT INTO events (client_id, kind) SELECT id, max(name) FROM clients GROUP BY id ON CONFLICT DO NOTHING
//! rows: SELECT id, max(name) FROM clients GROUP BY id          -- on one server, or over rows of several shards
//! each: INSERT INTO events ("client_id", "kind") SELECT u.c0, u.c1 FROM ROWS FROM (unnest($1), unnest($2)) AS u(c0, c1)
//!       ON CONFLICT DO NOTHING
//! ```

use std::borrow::Cow;
use std::ops::Range;

use crate::logic::catalog::{Column, ColumnDefault, Relation};
use crate::logic::sql::name::quoted;
use crate::logic::sql::statement::{Body, Insert, With};

use super::constants::Literals;
use super::gather::Described;
use super::layout::{layout, may_be_moment, moments};
use super::origin::Origin;
use super::pieces::{Assembled, Cut, Piece, Token, tokens};
use super::precomputed::{Asked, next_of_identity, timed_default};
use super::schema::Found;
use super::scope::Scope;
use super::steady;
use super::survey::{Survey, Target, is_plain, key_rule};
use super::{Place, Refusal, Requirement, Schema};

/// An INSERT of the rows of a query.
#[derive(Debug, Clone)]
pub struct Carry {
    /// Where rows belong: without their keys, which come with the rows
    pub requirement: Requirement,
    /// The query. A key that is left to its default is computed behind its columns, by the first shard: its sequence
    /// counts for all
    pub origin: Origin,
    /// The columns that the query may fill, in order
    pub columns: Vec<Filled>,
    /// Which of them is the key
    pub key: usize,
    /// What stands before the list of columns
    head: Piece,
    /// What stands between it and the query
    between: Piece,
    /// What stands behind the query
    tail: Piece,
    /// Where the INSERT stands in the text, its WITH left out, and where its query does
    at: (Range<usize>, Range<usize>),
    /// The defaults that are one value for the whole statement, by the name of their column
    timed: Vec<(Box<str>, Piece)>,
    /// What one server computes first: the parameters behind those of the user, in order
    pub asked: Vec<Piece>,
    /// How many parameters the user has
    pub params: u16,
    /// RETURNING
    pub returns: bool,
    /// It may change settings that we cannot see
    pub taints: bool,
}

/// A column that is filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// Its name
    pub name: Box<str>,
    /// Its type
    pub type_oid: u32,
    /// The same as SQL
    pub type_name: Box<str>,
}

impl PartialEq for Carry {
    /// Plans of the same text under the same schema are the same.
    fn eq(&self, other: &Self) -> bool {
        self.origin.text == other.origin.text && self.head == other.head && self.tail == other.tail
    }
}

/// What becomes of the values of a column that have arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cast {
    /// They are of their type
    Nothing,
    /// Texts are read as this type under the settings of the session: they say the same under all, or the statement has them
    Session(Box<str>),
    /// Texts that were printed under settings of ours are read under these
    Steady(Box<str>),
}

impl Cast {
    fn in_session(&self) -> Option<&str> {
        match self {
            Self::Session(to) => Some(to),
            Self::Nothing | Self::Steady(_) => None,
        }
    }

    fn under_ours(&self) -> Option<&str> {
        match self {
            Self::Steady(to) => Some(to),
            Self::Nothing | Self::Session(_) => None,
        }
    }
}

impl Carry {
    /// What a shard is asked to store its rows. `casts` has an entry for each column of the query: the type that its
    /// values, which travel as text, are to be of.
    pub fn statement(&self, casts: &[Cast]) -> Assembled {
        let given = &self.columns[..casts.len().min(self.columns.len())];
        let left_out = |name: &str| given.iter().all(|column| *column.name != *name);
        let timed: Vec<_> = self.timed.iter().filter(|(name, _)| left_out(name)).collect();
        let names: Vec<String> = given
            .iter()
            .map(|column| &column.name)
            .chain(timed.iter().map(|(name, _)| name))
            .map(|it| quoted(it))
            .collect();
        let mut statement = Assembled::default();
        statement.push_piece(&self.head);
        statement.push(&format!(" ({}) ", names.join(", ")));
        statement.push_piece(&self.between);
        statement.push(" SELECT ");
        let value = |number: usize, cast: Option<&str>| {
            let cast = cast.map(|cast| format!("::{cast}")).unwrap_or_default();
            format!("{}u.c{number}{cast}", if number == 0 { "" } else { ", " })
        };
        for (number, cast) in casts.iter().enumerate() {
            statement.push(&value(number, cast.in_session()));
        }
        for (_, value) in timed {
            statement.push(", ");
            statement.push_piece(value);
        }
        let names = (0..casts.len()).map(|number| format!("c{number}")).collect::<Vec<_>>().join(", ");
        let around = casts.iter().any(|cast| matches!(cast, Cast::Steady(_))).then(steady::around_values);
        if let Some((begin, _)) = &around {
            statement.push(&format!(" FROM ({begin}SELECT "));
            for (number, cast) in casts.iter().enumerate() {
                statement.push(&value(number, cast.under_ours()));
            }
        }
        statement.push(" FROM ROWS FROM (");
        for number in 0..casts.len() {
            statement.push(if number == 0 { "pg_catalog.unnest(" } else { ", pg_catalog.unnest(" });
            let mut array = Piece::default();
            array.push_param(self.array(number));
            statement.push_piece(&array);
            statement.push(")");
        }
        statement.push(&format!(") AS u({names}) "));
        if let Some((_, end)) = around {
            statement.push(&format!("{end}) AS u({names}) "));
        }
        statement.push_piece(&self.tail);
        statement
    }

    /// The statement over no rows, for a server that is to describe it; `text` is the statement as it was planned.
    pub fn described(&self, text: &str) -> Option<Described> {
        let (insert, source) = &self.at;
        let query = self.origin.gather.as_ref().ok()?.described().filter(|_| !self.origin.needs_first)?;
        let (before, behind) = (text.get(insert.start..source.start)?, text.get(source.end..insert.end)?);
        Some(Described { text: format!("{before}{}{behind}", query.text), ..query })
    }

    /// The parameter that is the array of the nth column.
    fn array(&self, column: usize) -> u16 {
        self.params + self.asked.len() as u16 + 1 + column as u16
    }
}

/// Plans an INSERT … SELECT that stands at `at` in a text.
#[expect(clippy::wildcard_enum_match_arm, reason = "rows of other tables are not carried")]
pub fn carry(insert: &Insert, at: &Range<usize>, text: &str, schema: &Schema<'_>) -> Result<Carry, Refusal> {
    let (text, start) = (text.get(..at.end).unwrap_or(text), at.start);
    let table = &*insert.table.name;
    let (target, relation) = match schema.find(&insert.table) {
        Found::Sharded { keyspace, key, relation: Some(it) } => {
            (Target { table, key, keyspace, relation: Some(it) }, it)
        }
        _ => return Err(Refusal::rows_beside("a table whose columns are not known")),
    };
    let unread = || Refusal::rows_beside("this way of writing it");
    check_with(insert)?;
    let mut survey = Survey::new(*schema, Literals::new(text, None), "INSERT");
    survey.may_spread = true;
    survey.spreads_rows = true;
    survey.keep_mentions();
    survey.insert(insert, &Scope::default());
    let stored = survey.finish_insert(table)?;
    let tokens = tokens(text).ok_or_else(unread)?;
    let layout = layout(&tokens, insert).ok_or_else(unread)?;
    let within = |at: &Range<usize>| tokens.iter().filter(|token| at.contains(&token.start)).collect::<Vec<_>>();
    if within(&layout.source).iter().any(|token| may_be_moment(token)) {
        return Err(Refusal::rows_beside("a string like 'now' or 'today' where it may be a time"));
    }
    let behind = layout.source.end..text.len();
    let is_of_with = insert.with.is_some() && within(&behind).iter().any(|token| token.is("select"));
    let begins_with = within(&layout.source).first().is_some_and(|token| token.is("with"));
    if is_of_with || insert.with.is_some() && begins_with || insert.overrides_with_default {
        return Err(unread());
    }
    let params = tokens.iter().filter_map(Token::param).max().unwrap_or_default();
    let mut asked = Asked::behind(params);
    let moments: Vec<_> = moments(&tokens).into_iter().filter(|it| behind.contains(&it.at.start)).collect();
    if moments.len() != stored.moments {
        return Err(unread());
    }
    let mut replaced = Vec::new();
    for moment in moments.into_iter().filter(|moment| moment.is_time) {
        replaced.push((moment.at, asked.once(Piece::of(&moment.text))?));
    }
    let mut timed = Vec::new();
    for column in &relation.columns {
        if let Some(value) = timed_default(column, &mut asked)? {
            timed.push((column.name.clone(), value));
        }
    }
    let with = if insert.with.is_some() { &text[start..layout.insert] } else { "" };
    let source = format!("{with}{}", &text[layout.source.clone()]);
    let Keyed { source, columns, key, key_is_default, is_identity } = keyed(insert, relation, target, source)?;
    let origin = Origin::of(source, key_is_default, schema)?;
    let cut = Cut::new(text, &tokens, replaced);
    let listed = layout.columns_end.map_or(layout.named, |end| end + 1);
    let mut between = cut.piece(listed..layout.source.start);
    if is_identity && !layout.has_overriding {
        between.push(" OVERRIDING SYSTEM VALUE ");
    }
    Ok(Carry {
        requirement: Requirement {
            table: table.into(),
            place: Place::Store {
                keyspace: target.keyspace,
                column: target.key.into(),
                keys: Vec::new(),
                rule: key_rule(target),
                is_conditional: false,
            },
        },
        origin,
        columns,
        key,
        head: cut.piece(layout.insert..layout.named),
        between,
        tail: cut.piece(behind),
        at: (layout.insert..text.len(), layout.source),
        timed,
        asked: asked.pieces,
        params,
        returns: !insert.returning.is_empty(),
        taints: stored.taints,
    })
}

/// A part that writes would do so before the rows are stored, and what it sets off (foreign keys, triggers) would be too early.
fn check_with(insert: &Insert) -> Result<(), Refusal> {
    let of_source = insert.source.as_ref().and_then(|query| query.with.as_ref());
    match insert.with.iter().chain(of_source).any(With::is_modifying) {
        true => Err(Refusal::across("a WITH part that writes")),
        false => Ok(()),
    }
}

/// The rows are those of a query, not written down.
pub fn is_carried(insert: &Insert) -> bool {
    insert.source.as_ref().is_some_and(|query| !(is_plain(query) && matches!(query.body, Body::Values(_))))
}

/// A query whose rows have their key.
struct Keyed {
    source: String,
    columns: Vec<Filled>,
    key: usize,
    key_is_default: bool,
    /// The key that is computed is that of an identity column
    is_identity: bool,
}

/// A key that the statement leaves to its default is computed behind the columns of its query. What tells the time is
/// computed elsewhere, once.
fn keyed(insert: &Insert, relation: &Relation, target: Target<'_>, source: String) -> Result<Keyed, Refusal> {
    let mut columns = columns(insert, relation);
    if let Some(key) = columns.iter().position(|column| *column.name == *target.key) {
        return Ok(Keyed { source, columns, key, key_is_default: false, is_identity: false });
    }
    let left_out = || Refusal::key_left_out(target.table, target.key);
    let column = relation.columns.iter().find(|column| *column.name == *target.key).ok_or_else(left_out)?;
    let tells_time = !matches!(timed_default(column, &mut Asked::behind(0)), Ok(None));
    let default: Cow<'_, str> = match &column.default {
        ColumnDefault::Expression(default) => Cow::Borrowed(default),
        ColumnDefault::Identity => next_of_identity(&insert.table, target.key).into(),
        ColumnDefault::None | ColumnDefault::Generated => return Err(left_out()),
    };
    if insert.columns.is_empty() || tells_time {
        return Err(left_out());
    }
    let source = format!("SELECT q.*, {default} FROM ({source}) AS q");
    columns.push(filled(column));
    let is_identity = column.default == ColumnDefault::Identity;
    Ok(Keyed { source, key: columns.len() - 1, columns, key_is_default: true, is_identity })
}

fn filled(column: &Column) -> Filled {
    Filled { name: column.name.clone(), type_oid: column.type_oid, type_name: column.type_name.clone() }
}

fn columns(insert: &Insert, relation: &Relation) -> Vec<Filled> {
    let named = |name: &str| relation.columns.iter().find(|column| &*column.name == name);
    match insert.columns.as_slice() {
        [] => relation.columns.iter().map(filled).collect(),
        // PostgreSQL says which of them does not exist.
        listed => listed.iter().filter_map(|name| named(name)).map(filled).collect(),
    }
}
