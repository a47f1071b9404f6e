//! Aggregates over several shards: each shard aggregates its own rows, one PostgreSQL puts the parts together.
//!
//! ```sql
//! each: SELECT lower(kind), count(*), sum(amount) FROM events GROUP BY 1
//! then: WITH shardway_1(shardway_k1, shardway_a1, shardway_a2) AS (…)
//!       SELECT shardway_k1 AS lower, sum(shardway_a2) / sum(shardway_a1)::bigint AS … FROM shardway_1 GROUP BY shardway_k1
//! ```
//!
//! Only aggregates whose parts come together to exactly the same value: sums of integers and numerics, counts, extremes,
//! averages as sum over count (which PostgreSQL itself divides), booleans, bits. Sums of floats depend on the order of
//! the rows and are not among them. What is made of the aggregates afterwards (arithmetic, HAVING, ORDER BY, DISTINCT)
//! PostgreSQL makes of values of the same types.
//!
//! Rows that are distinct are so on each shard first.

use std::collections::BTreeSet;

use crate::logic::catalog::{Catalog, Column, Relation};
use crate::logic::sql::parse::aggregate::{Aggregated, Argument, Call, Finals, Key, aggregated};
use crate::logic::sql::parse::kinds::{Kind, Names};
use crate::logic::sql::parse::with_statements;
use crate::logic::sql::statement::{Alias, RelationName};
use crate::logic::value::oid;

use super::constants::{Literals, array_of_plain};
use super::fanout::{Fanout, fanout};
use super::gather::{Gather, Part, Transfer, is_a_name, transfer};
use super::pieces::has_new_numbers;
use super::schema::Found;
use super::survey::Survey;
use super::{Home, Schema};

/// Joins that put NULLs in the place of rows.
const OUTER: [&str; 3] = ["LEFT", "RIGHT", "FULL"];
/// The relation of the final statement.
const RELATION: &str = "shardway_1";

/// The plan of an aggregate query over one sharded table, perhaps joined with tables that every shard has; `None` for
/// anything else.
pub fn reduce(text: &str, schema: &Schema<'_>) -> Option<Gather> {
    // Names of types and functions could be someone's own.
    if schema.lists_pg_catalog() || has_new_numbers(text) {
        return None;
    }
    let mut made = None;
    let last = aggregated(
        text,
        |tables| Tables::of(tables, schema),
        |tables, pieces| {
            let (part, finals, rest) = Parts::of(tables, pieces, schema)?;
            made = Some((part, rest));
            Some(finals)
        },
    )?;
    let (part, rest) = made?;
    let text = format!("{} {last}", rest.with).into();
    let Rest { params, absent, fails_early, access, .. } = rest;
    let home = Home::Any;
    let (parts, views) = (vec![part], Vec::new());
    Some(Gather {
        parts,
        text,
        params,
        absent,
        groups_as_tables: false,
        views,
        fails_early,
        is_bound: false,
        home,
        access,
    })
}

/// Aggregates of a query without groups, order or limit, each item of its select list one of them. `fold` says what becomes
/// of each, by its name and the type of what it is of.
pub(super) fn bare<T>(
    text: &str,
    schema: &Schema<'_>,
    fold: impl Fn(&str, Option<u32>) -> Option<T>,
) -> Option<(Fanout, Vec<T>)> {
    if schema.lists_pg_catalog() || has_new_numbers(text) {
        return None;
    }
    let mut made = None;
    let scope = |tables: &[(RelationName, Alias)]| Tables::of(tables, schema);
    let _no_statement = aggregated(text, scope, |_, pieces| {
        let of = |target: &Option<usize>| {
            let call = &pieces.calls[(*target)?];
            let kind = call.argument.as_ref().and_then(|argument| argument.kind);
            fold(&call.function, kind.map(|kind| kind.oid))
        };
        let folds = pieces.targets.iter().map(of).collect::<Option<Vec<T>>>().filter(|_| pieces.is_bare)?;
        made = Some((fanout(&listed(pieces, true), schema)?, folds));
        None
    });
    made
}

/// A query that lists what is aggregated, and what is left besides the aggregates.
fn listed(pieces: &Aggregated, with_rest: bool) -> String {
    let keys = pieces.keys.iter().map(|key| &*key.text);
    let of_calls = pieces
        .calls
        .iter()
        .flat_map(|call| call.argument.iter().map(|argument| &*argument.text).chain(call.filter.as_deref()));
    let rest = pieces.rest.iter().filter(|_| with_rest).map(|it| &**it);
    let all: Vec<&str> = std::iter::once("1").chain(keys).chain(of_calls).chain(rest).collect();
    format!("SELECT {} {}", all.join(", "), pieces.rows)
}

/// What goes into the plan besides its part.
struct Rest {
    with: String,
    params: u16,
    absent: Vec<u16>,
    fails_early: bool,
    access: super::Access,
}

/// The parameters of a text.
pub(super) fn params_of(text: &str, schema: &Schema<'_>) -> Option<BTreeSet<u16>> {
    params_where(text, schema, |_| true)
}

/// The same, if PostgreSQL finds the same types for them wherever they stand.
fn sure_params_of(text: &str, schema: &Schema<'_>) -> Option<BTreeSet<u16>> {
    params_where(text, schema, |survey| survey.has_certain_params())
}

fn params_where(text: &str, schema: &Schema<'_>, fits: impl Fn(&Survey<'_>) -> bool) -> Option<BTreeSet<u16>> {
    let met = with_statements(text, |located| {
        let [one] = located else { return None };
        let mut survey = Survey::new(*schema, Literals::new(text, None), "SELECT");
        survey.statement(&one.statement);
        fits(&survey).then(|| survey.params())
    });
    met.ok().flatten()
}

/// The tables of FROM.
struct Tables<'a> {
    all: Vec<(Box<str>, &'a Relation)>,
    /// One of them is a view
    has_views: bool,
    catalog: &'a Catalog,
}

impl<'a> Tables<'a> {
    fn of(tables: &[(RelationName, Alias)], schema: &Schema<'a>) -> Option<Self> {
        let known = |(name, alias): &(RelationName, Alias)| {
            let relation = match schema.find(name) {
                Found::Sharded { relation, .. } | Found::Reference(relation) => relation?,
                Found::View(_, relation) => relation,
                Found::Single(..) | Found::Sequence | Found::System | Found::Unlisted | Found::Unheard => return None,
            };
            let visible = alias.name.clone().unwrap_or_else(|| name.name.clone());
            (alias.columns.is_empty() && !relation.columns.is_empty()).then_some((visible, relation))
        };
        let has_views = tables.iter().any(|(name, _)| matches!(schema.find(name), Found::View(..)));
        Some(Self { all: tables.iter().map(known).collect::<Option<_>>()?, has_views, catalog: schema.catalog })
    }

    fn columns(&self) -> impl Iterator<Item = (&str, &'a Column)> {
        self.all.iter().flat_map(|(visible, relation)| relation.columns.iter().map(|column| (&**visible, column)))
    }

    /// Its values are made anew where they are put together, which may run something.
    fn checks(&self, column: &Column) -> bool {
        self.all.iter().any(|(_, relation)| relation.checks_values_of(column))
    }

    fn column_at(&self, place: usize) -> Option<&'a Column> {
        self.columns().nth(place).map(|(_, column)| column)
    }
}

impl Names for Tables<'_> {
    fn column(&self, name: &[Box<str>]) -> Option<(usize, Option<Kind>)> {
        let (table, own) = match name {
            [own] => (None, own),
            [table, own] => (Some(table), own),
            _ => return None,
        };
        let fits =
            |(visible, column): (&str, &Column)| table.is_none_or(|table| **table == *visible) && column.name == *own;
        let mut found = self.columns().enumerate().filter(|(_, it)| fits(*it));
        match (found.next(), found.next()) {
            (Some((place, (_, column))), None) => Some((place, kind_of(column))),
            _ => None,
        }
    }

    fn is_of_several(&self, name: &str) -> bool {
        self.columns().filter(|(_, column)| *column.name == *name).count() > 1
    }

    fn is_postgresqls(&self, function: &str) -> bool {
        let of_name = self.catalog.functions.get(function).map(Vec::as_slice).unwrap_or_default();
        !of_name.is_empty() && of_name.iter().all(|it| it.schema.as_ref() == "pg_catalog")
    }
}

fn kind_of(column: &Column) -> Option<Kind> {
    const NAME: u32 = 19;
    (column.type_oid < oid::FIRST_OF_USERS).then(|| Kind {
        oid: column.type_oid,
        has_modifier: column.type_name.contains('('),
        has_collation: column.collation.is_some() || column.type_oid == NAME,
    })
}

/// One column of what a shard sends.
struct PartColumn {
    /// Its name in the final statement
    name: Box<str>,
    /// What each shard computes
    value: String,
    transfer: Transfer,
    /// What the final statement makes of its elements
    cast: String,
}

/// What the shards compute.
#[derive(Default)]
struct Parts {
    columns: Vec<PartColumn>,
}

impl Parts {
    fn of(tables: &Tables<'_>, pieces: &Aggregated, schema: &Schema<'_>) -> Option<(Part, Finals, Rest)> {
        // The rows that are aggregated are told apart as those of a query that lists them would be.
        let whole = listed(pieces, true);
        let fanout = fanout(&whole, schema)?;
        sure_params_of(&whole, schema)?;
        let used = params_of(&listed(pieces, false), schema)?;
        // Elsewhere PostgreSQL could find another type for such a parameter.
        if !used.is_disjoint(&pieces.last_params) {
            return None;
        }
        let mut parts = Self::default();
        let may_lack_rows = tables.has_views || OUTER.iter().any(|word| pieces.rows.contains(word));
        for key in &pieces.keys {
            parts.key(key, tables, may_lack_rows)?;
        }
        let keys: Vec<Box<str>> = parts.columns.iter().map(|column| column.name.clone()).collect();
        let calls = pieces.calls.iter().map(|call| parts.call(call, tables).map(Into::into)).collect::<Option<_>>()?;
        let params = used.union(&pieces.last_params).max().copied().unwrap_or_default();
        let part = Part {
            requirement: fanout.requirement,
            text: parts.text(pieces).into(),
            params: used.into_iter().collect(),
            columns: parts.columns.iter().map(|column| column.transfer.clone()).collect(),
        };
        let absent = (1..=params).filter(|number| !pieces.last_params.contains(number)).collect();
        let rest =
            Rest { with: parts.with(params)?, params, absent, fails_early: may_fail(pieces), access: fanout.access };
        Some((part, Finals { relation: RELATION, keys, calls }, rest))
    }

    fn key(&mut self, key: &Key, tables: &Tables<'_>, may_lack_rows: bool) -> Option<()> {
        let (transfer, cast) = match (key.column, key.kind) {
            (Some(place), _) => {
                let column = tables.column_at(place).filter(|column| !is_a_name(column) && !tables.checks(column))?;
                // A domain may forbid the NULL that stands for a row that is lacking.
                if may_lack_rows && column.type_oid >= oid::FIRST_OF_USERS {
                    return None;
                }
                let collation = column.collation.as_ref().map(|it| format!(" COLLATE {it}")).unwrap_or_default();
                (transfer(column), format!("::{}{collation}", column.type_name))
            }
            (None, Some(Kind { oid, has_modifier: false, has_collation: false })) => (binary(oid)?, String::new()),
            (None, _) => return None,
        };
        let name = format!("shardway_k{}", self.columns.len() + 1).into();
        self.columns.push(PartColumn { name, value: key.text.to_string(), transfer, cast });
        Some(())
    }

    /// Adds what the shards compute for an aggregate. Returns what the final statement makes of it.
    fn call(&mut self, call: &Call, tables: &Tables<'_>) -> Option<String> {
        let filter = call.filter.as_ref().map(|it| format!(" FILTER (WHERE {it})")).unwrap_or_default();
        let Some(argument) = &call.argument else {
            return (&*call.function == "count").then(|| self.count(format!("count(*){filter}")));
        };
        let of = &argument.text;
        let mut part = |function: &str, oid: u32| self.add(format!("{function}({of}){filter}"), oid, "");
        Some(match (&*call.function, argument.kind.map(|kind| kind.oid)) {
            ("count", _) => self.count(format!("count({of}){filter}")),
            ("bool_and" | "bool_or" | "every", _) => format!("{}({})", call.function, part(&call.function, BOOL)?),
            ("sum", Some(INT2 | INT4)) => format!("sum({})::bigint", part("sum", INT8)?),
            ("sum", Some(INT8 | NUMERIC)) => format!("sum({})", part("sum", NUMERIC)?),
            ("sum", Some(INTERVAL)) => format!("sum({})", part("sum", INTERVAL)?),
            ("avg", Some(oid @ (INT2 | INT4 | INT8 | NUMERIC))) => {
                let sum = part("sum", if matches!(oid, INT2 | INT4) { INT8 } else { NUMERIC })?;
                let count = part("count", INT8)?;
                format!("(sum({sum})::numeric / nullif(sum({count}), 0))")
            }
            ("bit_and" | "bit_or" | "bit_xor", Some(oid @ (INT2 | INT4 | INT8))) => {
                format!("{}({})", call.function, part(&call.function, oid)?)
            }
            ("min" | "max", Some(oid)) => {
                let oid = if oid == VARCHAR { TEXT } else { oid };
                let collation = collation_of(argument, tables)?;
                let value = format!("{}({of}){filter}", call.function);
                let part = has_extremes(oid).then(|| self.add(value, oid, &collation)).flatten()?;
                format!("{}({part})", call.function)
            }
            _ => return None,
        })
    }

    fn count(&mut self, value: String) -> String {
        let part = self.add(value, INT8, "").unwrap_or_default();
        format!("coalesce(sum({part}), 0)::bigint")
    }

    fn add(&mut self, value: String, oid: u32, collation: &str) -> Option<String> {
        let transfer = binary(oid)?;
        if let Some(known) = self.columns.iter().find(|column| column.value == value) {
            return Some(known.name.to_string());
        }
        let name = format!("shardway_a{}", self.columns.len());
        self.columns.push(PartColumn { name: name.clone().into(), value, transfer, cast: collation.to_owned() });
        Some(name)
    }

    fn text(&self, pieces: &Aggregated) -> String {
        let values: Vec<&str> = self.columns.iter().map(|column| &*column.value).collect();
        // Expressions by their places: PostgreSQL might not see that two are the same.
        let key = |(place, key): (usize, &Key)| match key.column {
            Some(_) => key.text.to_string(),
            None => (place + 1).to_string(),
        };
        let keys: Vec<String> = pieces.keys.iter().enumerate().map(key).collect();
        let group_by = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
        format!("SELECT {} {}{group_by}", values.join(", "), pieces.rows)
    }

    /// `WITH …`.
    fn with(&self, params: u16) -> Option<String> {
        let (mut names, mut values, mut calls, mut aliases) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, column) in self.columns.iter().enumerate() {
            let param = params.checked_add(u16::try_from(number + 1).ok()?)?;
            names.push(&*column.name);
            values.push(format!("u.c{number}{}", column.cast));
            calls.push(format!("pg_catalog.unnest(${param})"));
            aliases.push(format!("c{number}"));
        }
        Some(format!(
            "WITH {RELATION}({}) AS MATERIALIZED (SELECT {} FROM ROWS FROM ({}) AS u({}))",
            names.join(", "),
            values.join(", "),
            calls.join(", "),
            aliases.join(", ")
        ))
    }
}

// pg_type.dat
const BOOL: u32 = 16;
pub(super) const INT8: u32 = 20;
pub(super) const INT2: u32 = 21;
pub(super) const INT4: u32 = 23;
const TEXT: u32 = 25;
const VARCHAR: u32 = 1043;
const INTERVAL: u32 = 1186;
const NUMERIC: u32 = 1700;

/// Types whose min and max give the type itself, without modifiers. numeric keeps the digits of the value.
fn has_extremes(oid: u32) -> bool {
    const FLOAT4: u32 = 700;
    const FLOAT8: u32 = 701;
    const INET: u32 = 869;
    const BPCHAR: u32 = 1042;
    const DATE: u32 = 1082;
    const TIME: u32 = 1083;
    const TIMESTAMP: u32 = 1114;
    const TIMESTAMPTZ: u32 = 1184;
    const TIMETZ: u32 = 1266;
    matches!(
        oid,
        INT2 | INT4
            | INT8
            | NUMERIC
            | FLOAT4
            | FLOAT8
            | TEXT
            | BPCHAR
            | DATE
            | TIME
            | TIMETZ
            | TIMESTAMP
            | TIMESTAMPTZ
            | INTERVAL
            | INET
    )
}

/// The shards compute more than aggregates of columns.
fn may_fail(pieces: &Aggregated) -> bool {
    let computes =
        |call: &Call| call.filter.is_some() || call.argument.as_ref().is_some_and(|argument| argument.column.is_none());
    let is_filtered = ["WHERE", "JOIN"].iter().any(|word| pieces.rows.contains(word));
    is_filtered || pieces.keys.iter().any(|key| key.column.is_none()) || pieces.calls.iter().any(computes)
}

/// The collation of what is compared, as SQL; `None`: it is not known.
fn collation_of(argument: &Argument, tables: &Tables<'_>) -> Option<String> {
    match (argument.column, argument.kind?.has_collation) {
        (Some(place), _) => {
            let collation = tables.column_at(place)?.collation.as_ref();
            Some(collation.map(|it| format!(" COLLATE {it}")).unwrap_or_default())
        }
        (None, false) => Some(String::new()),
        (None, true) => None,
    }
}

fn binary(oid: u32) -> Option<Transfer> {
    let array = array_of_plain(oid)?;
    Some(Transfer { element: oid, array, is_binary: true, depends_on_settings: false, read_as: None })
}
