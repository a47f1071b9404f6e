//! The types of expressions, where PostgreSQL's own rules leave no doubt: columns, casts, literals, arithmetic, and functions
//! that always return the same type.
//!
//! Whatever is not listed has no kind here, and what needs it goes another way.

use pg_raw_parse::nodes::{self, A_Expr_Kind};
use pg_raw_parse::{ConstValue, Node};

use super::super::statement::expression::TypeName;
use super::expression::type_name;
use super::names;

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its OID, one of PostgreSQL's own
    pub oid: u32,
    /// It has a modifier, as `varchar(20)` has
    pub has_modifier: bool,
    /// It is, or is made of, text with a collation that is not the database's
    pub has_collation: bool,
}

/// What names mean where the expression stands.
pub trait Names {
    /// A column that the tables of FROM certainly have: its place among all of theirs, and its kind, where it is of one of
    /// PostgreSQL's own types
    fn column(&self, name: &[Box<str>]) -> Option<(usize, Option<Kind>)>;
    /// Several of the tables have a column of this name
    fn is_of_several(&self, name: &str) -> bool;
    /// A function of this name is PostgreSQL's own
    fn is_postgresqls(&self, function: &str) -> bool;
}

// pg_type.dat
const BOOL: u32 = 16;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const FLOAT8: u32 = 701;
/// A literal in quotes, or NULL: it becomes what stands beside it
const UNKNOWN: u32 = 705;
const BPCHAR: u32 = 1042;
const VARCHAR: u32 = 1043;
const DATE: u32 = 1082;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const INTERVAL: u32 = 1186;
const NUMERIC: u32 = 1700;

/// Expressions nested deeper than this have no kind.
const DEPTH_MAX: usize = 64;

/// The kind of an expression.
pub fn kind(node: Node<'_>, names: &dyn Names) -> Option<Kind> {
    of(node, names, DEPTH_MAX).filter(|kind| kind.oid != UNKNOWN)
}

fn plain(oid: u32) -> Option<Kind> {
    Some(Kind { oid, has_modifier: false, has_collation: false })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what is not listed has no kind here")]
fn of(node: Node<'_>, scope: &dyn Names, depth: usize) -> Option<Kind> {
    let depth = depth.checked_sub(1)?;
    match node {
        Node::ColumnRef(column) => {
            let parts = names(column.fields());
            if parts.len() == column.fields().len() { scope.column(&parts)?.1 } else { None }
        }
        Node::A_Const(constant) => of_literal(constant),
        Node::TypeCast(cast) => {
            let to = type_name(cast.type_name()?);
            let oid = oid_of(&to)?;
            if matches!(cast.arg(), Node::ParamRef(_)) {
                return Some(Kind { oid, has_modifier: to.has_modifiers, has_collation: false });
            }
            let inner = of(cast.arg(), scope, depth);
            // Versions before 14 drop a cast to the type that is there already. Text that is cast to text keeps its collation.
            let keeps_modifier = inner.is_none_or(|inner| inner.oid == oid && inner.has_modifier);
            let has_collation = is_text(oid) && inner.is_none_or(|inner| inner.has_collation);
            Some(Kind { oid, has_modifier: to.has_modifiers || keeps_modifier, has_collation })
        }
        Node::BoolExpr(_) | Node::NullTest(_) | Node::BooleanTest(_) => plain(BOOL),
        Node::CoalesceExpr(coalesce) => common(coalesce.args().iter().map(|arg| of(arg, scope, depth))),
        Node::MinMaxExpr(extreme) => common(extreme.args().iter().map(|arg| of(arg, scope, depth))),
        Node::CaseExpr(case) => {
            let results = case.args().iter().map(|when| match when {
                Node::CaseWhen(when) => of(when.result(), scope, depth),
                _ => None,
            });
            let rest = match case.defresult() {
                Node::None => None,
                result => Some(of(result, scope, depth)),
            };
            common(results.chain(rest))
        }
        Node::A_Expr(expr) => of_operator(expr, scope, depth),
        Node::FuncCall(call) => of_call(call, scope, depth),
        _ => None,
    }
}

fn of_literal(constant: &nodes::A_Const) -> Option<Kind> {
    match constant.val() {
        _ if constant.isnull => plain(UNKNOWN),
        Some(ConstValue::Integer(_)) => plain(INT4),
        // The least integer comes as a number that its sign has made fit.
        Some(ConstValue::Float(digits)) if digits.parse::<i32>().is_ok() => plain(INT4),
        Some(ConstValue::Float(digits)) if digits.parse::<i64>().is_ok() => plain(INT8),
        Some(ConstValue::Float(_)) => plain(NUMERIC),
        Some(ConstValue::Boolean(_)) => plain(BOOL),
        Some(ConstValue::String(_)) => plain(UNKNOWN),
        Some(_) | None => None,
    }
}

/// The type of that name, with or without modifiers.
fn oid_of(name: &TypeName) -> Option<u32> {
    let word = match name.names.as_slice() {
        [word] => &**word,
        [schema, word] if &**schema == "pg_catalog" => &**word,
        _ => return None,
    };
    if name.dimensions > 0 || name.is_odd {
        return None;
    }
    Some(match word {
        "bool" => BOOL,
        "int2" => INT2,
        "int4" => INT4,
        "int8" => INT8,
        "text" => TEXT,
        "float8" => FLOAT8,
        "bpchar" => BPCHAR,
        "varchar" => VARCHAR,
        "date" => DATE,
        "timestamp" => TIMESTAMP,
        "timestamptz" => TIMESTAMPTZ,
        "interval" => INTERVAL,
        "numeric" => NUMERIC,
        "uuid" => 2950,
        _ => return None,
    })
}

/// The type of CASE, COALESCE and their kin: that of all of them, or the widest of numbers.
fn common(kinds: impl Iterator<Item = Option<Kind>>) -> Option<Kind> {
    let mut found = Kind { oid: UNKNOWN, has_modifier: false, has_collation: false };
    for kind in kinds {
        let kind = kind?;
        found.oid = match (found.oid, kind.oid) {
            (UNKNOWN, it) | (it, UNKNOWN) => it,
            (one, other) if one == other => one,
            (one, other) => widest(one, other)?,
        };
        found.has_modifier |= kind.has_modifier;
        found.has_collation |= kind.has_collation;
    }
    // Literals alone are text.
    Some(Kind { oid: if found.oid == UNKNOWN { TEXT } else { found.oid }, ..found })
}

/// Of two exact numbers the one that the other becomes.
fn widest(one: u32, other: u32) -> Option<u32> {
    const BY_WIDTH: [u32; 4] = [INT2, INT4, INT8, NUMERIC];
    let width = |oid: u32| BY_WIDTH.iter().position(|it| *it == oid);
    Some(BY_WIDTH[width(one)?.max(width(other)?)])
}

fn is_text(oid: u32) -> bool {
    matches!(oid, TEXT | VARCHAR | BPCHAR | UNKNOWN)
}

fn of_operator(expr: &nodes::A_Expr, scope: &dyn Names, depth: usize) -> Option<Kind> {
    match expr.kind {
        A_Expr_Kind::AEXPR_OP => (),
        A_Expr_Kind::AEXPR_NULLIF => return nullif(of(expr.lexpr(), scope, depth)?, of(expr.rexpr(), scope, depth)?),
        _ => return plain(BOOL),
    }
    let parts = names(expr.name());
    let [operator] = parts.as_slice() else { return None };
    let is_prefix = matches!(expr.lexpr(), Node::None);
    if !is_prefix
        && matches!(
            &**operator,
            "=" | "<>" | "<" | "<=" | ">" | ">=" | "~~" | "!~~" | "~~*" | "!~~*" | "~" | "!~" | "~*"
        )
    {
        return plain(BOOL);
    }
    let right = of(expr.rexpr(), scope, depth)?;
    if is_prefix {
        let is_number = matches!(right.oid, INT2 | INT4 | INT8 | NUMERIC | FLOAT8);
        return if is_number && matches!(&**operator, "-" | "+") { plain(right.oid) } else { None };
    }
    let left = of(expr.lexpr(), scope, depth)?;
    let has_collation = left.has_collation || right.has_collation;
    let oid = match (&**operator, left.oid, right.oid) {
        ("+" | "-" | "*" | "/" | "%", UNKNOWN, it @ (INT2 | INT4 | INT8 | NUMERIC | FLOAT8))
        | ("+" | "-" | "*" | "/" | "%", it @ (INT2 | INT4 | INT8 | NUMERIC | FLOAT8), UNKNOWN) => it,
        ("+" | "-" | "*" | "/", FLOAT8, INT2 | INT4 | INT8 | NUMERIC | FLOAT8)
        | ("+" | "-" | "*" | "/", INT2 | INT4 | INT8 | NUMERIC, FLOAT8) => FLOAT8,
        ("+" | "-" | "*" | "/" | "%", one, other) if widest(one, other).is_some() => widest(one, other)?,
        ("+" | "-", DATE, INT4 | INT2) => DATE,
        ("-", DATE, DATE) => INT4,
        ("+" | "-", DATE, INTERVAL) => TIMESTAMP,
        ("+" | "-", it @ (TIMESTAMP | TIMESTAMPTZ | INTERVAL), INTERVAL) => it,
        ("-", TIMESTAMP, TIMESTAMP) | ("-", TIMESTAMPTZ, TIMESTAMPTZ) => INTERVAL,
        ("->>", 114 | 3802, UNKNOWN | TEXT | INT4) => TEXT,
        ("||", one, other) if is_text(one) && is_text(other) && (one, other) != (UNKNOWN, UNKNOWN) => TEXT,
        ("||", TEXT | VARCHAR, INT2 | INT4 | INT8 | NUMERIC | DATE) => TEXT,
        _ => return None,
    };
    Some(Kind { oid, has_modifier: false, has_collation })
}

/// The type of its first argument, as it is compared.
fn nullif(left: Kind, right: Kind) -> Option<Kind> {
    let is_kept = match (left.oid, right.oid) {
        (UNKNOWN | VARCHAR | BPCHAR, _) => false,
        (INT2 | INT4 | INT8, INT2 | INT4 | INT8) | (NUMERIC, INT2 | INT4 | INT8) | (_, UNKNOWN) => true,
        (one, other) => one == other,
    };
    is_kept.then_some(left)
}

fn of_call(call: &nodes::FuncCall, scope: &dyn Names, depth: usize) -> Option<Kind> {
    let parts = names(call.funcname());
    let name = match parts.as_slice() {
        [name] => &**name,
        [schema, name] if &**schema == "pg_catalog" => &**name,
        _ => return None,
    };
    let is_plain = call.agg_order().is_empty()
        && call.over().is_none()
        && matches!(call.agg_filter(), Node::None)
        && !call.agg_within_group
        && !call.agg_distinct
        && !call.func_variadic
        && !call.agg_star;
    if !is_plain || !scope.is_postgresqls(name) {
        return None;
    }
    let arguments: Vec<Option<Kind>> = call.args().iter().map(|arg| of(arg, scope, depth)).collect();
    let argument = |place: usize| arguments.get(place).copied().flatten();
    let has_collation = arguments.iter().any(|argument| argument.is_none_or(|it| it.has_collation));
    let oid = match (name, arguments.len()) {
        // In a time zone: only a time that has one.
        ("date_trunc", 3) => match argument(1)?.oid {
            DATE | TIMESTAMP | TIMESTAMPTZ => TIMESTAMPTZ,
            _ => return None,
        },
        ("date_trunc", 2) => match argument(1)?.oid {
            DATE => TIMESTAMPTZ,
            it @ (TIMESTAMP | TIMESTAMPTZ | INTERVAL) => it,
            _ => return None,
        },
        // Versions before 14 turn EXTRACT into date_part.
        ("extract", 2) => NUMERIC,
        ("date_part", 2) => FLOAT8,
        ("lower" | "upper" | "initcap" | "btrim" | "ltrim" | "rtrim" | "reverse", 1)
        | ("substr" | "substring" | "left" | "right" | "repeat" | "btrim" | "ltrim" | "rtrim" | "lpad" | "rpad", 2)
        | ("substr" | "substring" | "replace" | "split_part" | "translate" | "lpad" | "rpad", 3) => {
            let first = argument(0)?.oid;
            if is_text(first) { TEXT } else { return None }
        }
        ("to_char", 2) => TEXT,
        ("length" | "char_length" | "octet_length", 1) if is_text(argument(0)?.oid) => INT4,
        ("abs", 1) if widest(argument(0)?.oid, INT2).is_some() => argument(0)?.oid,
        ("mod", 2) => widest(argument(0)?.oid, argument(1)?.oid)?,
        ("round" | "trunc" | "ceil" | "ceiling" | "floor", 1) | ("round" | "trunc", 2) => match argument(0)?.oid {
            it @ NUMERIC => it,
            _ => return None,
        },
        ("to_date", 2) => DATE,
        _ => return None,
    };
    Some(Kind { oid, has_modifier: false, has_collation: has_collation && is_text(oid) })
}
