//! Aggregate queries taken to pieces: what each shard can compute of its own rows, and the statement that is left over the
//! results.
//!
//! What sorts inside its aggregates, groups by sets, or looks at rows in another way too gives `None`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use pg_raw_parse::make::{self, MemoryToken, Unique};
use pg_raw_parse::nodes::{self, LimitOption, SetOperation};
use pg_raw_parse::transform::{Assignable, Transform as _, TransformClosure, transform};
use pg_raw_parse::walk::{Recurse, walk_manual};
use pg_raw_parse::{ConstValue, Node};

use super::super::statement::{Alias, RelationName};
use super::kinds::{Kind, Names, kind};
use super::sorted::{From, is_distinct, name_of, printed_after_select, rows, text_of};
use super::{names, with_select};

/// The pieces of an aggregate query.
#[derive(Debug, Default)]
pub struct Aggregated {
    /// `FROM … WHERE …`
    pub rows: Box<str>,
    /// What groups the rows
    pub keys: Vec<Key>,
    /// The aggregates, each once
    pub calls: Vec<Call>,
    /// The aggregate that each item of the select list is, where it is one as it stands
    pub targets: Vec<Option<usize>>,
    /// There is nothing but a select list and rows: no groups, no order, no limit
    pub is_bare: bool,
    /// What is left of the select list, HAVING and ORDER BY without the aggregates
    pub rest: Vec<Box<str>>,
    /// The parameters of what is left, and of LIMIT
    pub last_params: BTreeSet<u16>,
}

/// An expression that groups the rows.
#[derive(Debug)]
pub struct Key {
    /// As SQL
    pub text: Box<str>,
    /// It is this column
    pub column: Option<usize>,
    /// Its type
    pub kind: Option<Kind>,
}

/// An aggregate.
#[derive(Debug)]
pub struct Call {
    /// As SQL
    text: Box<str>,
    /// Its name, in lower case
    pub function: Box<str>,
    /// Of what; `None` is `count(*)`
    pub argument: Option<Argument>,
    /// The condition of FILTER
    pub filter: Option<Box<str>>,
}

/// What an aggregate is of.
#[derive(Debug)]
pub struct Argument {
    /// As SQL
    pub text: Box<str>,
    /// It is this column
    pub column: Option<usize>,
    /// Its type
    pub kind: Option<Kind>,
}

/// What stands in the final statement.
#[derive(Debug)]
pub struct Finals {
    /// The relation that has the results of the shards
    pub relation: &'static str,
    /// Its columns with the keys
    pub keys: Vec<Box<str>>,
    /// What becomes of each aggregate, as SQL over its columns
    pub calls: Vec<Box<str>>,
}

/// Aggregates that may be taken to pieces.
const FUNCTIONS: [&str; 11] =
    ["count", "sum", "avg", "min", "max", "bool_and", "bool_or", "every", "bit_and", "bit_or", "bit_xor"];

/// Takes a text to pieces. `scope` says what the names of its tables mean, and `finals` what becomes of the pieces. Returns
/// the final statement.
pub fn aggregated<N: Names>(
    text: &str,
    scope: impl FnOnce(&[(RelationName, Alias)]) -> Option<N>,
    finals: impl FnOnce(&N, &Aggregated) -> Option<Finals>,
) -> Option<Box<str>> {
    with_select(text, |select| {
        if !is_plain(select) {
            return None;
        }
        let mut from = From::default();
        select.from_clause().iter().for_each(|item| from.item(item));
        if !from.is_of_tables || from.tables.is_empty() {
            return None;
        }
        let scope = scope(&from.tables)?;
        let taking = Taking { select, scope: &scope };
        let pieces = taking.pieces()?;
        let finals = finals(&scope, &pieces)?;
        last(&taking, &pieces, &finals)
    })
}

fn is_plain(select: &nodes::SelectStmt) -> bool {
    let is_number = |limit: Node<'_>| matches!(limit, Node::None | Node::A_Const(_) | Node::ParamRef(_));
    let has_distinct_on = !select.distinct_clause().is_empty() && !is_distinct(select);
    select.with_clause().is_none()
        && select.op == SetOperation::SETOP_NONE
        && select.values_lists().is_empty()
        && !has_distinct_on
        && select.window_clause().is_empty()
        && select.locking_clause().is_empty()
        && select.into_clause().is_none()
        && !select.group_distinct
        && !select.target_list().is_empty()
        && select.limit_option != LimitOption::LIMIT_OPTION_WITH_TIES
        && is_number(select.limit_count())
        && is_number(select.limit_offset())
}

/// A query that is taken to pieces.
struct Taking<'s, N> {
    select: &'s nodes::SelectStmt,
    scope: &'s N,
}

impl<'s, N: Names> Taking<'s, N> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other nodes are what is around these")]
    fn pieces(&self) -> Option<Aggregated> {
        let select = self.select;
        let mut pieces = Aggregated { rows: rows(select)?, ..Aggregated::default() };
        for item in select.group_clause() {
            self.key(self.grouped_by(item)?, &mut pieces.keys)?;
        }
        let parts = self.parts();
        for part in &parts {
            self.calls(*part, &mut pieces.calls)?;
        }
        let has_having = !matches!(select.having_clause(), Node::None);
        match (select.group_clause().is_empty(), pieces.calls.is_empty()) {
            (false, _) | (true, false) => (),
            // Rows that are distinct on each shard, and then once more.
            (true, true) if is_distinct(select) && !has_having => {
                select.target_list().iter().try_for_each(|target| self.key(target.val(), &mut pieces.keys))?;
            }
            (true, true) => return None,
        }
        for part in parts.iter().copied().chain([select.limit_count(), select.limit_offset()]) {
            let is_piece = |node: Node<'_>| self.piece(node, &pieces).is_some();
            let (mut is_covered, mut params) = (true, BTreeSet::new());
            outside(part, &is_piece, &mut |node| match node {
                Node::ParamRef(param) => params.extend(u16::try_from(param.number)),
                Node::ColumnRef(_) | Node::SubLink(_) => is_covered = false,
                _ => (),
            });
            if !is_covered {
                return None;
            }
            pieces.last_params.append(&mut params);
        }
        pieces.targets = select.target_list().iter().map(|it| self.call_of(it.val(), &pieces.calls)).collect();
        pieces.is_bare = select.group_clause().is_empty()
            && select.distinct_clause().is_empty()
            && !has_having
            && select.sort_clause().is_empty()
            && matches!((select.limit_count(), select.limit_offset()), (Node::None, Node::None));
        let without = |node: Node<'_>| self.call_of(node, &pieces.calls).map(|_| "NULL".into());
        pieces.rest = parts.iter().map(|part| replaced(*part, &without)).collect::<Option<_>>()?;
        Some(pieces)
    }

    /// The expressions that are left for the final statement: the select list, HAVING, ORDER BY.
    fn parts(&self) -> Vec<Node<'s>> {
        let select = self.select;
        let having = std::iter::once(select.having_clause()).filter(|having| !matches!(having, Node::None));
        let sorts = select.sort_clause().iter().map(|sort| sort.node()).filter(|node| !is_output(*node, select));
        select.target_list().iter().map(|target| target.val()).chain(having).chain(sorts).collect()
    }

    /// What an item of GROUP BY stands for: a position, a column of FROM, or one of the answer.
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else stands for itself")]
    fn grouped_by(&self, item: Node<'s>) -> Option<Node<'s>> {
        let targets = self.select.target_list();
        match item {
            Node::A_Const(constant) => match constant.val() {
                Some(ConstValue::Integer(position)) => {
                    let place = usize::try_from(position).ok()?.checked_sub(1)?;
                    targets.iter().nth(place).map(|target| target.val())
                }
                _ => None,
            },
            Node::ColumnRef(column) if self.column(item).is_none() => {
                let parts = names(column.fields());
                // A column of FROM comes first, one that a join has merged too.
                let [name] = parts.as_slice() else { return None };
                if self.scope.is_of_several(name) {
                    return None;
                }
                let mut named = targets.iter().filter(|target| target.name() == Some(name));
                match (named.next(), named.next()) {
                    (Some(target), None) => Some(target.val()),
                    _ => None,
                }
            }
            Node::GroupingSet(_) | Node::RowExpr(_) => None,
            _ => Some(item),
        }
    }

    fn key(&self, node: Node<'_>, keys: &mut Vec<Key>) -> Option<()> {
        let (text, column) = (text_of(node)?, self.column(node));
        if keys.iter().any(|key| key.is(&text, column)) {
            return Some(());
        }
        keys.push(Key { text, column, kind: kind(node, self.scope) });
        Some(())
    }

    /// The column of FROM that it is.
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else is no column")]
    fn column(&self, node: Node<'_>) -> Option<usize> {
        match node {
            Node::ColumnRef(column) => {
                let parts = names(column.fields());
                let (place, _) = self.scope.column(&parts)?;
                (parts.len() == column.fields().len()).then_some(place)
            }
            _ => None,
        }
    }

    /// Adds the aggregates of an expression. `None`: one of them cannot be taken to pieces.
    fn calls(&self, part: Node<'_>, calls: &mut Vec<Call>) -> Option<()> {
        let mut found = Vec::new();
        note_calls(part, &mut found);
        for call in found {
            let call = self.call(call)?;
            if !calls.iter().any(|known| known.text == call.text) {
                calls.push(call);
            }
        }
        Some(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "there is a condition, or none")]
    fn call(&self, call: &nodes::FuncCall) -> Option<Call> {
        let is_plain = call.agg_order().is_empty()
            && call.over().is_none()
            && !call.agg_within_group
            && !call.agg_distinct
            && !call.func_variadic;
        if !is_plain {
            return None;
        }
        let mut arguments = call.args().iter();
        let argument = match (arguments.next(), arguments.next(), call.agg_star) {
            (None, None, true) => None,
            (Some(it), None, false) => {
                Some(Argument { text: text_of(it)?, column: self.column(it), kind: kind(it, self.scope) })
            }
            _ => return None,
        };
        let filter = match call.agg_filter() {
            Node::None => None,
            condition => Some(text_of(condition)?),
        };
        let function = function_of(Node::FuncCall(call))?;
        self.scope.is_postgresqls(function).then_some(())?;
        Some(Call { text: text_of(Node::FuncCall(call))?, function: function.into(), argument, filter })
    }

    fn call_of(&self, node: Node<'_>, calls: &[Call]) -> Option<usize> {
        function_of(node)?;
        let text = text_of(node)?;
        calls.iter().position(|call| call.text == text)
    }

    /// The key or aggregate that a node is.
    fn piece(&self, node: Node<'_>, pieces: &Aggregated) -> Option<Piece> {
        if !may_be_piece(node) {
            return None;
        }
        let (text, column) = (text_of(node)?, self.column(node));
        let key = pieces.keys.iter().position(|key| key.is(&text, column)).map(Piece::Key);
        key.or_else(|| self.call_of(node, &pieces.calls).map(Piece::Call))
    }
}

/// A part of a query that the shards compute.
enum Piece {
    Key(usize),
    Call(usize),
}

impl Key {
    fn is(&self, text: &str, column: Option<usize>) -> bool {
        *self.text == *text || self.column.is_some() && self.column == column
    }
}

/// The name of an aggregate that may be taken to pieces.
#[expect(clippy::wildcard_enum_match_arm, reason = "aggregates are calls")]
fn function_of(node: Node<'_>) -> Option<&'static str> {
    match node {
        Node::FuncCall(call) => match names(call.funcname()).as_slice() {
            [name] => FUNCTIONS.into_iter().find(|it| **it == **name),
            _ => None,
        },
        _ => None,
    }
}

/// The aggregates of an expression, those inside others left out.
#[expect(clippy::wildcard_enum_match_arm, reason = "aggregates are calls")]
fn note_calls<'n>(part: Node<'n>, found: &mut Vec<&'n nodes::FuncCall>) {
    let mut note = |node: Node<'n>| match node {
        Node::FuncCall(call) if function_of(node).is_some() => {
            found.push(call);
            true
        }
        _ => false,
    };
    if !note(part) {
        walk_manual::<()>(part, |node| ControlFlow::Continue(if note(node) { Recurse::No } else { Recurse::Yes }));
    }
}

/// Shows the nodes of an expression, pieces and what is inside them left out.
fn outside<'n>(part: Node<'n>, is_piece: &impl Fn(Node<'n>) -> bool, show: &mut impl FnMut(Node<'n>)) {
    if matches!(part, Node::None) || is_piece(part) {
        return;
    }
    show(part);
    walk_manual::<()>(part, |node| {
        if is_piece(node) {
            return ControlFlow::Continue(Recurse::No);
        }
        show(node);
        ControlFlow::Continue(Recurse::Yes)
    });
}

/// It is an expression that can be printed.
fn may_be_piece(node: Node<'_>) -> bool {
    matches!(
        node,
        Node::ColumnRef(_)
            | Node::FuncCall(_)
            | Node::A_Expr(_)
            | Node::TypeCast(_)
            | Node::BoolExpr(_)
            | Node::NullTest(_)
            | Node::BooleanTest(_)
            | Node::CaseExpr(_)
            | Node::CoalesceExpr(_)
            | Node::MinMaxExpr(_)
    )
}

/// An item of ORDER BY that is a position, or the name of a column of the answer.
#[expect(clippy::wildcard_enum_match_arm, reason = "everything else is an expression over FROM")]
fn is_output(node: Node<'_>, select: &nodes::SelectStmt) -> bool {
    match node {
        Node::A_Const(_) => true,
        Node::ColumnRef(column) => match names(column.fields()).as_slice() {
            [name] => outputs_called(name, select) > 0,
            _ => false,
        },
        _ => false,
    }
}

fn outputs_called(name: &str, select: &nodes::SelectStmt) -> usize {
    select.target_list().iter().filter(|target| output_name(target) == Some(name)).count()
}

fn output_name(target: &nodes::ResTarget) -> Option<&str> {
    target.name().or_else(|| name_of(target.val()))
}

/// An expression with other text in the place of some of its nodes, as SQL.
fn replaced(value: Node<'_>, replace: &impl Fn(Node<'_>) -> Option<Box<str>>) -> Option<Box<str>> {
    printed_after_select(&make::owned(|memory| {
        let target = memory.make_res_target(None, memory.empty(), changed(value, replace, memory));
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_target_list(memory.make_list(&[target]));
        copy
    }))
}

fn changed<'mem>(
    value: Node<'_>,
    replace: &impl Fn(Node<'_>) -> Option<Box<str>>,
    memory: MemoryToken<'mem>,
) -> Unique<'mem, Node<'mem>> {
    let mut copy = memory.make_unique(value);
    transform(&mut copy, |node| change(node, replace, memory));
    copy
}

#[expect(clippy::wildcard_enum_match_arm, reason = "it is the SELECT that was written here")]
fn change<'mem, 'it>(
    node: Assignable<'mem, 'it>,
    replace: &impl Fn(Node<'_>) -> Option<Box<str>>,
    memory: MemoryToken<'mem>,
) -> Option<Assignable<'mem, 'it>> {
    let Some(text) = replace(node.as_ref()) else { return Some(node) };
    let parsed = pg_raw_parse::parse(&format!("SELECT {text}")).ok();
    let value = parsed.as_ref().and_then(|parsed| match parsed.iter().next()?.stmt() {
        Node::SelectStmt(select) => select.target_list().iter().next().map(|target| target.val()),
        _ => None,
    });
    // Without one the names that are left are no columns of the final statement: PostgreSQL says so.
    node.replace(memory.make_unique(value.unwrap_or(Node::None)));
    None
}

/// The final statement.
#[expect(clippy::wildcard_enum_match_arm, reason = "only names can be names of outputs")]
fn last<N: Names>(taking: &Taking<'_, N>, pieces: &Aggregated, finals: &Finals) -> Option<Box<str>> {
    let select = taking.select;
    let named: Vec<&str> = select.target_list().iter().map(output_name).collect::<Option<_>>()?;
    let sorts_by_one = |sort: &nodes::SortBy| match sort.node() {
        Node::ColumnRef(column) => match names(column.fields()).as_slice() {
            [name] => outputs_called(name, select) < 2,
            _ => true,
        },
        _ => true,
    };
    if !select.sort_clause().iter().all(sorts_by_one) {
        return None;
    }
    let replace = |node: Node<'_>| match taking.piece(node, pieces)? {
        Piece::Key(number) => finals.keys.get(number).cloned(),
        Piece::Call(number) => finals.calls.get(number).cloned(),
    };
    let has_groups = !select.group_clause().is_empty();
    let printed = make::owned(|memory| {
        let targets: Vec<_> = select.target_list().iter().zip(&named).collect();
        let targets: Vec<_> = targets
            .into_iter()
            .map(|(target, name)| {
                memory.make_res_target(Some(name), memory.empty(), changed(target.val(), &replace, memory))
            })
            .collect();
        let sorts: Vec<_> = select
            .sort_clause()
            .iter()
            .map(|sort| {
                let mut copy = memory.make_unique(sort);
                if !is_output(sort.node(), select) {
                    TransformClosure::new(|node| change(node, &replace, memory)).transform_sort_by(copy.as_mut());
                }
                copy
            })
            .collect();
        let column =
            |name: &str| memory.make_column_ref(memory.make_list(&[memory.make_string(Some(name)).uncast()])).uncast();
        let groups: Vec<_> = finals.keys.iter().filter(|_| has_groups).map(|name| column(name)).collect();
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_distinct_clause(memory.make_unique(select.distinct_clause()));
        copy.as_mut().set_target_list(memory.make_list(&targets));
        let relation = memory.make_range_var(None, Some(finals.relation)).uncast();
        copy.as_mut().set_from_clause(memory.make_list(&[relation]));
        copy.as_mut().set_group_clause(memory.make_list(&groups));
        copy.as_mut().set_having_clause(changed(select.having_clause(), &replace, memory));
        copy.as_mut().set_sort_clause(memory.make_list(&sorts));
        copy.as_mut().set_limit_count(memory.make_unique(select.limit_count()));
        copy.as_mut().set_limit_offset(memory.make_unique(select.limit_offset()));
        copy.as_mut().set_limit_option(select.limit_option);
        copy
    });
    pg_raw_parse::deparse(&*printed).ok().map(|printed| printed.as_str().into())
}
