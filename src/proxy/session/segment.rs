//! What a segment of a pipeline is made of: its messages, as they will be sent or answered, and why it ends.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::logic::plan::{Access, CursorUse, OwnSetting, Plan, Planned, SettingChange};
use crate::logic::protocol::frame::client;
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Name;
use crate::proxy::plans::Shape;
use crate::proxy::session::direct::Direct;
use crate::proxy::session::portal::Unrun;
use crate::proxy::session::shapes::{changes_schema, sets};
use crate::proxy::session::{Named, Portal, Trouble};
use crate::proxy::statements::Statement;

/// A message, as it will be sent or answered.
pub(super) enum Step {
    /// Parse for a server
    Parse { statement: Arc<Statement>, is_named: bool },
    /// Parse that the client does not hear of, unless it fails
    Trial { statement: Arc<Statement> },
    /// Bind for a server; `at` is its body
    Bind { statement: Arc<Statement>, name: Name, since: u64, at: Range<usize> },
    /// Describe of a statement
    Describe { statement: Arc<Statement>, name: Name },
    /// Describe of the statement that an EXECUTE names: its columns are those of the EXECUTE
    Columns { statement: Arc<Statement> },
    /// Describe, Execute or Close of a portal, as it came. `undescribed`: its name, where its rows may name types by numbers
    /// of their server's, and their columns are not known by then
    Portal { tag: u8, at: Range<usize>, undescribed: Option<Name> },
    /// A message that no server needs to see
    Answer(&'static [u8]),
    /// The columns of a SHOW of one of our own settings
    OwnColumns(OwnSetting),
}

/// Why a segment ends.
pub(super) enum Cut {
    /// Sync
    Sync,
    /// Flush
    Flush,
    /// What comes next is to be planned with what the last message does
    Pause,
    /// The next message belongs to another shard, or there is enough for now
    Next,
    /// Execute of a statement that acts on the session, or of a COPY that we take apart
    Act(Arc<Shape>),
    /// The next message executes this portal over several shards
    Across(Box<[u8]>, i32),
    /// The next message describes or executes this portal of an EXECUTE
    Executed(Box<[u8]>),
    /// The next message describes this portal over several shards, which has been run
    Described(Box<[u8]>),
    /// What comes next is run by several shards at once
    Direct(Box<Direct>),
    /// This message cannot be served
    Trouble(Trouble),
}

/// See the module.
#[allow(clippy::struct_excessive_bools, reason = "facts about the segment, each independent of the others")]
pub(super) struct Segment {
    pub steps: SmallVec<[Step; 8]>,
    pub destination: Destination,
    pub access: Access,
    /// It binds a portal that its server is to run
    pub binds: bool,
    /// The statements that it begins to execute on its server
    pub run: SmallVec<[Arc<Shape>; 4]>,
    /// Those that are executed in it and take numbers of sequences
    pub numbering: Vec<Arc<Shape>>,
    /// What those that it begins to execute set (by their place) whose values came with their Bind
    pub settings: Vec<(usize, Vec<SettingChange>)>,
    /// A statement of it sets something for the session or its transaction (`set_config`)
    pub sets: bool,
    pub needs_server: bool,
    /// It does more than parse and describe
    pub needs_transaction: bool,
    /// It parses alone, and what comes next is run by several shards at once
    pub is_before_direct: bool,
    /// What it executes could be undone
    pub can_be_undone: bool,
    /// Where its messages stand in what was received
    pub start: usize,
    /// Bytes of the client's messages that it covers
    pub size: usize,
    pub cut: Cut,
    /// The number of the first reply owed for each step
    pub owed_at: Vec<u32>,
    /// Statements that were described under another schema, with the columns that the client was told
    pub expected: Vec<(Arc<Statement>, Arc<[u8]>)>,
    /// Names that were given by each step: an error takes them back
    pub undo: Vec<(usize, Given)>,
}

/// A name that a message has given or taken, and what it meant before.
pub(super) enum Given {
    /// To a statement
    Statement(Box<[u8]>, Option<Named>),
    /// To a portal
    Portal(Box<[u8]>, Option<Portal>),
}

impl Segment {
    /// One that begins here.
    pub fn at(start: usize) -> Self {
        Self {
            steps: SmallVec::new(),
            destination: Destination::Any,
            access: Access::Read,
            binds: false,
            run: SmallVec::new(),
            numbering: Vec::new(),
            settings: Vec::new(),
            sets: false,
            needs_server: false,
            needs_transaction: false,
            is_before_direct: false,
            can_be_undone: true,
            start,
            size: 0,
            cut: Cut::Next,
            owed_at: Vec::new(),
            expected: Vec::new(),
            undo: Vec::new(),
        }
    }

    /// The plans of what it runs.
    pub fn planned(&self) -> impl Iterator<Item = &Planned> {
        self.run.iter().filter_map(|shape| super::only(shape))
    }

    /// It writes, or what it has bound will.
    pub fn is_to_write(&self) -> bool {
        self.access == Access::Write && (self.binds || !self.run.is_empty())
    }

    /// It asks for columns alone, of statements that were parsed before.
    pub fn only_describes(&self) -> bool {
        let parses = |step: &Step| matches!(step, Step::Parse { .. } | Step::Trial { .. });
        !self.needs_transaction && !self.steps.iter().any(parses)
    }

    /// It parses alone.
    pub fn only_parses(&self) -> bool {
        self.steps.iter().all(|step| matches!(step, Step::Parse { .. }))
    }

    /// It parses and describes alone: behind it nothing is there on its server that could be run, or has been.
    pub fn only_asks(&self) -> bool {
        let is_run = |step: &Step| matches!(step, Step::Portal { tag: client::EXECUTE | client::CLOSE, .. });
        !self.binds && self.run.is_empty() && !self.steps.iter().any(is_run)
    }

    /// A portal is executed. What it does it does when that begins.
    pub fn execute(&mut self, portal: &mut Portal) {
        let Some(Unrun { access, settings }) = portal.unrun.take() else { return };
        if access == Access::Write {
            self.access = Access::Write;
        }
        self.settings.extend(settings.map(|changes| (self.run.len(), changes)));
        self.sets |= sets(&portal.shape);
        self.run.push(Arc::clone(&portal.shape));
    }

    /// What stood before it has been consumed.
    pub fn move_to_front(&mut self) {
        let start = std::mem::take(&mut self.start);
        for step in &mut self.steps {
            if let Step::Bind { at, .. } | Step::Portal { at, .. } = step {
                *at = at.start - start..at.end - start;
            }
        }
    }

    /// A statement in it changes the schema.
    pub fn changes_schema(&self) -> bool {
        self.run.iter().any(|shape| changes_schema(shape))
    }

    /// The last of its statements closes cursors, which may be portals: names that are given behind it mean others.
    pub fn closes_cursors(&self) -> bool {
        let is_close = |it: &CursorUse| matches!(it, CursorUse::Close(_) | CursorUse::CloseAll);
        let last = self.run.last().and_then(|shape| super::only(shape)).and_then(Planned::mark);
        last.is_some_and(|mark| mark.cursors.iter().any(is_close))
    }

    /// One of its statements sets how strings are read.
    pub fn changes_strings(&self) -> bool {
        let is_strings = |name: &str| name == "standard_conforming_strings";
        self.run.iter().any(|shape| match super::only(shape).map(|planned| &*planned.plan) {
            Some(Plan::One(one)) => {
                one.mark.set_config.iter().any(|change| is_strings(&change.name))
                    || one.mark.set_bound.iter().any(|set| is_strings(&set.name))
            }
            Some(Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_)) | None => false,
        })
    }
}

/// What stands before it is sent first.
pub(super) fn executed(portal: &[u8], segment: &Segment) -> Cut {
    if segment.steps.is_empty() { Cut::Executed(portal.into()) } else { Cut::Next }
}
