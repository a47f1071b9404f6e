//! Replies owed: every message the client sent gets exactly its reply, in order; an error skips to Sync.
//!
//! Some messages that go to a server are ours (a BEGIN held back, settings, a statement prepared again): their
//! replies are hidden. Some of the client's messages never reach a server: their replies are kept here until it
//! is their turn.
//!
//! ```text
//! owed: [Hidden query] [Parse] [Bind] [Execute] [Local 3] [Sync]
//!          ↑ head: hidden until its Z; then 1, 2, D… C pass; `3` is said; Z passes
//! ```

use std::collections::VecDeque;

use crate::logic::copy::{OutShare, Piece};
use crate::logic::protocol::frame::server;
use crate::logic::protocol::view;
use crate::logic::protocol::walk::{Judge, Verdict};
use crate::logic::protocol::write::{self};

pub use super::errors::{CANCELLED, GROUPING_ERROR, without_position};
pub use super::owed::{Again, Done, Failure, HiddenFailure, KeptRows, Name, Owed, Shown, UNNAMED, Withheld};

mod described;
pub use described::Columns;
#[cfg(test)]
mod tests;
mod told;

/// What servers remark is remembered up to here.
const REMARKS_MAX: usize = 4096;

/// The replies a server owes us.
#[allow(
    clippy::struct_excessive_bools,
    reason = "wishes of the session and facts for it, each independent of the others"
)]
#[derive(Debug, Default)]
pub struct Pipeline {
    owed: VecDeque<Owed>,
    /// Entries answered since the last `clear`
    answered: u32,
    /// Entries owed since the last `clear`
    entered: u32,
    /// Statements completed within the Query at the head
    completed: u16,
    /// So many statements are in the Query, where they are several
    pub statements: u16,
    /// Completions of a Query's statements are wanted
    pub tell_completed: bool,
    /// The client's ReadyForQuery is kept back, in `kept_ready`
    pub keeps_ready: bool,
    /// See `keeps_ready`
    pub kept_ready: Option<u8>,
    /// The statement at the head was prepared on the server before the client parsed it: if the schema has changed
    /// in between, the client must not hear of it
    pub hides_stale: bool,
    /// A stale statement was hidden; nothing has been answered
    pub is_stale: bool,
    /// An error of this kind is worth asking another server: the client hears nothing of it, as long as it has heard
    /// nothing at all
    pub may_ask_again: Option<Again>,
    /// There was one
    pub withheld: Option<Box<Withheld>>,
    /// What the client calls the statement that its Query executes; a server knows it by another name
    pub executed: Name,
    /// Characters of the client's text before the statement that the server has been sent
    pub characters_before: u32,
    /// The client hears nothing of what this server says
    pub is_deaf: bool,
    /// Another server says the same
    pub hides_notices: bool,
    /// Another server may say the same, which the client hears once. What was said is kept, in `remarks`, from one to the next
    pub hears_once: bool,
    /// So much of that is of other servers
    of_others: u32,
    /// The statement is being cancelled by us, for this reason: a whole ErrorResponse to stand for query_canceled
    pub instead: Option<Box<[u8]>>,
    /// More follows at once: what the client is to be sent may wait for it
    pub more_follows: bool,
    /// Something of the client's has been answered since the last `clear`
    has_answered: bool,
    /// What happened, for the session
    pub done: Vec<Done>,
    /// The status of the last ReadyForQuery
    pub status: Option<u8>,
    /// The first error that was passed on
    pub failure: Option<Failure>,
    /// A message of ours failed
    pub hidden_failure: Option<Box<HiddenFailure>>,
    /// The error of a `DeafQuery` or of `Everywhere`
    pub deaf_failure: Option<Box<[u8]>>,
    /// The tag of the first command of a `QuietQuery` or of `Everywhere`, or of a `Share`
    pub tag: Option<Box<[u8]>>,
    /// The server said goodbye (FATAL or PANIC): its ErrorResponse body, not passed on
    pub goodbye: Option<Box<[u8]>>,
    /// The server wants COPY data now
    pub is_copy_in: bool,
    /// The server skips messages up to a Sync that it has not been sent yet
    pub skips_to_sync: bool,
    /// The `Share` is one of a COPY TO
    pub copy_out: Option<OutShare>,
    /// Rows of a `Share` are kept here instead
    pub kept: Option<Box<KeptRows>>,
    /// What a `HiddenDescribe` or a `Share` was told of columns. What is told next has to be like it
    pub columns: Option<Box<Columns>>,
    /// What a `DeafQuery` made the server report
    pub parameters: Vec<(Box<str>, Box<str>)>,
    /// What it made the server remark, as whole messages
    pub remarks: Vec<u8>,
}

impl Pipeline {
    /// For a server that answers in turn with others.
    pub fn in_turns() -> Self {
        Self { more_follows: true, ..Self::default() }
    }

    /// One more.
    pub fn owe(&mut self, owed: Owed) {
        self.entered += 1;
        if self.owed.capacity() == 0 {
            // A simple query owes one, and the room stays with the session: a VecDeque begins with four.
            self.owed.reserve_exact(1);
        }
        self.owed.push_back(owed);
    }

    /// How many entries have been owed since the last `clear`: the number of the next one.
    pub fn entered(&self) -> u32 {
        self.entered
    }

    /// How many entries have been answered since the last `clear`.
    pub fn answered(&self) -> u32 {
        self.answered
    }

    /// Statements of the Query at the head that are not known to be completed.
    pub fn statements_left(&self) -> u16 {
        self.statements.saturating_sub(self.completed)
    }

    /// The numbers of those entries whose answers end statements of a pipeline.
    pub fn statement_ends(&self) -> impl Iterator<Item = u32> {
        let ends = self.owed.iter().enumerate().filter(|(_, owed)| matches!(owed, Owed::Execute(_)));
        ends.map(|(place, _)| self.answered + place as u32)
    }

    /// The server has not done yet what it was told before the client's own messages.
    pub fn is_entering(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::HiddenQuery))
    }

    /// From now on the client hears nothing of what is still owed.
    pub fn deafen(&mut self) {
        for owed in &mut self.owed {
            if matches!(owed, Owed::Query | Owed::QuietQuery) {
                *owed = Owed::DeafQuery;
            }
        }
    }

    /// Nothing is owed any more, or not before the others have had their turn.
    pub fn is_settled(&self) -> bool {
        matches!(self.owed.front(), None | Some(Owed::Turn))
    }

    /// Nothing is owed at all.
    pub fn is_empty(&self) -> bool {
        self.owed.is_empty()
    }

    /// The others have had their turn.
    pub fn next_turn(&mut self) {
        if let Some(Owed::Turn) = self.owed.front() {
            self.pop();
        }
    }

    /// From now on the client hears nothing of it, so there are no turns any more.
    pub fn silence(&mut self) {
        self.is_deaf = true;
        self.owed.retain(|owed| !matches!(owed, Owed::Turn));
    }

    /// Forgets what happened; keeps its memory.
    pub fn clear(&mut self) {
        debug_assert!(self.owed.is_empty(), "cleared between two batches only");
        let remarks = if self.hears_once { std::mem::take(&mut self.remarks) } else { Vec::new() };
        *self = Self {
            owed: std::mem::take(&mut self.owed),
            done: std::mem::take(&mut self.done),
            parameters: std::mem::take(&mut self.parameters),
            hears_once: self.hears_once,
            of_others: remarks.len() as u32,
            remarks,
            ..Self::default()
        };
        self.done.clear();
        self.parameters.clear();
    }

    /// What was owed is read by somebody else.
    pub fn forget(&mut self) {
        self.owed.clear();
    }

    /// Says the replies of ours whose turn it is.
    pub fn speak(&mut self, out: &mut Vec<u8>) {
        while let Some(Owed::Local(bytes)) = self.owed.front() {
            if !self.is_deaf {
                out.extend_from_slice(bytes);
            }
            self.pop();
        }
    }

    fn pop(&mut self) -> Option<Owed> {
        self.answered += 1;
        self.has_answered |= !self.is_hidden() && !matches!(self.owed.front(), Some(Owed::Local(_)));
        self.owed.pop_front()
    }

    /// Is what the server says now an answer to a message of ours?
    fn is_hidden(&self) -> bool {
        matches!(
            self.owed.front(),
            Some(
                Owed::HiddenQuery
                    | Owed::QuietQuery
                    | Owed::DeafQuery
                    | Owed::Everywhere { .. }
                    | Owed::HiddenParse(_)
                    | Owed::StandIn { is_heard: false, .. }
                    | Owed::TrialParse
                    | Owed::FinalParse { .. }
                    | Owed::HiddenBind
                    | Owed::HiddenDescribe
                    | Owed::SilentDescribe
                    | Owed::HiddenClose
                    | Owed::Aside
                    | Owed::HiddenSync
                    | Owed::Poison(_)
            )
        )
    }

    /// The client's own statement has been answered, ours stand behind it.
    fn is_behind_first(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::FirstOf)) && self.completed > 0
    }

    fn on_ready(&mut self, status: u8) -> Verdict {
        self.status = Some(status);
        self.completed = 0;
        match self.pop() {
            Some(Owed::Query | Owed::FirstOf | Owed::Sync) if self.keeps_ready => {
                self.kept_ready = Some(status);
                Verdict::Hide
            }
            Some(
                Owed::HiddenQuery
                | Owed::QuietQuery
                | Owed::DeafQuery
                | Owed::Everywhere { .. }
                | Owed::HiddenSync
                | Owed::Share { .. },
            ) => Verdict::Hide,
            _ => Verdict::Pass,
        }
    }

    fn on_complete(&mut self, body: &[u8]) {
        match self.owed.front() {
            // What we add to a statement of the client's stands behind it.
            Some(Owed::QuietQuery | Owed::Everywhere { .. } | Owed::Share { is_query: true, .. }) => {
                self.tag.get_or_insert_with(|| view::command_tag(body).into());
            }
            Some(Owed::Share { is_query: false, .. }) => {
                self.tag = Some(view::command_tag(body).into());
                self.pop();
            }
            Some(Owed::Execute(step)) => {
                if let Some(step) = *step {
                    self.done.push(Done::Executed(step));
                }
                self.pop();
            }
            Some(Owed::FirstOf) => self.completed = self.completed.saturating_add(1),
            Some(Owed::Query) if self.tell_completed => {
                self.done.push(Done::Completed(self.completed));
                self.completed = self.completed.saturating_add(1);
            }
            _ => (),
        }
    }

    /// Another server has remarked the same.
    fn is_repeated(&mut self, body: &[u8]) -> bool {
        if !self.hears_once {
            return false;
        }
        let fields = [b'C', b'M', b'D'].map(|code| view::error_field(body, code).unwrap_or_default());
        let mut remark = Vec::new();
        write::frame(&mut remark, server::NOTICE, |out| out.extend_from_slice(&fields.join(&0)));
        let is_known = memchr::memmem::find(&self.remarks[..self.of_others as usize], &remark).is_some();
        if !is_known && self.remarks.len() < REMARKS_MAX {
            self.remarks.append(&mut remark);
        }
        is_known
    }

    /// Of a message of ours, does the client hear this remark?
    fn is_remark_heard(&self, tag: u8) -> bool {
        match self.owed.front() {
            Some(Owed::QuietQuery | Owed::Everywhere { is_first: true }) => true,
            // What the client's statements have set is reported at the end of their batch. Ours report at their own end.
            Some(Owed::HiddenSync) => tag == server::PARAMETER_STATUS && !self.is_deaf,
            _ => false,
        }
    }

    /// What a statement of ours among those of a batch makes the server report of what these have set.
    fn is_reported_aside(&self, tag: u8) -> bool {
        self.is_deaf && tag == server::PARAMETER_STATUS && matches!(self.owed.front(), Some(Owed::HiddenSync))
    }

    fn on_parse_complete(&mut self) -> Verdict {
        if let Some(Owed::Aside) = self.owed.front() {
            return Verdict::Hide;
        }
        match self.pop() {
            Some(Owed::FinalParse { .. } | Owed::TrialParse) => Verdict::Hide,
            Some(Owed::HiddenParse(id)) => {
                self.done.push(Done::Prepared(id));
                Verdict::Hide
            }
            Some(Owed::StandIn { id, is_heard, .. }) => {
                self.done.push(Done::Prepared(id));
                if is_heard { Verdict::Pass } else { Verdict::Hide }
            }
            Some(Owed::Parse(Some(id))) => {
                self.done.push(Done::Prepared(id));
                Verdict::Pass
            }
            _ => Verdict::Pass,
        }
    }

    /// What a `DeafQuery` makes the server say besides its answer.
    fn overhear(&mut self, tag: u8, body: &[u8]) {
        if tag == server::NOTICE {
            if self.remarks.len() < REMARKS_MAX {
                write::frame(&mut self.remarks, tag, |out| out.extend_from_slice(body));
            }
        } else {
            self.parameters.extend(view::reported(body));
        }
    }

    /// Of a COPY TO over several shards the client sees one.
    fn on_copy_out(&mut self, tag: u8, body: &[u8], out: &mut Vec<u8>) -> Verdict {
        let Some(share) = &mut self.copy_out else { return Verdict::Pass };
        let is_said = match tag {
            server::COPY_OUT => share.is_first,
            server::COPY_DONE => share.is_last,
            _ => match share.piece(body) {
                Piece::Pass => true,
                Piece::Hide => false,
                Piece::Part(part) => {
                    if !self.is_deaf {
                        write::frame(out, server::COPY_DATA, |out| out.extend_from_slice(part));
                    }
                    false
                }
            },
        };
        if is_said { Verdict::Pass } else { Verdict::Hide }
    }

    /// The server is in COPY mode: it ignores a Sync that is already on its way (protocol-flow, COPY operations).
    fn on_copy_in(&mut self) {
        self.is_copy_in = true;
        while matches!(self.owed.back(), Some(Owed::Sync)) {
            self.owed.pop_back();
        }
    }
}

impl Judge for Pipeline {
    fn judge(&mut self, tag: u8, body: Option<&[u8]>, out: &mut Vec<u8>) -> Verdict {
        let before = out.len();
        let verdict = self.verdict(tag, body, out);
        if self.is_deaf && tag != server::NOTIFICATION {
            out.truncate(before);
            return Verdict::Hide;
        }
        verdict
    }

    fn looks_into(&self, tag: u8) -> bool {
        match tag {
            server::COPY_DATA => self.copy_out.as_ref().is_some_and(OutShare::is_looked_into),
            server::DATA_ROW => self.kept.is_some(),
            server::ROW_DESCRIPTION | server::PARAMETER_DESCRIPTION => self.is_description_wanted(tag),
            server::NOTICE => matches!(self.owed.front(), Some(Owed::DeafQuery | Owed::Everywhere { .. })),
            _ => false,
        }
    }

    fn between(&mut self, out: &mut Vec<u8>) {
        if matches!(self.owed.front(), Some(Owed::Local(_))) {
            self.speak(out);
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.owed.front(), Some(Owed::Turn))
    }
}

impl Pipeline {
    fn verdict(&mut self, tag: u8, body: Option<&[u8]>, out: &mut Vec<u8>) -> Verdict {
        self.speak(out);
        let seen = body.unwrap_or_default();
        let hidden = if self.is_hidden() { Verdict::Hide } else { Verdict::Pass };
        match tag {
            server::NOTICE if self.hides_notices || self.is_repeated(seen) => Verdict::Hide,
            server::DATA_ROW | server::NOTICE | server::ROW_DESCRIPTION
                if matches!(self.owed.front(), Some(Owed::Share { shown: Shown::Errors, .. })) =>
            {
                Verdict::Hide
            }
            server::DATA_ROW | server::ROW_DESCRIPTION if self.is_behind_first() => Verdict::Hide,
            server::COPY_OUT | server::COPY_DATA | server::COPY_DONE if self.copy_out.is_some() => {
                self.on_copy_out(tag, seen, out)
            }
            // Not those of our own queries before it.
            server::DATA_ROW if self.kept.is_some() && matches!(self.owed.front(), Some(Owed::Share { .. })) => {
                self.kept.iter_mut().for_each(|kept| kept.keep(seen));
                Verdict::Hide
            }
            server::DATA_ROW | server::COPY_DATA => hidden,
            server::ERROR => self.on_error(seen, out),
            server::READY => self.on_ready(seen.first().copied().unwrap_or(b'I')),
            server::COMMAND_COMPLETE | server::EMPTY_QUERY | server::PORTAL_SUSPENDED => {
                let is_second = self.is_behind_first();
                let is_share = matches!(self.owed.front(), Some(Owed::Share { .. }));
                self.on_complete(seen);
                if is_second || is_share { Verdict::Hide } else { hidden }
            }
            server::PARSE_COMPLETE => self.on_parse_complete(),
            server::CLOSE_COMPLETE => {
                self.pop();
                hidden
            }
            server::BIND_COMPLETE if matches!(self.owed.front(), Some(Owed::Aside)) => hidden,
            server::BIND_COMPLETE => {
                self.pop();
                hidden
            }
            server::ROW_DESCRIPTION | server::NO_DATA | server::PARAMETER_DESCRIPTION => {
                self.on_description(tag, seen, hidden)
            }
            // Nobody else hears of it: whatever the server is busy with, the client gets it.
            server::NOTIFICATION => Verdict::Pass,
            server::NOTICE | server::PARAMETER_STATUS if self.is_remark_heard(tag) => Verdict::Pass,
            server::PARAMETER_STATUS | server::NOTICE => {
                if matches!(self.owed.front(), Some(Owed::DeafQuery)) || self.is_reported_aside(tag) {
                    self.overhear(tag, seen);
                }
                hidden
            }
            server::COPY_IN => {
                self.on_copy_in();
                hidden
            }
            _ => hidden,
        }
    }
}
