//! Which functions of a shard leave something in the session: their bodies tell, and those of the functions that they call.
//!
//! Few bodies are fetched: those with words that matter, and then those with the names of functions, tables and views that
//! have been found to leave something.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use deadpool_postgres::Transaction;
use tokio_postgres::Error;

use crate::logic::body::leaves::{LEAVING, Leaves, Names, leaves, raise};
use crate::logic::catalog::{Function, Relation, RelationKind};
use crate::logic::shards::TableName;

/// Without names (NULL): bodies with words that matter, and those in languages that are not looked into. With names: bodies
/// that hold one. Of SQL-standard bodies the server prints the text; of aggregates the names of their functions count.
const BODIES: &str = r"
    SELECT nspname, proname, lanname, body
      FROM (SELECT n.nspname, p.proname, l.lanname,
                   CASE WHEN l.lanname = 'sql' AND p.prosrc = '' THEN pg_get_functiondef(p.oid) ELSE p.prosrc END
              FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
             WHERE l.lanname NOT IN ('internal', 'c') AND n.nspname !~ '^pg_temp'
               AND NOT (n.nspname IN ('pg_catalog', 'information_schema') AND p.oid < 16384)
            UNION ALL
            SELECT n.nspname, p.proname, 'sql', concat_ws(' ', a.aggtransfn, a.aggfinalfn, a.aggcombinefn)
              FROM pg_aggregate a JOIN pg_proc p ON p.oid = a.aggfnoid JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE a.aggfnoid >= 16384 AND n.nspname !~ '^pg_temp') AS bodies(nspname, proname, lanname, body)
     WHERE CASE WHEN $1::text[] IS NULL
                THEN lanname NOT IN ('sql', 'plpgsql')
                  OR body ~* '\m(set_config|setseed|set_limit|reset|discard|execute|pg_settings|pg_temp|temp|temporary|hold|listen|unlisten|prepare|deallocate|pg_advisory_lock|pg_advisory_lock_shared|pg_try_advisory_lock|pg_try_advisory_lock_shared|dblink_connect|dblink_connect_u)\M'
                  OR body ~* '(^|[;>]|\m(begin|then|else|loop|declare)\M)(\s|--[^\n]*\n|/\*.*\*/)*set\M'
                ELSE body ILIKE ANY ($1) END";

/// Judges the functions. `unasked`: names that run functions, with
/// their schemas where they are functions themselves, and those. Returns the names of what leaves something.
pub async fn leaving(
    transaction: &Transaction<'_>,
    functions: &mut Arc<HashMap<Box<str>, Vec<Function>>>,
    relations: &HashMap<TableName, Arc<Relation>>,
    unasked: &BTreeSet<[&str; 3]>,
) -> Result<Names, Error> {
    let mut found = Found::default();
    for name in LEAVING {
        raise(found.functions.entry(name.into()).or_default(), "pg_catalog", Leaves::Settings);
    }
    let mut searched: Option<Vec<Box<str>>> = None;
    loop {
        let patterns: Option<Vec<String>> = searched.as_ref().map(|names| names.iter().map(|it| pattern(it)).collect());
        for row in &transaction.query(BODIES, &[&patterns]).await? {
            found.judge((row.get(0), row.get(1)), row.get(2), row.get(3));
        }
        found.follow(relations, searched.as_deref());
        found.follow_unasked(relations, unasked);
        if found.news.is_empty() {
            break;
        }
        searched = Some(std::mem::take(&mut found.news));
    }
    let is_known = |name: &str, function: &Function| function.leaves == found.of(&function.schema, name);
    if !functions.iter().all(|(name, overloads)| overloads.iter().all(|function| is_known(name, function))) {
        for (name, overloads) in Arc::make_mut(functions) {
            for function in overloads {
                function.leaves = found.of(&function.schema, name);
            }
        }
    }
    Ok(found.names)
}

/// What is known so far.
#[derive(Default)]
struct Found {
    /// By name and schema
    functions: HashMap<Box<str>, HashMap<Box<str>, Leaves>>,
    names: Names,
    /// Names that bodies have not been searched for yet
    news: Vec<Box<str>>,
}

impl Found {
    fn of(&self, schema: &str, name: &str) -> Leaves {
        self.functions.get(name).and_then(|schemas| schemas.get(schema)).copied().unwrap_or_default()
    }

    fn of_function(&self, function: &str) -> Leaves {
        let (schema, name) = function.split_once('.').unwrap_or(("", function));
        self.of(schema, name)
    }

    fn judge(&mut self, (schema, name): (&str, &str), language: &str, body: &str) {
        let leaves = leaves(language, body, &self.names);
        raise(self.functions.entry(name.into()).or_default(), schema, leaves);
        if raise(&mut self.names.called, name, leaves) {
            self.news.push(name.into());
        }
    }

    /// Tables whose triggers leave something, and views that are made of what does. `searched`: the names before these.
    fn follow(&mut self, relations: &HashMap<TableName, Arc<Relation>>, searched: Option<&[Box<str>]>) {
        for (table, relation) in relations {
            let functions = relation.triggers.iter().chain(&relation.checks);
            let leaves = functions.map(|function| self.of_function(function)).max().unwrap_or_default();
            if raise(&mut self.names.written, &table.name, leaves) {
                self.news.push(table.name.clone());
            }
        }
        let has_news =
            |text: &str| self.news.iter().chain(searched.unwrap_or_default()).any(|name| text.contains(&**name));
        let mut views = Vec::new();
        for (view, relation) in relations {
            if let RelationKind::View(text) = &relation.kind
                && (has_news(text) || searched.is_none() && text.contains("set"))
            {
                views.push((view.name.clone(), leaves("sql", text, &self.names)));
            }
        }
        for (view, leaves) in views {
            if raise(&mut self.names.called, &view, leaves) {
                self.news.push(view);
            }
        }
    }

    /// What runs functions unasked leaves what they leave: operators, types, tables whose values are read, functions whose
    /// arguments say so.
    fn follow_unasked(&mut self, relations: &HashMap<TableName, Arc<Relation>>, unasked: &BTreeSet<[&str; 3]>) {
        let read = relations.iter().flat_map(|(table, it)| it.reads.iter().map(|function| ["", &table.name, function]));
        for [schema, name, function] in unasked.iter().copied().chain(read) {
            let leaves = self.of_function(function);
            if !schema.is_empty() {
                raise(self.functions.entry(name.into()).or_default(), schema, leaves);
            }
            if raise(&mut self.names.called, name, leaves) {
                self.news.push(name.into());
            }
        }
    }
}

/// A name anywhere in a text, as LIKE takes it.
fn pattern(name: &str) -> String {
    let mut pattern = String::from("%");
    for letter in name.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
