//! Plain aggregate queries taken to pieces: `SELECT keys and aggregates of columns FROM one table … GROUP BY columns`.
//!
//! What is any more than that gives `None`.

use std::collections::BTreeSet;

use pg_raw_parse::nodes::{self, LimitOption, SetOperation};
use pg_raw_parse::{Node, make};

use super::super::statement::{Alias, RelationName};
use super::query::alias;
use super::sorted::{printed_after_select, rows};
use super::{relation, with_select};

/// The pieces of a plain aggregate query.
#[derive(Debug)]
pub struct Aggregated {
    /// The table whose rows are aggregated
    pub table: RelationName,
    /// Its alias
    pub alias: Alias,
    /// `FROM … WHERE …`
    pub rows: Box<str>,
    /// The names of GROUP BY, perhaps qualified
    pub keys: Vec<ColumnName>,
    /// The select list
    pub targets: Vec<Output>,
    /// ORDER BY: names of output columns or keys; positions are left out
    pub sorted_by: Vec<Box<str>>,
    /// `ORDER BY … LIMIT …`, empty without
    pub tail: Box<str>,
    /// The parameters of LIMIT and OFFSET
    pub tail_params: BTreeSet<u16>,
}

/// The name of a column: the last is its own.
pub type ColumnName = Vec<Box<str>>;

/// One column of the answer.
#[derive(Debug)]
pub struct Output {
    /// Its name, as PostgreSQL gives it
    pub name: Box<str>,
    /// What it is
    pub what: What,
}

/// What a column of the answer is.
#[derive(Debug)]
pub enum What {
    /// A column that must be grouped by
    Key(ColumnName),
    /// An aggregate
    Aggregate {
        /// In lower case
        function: Box<str>,
        /// Of which column; `None` is `count(*)`
        column: Option<ColumnName>,
        /// ` FILTER (…)`, or empty
        filter: Box<str>,
    },
}

/// Takes a text to pieces.
pub fn aggregated(text: &str) -> Option<Aggregated> {
    with_select(text, of_select)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a limit is a parameter, or has none")]
fn of_select(select: &nodes::SelectStmt) -> Option<Aggregated> {
    let is_plain = select.with_clause().is_none()
        && select.op == SetOperation::SETOP_NONE
        && select.values_lists().is_empty()
        && select.distinct_clause().is_empty()
        && matches!(select.having_clause(), Node::None)
        && select.window_clause().is_empty()
        && select.locking_clause().is_empty()
        && select.into_clause().is_none()
        && !select.group_distinct
        && !matches!(select.limit_option, LimitOption::LIMIT_OPTION_WITH_TIES);
    let mut from = select.from_clause().iter();
    let (Some(Node::RangeVar(range)), None, true) = (from.next(), from.next(), is_plain) else { return None };
    let keys: Vec<ColumnName> = select.group_clause().iter().map(column).collect::<Option<_>>()?;
    let targets: Vec<Output> = select.target_list().iter().map(output).collect::<Option<_>>()?;
    let sorted_by: Vec<Option<Box<str>>> =
        select.sort_clause().iter().map(|sort| sorted(sort.node())).collect::<Option<_>>()?;
    let limits = [select.limit_count(), select.limit_offset()];
    if limits.iter().any(|limit| !matches!(limit, Node::None | Node::A_Const(_) | Node::ParamRef(_))) {
        return None;
    }
    let number = |limit: &Node<'_>| match limit {
        Node::ParamRef(param) => u16::try_from(param.number).ok(),
        _ => None,
    };
    Some(Aggregated {
        table: relation(range),
        alias: alias(range.alias()),
        rows: rows(select)?,
        keys,
        targets,
        sorted_by: sorted_by.into_iter().flatten().collect(),
        tail: tail(select)?,
        tail_params: limits.iter().filter_map(number).collect(),
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "keys are bare columns")]
fn column(node: Node<'_>) -> Option<ColumnName> {
    match node {
        Node::ColumnRef(column) => {
            let names: ColumnName = column.fields().iter().filter_map(Node::as_str).map(Box::from).collect();
            (names.len() == column.fields().len() && names.len() <= 2).then_some(names)
        }
        _ => None,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the select list has keys and aggregates")]
fn output(target: &nodes::ResTarget) -> Option<Output> {
    let named = |own: Box<str>| target.name().map_or(own, Box::from);
    match target.val() {
        Node::ColumnRef(_) => {
            let key = column(target.val())?;
            Some(Output { name: named(key.last()?.clone()), what: What::Key(key) })
        }
        Node::FuncCall(call) => {
            let function: Box<str> = call.funcname().iter().filter_map(Node::as_str).next_back()?.into();
            let what = aggregate(call, function.clone())?;
            Some(Output { name: named(function), what })
        }
        _ => None,
    }
}

fn aggregate(call: &nodes::FuncCall, function: Box<str>) -> Option<What> {
    let is_plain = call.funcname().len() == 1
        && call.agg_order().is_empty()
        && call.over().is_none()
        && !call.agg_within_group
        && !call.agg_distinct
        && !call.func_variadic;
    if !is_plain {
        return None;
    }
    let mut arguments = call.args().iter();
    let column = match (arguments.next(), arguments.next(), call.agg_star) {
        (None, None, true) => None,
        (Some(argument), None, false) => Some(column(argument)?),
        _ => return None,
    };
    let filter = if matches!(call.agg_filter(), Node::None) {
        Box::default()
    } else {
        format!(" FILTER (WHERE {})", super::query::condition_text(call.agg_filter())).into()
    };
    Some(What::Aggregate { function, column, filter })
}

/// `Some(None)`: a position.
#[expect(clippy::wildcard_enum_match_arm, reason = "sorted by names and positions")]
fn sorted(node: Node<'_>) -> Option<Option<Box<str>>> {
    match node {
        Node::A_Const(_) => Some(None),
        _ => match column(node)?.as_slice() {
            [name] => Some(Some(name.clone())),
            _ => None,
        },
    }
}

/// `ORDER BY … LIMIT …`.
fn tail(select: &nodes::SelectStmt) -> Option<Box<str>> {
    let has_limits = !matches!((select.limit_count(), select.limit_offset()), (Node::None, Node::None));
    if select.sort_clause().is_empty() && !has_limits {
        return Some(Box::default());
    }
    let printed = make::owned(|memory| {
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_sort_clause(memory.make_unique(select.sort_clause()));
        copy.as_mut().set_limit_count(memory.make_unique(select.limit_count()));
        copy.as_mut().set_limit_offset(memory.make_unique(select.limit_offset()));
        copy.as_mut().set_limit_option(select.limit_option);
        copy
    });
    printed_after_select(&printed)
}
