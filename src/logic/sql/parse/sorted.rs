//! Queries that sort or limit their rows, taken to pieces: what they list, what they sort by, how many rows they want.
//!
//! What looks at its rows together or locks them gives `None`; groups and DISTINCT stay with the rows.

use std::ops::ControlFlow;

use pg_raw_parse::nodes::{self, A_Expr_Kind, LimitOption, MinMaxOp, SetOperation, SortByDir, SortByNulls};
use pg_raw_parse::walk::{Recurse, walk_manual};
use pg_raw_parse::{ConstValue, Node, make};

use super::super::statement::expression::TypeName;
use super::super::statement::{Alias, RelationName};
use super::expression::type_name;
use super::query::alias;
use super::{names, relation, with_select};

/// The pieces of a query.
#[derive(Debug)]
pub struct Sorted {
    /// DISTINCT
    pub is_distinct: bool,
    /// The select list
    pub targets: Box<str>,
    /// `FROM … WHERE … GROUP BY … HAVING …`
    pub rows: Box<str>,
    /// `ORDER BY …`, empty without
    pub order_by: Box<str>,
    /// The tables of FROM, subqueries, functions and joins with an alias left out
    pub tables: Vec<(RelationName, Alias)>,
    /// FROM has nothing but tables, and no join merges or renames their columns
    pub has_plain_tables: bool,
    /// The items of the select list
    pub items: Vec<Item>,
    /// The items of ORDER BY
    pub keys: Vec<Key>,
    /// LIMIT
    pub limit: Bound,
    /// OFFSET
    pub offset: Bound,
}

/// One item of the select list.
#[derive(Debug)]
pub enum Item {
    /// `*`, or `t.*`
    Star(Option<Box<str>>),
    /// An expression
    One(Printed),
}

/// An expression and what matters of it.
#[derive(Debug)]
pub struct Printed {
    /// As SQL
    pub text: Box<str>,
    /// It is a column of this name, perhaps qualified
    pub column: Option<Vec<Box<str>>>,
    /// The collation on top of it, perhaps qualified
    pub collation: Option<Vec<Box<str>>>,
    /// It holds a collation or a query somewhere
    pub has_collations: bool,
}

/// One item of ORDER BY.
#[derive(Debug)]
pub struct Key {
    /// What it sorts by
    pub by: By,
    /// DESC
    pub is_descending: bool,
    /// NULLS FIRST
    pub is_nulls_first: bool,
}

/// What an item of ORDER BY sorts by.
#[derive(Debug)]
pub enum By {
    /// The nth column of the answer, from 1
    Position(usize),
    /// The nth item of the select list, from 0, which has this name
    Item(usize),
    /// A column of FROM by its bare name: no item of the select list is called so, but a star may hold it
    Bare(Printed),
    /// An expression over the columns of FROM
    Expression(Printed),
}

/// LIMIT or OFFSET.
#[derive(Debug)]
pub enum Bound {
    /// Without, or NULL
    None,
    /// A number of rows
    Rows(u64),
    /// A parameter, perhaps cast
    Param(u16, Option<TypeName>),
}

/// Takes a text to pieces. Items of ORDER BY with parameters of their own give `None`: elsewhere in the statement
/// PostgreSQL could find other types for them.
pub fn sorted(text: &str) -> Option<Sorted> {
    with_select(text, of_select)
}

fn of_select(select: &nodes::SelectStmt) -> Option<Sorted> {
    let is_plain = select.with_clause().is_none()
        && select.op == SetOperation::SETOP_NONE
        && select.values_lists().is_empty()
        && (select.distinct_clause().is_empty() || is_distinct(select))
        && !select.group_distinct
        && select.window_clause().is_empty()
        && select.locking_clause().is_empty()
        && select.into_clause().is_none()
        && !matches!(select.limit_option, LimitOption::LIMIT_OPTION_WITH_TIES);
    if !is_plain || select.target_list().is_empty() {
        return None;
    }
    let mut from = From::default();
    select.from_clause().iter().for_each(|item| from.item(item));
    let items: Vec<Item> = select.target_list().iter().map(|target| item(target.val())).collect::<Option<_>>()?;
    let keys: Vec<Key> = select.sort_clause().iter().map(|sort| key(sort, select)).collect::<Option<_>>()?;
    let is_distinct = is_distinct(select);
    // PostgreSQL sorts distinct rows by what they list, and by nothing else.
    let is_listed = |key: &Key| matches!(key.by, By::Item(_) | By::Position(_));
    if is_distinct && !keys.iter().all(is_listed) {
        return None;
    }
    Some(Sorted {
        is_distinct,
        targets: targets(select)?,
        rows: grouped_rows(select)?,
        order_by: order_by(select)?,
        tables: from.tables,
        has_plain_tables: from.is_plain,
        items,
        keys,
        limit: bound(select.limit_count())?,
        offset: bound(select.limit_offset())?,
    })
}

/// The tables of a FROM.
pub(super) struct From {
    pub tables: Vec<(RelationName, Alias)>,
    /// There is nothing else, and no join merges or renames columns
    pub is_plain: bool,
    /// There is nothing else, and each is seen by its own name
    pub is_of_tables: bool,
}

impl Default for From {
    fn default() -> Self {
        Self { tables: Vec::new(), is_plain: true, is_of_tables: true }
    }
}

impl From {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is no table and no join has columns of its own")]
    pub fn item(&mut self, item: Node<'_>) {
        match item {
            Node::RangeVar(range) => self.tables.push((relation(range), alias(range.alias()))),
            // Its tables are not seen by their names, and another name may be one of them.
            Node::JoinExpr(join) if join.alias().is_some() => (self.is_plain, self.is_of_tables) = (false, false),
            Node::JoinExpr(join) => {
                self.is_plain &= !join.is_natural && join.using_clause().is_empty();
                self.is_of_tables &= !join.is_natural && join.join_using_alias().is_none();
                self.item(join.larg());
                self.item(join.rarg());
            }
            _ => (self.is_plain, self.is_of_tables) = (false, false),
        }
    }
}

fn item(value: Node<'_>) -> Option<Item> {
    if let Node::ColumnRef(column) = value
        && let Some(Node::A_Star(_)) = column.fields().iter().next_back()
    {
        return match names(column.fields()).as_slice() {
            [] => Some(Item::Star(None)),
            [of] => Some(Item::Star(Some(of.clone()))),
            _ => None,
        };
    }
    // All fields of a composite value: the text does not tell how many.
    if let Node::A_Indirection(it) = value
        && let Some(Node::A_Star(_)) = it.indirection().iter().next_back()
    {
        return None;
    }
    Some(Item::One(printed(value)?))
}

fn printed(value: Node<'_>) -> Option<Printed> {
    let (mut column, mut collation) = (None, None);
    if let Node::CollateClause(clause) = value {
        collation = Some(names(clause.collname()));
    } else if let Node::ColumnRef(reference) = value {
        let parts = names(reference.fields());
        column = (parts.len() == reference.fields().len()).then_some(parts);
    }
    let is_collated = |node: Node<'_>| matches!(node, Node::CollateClause(_) | Node::SubLink(_));
    Some(Printed { text: text_of(value)?, column, collation, has_collations: holds(value, &is_collated) })
}

/// Does a node, or one below it, look like this?
fn holds(node: Node<'_>, like: &impl Fn(Node<'_>) -> bool) -> bool {
    let below = |child: Node<'_>| match like(child) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(Recurse::Yes),
    };
    like(node) || walk_manual(node, below).is_some()
}

fn key(sort: &nodes::SortBy, select: &nodes::SelectStmt) -> Option<Key> {
    let is_descending = match sort.sortby_dir {
        SortByDir::SORTBY_DEFAULT | SortByDir::SORTBY_ASC => false,
        SortByDir::SORTBY_DESC => true,
        _ => return None,
    };
    let is_nulls_first = match sort.sortby_nulls {
        SortByNulls::SORTBY_NULLS_FIRST => true,
        SortByNulls::SORTBY_NULLS_LAST => false,
        _ => is_descending,
    };
    Some(Key { by: by(sort.node(), select)?, is_descending, is_nulls_first })
}

/// PostgreSQL takes a bare name for a column of the answer first (`findTargetlistEntrySQL92`).
#[expect(clippy::wildcard_enum_match_arm, reason = "everything else is an expression over FROM")]
fn by(node: Node<'_>, select: &nodes::SelectStmt) -> Option<By> {
    match node {
        Node::A_Const(constant) => match constant.val() {
            Some(ConstValue::Integer(position)) => Some(By::Position(usize::try_from(position).ok()?)),
            _ => None,
        },
        Node::ColumnRef(column) if column.fields().len() == 1 => {
            let wanted = column.fields().iter().find_map(Node::as_str)?;
            for (place, target) in select.target_list().iter().enumerate() {
                let name = match target.name() {
                    Some(name) => name,
                    None => name_of(target.val())?,
                };
                if name == wanted {
                    return Some(By::Item(place));
                }
            }
            Some(By::Bare(printed(node)?))
        }
        _ if holds(node, &|node| matches!(node, Node::ParamRef(_))) => None,
        _ => Some(By::Expression(printed(node)?)),
    }
}

/// The name that PostgreSQL gives a column (`FigureColname`); a star has none, `None`: not known here.
pub(super) fn name_of(value: Node<'_>) -> Option<&str> {
    figured(value).map(|(_, name)| name)
}

/// How sure PostgreSQL is of a name, and the name.
#[expect(clippy::wildcard_enum_match_arm, reason = "the names of the others are not looked up")]
fn figured(value: Node<'_>) -> Option<(u8, &str)> {
    Some(match value {
        Node::ColumnRef(column) => match column.fields().iter().next_back()? {
            Node::A_Star(_) => (2, "*"),
            last => (2, last.as_str()?),
        },
        Node::FuncCall(call) => (2, call.funcname().iter().filter_map(Node::as_str).next_back()?),
        Node::TypeCast(cast) => match figured(cast.arg())? {
            (0 | 1, _) => (1, cast.type_name()?.names().iter().filter_map(|part| part.sval()).next_back()?),
            sure => sure,
        },
        Node::CaseExpr(case) => match case.defresult() {
            Node::None => (1, "case"),
            result => match figured(result)? {
                (0 | 1, _) => (1, "case"),
                sure => sure,
            },
        },
        Node::CollateClause(clause) => figured(clause.arg())?,
        Node::CoalesceExpr(_) => (2, "coalesce"),
        Node::MinMaxExpr(extreme) if extreme.op == MinMaxOp::IS_GREATEST => (2, "greatest"),
        Node::MinMaxExpr(_) => (2, "least"),
        Node::A_Expr(expr) if expr.kind == A_Expr_Kind::AEXPR_NULLIF => (2, "nullif"),
        Node::A_Expr(_)
        | Node::A_Const(_)
        | Node::ParamRef(_)
        | Node::BoolExpr(_)
        | Node::NullTest(_)
        | Node::BooleanTest(_) => (0, "?column?"),
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "computed limits are PostgreSQL's to compute")]
fn bound(node: Node<'_>) -> Option<Bound> {
    match node {
        Node::None => Some(Bound::None),
        Node::A_Const(constant) if constant.isnull => Some(Bound::None),
        Node::A_Const(constant) => match constant.val() {
            Some(ConstValue::Integer(rows)) => Some(Bound::Rows(u64::try_from(rows).ok()?)),
            _ => None,
        },
        Node::ParamRef(param) => Some(Bound::Param(u16::try_from(param.number).ok()?, None)),
        Node::TypeCast(cast) => match cast.arg() {
            Node::ParamRef(param) => {
                Some(Bound::Param(u16::try_from(param.number).ok()?, Some(type_name(cast.type_name()?))))
            }
            _ => None,
        },
        _ => None,
    }
}

fn targets(select: &nodes::SelectStmt) -> Option<Box<str>> {
    printed_after_select(&make::owned(|memory| {
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_target_list(memory.make_unique(select.target_list()));
        copy
    }))
}

/// `FROM … WHERE …`.
pub(super) fn rows(select: &nodes::SelectStmt) -> Option<Box<str>> {
    printed_after_select(&make::owned(|memory| {
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_from_clause(memory.make_unique(select.from_clause()));
        copy.as_mut().set_where_clause(memory.make_unique(select.where_clause()));
        copy
    }))
}

/// The same with `GROUP BY … HAVING …`.
fn grouped_rows(select: &nodes::SelectStmt) -> Option<Box<str>> {
    printed_after_select(&make::owned(|memory| {
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_from_clause(memory.make_unique(select.from_clause()));
        copy.as_mut().set_where_clause(memory.make_unique(select.where_clause()));
        copy.as_mut().set_group_clause(memory.make_unique(select.group_clause()));
        copy.as_mut().set_having_clause(memory.make_unique(select.having_clause()));
        copy
    }))
}

/// DISTINCT without ON: lcons(NIL, NIL) stands for it (parsenodes.h).
pub(super) fn is_distinct(select: &nodes::SelectStmt) -> bool {
    matches!(select.distinct_clause().first(), Some(Node::None))
}

fn order_by(select: &nodes::SelectStmt) -> Option<Box<str>> {
    if select.sort_clause().is_empty() {
        return Some(Box::default());
    }
    printed_after_select(&make::owned(|memory| {
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_sort_clause(memory.make_unique(select.sort_clause()));
        copy
    }))
}

/// An expression as SQL.
pub(super) fn text_of(value: Node<'_>) -> Option<Box<str>> {
    printed_after_select(&make::owned(|memory| {
        let target = memory.make_res_target(None, memory.empty(), memory.make_unique(value));
        let mut copy = memory.make_node::<nodes::SelectStmt>();
        copy.as_mut().set_target_list(memory.make_list(&[target]));
        copy
    }))
}

pub(super) fn printed_after_select(select: &nodes::SelectStmt) -> Option<Box<str>> {
    let printed = pg_raw_parse::deparse(select).ok()?;
    printed.as_str().strip_prefix("SELECT").map(|rest| rest.trim_start().into())
}
