//! Expressions of the parser's tree.

use std::ops::ControlFlow;

use pg_raw_parse::nodes::{self, A_Expr_Kind as Kind, BoolExprType, NullTestType, SubLinkType};
use pg_raw_parse::walk::{Recurse, walk_manual};
use pg_raw_parse::{ConstValue, Node};

use super::super::statement::expression::{
    Call, Constant, Expression, Literal, Moment, Operator, Subquery, SubqueryKind, TypeName, Window,
};
use super::super::statement::{Statement, Target};
use super::{Convert, TOO_DEEP, names, offset};

impl Convert {
    pub(super) fn expression(&mut self, node: Node<'_>) -> Expression {
        self.level(Expression::Unknown(TOO_DEEP), |this| this.shape(node))
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser has 300 nodes; those left over keep their children")]
    fn shape(&mut self, node: Node<'_>) -> Expression {
        match node {
            Node::A_Const(constant) => Expression::Constant(literal(constant)),
            Node::ParamRef(param) => Expression::Param(u32::try_from(param.number).unwrap_or(0)),
            Node::ColumnRef(column) => column_name(column),
            Node::TypeCast(cast) => self.cast(cast),
            Node::A_Expr(expr) => self.operator(expr),
            Node::BoolExpr(expr) => self.boolean(expr),
            Node::NullTest(test) if test.nulltesttype == NullTestType::IS_NULL => {
                Expression::IsNull(Box::new(self.expression(test.arg())))
            }
            Node::RowExpr(row) => Expression::Row(self.expressions(row.args())),
            Node::A_ArrayExpr(array) => Expression::Array(self.expressions(array.elements())),
            Node::FuncCall(call) => Expression::Call(Box::new(self.call(call))),
            Node::SubLink(link) => self.subquery(link),
            Node::A_Indirection(of) => self.indirection(of),
            Node::CaseExpr(case) => self.case(case),
            Node::SelectStmt(select) => Expression::Subquery(Box::new(Subquery {
                kind: SubqueryKind::Other,
                test: None,
                operator: Box::default(),
                query: self.query(select),
            })),
            Node::SetToDefault(_) => Expression::Default,
            Node::MultiAssignRef(of_row) => self.column_of_row(of_row),
            Node::CurrentOfExpr(at) => Expression::CurrentOf(at.cursor_name().unwrap_or_default().into()),
            _ => self.other(node),
        }
    }

    /// A node without a case of its own: all of its children, or `Unknown` if the parser's walker does not know it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed is refused")]
    fn other(&mut self, node: Node<'_>) -> Expression {
        match node {
            Node::None
            | Node::String(_)
            | Node::Integer(_)
            | Node::Float(_)
            | Node::Boolean(_)
            | Node::BitString(_)
            | Node::A_Star(_)
            | Node::Alias(_)
            | Node::JsonFormat(_)
            | Node::JsonReturning(_)
            | Node::MergeSupportFunc(_) => Expression::Other(Vec::new()),
            Node::TypeName(name) => value_of(Some(name)),
            Node::ColumnDef(column) => value_of(column.type_name()),
            Node::RangeTableFuncCol(column) => {
                let mut parts = self.children(node);
                parts.push(value_of(column.type_name()));
                Expression::Other(parts)
            }
            Node::SQLValueFunction(function) => Expression::Moment(moment(function)),
            Node::NodeList(list) => Expression::Other(self.expressions(list)),
            Node::NullTest(_)
            | Node::BooleanTest(_)
            | Node::CoalesceExpr(_)
            | Node::MinMaxExpr(_)
            | Node::GroupingFunc(_)
            | Node::GroupingSet(_)
            | Node::NamedArgExpr(_)
            | Node::CollateClause(_)
            | Node::A_Indices(_)
            | Node::SortBy(_)
            | Node::WindowDef(_)
            | Node::ResTarget(_)
            | Node::IndexElem(_)
            | Node::XmlExpr(_)
            | Node::XmlSerialize(_)
            | Node::RangeTableFunc(_)
            | Node::JsonOutput(_)
            | Node::JsonValueExpr(_)
            | Node::JsonIsPredicate(_)
            | Node::JsonBehavior(_)
            | Node::JsonArgument(_)
            | Node::JsonFuncExpr(_)
            | Node::JsonTable(_)
            | Node::JsonTableColumn(_)
            | Node::JsonTablePathSpec(_)
            | Node::JsonKeyValue(_)
            | Node::JsonParseExpr(_)
            | Node::JsonScalarExpr(_)
            | Node::JsonSerializeExpr(_)
            | Node::JsonObjectConstructor(_)
            | Node::JsonArrayConstructor(_)
            | Node::JsonArrayQueryConstructor(_)
            | Node::JsonAggConstructor(_) => Expression::Other(self.children(node)),
            Node::JsonObjectAgg(_) | Node::JsonArrayAgg(_) => Expression::Aggregate(self.children(node)),
            _ => Expression::Unknown("an expression that shardway does not know"),
        }
    }

    /// The direct children of a node that the parser's walker knows.
    fn children(&mut self, node: Node<'_>) -> Vec<Expression> {
        let mut found = Vec::new();
        walk_manual::<()>(node, |child| {
            found.push(self.expression(child));
            ControlFlow::Continue(Recurse::No)
        });
        found
    }

    fn cast(&mut self, cast: &nodes::TypeCast) -> Expression {
        let inner = Box::new(self.expression(cast.arg()));
        match cast.type_name() {
            Some(name) => Expression::Cast { inner, to: type_name(name) },
            None => Expression::Unknown("a cast without a type"),
        }
    }

    fn boolean(&mut self, expr: &nodes::BoolExpr) -> Expression {
        let parts = self.expressions(expr.args());
        match expr.boolop {
            BoolExprType::AND_EXPR => Expression::And(parts),
            BoolExprType::OR_EXPR => Expression::Or(parts),
            // NOT restricts nothing.
            _ => Expression::Other(parts),
        }
    }

    fn operator(&mut self, expr: &nodes::A_Expr) -> Expression {
        let operator = operator_of(expr);
        match (expr.kind, expr.lexpr(), expr.rexpr()) {
            (Kind::AEXPR_OP, left, right)
                if operator != Operator::Other && !matches!(left, Node::None) && !matches!(right, Node::None) =>
            {
                let (left, right) = self.both(left, right);
                Expression::Compare { operator, left, right }
            }
            (Kind::AEXPR_OP_ANY, left, array) if operator != Operator::Other => {
                let (left, array) = self.both(left, array);
                Expression::Any { operator, left, array }
            }
            (Kind::AEXPR_NOT_DISTINCT, left, right) => {
                let (left, right) = self.both(left, right);
                Expression::NotDistinct(left, right)
            }
            (Kind::AEXPR_IN, left, Node::NodeList(list)) => Expression::In {
                // `=` is IN, `<>` is NOT IN.
                negated: operator != Operator::Equal,
                left: Box::new(self.expression(left)),
                list: self.expressions(list),
            },
            (Kind::AEXPR_BETWEEN | Kind::AEXPR_BETWEEN_SYM, left, Node::NodeList(bounds)) => {
                let left = Box::new(self.expression(left));
                let mut bounds = self.expressions(bounds).into_iter();
                match (bounds.next(), bounds.next()) {
                    (Some(low), Some(high)) => Expression::Between {
                        symmetric: expr.kind == Kind::AEXPR_BETWEEN_SYM,
                        left,
                        low: Box::new(low),
                        high: Box::new(high),
                    },
                    (low, _) => Expression::Other(low.into_iter().chain([*left]).collect()),
                }
            }
            (_, left, right) => {
                let name = expr.name().iter().filter_map(Node::as_str).next_back().unwrap_or_default();
                let (left, right) = self.both(left, right);
                Expression::Operator { name: Box::from(name), parts: vec![*left, *right] }
            }
        }
    }

    fn both(&mut self, left: Node<'_>, right: Node<'_>) -> (Box<Expression>, Box<Expression>) {
        (Box::new(self.expression(left)), Box::new(self.expression(right)))
    }

    pub(super) fn call(&mut self, call: &nodes::FuncCall) -> Call {
        let mut rest: Vec<_> = call.agg_order().iter().map(|sort| self.sorted_by(sort)).collect();
        rest.extend(self.maybe(call.agg_filter()));
        Call {
            at: offset(call.location),
            name: names(call.funcname()),
            arguments: self.expressions(call.args()),
            rest,
            over: call.over().map(|window| self.window(window)),
        }
    }

    fn window(&mut self, window: &nodes::WindowDef) -> Window {
        let mut rest: Vec<_> = window.order_clause().iter().map(|sort| self.sorted_by(sort)).collect();
        rest.extend(self.maybe(window.start_offset()));
        rest.extend(self.maybe(window.end_offset()));
        Window { partition: self.expressions(window.partition_clause()), rest }
    }

    /// `CASE value WHEN other …` compares.
    fn case(&mut self, case: &nodes::CaseExpr) -> Expression {
        let (mut compared, mut parts) = (Vec::from_iter(self.maybe(case.arg())), Vec::new());
        let has_value = !compared.is_empty();
        for when in case.args().iter() {
            let Node::CaseWhen(when) = when else { return Expression::Unknown("a CASE that shardway does not know") };
            compared.push(self.expression(when.expr()));
            parts.push(self.expression(when.result()));
        }
        parts.extend(self.maybe(case.defresult()));
        let compared = match has_value {
            true => Expression::Operator { name: Box::from("="), parts: compared },
            false => Expression::Other(compared),
        };
        parts.insert(0, compared);
        Expression::Other(parts)
    }

    /// What ORDER BY sorts by, and the operator of `USING`.
    pub(super) fn sorted_by(&mut self, sort: &nodes::SortBy) -> Expression {
        let by = self.expression(sort.node());
        match sort.use_op().iter().filter_map(Node::as_str).next_back() {
            Some(operator) => Expression::Operator { name: operator.into(), parts: vec![by] },
            None => by,
        }
    }

    /// `(row).name[1].*`
    #[expect(clippy::wildcard_enum_match_arm, reason = "subscripts are expressions, and a star has none")]
    fn indirection(&mut self, indirection: &nodes::A_Indirection) -> Expression {
        let mut of = self.expression(indirection.arg());
        for step in indirection.indirection().iter() {
            of = match step {
                Node::String(_) => {
                    Expression::Field { of: Box::new(of), name: step.as_str().unwrap_or_default().into() }
                }
                subscript => Expression::Other(vec![of, self.expression(subscript)]),
            };
        }
        of
    }

    fn subquery(&mut self, link: &nodes::SubLink) -> Expression {
        let Statement::Query(query) = self.statement(link.subselect()) else {
            return Expression::Unknown("a subquery that is not a query");
        };
        let operator = link.oper_name().iter().filter_map(Node::as_str).next_back().unwrap_or("=").into();
        let is_equality = link.oper_name().is_empty() || plain_operator(link.oper_name()) == Operator::Equal;
        let kind = match link.sub_link_type {
            SubLinkType::EXISTS_SUBLINK => SubqueryKind::Exists,
            SubLinkType::ANY_SUBLINK if is_equality => SubqueryKind::In,
            SubLinkType::ARRAY_SUBLINK => SubqueryKind::Array,
            _ => SubqueryKind::Other,
        };
        Expression::Subquery(Box::new(Subquery { kind, test: self.maybe(link.testexpr()), operator, query }))
    }

    pub(super) fn targets<'a>(&mut self, list: impl Iterator<Item = &'a nodes::ResTarget>) -> Vec<Target> {
        list.map(|target| self.target(target)).collect()
    }

    pub(super) fn target(&mut self, target: &nodes::ResTarget) -> Target {
        let name = target.name().map(Box::from);
        let value = match (self.expression(target.val()), target.indirection().is_empty()) {
            (value, true) => value,
            // `SET a[1] = 2`: the subscripts are expressions too.
            (value, false) => {
                Expression::Other(self.expressions(target.indirection()).into_iter().chain([value]).collect())
            }
        };
        Target { name, value }
    }

    /// `SET (a, b) = (1, 2)`: each column has its own value. Those of a query are all with the first, which computes it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is no row is one value for all columns")]
    fn column_of_row(&mut self, of_row: &nodes::MultiAssignRef) -> Expression {
        let (number, count) = (usize::try_from(of_row.colno).unwrap_or(0), usize::try_from(of_row.ncolumns).ok());
        match of_row.source() {
            Node::RowExpr(row) if Some(row.args().len()) == count => {
                let own = number.checked_sub(1).and_then(|number| row.args().iter().nth(number));
                own.map_or(Expression::Unknown("a row without that column"), |own| self.expression(own))
            }
            source if number == 1 => Expression::Other(vec![self.expression(source)]),
            _ => Expression::Other(Vec::new()),
        }
    }
}

fn literal(constant: &nodes::A_Const) -> Constant {
    let value = match constant.val() {
        _ if constant.isnull => Literal::Null,
        Some(ConstValue::Integer(number)) => Literal::Integer(number.to_string().into()),
        Some(ConstValue::Float(digits)) => number(digits),
        Some(ConstValue::Boolean(value)) => Literal::Boolean(value),
        Some(ConstValue::String(text)) => Literal::String(text.into()),
        Some(ConstValue::BitString(_) | ConstValue::Unrecognized(_)) | None => Literal::Odd,
        // The parser's enum may grow.
        Some(_) => Literal::Odd,
    };
    Constant { value, at: offset(constant.location) }
}

fn moment(function: &nodes::SQLValueFunction) -> Moment {
    use nodes::SQLValueFunctionOp as Op;
    // pg_type.dat
    let time = match function.op {
        Op::SVFOP_CURRENT_DATE => Some(1082),
        Op::SVFOP_CURRENT_TIME | Op::SVFOP_CURRENT_TIME_N => Some(1266),
        Op::SVFOP_CURRENT_TIMESTAMP | Op::SVFOP_CURRENT_TIMESTAMP_N => Some(1184),
        Op::SVFOP_LOCALTIME | Op::SVFOP_LOCALTIME_N => Some(1083),
        Op::SVFOP_LOCALTIMESTAMP | Op::SVFOP_LOCALTIMESTAMP_N => Some(1114),
        _ => None,
    };
    Moment { time, at: offset(function.location) }
}

/// A number that does not fit 32 bits, or is no integer.
fn number(text: &str) -> Literal {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Literal::Integer(text.into())
    } else if digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte)) {
        Literal::Decimal(text.into())
    } else {
        Literal::Odd
    }
}

fn column_name(column: &nodes::ColumnRef) -> Expression {
    let parts = names(column.fields());
    match column.fields().iter().next_back() {
        Some(Node::A_Star(_)) => Expression::Star(parts),
        Some(_) if parts.len() == column.fields().len() => Expression::Column(parts),
        Some(_) | None => Expression::Unknown("a column reference that shardway does not know"),
    }
}

/// A value of this type is made of what stands elsewhere: XMLTABLE, the columns of `json_to_record()`.
pub(super) fn value_of(name: Option<&nodes::TypeName>) -> Expression {
    let of = Expression::Other(Vec::new());
    match name {
        Some(name) => Expression::Cast { inner: Box::new(of), to: type_name(name) },
        None => of,
    }
}

pub(super) fn type_name(name: &nodes::TypeName) -> TypeName {
    TypeName {
        names: name.names().iter().filter_map(|part| part.sval()).map(Box::from).collect(),
        has_modifiers: !name.typmods().is_empty(),
        dimensions: name.array_bounds().len(),
        is_odd: name.setof || name.pct_type,
    }
}

fn operator_of(expr: &nodes::A_Expr) -> Operator {
    plain_operator(expr.name())
}

fn plain_operator(name: &pg_raw_parse::list::NodeList) -> Operator {
    let parts: Vec<&str> = name.iter().filter_map(Node::as_str).collect();
    match parts.as_slice() {
        [operator] | ["pg_catalog", operator] => match *operator {
            "=" => Operator::Equal,
            "<" => Operator::Less,
            "<=" => Operator::LessEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterEqual,
            _ => Operator::Other,
        },
        _ => Operator::Other,
    }
}
