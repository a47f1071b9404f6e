//! Queries and the statements that write rows.

use pg_raw_parse::nodes::{
    self, BoolExprType, CmdType, JoinType, MergeMatchKind, OnConflictAction, OverridingKind, SetOperation,
};
use pg_raw_parse::{Node, list::NodeList, make};

use super::super::statement::expression::Expression;
use super::super::statement::{
    Alias, Body, Change, CommonTable, Conjunct, Distinct, FromItem, Insert, Join, JoinKind, Merge, MergeAction,
    MergeBranch, MergeKind, OnConflict, Query, RelationName, Select, Statement, Target, With,
};
use super::expression::value_of;
use super::{Convert, TOO_DEEP, names, relation};

impl Convert {
    pub(super) fn query(&mut self, select: &nodes::SelectStmt) -> Query {
        self.level(too_deep(), |this| this.query_here(select))
    }

    fn query_here(&mut self, select: &nodes::SelectStmt) -> Query {
        let mut limits: Vec<_> = self.maybe(select.limit_count()).into_iter().collect();
        limits.extend(self.maybe(select.limit_offset()));
        Query {
            with: select.with_clause().map(|with| self.with(with)),
            body: self.body(select),
            order_by: select.sort_clause().iter().map(|sort| self.sorted_by(sort)).collect(),
            limits,
            is_locking: !select.locking_clause().is_empty(),
            locked: locked(select),
        }
    }

    fn body(&mut self, select: &nodes::SelectStmt) -> Body {
        if let (Some(left), Some(right)) = (select.larg(), select.rarg()) {
            return Body::SetOperation(Box::new(self.query(left)), Box::new(self.query(right)));
        }
        debug_assert!(select.op == SetOperation::SETOP_NONE, "a set operation has two arms");
        if !select.values_lists().is_empty() {
            return Body::Values(select.values_lists().iter().map(|row| self.row(row)).collect());
        }
        let group_by = self.expressions(select.group_clause());
        Body::Select(Box::new(Select {
            distinct: self.distinct(select.distinct_clause()),
            targets: self.targets(select.target_list().iter()),
            from: self.items_of_from(select.from_clause()),
            filter: self.maybe(select.where_clause()),
            conjuncts: self.conjuncts(select.where_clause()),
            has_grouping_sets: select.group_clause().iter().any(|node| matches!(node, Node::GroupingSet(_))),
            group_at: select.group_clause().first().and_then(beginning),
            group_by,
            having: self.maybe(select.having_clause()),
            windows: self.expressions(select.window_clause()),
        }))
    }

    /// The texts of what must hold together, as the parser prints them.
    fn conjuncts(&self, filter: Node<'_>) -> Vec<Conjunct> {
        if !self.with_texts || matches!(filter, Node::None) {
            return Vec::new();
        }
        let texts = |node| parts_of(node, BoolExprType::AND_EXPR).into_iter().map(condition_text).collect();
        let conjunct = |node| {
            let branches = parts_of(node, BoolExprType::OR_EXPR);
            let branches = if branches.len() < 2 { Vec::new() } else { branches.into_iter().map(texts).collect() };
            Conjunct { text: condition_text(node), branches }
        };
        parts_of(filter, BoolExprType::AND_EXPR).into_iter().map(conjunct).collect()
    }

    fn row(&mut self, row: Node<'_>) -> Vec<Expression> {
        match row.as_node_list() {
            Some(items) => self.expressions(items),
            None => vec![Expression::Unknown("a row of VALUES that shardway does not know")],
        }
    }

    fn distinct(&mut self, clause: &NodeList) -> Distinct {
        match (clause.is_empty(), clause.first()) {
            (true, _) => Distinct::No,
            // lcons(NIL, NIL) stands for a plain DISTINCT (parsenodes.h).
            (false, Some(Node::None) | None) => Distinct::Rows,
            (false, Some(_)) => Distinct::On(self.expressions(clause)),
        }
    }

    fn with(&mut self, with: &nodes::WithClause) -> With {
        With { is_recursive: with.recursive, parts: with.ctes().iter().map(|part| self.common_table(part)).collect() }
    }

    fn common_table(&mut self, part: &nodes::CommonTableExpr) -> CommonTable {
        CommonTable {
            name: Box::from(part.ctename().unwrap_or_default()),
            columns: names(part.aliascolnames()),
            adds_columns: part.search_clause().is_some() || part.cycle_clause().is_some(),
            statement: self.statement(part.ctequery()),
        }
    }

    fn items_of_from(&mut self, list: &NodeList) -> Vec<FromItem> {
        list.iter().map(|node| self.item_of_from(node)).collect()
    }

    fn item_of_from(&mut self, node: Node<'_>) -> FromItem {
        self.level(FromItem::Unknown(TOO_DEEP), |this| this.shape_of_from(node))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed is refused")]
    fn shape_of_from(&mut self, node: Node<'_>) -> FromItem {
        match node {
            Node::RangeVar(range) => {
                FromItem::Table { name: relation(range), alias: alias(range.alias()), sample: None }
            }
            Node::RangeTableSample(sample) => self.sample(sample),
            Node::RangeSubselect(select) => match self.statement(select.subquery()) {
                Statement::Query(query) => {
                    FromItem::Query { is_lateral: select.lateral, query: Box::new(query), alias: alias(select.alias()) }
                }
                _ => FromItem::Unknown("a subquery that is not a query"),
            },
            Node::RangeFunction(function) => {
                let mut calls = self.expressions(function.functions());
                calls.extend(function.coldeflist().iter().map(|column| value_of(column.type_name())));
                FromItem::Rows { calls, alias: alias(function.alias()) }
            }
            Node::RangeTableFunc(table) => {
                FromItem::Rows { calls: vec![self.expression(node)], alias: alias(table.alias()) }
            }
            Node::JsonTable(table) => {
                FromItem::Rows { calls: vec![self.expression(node)], alias: alias(table.alias()) }
            }
            Node::JoinExpr(join) => FromItem::Join(Box::new(self.join(join))),
            _ => FromItem::Unknown("an item of FROM that shardway does not know"),
        }
    }

    fn sample(&mut self, sample: &nodes::RangeTableSample) -> FromItem {
        let mut expressions = self.expressions(sample.args());
        expressions.extend(self.maybe(sample.repeatable()));
        match self.item_of_from(sample.relation()) {
            FromItem::Table { name, alias, .. } => FromItem::Table { name, alias, sample: Some(expressions) },
            FromItem::Query { .. } | FromItem::Rows { .. } | FromItem::Join(_) | FromItem::Unknown(_) => {
                FromItem::Unknown("TABLESAMPLE of something that is not a table")
            }
        }
    }

    fn join(&mut self, join: &nodes::JoinExpr) -> Join {
        Join {
            kind: match join.jointype {
                JoinType::JOIN_LEFT => JoinKind::Left,
                JoinType::JOIN_RIGHT => JoinKind::Right,
                JoinType::JOIN_INNER => JoinKind::Inner,
                // FULL proves nothing: the safe answer for a kind that the grammar cannot produce.
                _ => JoinKind::Full,
            },
            is_natural: join.is_natural,
            using: join.using_clause().iter().filter_map(|name| name.sval()).map(Box::from).collect(),
            using_alias: join.join_using_alias().and_then(|alias| alias.aliasname()).map(Box::from),
            left: self.item_of_from(join.larg()),
            right: self.item_of_from(join.rarg()),
            on: self.maybe(join.quals()),
            alias: alias(join.alias()),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "DEFAULT VALUES has no source")]
    pub(super) fn insert(&mut self, insert: &nodes::InsertStmt) -> Option<Insert> {
        let source = match insert.select_stmt() {
            Node::SelectStmt(select) => Some(self.query(select)),
            _ => None,
        };
        let range = insert.relation()?;
        Some(Insert {
            with: insert.with_clause().map(|with| self.with(with)),
            table: relation(range),
            alias: alias(range.alias()),
            columns: column_list(insert.cols()),
            overrides_with_default: insert.override_ == OverridingKind::OVERRIDING_USER_VALUE,
            source,
            on_conflict: insert.on_conflict_clause().map(|clause| self.on_conflict(clause)),
            returning: self.returning(insert.returning_clause()),
        })
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "what is no plain column is an expression")]
    fn on_conflict(&mut self, clause: &nodes::OnConflictClause) -> OnConflict {
        let mut rest: Vec<_> = self.maybe(clause.where_clause()).into_iter().collect();
        let mut columns = Vec::new();
        let mut has_expressions = false;
        for element in clause.infer().iter().flat_map(|infer| infer.index_elems().iter()) {
            match element {
                Node::IndexElem(element) if element.name().is_some() => columns.extend(element.name().map(Box::from)),
                _ => {
                    has_expressions = true;
                    rest.push(self.expression(element));
                }
            }
        }
        if let Some(filter) = clause.infer().and_then(|infer| self.maybe(infer.where_clause())) {
            has_expressions = true;
            rest.push(filter);
        }
        OnConflict {
            columns,
            has_expressions,
            constraint: clause.infer().and_then(|infer| infer.conname()).map(Box::from),
            is_update: clause.action == OnConflictAction::ONCONFLICT_UPDATE,
            assignments: self.targets(clause.target_list().iter()),
            rest,
        }
    }

    pub(super) fn update(&mut self, update: &nodes::UpdateStmt) -> Option<Change> {
        let range = update.relation()?;
        Some(Change {
            verb: "UPDATE",
            with: update.with_clause().map(|with| self.with(with)),
            table: relation(range),
            alias: alias(range.alias()),
            assignments: self.targets(update.target_list().iter()),
            from: self.items_of_from(update.from_clause()),
            filter: self.maybe(update.where_clause()),
            conjuncts: self.conjuncts(update.where_clause()),
            returning: self.returning(update.returning_clause()),
        })
    }

    pub(super) fn delete(&mut self, delete: &nodes::DeleteStmt) -> Option<Change> {
        let range = delete.relation()?;
        Some(Change {
            verb: "DELETE",
            with: delete.with_clause().map(|with| self.with(with)),
            table: relation(range),
            alias: alias(range.alias()),
            assignments: Vec::new(),
            from: self.items_of_from(delete.using_clause()),
            filter: self.maybe(delete.where_clause()),
            conjuncts: self.conjuncts(delete.where_clause()),
            returning: self.returning(delete.returning_clause()),
        })
    }

    pub(super) fn merge(&mut self, merge: &nodes::MergeStmt) -> Option<Merge> {
        let range = merge.relation()?;
        Some(Merge {
            with: merge.with_clause().map(|with| self.with(with)),
            table: relation(range),
            alias: alias(range.alias()),
            source: self.item_of_from(merge.source_relation()),
            on: self.expression(merge.join_condition()),
            branches: merge.merge_when_clauses().iter().map(|when| self.branch(when)).collect(),
            returning: self.returning(merge.returning_clause()),
        })
    }

    fn branch(&mut self, when: &nodes::MergeWhenClause) -> MergeBranch {
        let targets = when.target_list();
        MergeBranch {
            kind: match when.match_kind {
                MergeMatchKind::MERGE_WHEN_MATCHED => MergeKind::Matched,
                MergeMatchKind::MERGE_WHEN_NOT_MATCHED_BY_TARGET => MergeKind::NotInTarget,
                // Proves least.
                _ => MergeKind::NotInSource,
            },
            condition: self.maybe(when.condition()),
            action: match when.command_type {
                CmdType::CMD_INSERT => MergeAction::Insert {
                    columns: column_list(targets),
                    values: self.expressions(when.values()),
                    overrides_with_default: when.override_ == OverridingKind::OVERRIDING_USER_VALUE,
                },
                CmdType::CMD_UPDATE => MergeAction::Update(targets.iter().map(|node| self.target_node(node)).collect()),
                _ => MergeAction::NoRow,
            },
        }
    }

    fn returning(&mut self, clause: Option<&nodes::ReturningClause>) -> Vec<Target> {
        clause.into_iter().flat_map(|clause| clause.exprs().iter()).map(|node| self.target_node(node)).collect()
    }

    fn target_node(&mut self, node: Node<'_>) -> Target {
        match <&nodes::ResTarget>::try_from(node) {
            Ok(target) => self.target(target),
            Err(_) => Target { name: None, value: Expression::Unknown("a target that shardway does not know") },
        }
    }
}

/// What stands after OF.
fn locked(select: &nodes::SelectStmt) -> Option<Vec<Box<str>>> {
    let mut tables = Vec::new();
    for clause in select.locking_clause().iter() {
        let named = clause.locked_rels().iter().filter_map(|it| <&nodes::RangeVar>::try_from(it).ok());
        let before = tables.len();
        tables.extend(named.filter_map(|range| range.relname()).map(Box::from));
        if tables.len() == before {
            return None;
        }
    }
    Some(tables)
}

/// Where a column or a number stands.
#[expect(clippy::wildcard_enum_match_arm, reason = "the parser places other nodes at their operators, or nowhere")]
fn beginning(node: Node<'_>) -> Option<usize> {
    match node {
        Node::ColumnRef(column) => usize::try_from(column.location).ok(),
        Node::A_Const(constant) => usize::try_from(constant.location).ok(),
        _ => None,
    }
}

/// What an AND or OR is made of; of anything else itself.
fn parts_of(node: Node<'_>, operator: BoolExprType::Type) -> Vec<Node<'_>> {
    if let Node::BoolExpr(all) = node
        && all.boolop == operator
    {
        return all.args().iter().collect();
    }
    vec![node]
}

/// A condition as SQL; empty where it cannot be printed.
pub(super) fn condition_text(condition: Node<'_>) -> Box<str> {
    const BEFORE: &str = "SELECT WHERE ";
    let select = make::owned(|memory| {
        let mut select = memory.make_node::<nodes::SelectStmt>();
        select.as_mut().set_where_clause(memory.make_unique(condition));
        select
    });
    let printed = pg_raw_parse::deparse(&*select).ok();
    printed.and_then(|printed| printed.as_str().strip_prefix(BEFORE).map(Box::from)).unwrap_or_default()
}

fn too_deep() -> Query {
    Query {
        with: None,
        body: Body::Values(vec![vec![Expression::Unknown(TOO_DEEP)]]),
        order_by: Vec::new(),
        limits: Vec::new(),
        is_locking: false,
        locked: None,
    }
}

pub(super) fn alias(alias: Option<&nodes::Alias>) -> Alias {
    match alias {
        Some(alias) => Alias { name: alias.aliasname().map(Box::from), columns: names(alias.colnames()) },
        None => Alias::default(),
    }
}

/// The columns of an INSERT: `a`, `a.field`, `a[1]` are all the column `a`.
fn column_list(list: &NodeList) -> Vec<Box<str>> {
    list.iter()
        .filter_map(|node| <&nodes::ResTarget>::try_from(node).ok())
        .filter_map(|target| target.name().map(Box::from))
        .collect()
}

/// SELECT … INTO stands in the leftmost arm.
pub(super) fn into_clause(select: &nodes::SelectStmt) -> Option<RelationName> {
    let mut leftmost = select;
    while let Some(left) = leftmost.larg() {
        leftmost = left;
    }
    leftmost.into_clause().and_then(|into| into.rel()).map(relation)
}
