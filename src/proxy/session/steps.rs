//! One segment of a pipeline: what the client's extended-protocol messages amount to, up to the point where the
//! session itself has to act or another shard is needed.

use std::sync::Arc;

use crate::logic::plan::{Command, OwnSetting, Plan, Reason, Refusal};
use crate::logic::protocol::frame::{self, Front, client};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::view::{self, Malformed, Parse, Target};
use crate::logic::protocol::write;
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Name;
use crate::logic::shards::ShardId;
use crate::logic::sql::parse::complaint;
use crate::logic::transaction::Transaction;
use crate::logic::value::oid;
use crate::proxy::plans::Shape;
use crate::proxy::session::segment::{Cut, Given, Segment, Step, executed};
use crate::proxy::session::servers::Held;
use crate::proxy::session::shapes::{
    can_be_undone, declares_cursor, ends_failed_transaction, executes, is_list, is_ours, shown, takes_numbers,
};
use crate::proxy::session::simple::meet;
use crate::proxy::session::unread::no_syntax;
use crate::proxy::session::{Named, Portal, Session, Trouble};
use crate::proxy::statements::Statement;

/// Bytes of a pipeline that wait for its Sync; more is sent on before.
pub(super) const GATHER_MAX: usize = 32 << 10;

const PARSE_COMPLETE: &[u8] = &[b'1', 0, 0, 0, 4];
const CLOSE_COMPLETE: &[u8] = &[b'3', 0, 0, 0, 4];
const NO_DATA: &[u8] = &[b'n', 0, 0, 0, 4];
const NO_PARAMETERS: &[u8] = &[b't', 0, 0, 0, 6, 0, 0];
const NO_PARAMETERS_NO_DATA: &[u8] = &[b't', 0, 0, 0, 6, 0, 0, b'n', 0, 0, 0, 4];

/// RowDescription of a SHOW of one of our own settings.
pub(super) fn own_columns(out: &mut Vec<u8>, setting: OwnSetting) {
    write::row_description(out, setting.name(), oid::TEXT);
}

/// What PostgreSQL finds in a text before it looks at the transaction.
fn of_grammar(shape: &Shape, text: &str) -> Option<Fault> {
    const SEVERAL: &str = "cannot insert multiple commands into a prepared statement";
    match &shape.statements {
        Ok(statements) if statements.len() > 1 => Some(no_syntax(SEVERAL.to_owned())),
        Ok(_) => None,
        Err(_) => complaint(text).map(no_syntax),
    }
}

impl From<Malformed> for Trouble {
    fn from(malformed: Malformed) -> Self {
        Fault::Protocol(format!("invalid message format in {}", malformed.0)).into()
    }
}

impl Session {
    /// Is there a Sync or Flush, or enough to go on without?
    pub(super) fn is_gathered(&self) -> bool {
        let received = self.client.received();
        let mut at = 0;
        while let Front::Whole(frame) = frame::front(&received[at..]) {
            if matches!(
                frame.tag,
                client::SYNC | client::FLUSH | client::TERMINATE | client::QUERY | client::FUNCTION_CALL
            ) {
                return true;
            }
            at += frame.bytes.len();
        }
        at >= GATHER_MAX
    }

    /// Reads messages up to the end of a segment. Names are given at once; `undo` takes them back.
    pub(super) fn gather_segment(&mut self, start: usize) -> Segment {
        let mut segment = Segment::at(start);
        loop {
            let at = start + segment.size;
            let (tag, size) = match frame::front(&self.client.received()[at..]) {
                Front::Whole(frame) => (frame.tag, frame.bytes.len()),
                Front::Partial { .. } | Front::Malformed { .. } => return segment,
            };
            let cut = match tag {
                client::SYNC => Ok(Some(Cut::Sync)),
                client::FLUSH => Ok(Some(Cut::Flush)),
                client::PARSE => self.gather_parse(&mut segment, at, size),
                client::BIND => self.gather_bind(&mut segment, at, size),
                client::DESCRIBE => self.gather_describe(&mut segment, at, size),
                client::EXECUTE => self.gather_execute(&mut segment, at, size),
                client::CLOSE => self.gather_close(&mut segment, at, size),
                _ => return segment,
            };
            match cut {
                // The message itself belongs to the next segment.
                Ok(Some(Cut::Next)) => return segment,
                Ok(Some(cut @ (Cut::Across(..) | Cut::Executed(_) | Cut::Described(_) | Cut::Direct(_)))) => {
                    segment.cut = cut;
                    return segment;
                }
                Ok(cut) => {
                    segment.size += size;
                    if let Some(cut) = cut {
                        segment.cut = cut;
                        return segment;
                    }
                }
                Err(trouble) => {
                    if tag == client::PARSE && Parse::parse(self.body(at, size)).is_ok_and(|it| it.name.is_empty()) {
                        // PostgreSQL forgets the one before even if the new one is none.
                        self.unnamed = None;
                    }
                    segment.size += size;
                    segment.cut = Cut::Trouble(trouble);
                    return segment;
                }
            }
        }
    }

    pub(super) fn body(&self, at: usize, size: usize) -> &[u8] {
        &self.client.received()[at + frame::HEADER..at + size]
    }

    fn gather_parse(&mut self, segment: &mut Segment, at: usize, size: usize) -> Result<Option<Cut>, Trouble> {
        let parse = Parse::parse(self.body(at, size))?;
        self.slot.card.tallies.client_parses.add(1);
        if self.is_encoded(parse.text) {
            self.check_prepared(&String::from_utf8_lossy(parse.text))?;
        }
        let text = self.spelled_out(parse.text)?;
        let text = super::utf8(&text)?;
        let is_named = !parse.name.is_empty();
        let statement = self.interned(text, parse.types);
        let name: Box<[u8]> = parse.name.into();
        let shape = statement.shape(&self.picture().planner);
        let (statement, parsed) =
            self.meant(&statement, &shape).inspect_err(|_| self.remember(&shape, &statement.text))?;
        if parsed.is_some() && !self.is_parsed_in(segment, &shape) {
            return Ok(Some(Cut::Next));
        }
        if is_named && self.named.contains_key(&name) {
            if let Some(statement) = parsed {
                // What PostgreSQL has against the text comes first.
                segment.needs_server = true;
                segment.steps.push(Step::Trial { statement });
            }
            let fault = Fault::StatementExists(String::from_utf8_lossy(&name).into_owned());
            return Ok(Some(Cut::Trouble(fault.into())));
        }
        let (since, reading) = (self.shared.moment(), self.settings.reading());
        let has_executed = self.executed_by(&shape).is_some();
        let named = Named { statement, since, reading, told: None, has_executed };
        let before = if is_named { self.named.insert(name.clone(), named) } else { self.unnamed.replace(named) };
        segment.undo.push((segment.steps.len(), Given::Statement(name, before)));
        if let Some(parsed) = parsed {
            segment.needs_server = true;
            segment.steps.push(Step::Parse { statement: parsed, is_named });
        } else {
            segment.steps.push(Step::Answer(PARSE_COMPLETE));
        }
        Ok(None)
    }

    /// What the name of a statement is to mean, and what a server has to parse for it, if anything.
    fn meant(
        &self,
        statement: &Arc<Statement>,
        shape: &Shape,
    ) -> Result<(Arc<Statement>, Option<Arc<Statement>>), Trouble> {
        self.check_types(&statement.types)?;
        if self.check_parse(shape, &statement.text)? {
            return Ok((Arc::clone(statement), Some(self.as_described(statement, shape)?)));
        }
        let numbered = self.numbered_statement(statement);
        Ok((numbered.as_ref().map_or_else(|| Arc::clone(statement), Arc::clone), numbered))
    }

    /// Can the server of this segment parse a statement of this shape? If so, it does.
    pub(super) fn is_parsed_in(&self, segment: &mut Segment, shape: &Shape) -> bool {
        let met = meet(segment.destination, self.is_parsed_at(shape));
        met.map(|together| segment.destination = together).is_ok()
    }

    /// Values of the types that a client declares are made where they are bound, which may run functions there.
    fn check_types(&self, declared: &[u8]) -> Result<(), Refusal> {
        let Some(catalog) = &self.picture().database.catalog else { return Ok(()) };
        let (oids, shards) = (&catalog.unasked.oids, self.map().shards.len());
        let all = declared.chunks_exact(4).filter_map(|oid| Some(u32::from_be_bytes(oid.try_into().ok()?)));
        match all.filter(|_| shards > 1 && !oids.is_empty()).find(|oid| oids.contains(oid)) {
            Some(oid) => Err(Refusal::unasked_parameter(oid)),
            None => Ok(()),
        }
    }

    /// Does a server have to see a statement of this shape? Refusals that no value can change are said at once.
    fn check_parse(&self, shape: &Shape, text: &str) -> Result<bool, Trouble> {
        let Some(planned) = super::only(shape) else {
            self.check_alive().map_err(|fault| of_grammar(shape, text).unwrap_or(fault))?;
            return Ok(true);
        };
        if self.ends_what_failed(planned) {
            // What is parsed here could be run behind a transaction that has not failed.
            return Err(Refusal::two_phase(planned.verb).into());
        }
        match &*planned.plan {
            Plan::Command(command) => {
                if !ends_failed_transaction(command) && !matches!(command, Command::Empty) {
                    self.check_alive()?;
                }
                Ok(is_list(command))
            }
            Plan::One(_) => {
                self.check_alive()?;
                Ok(true)
            }
            Plan::CopyIn(_) => {
                self.check_alive()?;
                Ok(false)
            }
            Plan::Refuse(refusal) => {
                self.check_alive()?;
                // PostgreSQL parses and describes it; the refusal comes when it is to be run. What would not parse
                // under any plan is refused at once, and so is what may run functions where it is parsed.
                let may_run = refusal.reason == Reason::Unasked && self.named_for(planned)?.is_none();
                if planned.forced.is_some() && !may_run || self.may_cross(planned, refusal) {
                    Ok(true)
                } else {
                    Err(refusal.clone().into())
                }
            }
        }
    }

    fn portal(&self, name: &[u8]) -> Option<&Portal> {
        self.portals.iter().find(|portal| *portal.name == *name)
    }

    fn gather_describe(&mut self, segment: &mut Segment, at: usize, size: usize) -> Result<Option<Cut>, Trouble> {
        match view::target(self.body(at, size))? {
            Target::Statement(name) => {
                let is_named = !name.is_empty();
                let Named { statement, has_executed, .. } = self.statement(name)?;
                let shape = statement.shape(&self.picture().planner);
                if let (true, Some(execute)) = (has_executed, executes(&shape)) {
                    self.check_alive()?;
                    let Some(statement) = self.executed_by(&shape) else {
                        segment.steps.push(Step::Answer(NO_PARAMETERS));
                        return Err(Fault::NoStatement(execute.name.to_string()).into());
                    };
                    let shape = statement.shape(&self.picture().planner);
                    if !self.is_parsed_in(segment, &shape) {
                        return Ok(Some(Cut::Next));
                    }
                    let statement = self.as_described(&statement, &shape)?;
                    segment.needs_server = true;
                    segment.steps.push(Step::Answer(NO_PARAMETERS));
                    segment.steps.push(Step::Columns { statement });
                } else if let Some(setting) = shown(&shape) {
                    self.check_alive()?;
                    segment.steps.push(Step::Answer(NO_PARAMETERS));
                    segment.steps.push(Step::OwnColumns(setting));
                } else if is_ours(&shape) {
                    segment.steps.push(Step::Answer(NO_PARAMETERS_NO_DATA));
                } else {
                    self.check_alive()?;
                    if !self.is_parsed_in(segment, &shape) {
                        return Ok(Some(Cut::Next));
                    }
                    if is_named && super::only(&shape).is_some_and(|planned| planned.may_span) {
                        // What the client hears now it may expect later. One without a name it parses again.
                        statement.across(&self.picture().planner, self.catalog_version())?;
                    }
                    let statement = self.as_described(&statement, &shape)?;
                    segment.needs_server = true;
                    segment.steps.push(Step::Describe { statement, name: name.into() });
                }
            }
            Target::Portal(name) => {
                if self.portal(name).is_some_and(|portal| self.executed_by(&portal.shape).is_some()) {
                    return Ok(Some(executed(name, segment)));
                }
                self.check_portal_is_there(name)?;
                if self.portal(name).is_some_and(|portal| portal.across.as_ref().is_some_and(|it| it.is_run())) {
                    self.check_alive()?;
                    return Ok(Some(if segment.steps.is_empty() { Cut::Described(name.into()) } else { Cut::Next }));
                }
                if let Some(setting) = self.portal(name).and_then(|portal| shown(&portal.shape)) {
                    self.check_alive()?;
                    segment.steps.push(Step::OwnColumns(setting));
                } else if self.portal(name).is_some_and(|portal| is_ours(&portal.shape)) {
                    segment.steps.push(Step::Answer(NO_DATA));
                } else {
                    self.check_alive()?;
                    let shard = self.shard_of_portal(name);
                    return Ok(self.push_portal(segment, client::DESCRIBE, shard, at, size));
                }
            }
        }
        Ok(None)
    }

    /// Functions open cursors of which the session does not know, on the servers of its transaction.
    fn check_portal_is_there(&self, name: &[u8]) -> Result<(), Fault> {
        let is_known = self.portal(name).is_some() || self.shard_of_portal(name).is_some();
        let has_functions = |held: &Held| held.is_engaged() || held.pin.is_some();
        let may_be_there = || !name.is_empty() && self.check_alive().is_ok() && self.held.iter().any(has_functions);
        match is_known || may_be_there() {
            true => Ok(()),
            false => Err(Fault::NoPortal(String::from_utf8_lossy(name).into_owned())),
        }
    }

    /// A message for a portal goes to the server that has it.
    fn push_portal(
        &self,
        segment: &mut Segment,
        tag: u8,
        shard: Option<ShardId>,
        at: usize,
        size: usize,
    ) -> Option<Cut> {
        if let Some(shard) = shard {
            match meet(segment.destination, Destination::Shard(shard)) {
                Ok(destination) => segment.destination = destination,
                Err(_) => return Some(Cut::Next),
            }
        }
        segment.needs_server = true;
        segment.needs_transaction = true;
        let undescribed = self.undescribed(segment, tag, self.body(at, size));
        segment.steps.push(Step::Portal { tag, at: at..at + size, undescribed });
        None
    }

    /// The portal of an Execute whose rows may name types, if it has not been described just before.
    fn undescribed(&self, segment: &Segment, tag: u8, body: &[u8]) -> Option<Name> {
        let (name, _) = view::execute(body).ok().filter(|_| tag == client::EXECUTE)?;
        self.portal(name).filter(|portal| portal.names_types)?;
        let is_described = segment.steps.last().is_some_and(|last| {
            let Step::Portal { tag: client::DESCRIBE, at, .. } = last else { return false };
            let described = view::target(&self.client.received()[at.start + frame::HEADER..at.end]);
            matches!(described, Ok(Target::Portal(described)) if described == name)
        });
        (!is_described).then(|| Name::from_slice(name))
    }

    /// Execute of a portal that the session answers for: PostgreSQL runs such ones once, and the end of a transaction is the
    /// end of its portals.
    fn execute_ours(&mut self, place: usize) -> Result<Cut, Trouble> {
        let Portal { name, shape, is_run, .. } = &mut self.portals[place];
        let shape = Arc::clone(shape);
        let command = super::only(&shape).and_then(|planned| super::command(&planned.plan));
        let is_empty = matches!(command, Some(Command::Empty));
        if std::mem::replace(is_run, !is_empty) {
            let name = String::from_utf8_lossy(name).into_owned();
            self.check_alive()?;
            return Err(Fault::PortalIsDone(name).into());
        }
        if matches!(command, Some(Command::Control(control)) if control.ends()) {
            self.portals.remove(place);
        }
        self.executed = self.executed.wrapping_add(1);
        Ok(Cut::Act(shape))
    }

    fn gather_execute(&mut self, segment: &mut Segment, at: usize, size: usize) -> Result<Option<Cut>, Trouble> {
        let (name, limit) = view::execute(self.body(at, size))?;
        let is_answered = |portal: &Portal| is_ours(&portal.shape) && executes(&portal.shape).is_none();
        if let Some(place) = self.portals.iter().position(|portal| *portal.name == *name && is_answered(portal)) {
            return self.execute_ours(place).map(Some);
        }
        self.check_portal_is_there(name)?;
        self.check_alive()?;
        let place = self.portals.iter().position(|portal| *portal.name == *name);
        match place.map(|place| &self.portals[place]) {
            Some(portal) if portal.has_failed => {
                Err(Fault::PortalIsDone(String::from_utf8_lossy(name).into_owned()).into())
            }
            Some(portal) if executes(&portal.shape).is_some() => Ok(Some(executed(name, segment))),
            Some(portal) if portal.across.is_some() && !segment.steps.is_empty() => Ok(Some(Cut::Next)),
            Some(portal) if portal.across.is_some() => Ok(Some(Cut::Across(name.into(), limit))),
            portal => {
                if portal.is_some_and(|portal| declares_cursor(&portal.shape)) {
                    self.check_block("DECLARE CURSOR")?;
                }
                let shard = self.shard_of_portal(name);
                let can_be_undone = portal.is_none_or(|portal| can_be_undone(&portal.shape));
                let numbering = portal.filter(|portal| takes_numbers(&portal.shape)).map(|it| Arc::clone(&it.shape));
                if let Some(cut) = self.push_portal(segment, client::EXECUTE, shard, at, size) {
                    return Ok(Some(cut));
                }
                self.executed = self.executed.wrapping_add(1);
                segment.can_be_undone &= can_be_undone;
                if let Some(place) = place {
                    segment.execute(&mut self.portals[place]);
                }
                segment.numbering.extend(numbering);
                // What comes after DDL must be planned with the new schema; how strings are read may have changed.
                Ok((segment.changes_schema() || segment.changes_strings() || segment.closes_cursors())
                    .then_some(Cut::Pause)
                    .filter(|_| !self.is_followed_by_end(at + size)))
            }
        }
    }

    /// Sync stands behind the message of this size.
    pub(super) fn is_followed_by_sync(&self, size: usize) -> bool {
        matches!(frame::front(&self.client.received()[size..]), Front::Whole(frame) if frame.tag == client::SYNC)
    }

    fn is_followed_by_end(&self, at: usize) -> bool {
        match frame::front(&self.client.received()[at..]) {
            Front::Whole(frame) => matches!(frame.tag, client::SYNC | client::FLUSH),
            Front::Partial { .. } | Front::Malformed { .. } => false,
        }
    }

    fn gather_close(&mut self, segment: &mut Segment, at: usize, size: usize) -> Result<Option<Cut>, Trouble> {
        match view::target(self.body(at, size))? {
            Target::Statement(name) => {
                let name: Box<[u8]> = name.into();
                let before = if name.is_empty() { self.unnamed.take() } else { self.named.remove(&name) };
                segment.undo.push((segment.steps.len(), Given::Statement(name, before)));
                segment.steps.push(Step::Answer(CLOSE_COMPLETE));
            }
            Target::Portal(name) => {
                let is_ours = self.portal(name).is_some_and(|portal| is_ours(&portal.shape));
                let is_first = segment.start == 0 && !segment.needs_server;
                let shard = self.shard_of_portal(name);
                let name: Box<[u8]> = name.into();
                // Its server does not know of an error of ours, and would say that all is well.
                let is_ended = matches!(self.transaction, Transaction::Aborted(_));
                let is_idle = is_first && shard.is_none() && self.held.iter().all(|held| !held.is_engaged());
                if is_ours || is_ended || is_idle {
                    segment.steps.push(Step::Answer(CLOSE_COMPLETE));
                } else if let Some(cut) = self.push_portal(segment, client::CLOSE, shard, at, size) {
                    // It comes again when its own server is asked.
                    return Ok(Some(cut));
                }
                let before = self.forget_portal(&name);
                self.forget_cursor(&name);
                segment.undo.push((segment.steps.len() - 1, Given::Portal(name, before)));
            }
        }
        Ok(None)
    }
}
