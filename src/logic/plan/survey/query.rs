//! Queries: WITH, SELECT, VALUES, set operations, and which filters on their columns reach the tables inside.

use crate::logic::sql::parse::deeper;
use crate::logic::sql::statement::expression::{Expression, Literal};
use crate::logic::sql::statement::{Body, CommonTable as Part, Distinct, Query, Select, Statement, Target, With};
use crate::logic::value::oid;

use super::super::facts::Variable;
use super::super::refusal::Refusal;
use super::super::scope::{Column, Columns, Meaning, Scope, sources, variables};
use super::params::type_of;
use super::{CommonTable, Survey, key_of, meaning_of};

impl Survey<'_> {
    /// Surveys a query. Returns what its columns stand for.
    pub fn query(&mut self, query: &Query, parent: &Scope<'_>) -> Columns {
        self.query_depth += 1;
        let columns = deeper(|| self.query_here(query, parent));
        self.query_depth -= 1;
        columns
    }

    fn query_here(&mut self, query: &Query, parent: &Scope<'_>) -> Columns {
        let may_lock = std::mem::take(&mut self.may_lock);
        let mut scope = Scope::inside(parent);
        self.with(query.with.as_ref(), &mut scope);
        self.note_query(query);
        if query.is_locking {
            self.writes();
            if self.mentions.is_some() && !may_lock {
                let picks = !query.order_by.is_empty() || !query.limits.is_empty();
                self.refuse(if picks { Refusal::locked_in_order() } else { Refusal::across("FOR UPDATE and its kin") });
            }
        }
        match &query.body {
            Body::Select(select) => self.select(select, query, &scope),
            Body::Values(rows) => {
                rows.iter().for_each(|row| self.visit_items(row, &scope));
                self.visit_around(query, &scope);
                self.sources.clear();
                self.values(rows)
            }
            Body::SetOperation(left, right) => {
                self.nature.follows_order = true;
                let before = (self.uses.len(), self.copies);
                let left = self.query(left, &scope);
                let right = self.query(right, &scope);
                self.visit_around(query, &scope);
                self.sources.clear();
                if !query.limits.is_empty() {
                    self.note_picked(before);
                }
                self.set_operation(&left, &right, may_be_filtered(query))
            }
        }
    }

    fn visit_around(&mut self, query: &Query, scope: &Scope<'_>) {
        for item in &query.order_by {
            // A position: the plan holds for this one only.
            if let Expression::Constant(constant) = item {
                self.literals.fix(constant);
            }
            self.visit(item, scope);
        }
        // LIMIT and OFFSET are bigint.
        query.limits.iter().for_each(|limit| self.visit_as(limit, Some(oid::INT8), scope));
    }

    /// Surveys the parts of a WITH and makes their names visible.
    pub fn with(&mut self, with: Option<&With>, scope: &mut Scope<'_>) {
        let Some(with) = with else { return };
        if with.is_recursive {
            // Any part may see any other, itself too: as tables whose columns are not known.
            for part in &with.parts {
                self.name_part(part, Columns::open(), false, scope);
            }
        }
        for part in &with.parts {
            let columns = self.part(part, scope);
            let (columns, may_be_filtered) = match (with.is_recursive, part.adds_columns) {
                (false, false) => (columns.renamed(&part.columns), matches!(part.statement, Statement::Query(_))),
                (true, _) | (_, true) => (Columns::open(), false),
            };
            if !with.is_recursive {
                self.name_part(part, columns, may_be_filtered, scope);
            }
        }
    }

    fn name_part(&mut self, part: &Part, columns: Columns, may_be_filtered: bool, scope: &mut Scope<'_>) {
        scope.common.push((part.name.clone(), self.common.len()));
        self.common.push(CommonTable { columns, uses: 0, ties: Vec::new(), may_be_filtered });
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the grammar has no other parts")]
    fn part(&mut self, part: &Part, scope: &Scope<'_>) -> Columns {
        if self.mentions.is_some() && !matches!(part.statement, Statement::Query(_)) {
            return self.modifying_part(part, scope);
        }
        match &part.statement {
            Statement::Query(query) => self.query(query, scope),
            Statement::Insert(insert) => self.insert(insert, scope),
            Statement::Change(change) => self.change(change, scope),
            Statement::Merge(merge) => self.merge(merge, scope),
            _ => {
                self.refuse(Refusal::unknown("a WITH part that is not a query"));
                Columns::open()
            }
        }
    }

    fn select(&mut self, select: &Select, query: &Query, parent: &Scope<'_>) -> Columns {
        let calls_before = self.volatile_calls;
        let is_existing = self.existing.take() == Some(std::ptr::from_ref(query));
        let is_idle_star = is_existing && is_plain_star(select, query);
        self.note_select(select);
        let before = (self.uses.len(), self.copies);
        let outside = std::mem::take(&mut self.aggregates);
        let mut scope = Scope::inside(parent);
        for item in &select.from {
            let entries = {
                let visible = Scope::siblings(scope.entries.clone(), parent);
                self.item_of_from(item, &visible)
            };
            scope.entries.extend(entries);
        }
        self.mention_shadows(&scope, parent);
        let windows_before = self.windows.len();
        if self.query_depth == 1 && self.view_depth == 0 {
            self.note_sure_calls(select, query);
        }
        if !is_idle_star {
            self.visit_targets(&select.targets, &scope);
        }
        self.visit_around(query, &scope);
        let windows = self.windows.split_off(windows_before);
        self.visit_all(&select.group_by, &scope);
        self.visit_all(&select.windows, &scope);
        if let Distinct::On(expressions) = &select.distinct {
            self.visit_all(expressions, &scope);
        }
        for condition in [&select.filter, &select.having].into_iter().flatten() {
            self.visit(condition, &scope);
        }
        if let Some(filter) = &select.filter {
            let free = scope.variables();
            self.condition(filter, &scope, &free);
        }
        self.mention_conditions(select, &scope);
        self.mention_grouped(select, &scope);
        let named_windows = !select.windows.is_empty();
        let gate = Gate {
            select,
            query,
            scope: &scope,
            windows: if named_windows { None } else { Some(&windows) },
            calls_volatile: self.volatile_calls > calls_before,
        };
        let columns = self.columns(&select.targets, &scope, Some(&gate));
        let aggregates = std::mem::replace(&mut self.aggregates, outside);
        let mut split = sources(&scope.entries);
        split.retain(|source| gate.is_split_by(*source, &aggregates, &columns, &self.facts));
        self.sources = split;
        if !is_existing && (gate.picks(&windows) || aggregates.follow_order) {
            self.note_picked(before);
        }
        columns
    }

    /// The columns that a target list makes. Filters pass through to the tables where the gate lets them.
    pub fn columns(&mut self, targets: &[Target], scope: &Scope<'_>, gate: Option<&Gate<'_>>) -> Columns {
        let mut found = Columns::closed(Vec::with_capacity(targets.len()));
        for (position, target) in targets.iter().enumerate() {
            if let Expression::Star(of) = &target.value {
                self.star(of, scope, gate, &mut found);
                continue;
            }
            let name = target.name.clone().or_else(|| name_of(&target.value));
            let meaning = match self.literals.value(&target.value) {
                Some(value) => Meaning::Value(value),
                None => meaning_of(&target.value, scope),
            };
            let meaning = self.carried(meaning, gate, Some((position, name.as_deref())));
            found.is_open |= name.is_none();
            let type_oid = type_of(&target.value, scope);
            found.list.push(Column { name, meaning, is_merged: false, type_oid });
        }
        found
    }

    fn star(&mut self, of: &[Box<str>], scope: &Scope<'_>, gate: Option<&Gate<'_>>, found: &mut Columns) {
        let of = of.last();
        for entry in &scope.entries {
            if of.is_some() && entry.name.as_ref() != of {
                continue;
            }
            found.is_open |= entry.columns.is_open;
            found.is_positional &= entry.columns.is_positional;
            for column in entry.columns.list.iter().filter(|column| of.is_some() || !column.is_merged) {
                // USING moves its columns to the front: their positions are not followed.
                found.is_positional &= entry.columns.list.iter().all(|column| !column.is_merged);
                let meaning = self.carried(column.meaning.clone(), gate, None);
                let (name, type_oid) = (column.name.clone(), column.type_oid);
                found.list.push(Column { name, meaning, is_merged: false, type_oid });
            }
        }
    }

    /// The meaning of a column outside of the query that makes it.
    fn carried(&mut self, meaning: Meaning, gate: Option<&Gate<'_>>, output: Option<(usize, Option<&str>)>) -> Meaning {
        let Meaning::Key { variable, nullable } = meaning else { return meaning };
        let outside = self.facts.showing(variable);
        let Some(gate) = gate else { return Meaning::Key { variable: outside, nullable } };
        gate.fix_positions(self);
        if gate.lets_through(variable, output) {
            self.facts.within(variable, outside);
        }
        Meaning::Key { variable: outside, nullable: nullable || gate.select.has_grouping_sets }
    }

    /// The columns of VALUES.
    fn values(&mut self, rows: &[Vec<Expression>]) -> Columns {
        let width = rows.first().map_or(0, Vec::len);
        let mut list = Vec::with_capacity(width);
        for position in 0..width {
            let cells: Vec<_> = rows.iter().filter_map(|row| row.get(position)).collect();
            let meaning = match self.alike(&cells) {
                Some(mut values) if values.len() == 1 => Meaning::Value(values.remove(0)),
                Some(values) => Meaning::Key { variable: self.facts.constants(values), nullable: true },
                None => Meaning::Opaque,
            };
            let name = Some(format!("column{}", position + 1).into());
            list.push(Column { name, meaning, is_merged: false, type_oid: None });
        }
        Columns::closed(list)
    }

    fn set_operation(&mut self, left: &Columns, right: &Columns, may_be_filtered: bool) -> Columns {
        if !left.is_positional || !right.is_positional || left.list.len() != right.list.len() {
            return Columns::open();
        }
        let mut list = Vec::with_capacity(left.list.len());
        for (left, right) in left.list.iter().zip(&right.list) {
            let meaning = self.united(&left.meaning, &right.meaning, may_be_filtered);
            let type_oid = left.type_oid.filter(|oid| right.type_oid == Some(*oid));
            list.push(Column { name: left.name.clone(), meaning, is_merged: false, type_oid });
        }
        Columns::closed(list)
    }

    fn united(&mut self, left: &Meaning, right: &Meaning, may_be_filtered: bool) -> Meaning {
        let (Some(left), Some(right)) = (self.arm(left), self.arm(right)) else { return Meaning::Opaque };
        let arms = [left, right];
        if arms.iter().all(|(arm, _)| self.facts.keyspace(*arm).is_none()) {
            // Constants alone: their common type could change how one of them is read.
            return Meaning::Opaque;
        }
        let keyspaces: Vec<_> = arms.iter().filter_map(|(arm, _)| self.facts.keyspace(*arm)).collect();
        if keyspaces.windows(2).any(|pair| pair[0] != pair[1]) {
            return Meaning::Opaque;
        }
        let whole = self.facts.variable(keyspaces.first().copied());
        self.facts.within_any_of(whole, arms.iter().map(|(arm, _)| *arm).collect());
        if may_be_filtered {
            for (arm, _) in arms {
                self.facts.within(arm, whole);
            }
        }
        Meaning::Key { variable: whole, nullable: left.1 || right.1 }
    }

    fn arm(&mut self, meaning: &Meaning) -> Option<(Variable, bool)> {
        match meaning {
            Meaning::Key { variable, nullable } => Some((*variable, *nullable)),
            // Its type comes from the other arms: next to 2.5, '7.0' is a number.
            Meaning::Value(value) if !self.literals.has_own_type(value) => None,
            Meaning::Value(value) => Some((self.facts.constants(vec![value.clone()]), true)),
            Meaning::Opaque => None,
        }
    }
}

/// `SELECT * FROM …` whose columns nothing else looks at.
fn is_plain_star(select: &Select, query: &Query) -> bool {
    matches!(&select.targets[..], [Target { value: Expression::Star(_), .. }])
        && matches!(select.distinct, Distinct::No)
        && query.order_by.is_empty()
}

/// A filter on the whole is the same as a filter on its rows before.
fn may_be_filtered(query: &Query) -> bool {
    query.limits.is_empty() && !query.is_locking
}

/// Which filters on the columns of a SELECT are the same as filters on its tables.
pub struct Gate<'q> {
    pub(super) select: &'q Select,
    pub(super) query: &'q Query,
    pub(super) scope: &'q Scope<'q>,
    /// `None`: there are windows by name, which are not followed
    pub(super) windows: Option<&'q Vec<Vec<Variable>>>,
    /// Rows that are left out would not make their calls
    calls_volatile: bool,
}

impl Gate<'_> {
    fn lets_through(&self, key: Variable, output: Option<(usize, Option<&str>)>) -> bool {
        may_be_filtered(self.query)
            && !self.calls_volatile
            // A column of a query further out is not ours to filter.
            && variables(&self.scope.entries).contains(&key)
            && self.windows.is_some_and(|windows| windows.iter().all(|partition| partition.contains(&key)))
            && match &self.select.distinct {
                Distinct::No | Distinct::Rows => true,
                Distinct::On(expressions) => {
                    !self.renames(expressions) && self.is_among(expressions, key, output)
                }
            }
            && !self.select.has_grouping_sets
            && (self.select.group_by.is_empty() && self.select.having.is_none()
                || self.is_among(&self.select.group_by, key, output))
    }

    /// DISTINCT ON looks for names among the columns of the answer first (manual, SELECT, ORDER BY clause).
    #[expect(clippy::wildcard_enum_match_arm, reason = "only names can be those of columns of the answer")]
    pub(super) fn renames(&self, expressions: &[Expression]) -> bool {
        expressions.iter().any(|expression| match expression {
            Expression::Column(parts) if parts.len() == 1 => {
                self.select.targets.iter().any(|target| self.hides(target, &parts[0], expression))
            }
            _ => false,
        })
    }

    /// The target may have this name, and be something else than the column of FROM.
    fn hides(&self, target: &Target, wanted: &str, column: &Expression) -> bool {
        let is_key = |it: &Expression| key_of(it, self.scope) == key_of(column, self.scope);
        match (&target.name, &target.value) {
            (Some(name), _) => **name == *wanted,
            (None, Expression::Star(of)) => of.last().is_some_and(|of| {
                let entries = self.scope.entries.iter().filter(|entry| entry.name.as_ref() == Some(of));
                let mut columns = entries.map(|entry| &entry.columns);
                let has = |it: &Columns| it.is_open || it.list.iter().any(|it| it.name.as_deref() == Some(wanted));
                columns.any(has) && !is_key(&Expression::Column(vec![of.clone(), wanted.into()]))
            }),
            (None, value) => match name_of(value) {
                Some(name) => *name == *wanted && !is_key(value),
                None => !has_no_name(value),
            },
        }
    }

    /// The key stands there: as itself, or by its position.
    fn is_among(&self, expressions: &[Expression], key: Variable, output: Option<(usize, Option<&str>)>) -> bool {
        expressions.iter().any(|expression| {
            key_of(expression, self.scope).is_some_and(|(it, _)| it == key)
                || output.is_some_and(|(position, _)| position_of(expression) == Some(position + 1))
        })
    }

    /// Positions were read: the plan holds for these numbers only.
    fn fix_positions(&self, survey: &mut Survey<'_>) {
        let on = match &self.select.distinct {
            Distinct::On(expressions) => expressions.as_slice(),
            Distinct::No | Distinct::Rows => &[],
        };
        for expression in on.iter().chain(&self.select.group_by) {
            if let Expression::Constant(constant) = expression {
                survey.literals.fix(constant);
            }
        }
    }
}

pub(super) fn position_of(expression: &Expression) -> Option<usize> {
    let Expression::Constant(constant) = expression else { return None };
    match &constant.value {
        Literal::Integer(digits) => digits.parse().ok(),
        Literal::Null | Literal::Boolean(_) | Literal::Decimal(_) | Literal::String(_) | Literal::Odd => None,
    }
}

/// PostgreSQL finds no name for it.
fn has_no_name(expression: &Expression) -> bool {
    // The others may be called as what they are made of.
    matches!(
        expression,
        Expression::Compare { .. }
            | Expression::NotDistinct(..)
            | Expression::In { .. }
            | Expression::Between { .. }
            | Expression::Any { .. }
            | Expression::IsNull(_)
            | Expression::And(_)
            | Expression::Or(_)
            | Expression::Operator { .. }
    )
}

/// The name that PostgreSQL gives to a column (FigureColname), where it is plain.
#[expect(clippy::wildcard_enum_match_arm, reason = "without a name the list of columns counts as incomplete")]
fn name_of(expression: &Expression) -> Option<Box<str>> {
    match expression {
        Expression::Column(parts) => parts.last().cloned(),
        Expression::Call(call) => call.name.last().cloned(),
        Expression::Cast { inner, to } => match inner.as_ref() {
            Expression::Constant(_) | Expression::Param(_) => to.names.last().cloned(),
            inner => name_of(inner),
        },
        Expression::Constant(_) | Expression::Param(_) => Some(Box::from("?column?")),
        _ => None,
    }
}
