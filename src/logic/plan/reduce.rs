//! Plain aggregates over several shards: each shard aggregates its own rows, one PostgreSQL puts the parts together.
//!
//! ```sql
//! each: SELECT kind, count(*), sum(amount) FROM events GROUP BY kind
//! then: WITH shardway_1(kind, a1, a2) AS (…) SELECT kind, sum(a1)::bigint, sum(a2) FROM shardway_1 GROUP BY kind
//! ```
//!
//! Only aggregates whose parts come together to exactly the same value: sums of integers and numerics, counts, extremes,
//! averages as sum over count (which PostgreSQL itself divides), booleans. Sums of floats depend on the order of
//! the rows and are not among them.

use std::collections::BTreeSet;

use crate::logic::catalog::{Column, Relation};
use crate::logic::sql::parse::aggregate::{Aggregated, ColumnName, Output, What, aggregated};
use crate::logic::sql::parse::with_statements;

use super::constants::{Literals, array_of_plain};
use super::fanout::{Fanout, fanout};
use super::gather::{Gather, Part, Transfer, quoted, transfer};
use super::schema::Found;
use super::survey::Survey;
use super::{Home, Schema};

/// The plan of a plain aggregate query over one sharded table; `None` for anything else.
pub fn reduce(text: &str, schema: &Schema<'_>) -> Option<Gather> {
    let Source { aggregated, relation, fanout, listed } = source(text, schema)?;
    let pieces = Pieces::of(&aggregated, relation)?;
    // Elsewhere PostgreSQL could find another type for such a parameter.
    let used = params_of(&listed, schema)?;
    if !used.is_disjoint(&aggregated.tail_params) {
        return None;
    }
    let params = used.union(&aggregated.tail_params).max().copied().unwrap_or_default();
    let part = Part {
        requirement: fanout.requirement,
        text: pieces.part(&aggregated).into(),
        params: used.into_iter().collect(),
        columns: pieces.columns.iter().map(|column| column.transfer).collect(),
    };
    let text = pieces.last(&aggregated, params)?.into();
    let absent = (1..=params).filter(|number| !aggregated.tail_params.contains(number)).collect();
    Some(Gather {
        parts: vec![part],
        text,
        params,
        absent,
        groups_as_tables: false,
        home: Home::Any,
        access: fanout.access,
    })
}

/// A plain aggregate query over one sharded table.
pub(super) struct Source<'a> {
    pub aggregated: Aggregated,
    pub relation: &'a Relation,
    /// The shards whose rows are aggregated
    pub fanout: Fanout,
    /// The query that lists these rows
    listed: String,
}

/// Takes it to pieces, all of them PostgreSQL's own.
pub(super) fn source<'a>(text: &str, schema: &Schema<'a>) -> Option<Source<'a>> {
    let aggregated = aggregated(text)?;
    let Found::Sharded { relation: Some(relation), .. } = schema.find(&aggregated.table) else { return None };
    if aggregated.table.is_only || !aggregated.alias.columns.is_empty() {
        return None;
    }
    // The rows that are aggregated are told apart as those of a query that lists them would be.
    let listed = format!("SELECT {} {}", filters(&aggregated), aggregated.rows);
    let fanout = fanout(&listed, schema)?;
    let is_postgresqls = |target: &Output| match &target.what {
        What::Key(_) => true,
        What::Aggregate { function, .. } => {
            let of_name = schema.catalog.functions.get(function).map(Vec::as_slice).unwrap_or_default();
            of_name.iter().all(|it| it.schema.as_ref() == "pg_catalog")
        }
    };
    aggregated.targets.iter().all(is_postgresqls).then_some(Source { aggregated, relation, fanout, listed })
}

/// The conditions of FILTER, so that the proof looks at them too.
fn filters(aggregated: &Aggregated) -> String {
    let of = |what: &What| match what {
        What::Aggregate { filter, .. } if !filter.is_empty() => {
            filter.strip_prefix(" FILTER (WHERE ").and_then(|it| it.strip_suffix(')')).map(str::to_owned)
        }
        What::Aggregate { .. } | What::Key(_) => None,
    };
    let conditions: Vec<String> = aggregated.targets.iter().filter_map(|target| of(&target.what)).collect();
    if conditions.is_empty() { "1".to_owned() } else { conditions.join(", ") }
}

/// The parameters of a text.
pub(super) fn params_of(text: &str, schema: &Schema<'_>) -> Option<BTreeSet<u16>> {
    let met = with_statements(text, |located| {
        let [one] = located else { return None };
        let mut survey = Survey::new(*schema, Literals::new(text, None), "SELECT");
        survey.statement(&one.statement);
        Some(survey.params())
    });
    met.ok().flatten()
}

/// One column of the part.
struct PartColumn {
    /// Its name in the final statement
    name: String,
    /// What each shard computes
    value: String,
    transfer: Transfer,
    /// What the final statement makes of its elements
    cast: String,
}

struct Pieces {
    columns: Vec<PartColumn>,
    /// The select list of the final statement
    targets: Vec<String>,
    /// The names of the keys there
    keys: Vec<String>,
}

impl Pieces {
    fn of(aggregated: &Aggregated, relation: &Relation) -> Option<Self> {
        let mut pieces = Self { columns: Vec::new(), targets: Vec::new(), keys: Vec::new() };
        for key in &aggregated.keys {
            pieces.key(key, aggregated, relation)?;
        }
        for target in &aggregated.targets {
            let value = match &target.what {
                What::Key(key) => {
                    let name = quoted(key.last()?);
                    column_of(key, aggregated, relation)?;
                    pieces.keys.contains(&name).then_some(name)?
                }
                What::Aggregate { function, column, filter } => {
                    let column = match column {
                        Some(name) => Some((sql(name), column_of(name, aggregated, relation)?)),
                        None => None,
                    };
                    pieces.aggregate(function, column, filter)?
                }
            };
            pieces.targets.push(format!("{value} AS {}", quoted(&target.name)));
        }
        let is_known = |name: &str| {
            let outputs = aggregated.targets.iter().filter(|target| &*target.name == name).count();
            outputs == 1 || outputs == 0 && pieces.keys.contains(&quoted(name))
        };
        aggregated.sorted_by.iter().all(|name| is_known(name)).then_some(pieces)
    }

    fn key(&mut self, key: &ColumnName, aggregated: &Aggregated, relation: &Relation) -> Option<()> {
        let column = column_of(key, aggregated, relation)?;
        let name = quoted(&column.name);
        if self.keys.contains(&name) {
            return None;
        }
        let transfer = transfer(column);
        let collation = column.collation.as_ref().map(|it| format!(" COLLATE {it}")).unwrap_or_default();
        let cast = format!("::{}{collation}", column.type_name);
        self.keys.push(name.clone());
        self.columns.push(PartColumn { name, value: sql(key), transfer, cast });
        Some(())
    }

    /// Adds what the shards compute for an aggregate. Returns what the final statement makes of it.
    fn aggregate(&mut self, function: &str, column: Option<(String, &Column)>, filter: &str) -> Option<String> {
        let Some((argument, column)) = column else {
            return (function == "count")
                .then(|| format!("sum({})::bigint", self.add(format!("count(*){filter}"), INT8, "")));
        };
        let collation = column.collation.as_ref().map(|it| format!(" COLLATE {it}")).unwrap_or_default();
        let mut part = |function: &str, oid: u32| {
            self.add(format!("{function}({argument}){filter}"), oid, if oid == TEXT { &collation } else { "" })
        };
        let of_type = column.type_oid;
        Some(match (function, of_type) {
            ("count", _) => format!("sum({})::bigint", part("count", INT8)),
            ("sum", INT2 | INT4) => format!("sum({})::bigint", part("sum", INT8)),
            ("sum", INT8 | NUMERIC) => format!("sum({})", part("sum", NUMERIC)),
            ("avg", INT2 | INT4 | INT8 | NUMERIC) => {
                let sum = part("sum", if matches!(of_type, INT2 | INT4) { INT8 } else { NUMERIC });
                let count = part("count", INT8);
                format!("sum({sum})::numeric / nullif(sum({count}), 0)")
            }
            ("min" | "max", VARCHAR) => format!("{function}({})", part(function, TEXT)),
            ("min" | "max", oid) if has_extremes(oid) => format!("{function}({})", part(function, oid)),
            ("bool_and" | "bool_or" | "every", BOOL) => format!("{function}({})", part(function, BOOL)),
            _ => return None,
        })
    }

    fn add(&mut self, value: String, oid: u32, collation: &str) -> String {
        let name = format!("shardway_a{}", self.columns.len());
        // The types that aggregates return all have an array type.
        let array = array_of_plain(oid).unwrap_or_default();
        let transfer = Transfer { element: oid, array, is_binary: true, depends_on_settings: false };
        self.columns.push(PartColumn { name: name.clone(), value, transfer, cast: collation.to_owned() });
        name
    }

    fn part(&self, aggregated: &Aggregated) -> String {
        let values: Vec<&str> = self.columns.iter().map(|column| &*column.value).collect();
        let keys: Vec<String> = aggregated.keys.iter().map(sql).collect();
        let group_by = if keys.is_empty() { String::new() } else { format!(" GROUP BY {}", keys.join(", ")) };
        format!("SELECT {} {}{group_by}", values.join(", "), aggregated.rows)
    }

    fn last(&self, aggregated: &Aggregated, params: u16) -> Option<String> {
        let (mut names, mut values, mut calls, mut aliases) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, column) in self.columns.iter().enumerate() {
            let param = params.checked_add(u16::try_from(number + 1).ok()?)?;
            names.push(column.name.clone());
            values.push(format!("u.c{number}{}", column.cast));
            calls.push(format!("pg_catalog.unnest(${param})"));
            aliases.push(format!("c{number}"));
        }
        let group_by = if self.keys.is_empty() { String::new() } else { format!(" GROUP BY {}", self.keys.join(", ")) };
        let tail = if aggregated.tail.is_empty() { String::new() } else { format!(" {}", aggregated.tail) };
        Some(format!(
            "WITH shardway_1({}) AS MATERIALIZED (SELECT {} FROM ROWS FROM ({}) AS u({})) SELECT {} FROM shardway_1{group_by}{tail}",
            names.join(", "),
            values.join(", "),
            calls.join(", "),
            aliases.join(", "),
            self.targets.join(", ")
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
const NUMERIC: u32 = 1700;

/// Types whose min and max give the type itself, without modifiers. numeric keeps the digits of the value.
fn has_extremes(oid: u32) -> bool {
    const DATE: u32 = 1082;
    const TIMESTAMP: u32 = 1114;
    const TIMESTAMPTZ: u32 = 1184;
    matches!(oid, INT2 | INT4 | INT8 | NUMERIC | TEXT | DATE | TIMESTAMP | TIMESTAMPTZ)
}

pub(super) fn column_of<'r>(name: &ColumnName, aggregated: &Aggregated, relation: &'r Relation) -> Option<&'r Column> {
    let visible = aggregated.alias.name.as_ref().unwrap_or(&aggregated.table.name);
    let own = match name.as_slice() {
        [own] => own,
        [table, own] if table == visible => own,
        _ => return None,
    };
    relation.columns.iter().find(|column| column.name == *own)
}

fn sql(name: &ColumnName) -> String {
    name.iter().map(|part| quoted(part)).collect::<Vec<_>>().join(".")
}
