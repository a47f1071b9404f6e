//! How a statement that one shard cannot answer comes by several. Read the enum `Across` first.

use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::{Explain, ExplainForm, Insert, Located, Query, RelationName, Statement, With};

use super::brought::brought;
use super::carry::{self, Carry, is_carried};
use super::change::{self, Change, On};
use super::constants::Literals;
use super::copies::{self, Copied, Once};
use super::copy_out::{self, CopyOut};
use super::created::{self, Data};
use super::everywhere::{self, Everywhere};
use super::fanout::{self, Fanout};
use super::filled::filled;
use super::fold;
use super::gather::{self, Described, Gather};
use super::layout::asks_for_two;
use super::merge::{self, Merge};
use super::modifying::{self, Modifying};
use super::numbers::{self, Numbers, sets_numbers};
use super::pieces::tokens;
use super::process::{self, Signal};
use super::split::{self, Split};
use super::staged::{Staged, staged};
use super::words::{Words, after_explain};
use super::{Access, CursorUse, Home, Mark, Refusal, Schema, TEMPORARY_TABLE, reduce};

/// The way of a statement over several shards.
#[derive(Debug, Clone, PartialEq)]
pub enum Across {
    /// A query, or an INSERT of its rows into a table of one shard
    Read(Read),
    /// A write that the shards run, each to its own rows or to its copy
    Change(Change),
    /// A write to a reference table that one shard runs: the others are given the rows that came of it
    Once(Once),
    /// INSERT whose rows belong to several shards, or whose keys have to be computed first
    Split(Box<Split>),
    /// COPY TO STDOUT of what the shards have
    CopyOut(CopyOut),
    /// INSERT … SELECT whose rows may belong to any shard
    Carry(Box<Carry>),
    /// A query over what a write of its WITH returns
    Modifying(Box<Modified>),
    /// A write that reads temporary tables: it is planned when their columns are known
    Staged(Staged),
    /// `setval`: each shard goes on at the next number of its own
    Numbers(Box<Numbers>),
    /// It concerns every shard as a whole: they run it as it is
    Everywhere(Everywhere),
    /// DECLARE CURSOR, CREATE TABLE AS: one server has the rows of all
    Cursor(Cursor),
    /// EXPLAIN: what the shards and the final statement say of their parts
    Explain(Explained),
    /// It names a client by its number: no shard is asked
    Signal(Signal),
    /// No way is right
    Refuse(Refusal),
}

/// The ways of a query that are open: one at least.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The shards run it as it is: rows stream, as many as there are
    pub fanout: Option<Fanout>,
    /// Their rows come sorted and are merged, or some rows of many are wanted: rows stream too
    pub merge: Option<Box<Merge>>,
    /// One server runs it over the rows of all
    pub gather: Result<Gather, Refusal>,
    /// It is an INSERT: nothing is told of its rows before all are stored
    pub stores: bool,
}

/// A query over what a write of its WITH returns, and how this is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Modified {
    /// The query
    pub query: Modifying,
    /// The way of the write
    pub write: Across,
}

/// A cursor or a new table over rows of several shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Cursor {
    /// Its query; the final statement is the DECLARE or CREATE
    pub gather: Gather,
    /// What it does to its server
    pub mark: Mark,
    /// The name of a table that sessions know of once it is committed
    pub names: Option<Box<str>>,
}

/// EXPLAIN of a statement over several shards.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// EXPLAIN with its options
    pub head: Box<str>,
    /// The statement
    pub text: Box<str>,
    /// ANALYZE: the statement runs
    pub is_analyze: bool,
    /// FORMAT
    pub form: ExplainForm,
    /// The way of the statement
    pub inner: Box<Across>,
}

impl Across {
    /// What a server needs that describes it: one that locks rows is refused by a replica before it has begun.
    pub fn described_with(&self) -> Access {
        match self {
            Self::Read(Read { fanout: Some(fanout), .. }) => fanout.access,
            Self::Read(_)
            | Self::Change(_)
            | Self::Cursor(_)
            | Self::Once(_)
            | Self::Split(_)
            | Self::Carry(_)
            | Self::Modifying(_)
            | Self::Staged(_)
            | Self::Numbers(_)
            | Self::CopyOut(_)
            | Self::Explain(_)
            | Self::Everywhere(_)
            | Self::Signal(_)
            | Self::Refuse(_) => Access::Read,
        }
    }

    /// The query over what is fetched, where the client is given its rows as they are.
    fn gathered(&self) -> Option<&Gather> {
        match self {
            Self::Read(read) => read.gather.as_ref().ok(),
            Self::Modifying(modified) => Some(&modified.query.gather),
            Self::Change(_)
            | Self::Once(_)
            | Self::Split(_)
            | Self::CopyOut(_)
            | Self::Carry(_)
            | Self::Staged(_)
            | Self::Numbers(_)
            | Self::Everywhere(_)
            | Self::Cursor(_)
            | Self::Explain(_)
            | Self::Signal(_)
            | Self::Refuse(_) => None,
        }
    }

    /// What a server parses and describes in the place of the statement, if none has all the tables that it names.
    pub fn described(&self, text: &str) -> Result<Described, Refusal> {
        let described = match self {
            Self::Read(Read { gather: Ok(gather), .. }) => gather.described(),
            Self::Cursor(cursor) => cursor.gather.described(),
            Self::Explain(explained) => {
                let inner = explained.inner.described(&explained.text)?;
                Some(Described { text: format!("{} {}", explained.head, inner.text), ..inner })
            }
            Self::Carry(carry) => carry.described(text),
            Self::Change(Change { over: Some(over), .. }) => over.gather.described(),
            // PostgreSQL looks at its tables when it runs.
            Self::CopyOut(_) => Some(Described { text: text.to_owned(), groups_as_tables: true, home: Home::Any }),
            Self::Read(Read { gather: Err(refusal), .. }) | Self::Refuse(refusal) => return Err(refusal.clone()),
            Self::Change(_)
            | Self::Once(_)
            | Self::Split(_)
            | Self::Modifying(_)
            | Self::Staged(_)
            | Self::Numbers(_)
            | Self::Everywhere(_)
            | Self::Signal(_) => None,
        };
        described.ok_or_else(Refusal::known_nowhere)
    }
}

/// May a query return other columns than it did under an earlier schema? What it reads tells.
pub fn reads_otherwise(now: &Across, then: &Across) -> bool {
    let (Some(now), Some(then)) = (now.gathered(), then.gathered()) else { return false };
    let read = |gather: &Gather| -> Vec<_> {
        gather.parts.iter().map(|part| (part.text.clone(), part.columns.clone())).collect()
    };
    read(now) != read(then)
}

/// Plans one statement for several shards. `text` is the statement alone.
pub fn across(text: &str, schema: &Schema<'_>) -> Across {
    let planned = with_statements(text, |located| match located {
        [one] => way(one, text, schema),
        _ => Across::Refuse(Refusal::across("a query of several statements")),
    });
    planned.unwrap_or_else(|_| Across::Refuse(Refusal::across("a text that does not parse")))
}

/// Rows of a query that stay on their shards.
fn stays(insert: &Insert, fanout: Fanout) -> Change {
    let (table, returns) = (insert.table.name.clone(), !insert.returning.is_empty());
    let on = On::Rows(fanout.requirement);
    let moment_params = fanout.moment_params;
    Change { verb: fanout.verb, table, on, over: None, returns, moment_params, taints: true }
}

/// Rows are changed where they are.
fn changes(table: &RelationName, text: &str, schema: &Schema<'_>) -> Across {
    match gather::on_one(table, text, schema) {
        Some(Ok(gather)) => Across::Read(Read { fanout: None, merge: None, gather: Ok(gather), stores: true }),
        Some(Err(refusal)) => Across::Refuse(refusal),
        None => change::change(text, schema).map_or_else(Across::Refuse, Across::Change),
    }
}

/// INSERT … SELECT whose rows do not stay where they are.
fn selected(insert: &Insert, located: &Located, text: &str, schema: &Schema<'_>) -> Across {
    match brought(insert, &located.at, text, schema) {
        Some(Ok(gather)) => Across::Read(Read { fanout: None, merge: None, gather: Ok(gather), stores: true }),
        Some(Err(refusal)) => Across::Refuse(refusal),
        None => carry::carry(insert, &located.at, text, schema)
            .map_or_else(Across::Refuse, |carry| Across::Carry(Box::new(carry))),
    }
}

/// The way of a statement, unless its parts would each have a moment of their own.
fn way(located: &Located, text: &str, schema: &Schema<'_>) -> Across {
    let planned = way_of(located, text, schema);
    let asks_nothing =
        matches!(planned, Across::Numbers(_) | Across::Everywhere(_) | Across::Signal(_) | Across::Refuse(_));
    match !asks_nothing && tokens(text).is_some_and(|tokens| asks_for_two(&tokens)) {
        true => Across::Refuse(Refusal::two_moments()),
        false => planned,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed has no way over several shards")]
fn way_of(located: &Located, text: &str, schema: &Schema<'_>) -> Across {
    if let Some(staged) = staged(located, text, schema) {
        return Across::Staged(staged);
    }
    if let Some(copied) = copies::copies(located, text, schema) {
        return copied.map_or_else(Across::Refuse, |copied| match copied {
            Copied::Same(change) => Across::Change(change),
            Copied::Once(once) => Across::Once(once),
        });
    }
    match &located.statement {
        Statement::Query(query) if query.with.as_ref().is_some_and(With::is_modifying) => {
            modified(query, text, schema).map_or_else(Across::Refuse, |it| Across::Modifying(Box::new(it)))
        }
        Statement::Query(query) => match process::signal(query, &Literals::new(text, None), schema) {
            Some(signal) => Across::Signal(signal),
            None => match sets_numbers(query, schema) {
                Some(call) => {
                    numbers::numbers(call, text, schema).map_or_else(Across::Refuse, |it| Across::Numbers(Box::new(it)))
                }
                None => read(text, schema),
            },
        },
        Statement::Change(changed) => changes(&changed.table, text, schema),
        Statement::Merge(merge) => changes(&merge.table, text, schema),
        Statement::Insert(insert) if is_carried(insert) => match fanout::fanout(text, schema) {
            Some(fanout) => Across::Change(stays(insert, fanout)),
            None => selected(insert, located, text, schema),
        },
        Statement::Insert(insert) => match split::split(insert, &located.at, text, schema) {
            Ok(split) => Across::Split(Box::new(split)),
            Err(refusal) => Across::Refuse(refusal),
        },
        Statement::Utility(utility) => {
            everywhere::utility(utility, text, schema).map_or_else(Across::Refuse, Across::Everywhere)
        }
        Statement::Do { language, body } => {
            everywhere::block(language, body, schema).map_or_else(Across::Refuse, Across::Everywhere)
        }
        Statement::SetConstraints { .. } => Across::Everywhere(everywhere::constraints()),
        Statement::CreateTable(create) => Across::Everywhere(everywhere::create_table(create, text, schema)),
        Statement::Copy(copy) => match copy_out::copy_out(copy, text, schema) {
            Ok(out) => Across::CopyOut(out),
            Err(refusal) => Across::Refuse(refusal),
        },
        Statement::CreateTableAs { target, .. } if created::is_everywhere(target, schema) => {
            filled(target, text).map_or_else(Across::Refuse, Across::Everywhere)
        }
        Statement::CreateTableAs { target, .. } => {
            created(target, text, schema).map_or_else(Across::Refuse, Across::Cursor)
        }
        Statement::DeclareCursor { name, is_held, .. } => match cursor(name, *is_held, text, schema) {
            Ok(cursor) => Across::Cursor(cursor),
            Err(refusal) => Across::Refuse(refusal),
        },
        Statement::Explain(explain) => explained(explain, text, schema).unwrap_or_else(Across::Refuse),
        _ => Across::Refuse(Refusal::across("a statement that is no query")),
    }
}

/// A query whose WITH writes.
fn modified(query: &Query, text: &str, schema: &Schema<'_>) -> Result<Modified, Refusal> {
    let query = modifying::modifying(query, text, schema)?;
    match across(&query.write, schema) {
        write @ (Across::Change(_) | Across::Split(_) | Across::Carry(_)) => Ok(Modified { query, write }),
        Across::Refuse(refusal) => Err(refusal),
        Across::Read(_)
        | Across::Once(_)
        | Across::CopyOut(_)
        | Across::Modifying(_)
        | Across::Staged(_)
        | Across::Numbers(_)
        | Across::Everywhere(_)
        | Across::Cursor(_)
        | Across::Explain(_)
        | Across::Signal(_) => Err(Refusal::across("such a part of WITH that writes")),
    }
}

fn explained(explain: &Explain, text: &str, schema: &Schema<'_>) -> Result<Across, Refusal> {
    let (head, inner) = text.split_at(after_explain(text).ok_or_else(|| Refusal::across("such an EXPLAIN"))?);
    let (text, inner) = (inner.trim_start().into(), across(inner, schema));
    match &inner {
        Across::Read(Read { stores: true, .. }) if explain.is_analyze => {
            return Err(Refusal::across("EXPLAIN ANALYZE of such a write"));
        }
        Across::Read(_) | Across::Change(Change { on: On::Rows(_), over: None, taints: false, .. }) => (),
        Across::Change(_) | Across::Once(_) | Across::Split(_) | Across::Carry(_) if explain.is_analyze => {
            return Err(Refusal::across("EXPLAIN ANALYZE of such a write"));
        }
        Across::Change(_) | Across::Once(_) | Across::Split(_) | Across::Carry(_) => (),
        Across::Refuse(refusal) => return Err(refusal.clone()),
        Across::CopyOut(_)
        | Across::Everywhere(_)
        | Across::Cursor(_)
        | Across::Explain(_)
        | Across::Modifying(_)
        | Across::Staged(_)
        | Across::Numbers(_)
        | Across::Signal(_) => {
            return Err(Refusal::across("EXPLAIN of such a statement"));
        }
    }
    let Explain { is_analyze, form, .. } = *explain;
    Ok(Across::Explain(Explained { head: head.into(), text, is_analyze, form, inner: Box::new(inner) }))
}

/// The rows are those of the moment of DECLARE, as with every cursor of PostgreSQL.
fn cursor(name: &str, is_held: bool, text: &str, schema: &Schema<'_>) -> Result<Cursor, Refusal> {
    let text = scrolled(text).ok_or_else(|| Refusal::across("a cursor written like this"))?;
    let mut gather = gathered(&text, after_for(&text), "a cursor written like this", schema)?;
    let mut mark = Mark { cursors: vec![CursorUse::Declare { name: name.into(), is_held }], ..Mark::default() };
    if is_held {
        mark.pin = Some("cursor WITH HOLD");
        gather.access = Access::Write;
    }
    Ok(Cursor { gather, mark, names: None })
}

/// CREATE TABLE … AS, SELECT … INTO: one server has the new table, and the rows are brought to it.
fn created(target: &RelationName, text: &str, schema: &Schema<'_>) -> Result<Cursor, Refusal> {
    let text = created::as_create(text).ok_or_else(|| Refusal::across("SELECT INTO written like this"))?;
    let unread = || Refusal::across("a new table written like this");
    let (body, data) = created::data_of(&text).ok_or_else(unread)?;
    let mut gather = match data {
        // Its columns are those of the query, which every shard knows.
        Data::None => Gather::without_parts(&text),
        Data::All => gathered(body, created::after_as(body), "a new table written like this", schema)?,
    };
    gather.access = Access::Write;
    if target.is_temporary {
        // Where temporary tables of the session are.
        if gather.home == Home::Any {
            gather.home = Home::Current;
        }
        let (pin, unpreparable) = (Some(TEMPORARY_TABLE), Some("a temporary table"));
        let mark = Mark { pin, unpreparable, temporary: Some(target.name.clone()), ..Mark::default() };
        return Ok(Cursor { gather, mark, names: None });
    }
    let home = created::home(target, schema)?;
    gather.home = match gather.home {
        Home::Any => Home::Meet(vec![home]),
        Home::Meet(mut all) => {
            all.push(home);
            Home::Meet(all)
        }
        Home::First | Home::Current | Home::Process(_) => {
            return Err(Refusal::across("a new table of what only a session has"));
        }
    };
    Ok(Cursor { gather, mark: Mark { is_ddl: true, ..Mark::default() }, names: Some(target.name.clone()) })
}

/// A query that stands at `at` behind what is done with its rows.
fn gathered(text: &str, at: Option<usize>, what: &str, schema: &Schema<'_>) -> Result<Gather, Refusal> {
    let unread = || Refusal::across(what);
    let (head, query) = text.split_at(at.ok_or_else(unread)?);
    let mut gather = match read(query, schema) {
        Across::Read(read) => read.gather?,
        Across::Refuse(refusal) => return Err(refusal),
        Across::Change(_)
        | Across::Once(_)
        | Across::Split(_)
        | Across::CopyOut(_)
        | Across::Carry(_)
        | Across::Modifying(_)
        | Across::Staged(_)
        | Across::Numbers(_)
        | Across::Everywhere(_)
        | Across::Cursor(_)
        | Across::Explain(_)
        | Across::Signal(_) => return Err(unread()),
    };
    // A cursor of PostgreSQL computes nothing before the first FETCH.
    if gather.fails_early {
        gather = gather::gather(query, schema)?;
    }
    gather.text = format!("{head} {}", gather.text).into();
    Ok(gather)
}

/// DECLARE, with SCROLL unless it says NO SCROLL. Without either of them PostgreSQL's plan decides whether a cursor goes backward,
/// and the plan over rows that were put together is another one.
fn scrolled(text: &str) -> Option<String> {
    let mut words = Words::of(text);
    words.next().filter(|(word, _)| word.eq_ignore_ascii_case("declare"))?;
    let _name = words.next()?;
    loop {
        let (word, end) = words.next()?;
        if word.eq_ignore_ascii_case("scroll") {
            return Some(text.to_owned());
        }
        if word.eq_ignore_ascii_case("cursor") {
            let (before, cursor) = text.split_at(end - word.len());
            return Some(format!("{before}SCROLL {cursor}"));
        }
    }
}

/// Where the query begins in DECLARE name … CURSOR … FOR query.
fn after_for(text: &str) -> Option<usize> {
    let mut words = Words::of(text);
    let is_declare = words.next()?.0.eq_ignore_ascii_case("declare");
    let _name = words.next().filter(|_| is_declare)?;
    loop {
        let (word, end) = words.next()?;
        if word.eq_ignore_ascii_case("for") {
            return Some(end);
        }
    }
}

fn read(text: &str, schema: &Schema<'_>) -> Across {
    let fanout = fanout::fanout(text, schema);
    let merge = match fanout {
        None => merge::merge(text, schema).or_else(|| fold::fold(text, schema)).map(Box::new),
        Some(_) => None,
    };
    let gather = match reduce::reduce(text, schema) {
        Some(reduced) => Ok(reduced),
        None => gather::gather(text, schema),
    };
    match (fanout, merge, gather) {
        (None, None, Err(refusal)) => Across::Refuse(refusal),
        (fanout, merge, gather) => Across::Read(Read { fanout, merge, gather, stores: false }),
    }
}
