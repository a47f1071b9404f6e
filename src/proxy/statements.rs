//! Prepared statements under proxy-wide numbers: clients that prepare the same text with the same parameter types, and mean
//! the same by its names, share one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::logic::plan::Refusal;
use crate::logic::plan::across::{Across, reads_otherwise};
use crate::logic::plan::gather::Described;
use crate::logic::session::pipeline::{Owed, UNNAMED};
use crate::logic::session::reading::may_be_of_moment;
use crate::logic::trace::without_parent;
use crate::proxy::plans::{PathNumber, Planner, Shape};

/// One text with its declared parameter types.
pub struct Statement {
    /// Proxy-wide number
    pub id: u64,
    /// The schema it was parsed under
    pub catalog_version: u64,
    /// Where its names were looked up
    pub path: PathNumber,
    /// SQL
    pub text: Box<str>,
    /// Declared types, as Parse carries them
    pub types: Box<[u8]>,
    /// It is nobody else's. It may hold a constant that PostgreSQL makes of the moment when it is parsed (`'now'`, `'today'`)
    is_own: bool,
    planned: ArcSwapOption<Remembered>,
    /// Its way over several shards under the schema that it was parsed with
    crossed: OnceLock<Arc<Across>>,
    /// What servers know in its place, where none has all its tables
    stand_in: OnceLock<Arc<Self>>,
    /// It is such a stand-in itself: see `Described`
    pub groups_as_tables: Option<bool>,
}

struct Remembered {
    planner: Weak<Planner>,
    shape: Arc<Shape>,
}

impl Statement {
    fn new(id: u64, text: &str, types: &[u8], (catalog_version, path): Names) -> Self {
        Self {
            id,
            catalog_version,
            path,
            text: text.into(),
            types: types.into(),
            is_own: may_be_of_moment(text),
            planned: ArcSwapOption::empty(),
            crossed: OnceLock::new(),
            stand_in: OnceLock::new(),
            groups_as_tables: None,
        }
    }

    /// Its plan under this schema and search path.
    pub fn shape(&self, planner: &Arc<Planner>) -> Arc<Shape> {
        if let Some(remembered) = &*self.planned.load()
            && std::ptr::eq(remembered.planner.as_ptr(), Arc::as_ptr(planner))
        {
            return Arc::clone(&remembered.shape);
        }
        let shape = planner.whole(without_parent(&self.text));
        let remembered = Remembered { planner: Arc::downgrade(planner), shape: Arc::clone(&shape) };
        self.planned.store(Some(Arc::new(remembered)));
        shape
    }

    /// Its way over several shards; refused where the client may expect other columns than it would get.
    pub fn across(&self, planner: &Planner, catalog_version: u64) -> Result<Arc<Across>, Refusal> {
        let across = planner.across(&self.text);
        if catalog_version == self.catalog_version {
            self.crossed.get_or_init(|| Arc::clone(&across));
        }
        match self.crossed.get() {
            Some(then) if reads_otherwise(&across, then) => Err(Refusal::changed_result()),
            Some(_) | None => Ok(across),
        }
    }

    /// What servers know in its place: it is described as the statement is, and runs nowhere.
    pub fn stand_in(
        &self,
        all: &Statements,
        describe: impl FnOnce() -> Result<Described, Refusal>,
    ) -> Result<Arc<Self>, Refusal> {
        if let Some(known) = self.stand_in.get() {
            return Ok(Arc::clone(known));
        }
        let Described { text, groups_as_tables, home: _ } = describe()?;
        let made = Self {
            groups_as_tables: Some(groups_as_tables),
            ..Self::new(all.next_id(), &text, &self.types, self.names())
        };
        Ok(Arc::clone(self.stand_in.get_or_init(|| Arc::new(made))))
    }

    /// What its names were taken for.
    pub fn names(&self) -> Names {
        (self.catalog_version, self.path)
    }

    /// What is owed for its Parse by the client; when it is also prepared under its number, with that.
    pub fn owed_for_parse(&self, id: Option<u64>) -> Owed {
        self.owed_for_stand_in(id.unwrap_or(UNNAMED), true).unwrap_or(Owed::Parse(id))
    }

    /// What is owed for its Parse by us.
    pub fn owed_for_hidden_parse(&self, id: u64) -> Owed {
        self.owed_for_stand_in(id, false).unwrap_or(Owed::HiddenParse(id))
    }

    fn owed_for_stand_in(&self, id: u64, is_heard: bool) -> Option<Owed> {
        self.groups_as_tables.map(|groups_as_tables| Owed::StandIn { id, groups_as_tables, is_heard })
    }

    /// How many parameters it has, of which the text names this many.
    pub fn params(&self, named: u16) -> usize {
        usize::from(named).max(self.types.len() / 4)
    }

    /// Its name on every server.
    pub fn server_name(&self) -> ServerName {
        server_name(self.id)
    }
}

/// `sw_` and a number, on the stack.
#[derive(Debug, Clone)]
pub struct ServerName(smallvec::SmallVec<[u8; 24]>);

impl std::ops::Deref for ServerName {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// The name of a proxy-wide statement on every server.
pub fn server_name(id: u64) -> ServerName {
    let mut name = smallvec::SmallVec::from_slice(b"sw_");
    name.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    ServerName(name)
}

/// What names in a text are taken for: the version of the schema, and the search path.
pub type Names = (u64, PathNumber);

type Key = (Box<str>, Box<[u8]>, Names);

/// All statements that some client holds.
#[derive(Default)]
pub struct Statements {
    known: Mutex<HashMap<Key, Weak<Statement>>>,
    next_id: AtomicU64,
    sweep_at: AtomicU64,
}

impl Statements {
    /// The statement of this text and types under this schema and search path; the same one for every client that holds it.
    pub fn intern(&self, text: &str, types: &[u8], names: Names) -> Arc<Statement> {
        let key: Key = (text.into(), types.into(), names);
        let mut known = self.known.lock();
        if let Some(statement) = known.get(&key).and_then(Weak::upgrade).filter(|it| !it.is_own) {
            return statement;
        }
        let statement = Arc::new(Statement::new(self.next_id(), text, types, names));
        known.insert(key, Arc::downgrade(&statement));
        self.sweep(&mut known);
        statement
    }

    /// The same for one client alone: no server has prepared it before.
    pub fn own(&self, text: &str, types: &[u8], names: Names) -> Arc<Statement> {
        Arc::new(Statement { is_own: true, ..Statement::new(self.next_id(), text, types, names) })
    }

    fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// How many are known.
    pub fn len(&self) -> usize {
        self.known.lock().len()
    }

    /// No statement is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets those nobody holds, each time their number could have doubled.
    fn sweep(&self, known: &mut HashMap<Key, Weak<Statement>>) {
        const FIRST_SWEEP: u64 = 1024;
        let sweep_at = self.sweep_at.load(Ordering::Relaxed).max(FIRST_SWEEP);
        if known.len() as u64 >= sweep_at {
            known.retain(|_, statement| statement.strong_count() > 0);
            known.shrink_to_fit();
            self.sweep_at.store(known.len() as u64 * 2, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::plans::Paths;

    fn number(paths: &mut Paths, schemas: &[&str]) -> PathNumber {
        paths.numbered(schemas.iter().map(|it| Box::from(*it)).collect()).number()
    }

    #[test]
    fn statements_are_shared_unless_they_hold_a_moment() {
        let statements = Statements::default();
        let path = number(&mut Paths::default(), &["public"]);
        let intern = |text| statements.intern(text, b"", (1, path));
        for text in ["SELECT now()", "SELECT 'x', now ()", "SELECT now FROM t", "SELECT knowing, 'snow' FROM today_s"] {
            let first = intern(text);
            assert_eq!(first.id, intern(text).id, "{text}");
        }
        for text in [
            "SELECT 'now'::timestamptz",
            "SELECT date ' Today 10:00'",
            "SELECT E'n\\x6fw'::date",
            "SELECT $$tomorrow$$::date",
        ] {
            let first = intern(text);
            assert_ne!(first.id, intern(text).id, "{text}");
        }
    }

    #[test]
    fn statements_whose_names_mean_something_else_are_not_shared() {
        let statements = Statements::default();
        let mut paths = Paths::default();
        let mut intern =
            |version, schemas: &[&str]| statements.intern("SELECT 1", b"", (version, number(&mut paths, schemas)));
        let first = intern(1, &["public"]);
        assert_eq!(first.id, intern(1, &["public"]).id);
        assert_ne!(first.id, intern(2, &["public"]).id);
        assert_ne!(first.id, intern(1, &["other", "public"]).id);
        let own = statements.own("SELECT 1", b"", first.names());
        assert_eq!(first.id, intern(1, &["public"]).id, "it stays what others share");
        assert_ne!(first.id, own.id);
    }
}
