//! UPDATE, DELETE and MERGE: the rows that are changed, and that no row changes its shard.

use crate::logic::catalog::Relation;
use crate::logic::sql::statement::expression::Expression;
use crate::logic::sql::statement::{
    Alias, Change, Merge, MergeAction, MergeBranch, MergeKind, RelationName, Target as Assignment,
};

use super::super::CursorUse;
use super::super::refusal::Refusal;
use super::super::schema::Found;
use super::super::scope::{Columns, Entry, Scope, variables};
use super::Survey;
use super::cascade::Act;
use super::insert::{Target, position_of_key};
use super::through::{PlaceOfRows, Through};

impl<'a> Survey<'a> {
    /// Surveys an UPDATE or DELETE. Returns what its RETURNING columns stand for.
    pub fn change(&mut self, change: &Change, parent: &Scope<'_>) -> Columns {
        self.writes();
        let mut outer = Scope::inside(parent);
        self.with(change.with.as_ref(), &mut outer);
        let is_at_cursor = matches!(change.filter, Some(Expression::CurrentOf(_)));
        let through = self.through(&change.table);
        let (entry, target) = match &through {
            Some(through) => self.target_through(change, through, is_at_cursor),
            None => self.target(&change.table, &change.alias, change.verb, is_at_cursor),
        };
        let act = if change.verb == "DELETE" { Act::Delete } else { Act::of(&change.assignments) };
        self.check_cascades(&change.table, change.verb, act);
        let mut scope = Scope::inside(&outer);
        scope.entries.push(entry);
        for item in &change.from {
            let entries = {
                let visible = Scope::siblings(scope.entries.clone(), &outer);
                self.item_of_from(item, &visible)
            };
            scope.entries.extend(entries);
        }
        self.mention_shadows(&scope, &outer);
        for assignment in &change.assignments {
            let column = scope.entries[0].columns.list.iter().find(|column| column.name == assignment.name);
            self.visit_as(&assignment.value, column.and_then(|column| column.type_oid), &scope);
        }
        self.visit_targets(&change.returning, &scope);
        match &change.filter {
            Some(Expression::CurrentOf(name)) => {
                self.is_bound();
                self.mark.cursors.push(CursorUse::Row(name.clone()));
            }
            Some(filter) => {
                self.visit(filter, &scope);
                let free = scope.variables();
                self.condition(filter, &scope, &free);
                self.mention_conditions_of(change, &scope);
            }
            None => (),
        }
        self.note_change(change);
        if let Some(target) = target {
            let own = change.alias.name.as_deref().unwrap_or(&change.table.name);
            // Alone in its FROM, the table is meant by a bare name too.
            let is_alone = change.from.is_empty();
            let moves = self.moves(change, own, target).or_else(|| self.stays(change, own, target));
            let assignments = change.assignments.iter().enumerate();
            let assignments =
                assignments.filter(|(at, it)| moves != Some(*at) && !(is_alone && keeps_bare(it, target.key)));
            self.check_assignments(assignments.map(|(_, it)| it), own, target);
            let changed: Vec<&str> = change.assignments.iter().filter_map(|it| it.name.as_deref()).collect();
            self.check_unique(target, change.verb, Some(&changed));
            self.defaults_assigned(&change.assignments, target.relation);
        }
        self.columns(&change.returning, &scope, None)
    }

    /// `SET a = DEFAULT`.
    fn defaults_assigned(&mut self, assignments: &[Assignment], relation: Option<&Relation>) {
        let of_defaults = assignments.iter().filter(|it| matches!(it.value, Expression::Default));
        let reset: Vec<Option<&str>> = of_defaults.map(|it| it.name.as_deref()).collect();
        if !reset.is_empty() {
            let columns = relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
            let others = columns.iter().map(|column| &*column.name).filter(|name| !reset.contains(&Some(name)));
            let others: Option<Vec<&str>> = reset.iter().all(Option::is_some).then(|| others.collect());
            self.defaults(relation, others.as_deref());
        }
    }

    /// The table that is written.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other tables are told apart by `written_elsewhere`")]
    fn target<'t>(
        &mut self,
        name: &'t RelationName,
        alias: &Alias,
        verb: &'static str,
        is_at_cursor: bool,
    ) -> (Entry, Option<Target<'t>>)
    where
        'a: 't,
    {
        let visible = alias.name.clone().unwrap_or_else(|| name.name.clone());
        let schema = if alias.name.is_some() { None } else { name.schema.clone() };
        let found = self.find(name);
        self.stores_in(name, &found);
        let (columns, target) = match found {
            Found::Sharded { keyspace, key, relation } => {
                let (columns, variable) = self.sharded_columns(keyspace, key, relation);
                if !is_at_cursor {
                    self.use_table(name, key, keyspace, variable);
                    self.goes_through = Some(variable);
                }
                let target = Target { table: &name.name, key, keyspace, relation };
                self.check_key_column(target);
                self.check_company(&name.name, relation, Some(key), verb);
                self.policies(name, relation, &columns);
                (columns, Some(target))
            }
            other => {
                self.written_elsewhere(name, &other, verb);
                (Columns::open(), None)
            }
        };
        (Entry { schema, ..Entry::of(Some(visible), columns) }, target)
    }

    /// The table that is written through a view.
    fn target_through<'t>(
        &mut self,
        change: &Change,
        through: &'t Through,
        is_at_cursor: bool,
    ) -> (Entry, Option<Target<'t>>) {
        let Change { table: name, alias, verb, .. } = change;
        let Through { table, relation, place, .. } = through;
        self.stores_through(through);
        self.check_company(table, Some(relation), place.key(), verb);
        let (columns, target) = match place {
            PlaceOfRows::Sharded(keyspace, key) => {
                let (columns, variable) = self.sharded_columns(*keyspace, key, Some(relation));
                if !is_at_cursor {
                    self.use_table(&RelationName::of(None, table.clone()), key, *keyspace, variable);
                    self.goes_through = Some(variable);
                }
                let target = Target { table, key, keyspace: *keyspace, relation: Some(relation) };
                self.check_key_column(target);
                (columns, Some(target))
            }
            PlaceOfRows::Single(shard) => {
                self.require_shard(table, *shard);
                (Columns::open(), None)
            }
        };
        let visible = alias.name.clone().unwrap_or_else(|| name.name.clone());
        let schema = if alias.name.is_some() { None } else { name.schema.clone() };
        (Entry { schema, ..Entry::of(Some(visible), columns) }, target)
    }

    /// Surveys a MERGE: its source rows are preserved, the target's are found by ON.
    pub fn merge(&mut self, merge: &Merge, parent: &Scope<'_>) -> Columns {
        self.writes();
        let mut outer = Scope::inside(parent);
        self.with(merge.with.as_ref(), &mut outer);
        let (entry, target) = self.target(&merge.table, &merge.alias, "MERGE", false);
        let free_target = variables(std::slice::from_ref(&entry));
        let uses_before = self.uses.len();
        let source = self.item_of_from(&merge.source, &outer);
        self.note_merge(merge, uses_before);
        let free_source = variables(&source);
        let mut scope = Scope::inside(&outer);
        scope.entries.push(entry);
        scope.entries.extend(source.iter().cloned());
        self.mention_shadows(&scope, &outer);
        self.visit(&merge.on, &scope);
        let has = |kind: MergeKind| merge.branches.iter().any(|branch| branch.kind == kind);
        // Rows of the target without a source row count only for NOT MATCHED BY SOURCE, and the other way round.
        let mut free = Vec::new();
        if !has(MergeKind::NotInSource) {
            free.extend(free_target);
        }
        if !has(MergeKind::NotInTarget) {
            free.extend(free_source);
        }
        self.condition(&merge.on, &scope, &free);
        let mut source_scope = Scope::inside(&outer);
        source_scope.entries = source;
        for branch in &merge.branches {
            let own = merge.alias.name.as_deref().unwrap_or(&merge.table.name);
            match &branch.action {
                MergeAction::Update(assignments) => self.check_cascades(&merge.table, "MERGE", Act::of(assignments)),
                // DELETE, if anything.
                MergeAction::NoRow if branch.kind != MergeKind::NotInTarget => {
                    self.check_cascades(&merge.table, "MERGE", Act::Delete);
                }
                MergeAction::NoRow | MergeAction::Insert { .. } => (),
            }
            self.branch(branch, own, target, &scope, &source_scope);
        }
        self.visit_targets(&merge.returning, &scope);
        Columns::open()
    }

    fn branch(
        &mut self,
        branch: &MergeBranch,
        own: &str,
        target: Option<Target<'_>>,
        scope: &Scope<'_>,
        source: &Scope<'_>,
    ) {
        if let Some(condition) = &branch.condition {
            self.visit(condition, scope);
        }
        match &branch.action {
            MergeAction::Update(assignments) => {
                self.visit_targets(assignments, scope);
                if let Some(target) = target {
                    self.check_assignments(assignments.iter(), own, target);
                    let changed: Vec<&str> = assignments.iter().filter_map(|it| it.name.as_deref()).collect();
                    self.check_unique(target, "MERGE", Some(&changed));
                }
            }
            MergeAction::Insert { columns, values, overrides_with_default } => {
                self.visit_all(values, source);
                if let Some(target) = target {
                    self.check_unique(target, "MERGE", None);
                    self.defaults(target.relation, None);
                    let key = position_of_key(columns, target).and_then(|position| values.get(position));
                    match key {
                        Some(expression) if !overrides_with_default => {
                            let meaning = self.meaning_in_row(expression, source);
                            self.store_meaning("MERGE", &meaning, target);
                        }
                        Some(_) | None => self.refuse(Refusal::key_left_out(target.table, target.key)),
                    }
                }
            }
            MergeAction::NoRow => (),
        }
    }
}

/// `SET key = key`.
fn keeps_bare(assignment: &Assignment, key: &str) -> bool {
    assignment.name.as_deref() == Some(key)
        && matches!(&assignment.value, Expression::Column(parts) if matches!(parts.as_slice(), [column] if column.as_ref() == key))
}
