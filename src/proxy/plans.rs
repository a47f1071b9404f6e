//! The plan cache: one text shape is parsed and planned once for a database, schema version and search path.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use memchr::memmem;
use parking_lot::Mutex;

use crate::logic::console::snapshot::PlanUse;
use crate::logic::plan::across::{Across, across};
use crate::logic::plan::made::{Made, beside, way};
use crate::logic::plan::outline::Outline;
use crate::logic::plan::placed::placed;
use crate::logic::plan::schema::Found;
use crate::logic::plan::{self, Plan, Planned, Refusal, Schema};
use crate::logic::sql::statement::RelationName;
use crate::logic::sql::template::{self, Lexed, Literal, Template};
use crate::logic::topology::Database;
use crate::proxy::metrics::{Metrics, PlanKind};

/// Entries kept for one planner.
const ENTRIES_MAX: usize = 20_000;
/// Bytes of text kept for one planner.
const BYTES_MAX: usize = 64 << 20;
/// Shapes of one template: they differ in literals that are part of the plan, and are looked through one by one.
const SHAPES_MAX: usize = 16;
/// Longer texts (large multi-row inserts) are planned each time: they would push out a thousand others.
const TEXT_MAX: usize = 64 << 10;
/// Bytes of a text that are shown to people.
const READABLE_MAX: usize = 2 << 10;
/// Statements over several shards kept for one planner; they are forgotten all at once.
const ACROSS_MAX: usize = 2_000;

/// What planning a text gave.
#[derive(Debug)]
pub struct Shape {
    /// One entry a statement; `Err`: PostgreSQL will say what is wrong with the text
    pub statements: Result<Vec<Planned>, plan::SyntaxError>,
    /// The text, where it is the same for all that have this shape
    text: Box<str>,
    /// The text without its literals, where it is not
    skeleton: Arc<[u8]>,
    /// Literals whose value is part of the plan, with that value as written
    fixed: Vec<(u16, Box<str>)>,
    /// Replicas would answer otherwise
    pub is_for_primary: bool,
    /// Its plan over several shards, for all texts that have this shape
    outline: OnceLock<Option<Outline>>,
    /// It only says that texts of this template are planned as wholes
    is_signpost: bool,
    is_used: AtomicBool,
    /// How it was run
    pub uses: Uses,
}

/// How statements of one shape were run.
#[derive(Debug, Default)]
pub struct Uses {
    calls: AtomicU64,
    nanos: AtomicU64,
    shards: AtomicU64,
    kinds: AtomicU32,
}

impl Uses {
    /// One was run on these shards (a bit each, those beyond the 64th share the last), in these ways (a bit each).
    pub fn note(&self, took: Duration, shards: u64, kinds: u32) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanos.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if self.shards.load(Ordering::Relaxed) | shards != self.shards.load(Ordering::Relaxed) {
            self.shards.fetch_or(shards, Ordering::Relaxed);
        }
        if self.kinds.load(Ordering::Relaxed) | kinds != self.kinds.load(Ordering::Relaxed) {
            self.kinds.fetch_or(kinds, Ordering::Relaxed);
        }
    }
}

impl Shape {
    /// More than one statement.
    pub fn has_several(&self) -> bool {
        self.statements.as_ref().is_ok_and(|statements| statements.len() > 1)
    }

    /// The text of one of its statements; only for shapes of whole texts.
    pub fn text_of(&self, planned: &Planned) -> &str {
        self.text.get(planned.at.clone()).unwrap_or_default()
    }

    /// The text with `?` for its literals, without comments, and not all of it where it is long; where literals cannot be
    /// told from the rest, its verb alone.
    pub fn readable(&self) -> String {
        if !self.skeleton.is_empty() {
            return template::readable(&self.skeleton, READABLE_MAX);
        }
        let mut template = Template::new(Default::default());
        let lexed = template.lex(self.text.as_bytes());
        if lexed.is_odd {
            let verbs = self.statements.iter().flatten().map(|planned| planned.verb);
            return verbs
                .filter(|verb| !verb.is_empty())
                .map(|verb| format!("{verb} …"))
                .collect::<Vec<_>>()
                .join("; ");
        }
        // A hint stays in the skeleton, before the first statement; it may hold a key.
        let hint = lexed.hint.and_then(|at| {
            let start = memmem::find(lexed.skeleton, &self.text.as_bytes()[at.clone()])?;
            Some(start + at.len())
        });
        template::readable(&lexed.skeleton[hint.unwrap_or(0)..], READABLE_MAX)
    }

    /// Places in the text are part of it: other texts of the template have other blanks, comments and literals.
    fn has_places(&self) -> bool {
        match self.statements.as_deref() {
            Ok([one]) => match &*one.plan {
                Plan::One(_) => false,
                Plan::Refuse(_) => one.forced.is_none(),
                Plan::Command(_) | Plan::CopyIn(_) => true,
            },
            Ok(_) => true,
            Err(_) => false,
        }
    }

    fn signpost() -> Self {
        Self {
            statements: Ok(Vec::new()),
            text: Box::default(),
            skeleton: Arc::default(),
            fixed: Vec::new(),
            is_for_primary: false,
            outline: OnceLock::new(),
            is_signpost: true,
            is_used: AtomicBool::new(true),
            uses: Uses::default(),
        }
    }

    fn fits(&self, sql: &str, literals: &[Literal]) -> bool {
        self.fixed.iter().all(|(index, value)| {
            let at = &literals[usize::from(*index)].at;
            sql[at.start as usize..at.end as usize] == **value
        })
    }
}

/// The number of a search path. It may come by another one; no other path ever has the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PathNumber(u64);

/// The schemas that names without one are looked up in.
#[derive(Debug)]
pub struct SearchPath {
    schemas: Vec<Box<str>>,
    number: PathNumber,
}

impl SearchPath {
    /// Its number.
    pub fn number(&self) -> PathNumber {
        self.number
    }
}

/// Numbers of search paths.
#[derive(Debug, Default)]
pub struct Paths {
    known: HashMap<Vec<Box<str>>, PathNumber>,
    last: u64,
}

/// Different search paths that have their numbers at a time; they are forgotten all at once.
const PATHS_MAX: usize = 1024;

impl Paths {
    /// A search path with its number.
    pub fn numbered(&mut self, schemas: Vec<Box<str>>) -> SearchPath {
        if let Some(number) = self.known.get(&schemas) {
            return SearchPath { schemas, number: *number };
        }
        if self.known.len() >= PATHS_MAX {
            self.known.clear();
        }
        self.last += 1;
        let number = PathNumber(self.last);
        self.known.insert(schemas.clone(), number);
        SearchPath { schemas, number }
    }
}

/// Plans texts under one schema, map and search path. Replaced whole when one of these changes.
pub struct Planner {
    database: Arc<Database>,
    search_path: SearchPath,
    cache: Mutex<Cache>,
    across: Mutex<HashMap<Box<str>, Arc<Across>>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct Cache {
    shapes: HashMap<Arc<[u8]>, Vec<Arc<Shape>>, foldhash::fast::RandomState>,
    bytes: usize,
}

impl Planner {
    /// For one picture of a database and one search path.
    pub fn new(database: Arc<Database>, search_path: SearchPath, metrics: Arc<Metrics>) -> Self {
        Self { database, search_path, cache: Mutex::default(), across: Mutex::default(), metrics }
    }

    /// The picture it plans for.
    pub fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// The number of its search path.
    pub fn path(&self) -> PathNumber {
        self.search_path.number
    }

    /// Plans kept.
    pub fn entries(&self) -> usize {
        self.cache.lock().shapes.len()
    }

    /// The plan of a text by its template; `sql` and `lexed` are of the same text.
    pub fn templated(&self, sql: &str, lexed: &Lexed<'_>) -> Arc<Shape> {
        if lexed.is_odd || lexed.hint.is_some() {
            return self.whole(sql);
        }
        if let Some(shape) = self.find(lexed.skeleton, |shape| shape.text.is_empty() && shape.fits(sql, lexed.literals))
        {
            return if shape.is_signpost { self.whole(sql) } else { shape };
        }
        let shape = self.plan(sql, Some(lexed));
        if shape.has_places() {
            self.keep(lexed.skeleton.into(), &Arc::new(Shape::signpost()));
            return self.whole(sql);
        }
        self.keep(Arc::clone(&shape.skeleton), &shape);
        shape
    }

    /// The plan of a text as a whole: its literals are part of it. A text without literals may read like a template, so
    /// shapes of both kinds may lie under one key.
    pub fn whole(&self, sql: &str) -> Arc<Shape> {
        if let Some(shape) = self.find(sql.as_bytes(), |shape| !shape.is_signpost && *shape.text == *sql) {
            return shape;
        }
        let shape = self.plan(sql, None);
        self.keep(sql.as_bytes().into(), &shape);
        shape
    }

    /// The way of a CREATE TABLE, where `place` says how tables live that the map does not list.
    pub fn placed(&self, sql: &str, place: &str) -> Result<Option<Arc<Across>>, Refusal> {
        let placed = placed(sql, place, &self.schema())?;
        Ok(placed.map(|everywhere| Arc::new(Across::Everywhere(everywhere))))
    }

    /// How the rows of a query come to a table that the open transaction has made.
    pub fn fill(&self, insert: &str, made: Made) -> Result<Across, Refusal> {
        way(insert, made, &self.schema())
    }

    /// How a statement that reads tables which the session alone knows comes by rows of several shards.
    pub fn beside(&self, sql: &str, made: Vec<Made>) -> Result<Across, Refusal> {
        beside(sql, made, &self.schema())
    }

    /// How a statement comes by rows of several shards; `sql` is the statement alone.
    pub fn across(&self, sql: &str) -> Arc<Across> {
        if let Some(known) = self.across.lock().get(sql) {
            return Arc::clone(known);
        }
        let planned = Arc::new(across(sql, &self.schema()));
        if sql.len() <= TEXT_MAX {
            let mut known = self.across.lock();
            if known.len() >= ACROSS_MAX {
                known.clear();
            }
            known.insert(sql.into(), Arc::clone(&planned));
        }
        planned
    }

    /// The same for a text of this shape.
    pub fn across_of(&self, shape: &Shape, sql: &str, literals: &[Literal]) -> Arc<Across> {
        // A shape with a text of its own is planned by that text, and so is what has no literals.
        if !shape.text.is_empty() || literals.is_empty() || sql.len() > TEXT_MAX {
            return self.across(sql);
        }
        let is_fixed = |index| shape.fixed.iter().any(|(fixed, _)| *fixed == index);
        let outline = shape.outline.get_or_init(|| Outline::of(sql, literals, is_fixed, &self.schema()));
        match outline.as_ref().and_then(|outline| outline.fill(sql, literals)) {
            Some(filled) => Arc::new(filled),
            None => self.across(sql),
        }
    }

    /// How statements were run since they were planned: those that took most time.
    pub fn uses(&self, most: usize) -> Vec<PlanUse> {
        let mut found: Vec<(u64, Arc<Shape>)> = {
            let cache = self.cache.lock();
            let shapes = cache.shapes.values().flatten().filter(|shape| !shape.is_signpost);
            shapes.map(|shape| (shape.uses.nanos.load(Ordering::Relaxed), Arc::clone(shape))).collect()
        };
        found.retain(|(_, shape)| shape.uses.calls.load(Ordering::Relaxed) > 0);
        found.sort_by_key(|(nanos, _)| std::cmp::Reverse(*nanos));
        found.truncate(most);
        found.into_iter().map(|(nanos, shape)| self.use_of(nanos, &shape)).collect()
    }

    fn use_of(&self, nanos: u64, shape: &Shape) -> PlanUse {
        let (shards, kinds) = (shape.uses.shards.load(Ordering::Relaxed), shape.uses.kinds.load(Ordering::Relaxed));
        let named = self.database.shards.iter().enumerate().filter(|(index, _)| shards >> (*index).min(63) & 1 == 1);
        let kinds = PlanKind::ALL.into_iter().filter(|kind| kinds >> *kind as u32 & 1 == 1);
        PlanUse {
            database: self.database.name.clone(),
            statement: shape.readable(),
            plan: kinds.map(PlanKind::label).collect::<Vec<_>>().join(", "),
            shards: named.map(|(_, shard)| &*shard.name).collect::<Vec<_>>().join(", "),
            calls: shape.uses.calls.load(Ordering::Relaxed),
            time: nanos / 1_000,
        }
    }

    /// Is a table, a view or a sequence known by this name?
    pub fn knows(&self, name: &str) -> bool {
        let name = RelationName { schema: None, name: name.into(), is_temporary: false, is_only: false, at: None };
        !matches!(self.schema().find(&name), Found::Unheard)
    }

    fn schema(&self) -> Schema<'_> {
        let catalog = self.database.catalog.as_deref().expect("a planner is made once the catalog is known");
        Schema { map: &self.database.map, catalog, search_path: &self.search_path.schemas }
    }

    fn find(&self, key: &[u8], fits: impl Fn(&Shape) -> bool) -> Option<Arc<Shape>> {
        let cache = self.cache.lock();
        let shape = cache.shapes.get(key)?.iter().find(|shape| fits(shape))?;
        shape.is_used.store(true, Ordering::Relaxed);
        self.metrics.plan_cache_hits.increment(1);
        Some(Arc::clone(shape))
    }

    fn plan(&self, sql: &str, lexed: Option<&Lexed<'_>>) -> Arc<Shape> {
        self.metrics.plan_cache_misses.increment(1);
        let schema = self.schema();
        let spans: Option<Vec<_>> =
            lexed.map(|lexed| lexed.literals.iter().map(|literal| literal.at.clone()).collect());
        let (statements, fixed) = match plan::plan(sql, &schema, spans.as_deref()) {
            Ok(planned) => {
                let written = |index: &u16| {
                    let at = &spans.as_ref().expect("only lexed literals can be fixed")[usize::from(*index)];
                    (*index, sql[at.start as usize..at.end as usize].into())
                };
                (Ok(planned.statements), planned.fixed_literals.iter().map(written).collect())
            }
            Err(error) => (Err(error), Vec::new()),
        };
        let text = if lexed.is_none() { sql.into() } else { Box::default() };
        let is_for_primary = |planned: &Planned| planned.mark().is_some_and(|mark| mark.on_primary);
        Arc::new(Shape {
            is_for_primary: statements.as_ref().is_ok_and(|all| all.iter().any(is_for_primary)),
            statements,
            text,
            skeleton: lexed.map_or_else(Arc::default, |lexed| lexed.skeleton.into()),
            fixed,
            outline: OnceLock::new(),
            is_signpost: false,
            is_used: AtomicBool::new(true),
            uses: Uses::default(),
        })
    }

    fn keep(&self, key: Arc<[u8]>, shape: &Arc<Shape>) {
        if key.len() > TEXT_MAX {
            return;
        }
        let mut cache = self.cache.lock();
        if cache.shapes.len() >= ENTRIES_MAX || cache.bytes >= BYTES_MAX {
            cache.drop_unused();
        }
        cache.bytes += key.len();
        let shapes = cache.shapes.entry(key).or_default();
        if shapes.len() >= SHAPES_MAX {
            shapes.remove(0);
        }
        shapes.push(Arc::clone(shape));
    }
}

impl Cache {
    /// Second chance: what was used since the last time stays, at most half of all.
    fn drop_unused(&mut self) {
        let mut keep = ENTRIES_MAX / 2;
        let mut bytes = 0;
        self.shapes.retain(|key, shapes| {
            shapes.retain(|shape| shape.is_used.swap(false, Ordering::Relaxed));
            let stays = !shapes.is_empty() && keep > 0 && bytes < BYTES_MAX / 2;
            if stays {
                keep -= 1;
                bytes += key.len();
            }
            stays
        });
        self.bytes = bytes;
    }
}
