//! Bind: where a statement goes with its values, and the portal that it makes.

use std::sync::Arc;

use crate::logic::plan::across::Across;
use crate::logic::plan::{Access, Plan, Refusal};
use crate::logic::protocol::frame;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::view::{Bind, has_binary};
use crate::logic::route::{Destination, Values};
use crate::logic::session::pipeline::Name;
use crate::proxy::plans::Shape;
use crate::proxy::session::portal::{Told, Unrun};
use crate::proxy::session::segment::{Cut, Given, Segment, Step};
use crate::proxy::session::shapes::{bound_settings, declares_cursor, ends_failed_transaction, is_ours};
use crate::proxy::session::simple::{Ready, meet};
use crate::proxy::session::{AcrossPortal, Named, Portal, Session, Trouble};
use crate::proxy::statements::Statement;

/// Stands for the name of a statement that the client did not name: it is bound by the one that servers know.
const LISTED: &[u8] = b"listed";
const BIND_COMPLETE: &[u8] = &[b'2', 0, 0, 0, 4];

impl Session {
    pub(super) fn gather_bind(
        &mut self,
        segment: &mut Segment,
        at: usize,
        size: usize,
    ) -> Result<Option<Cut>, Trouble> {
        let bind = Bind::parse(&self.client.received()[at + frame::HEADER..at + size])?;
        self.slot.card.tallies.binds.add(1);
        let Named { mut statement, since, reading, told, .. } = self.statement(bind.statement)?;
        let (portal, mut name): (Box<[u8]>, Name) = (bind.portal.into(), bind.statement.into());
        let mut shape = statement.shape(&self.picture().planner);
        self.asks_primaries |= shape.is_for_primary;
        self.check_ours(&bind, &statement, &shape)?;
        self.check_before_bind(&statement, &shape, reading, (bind.portal, self.body(at, size)))?;
        let mut across = self.placed_portal(&shape, &statement, self.body(at, size))?;
        let mut routed = match super::only(&shape) {
            Some(_) if across.is_some() => Some((self.is_parsed_at(&shape), Access::Read)),
            None if shape.statements.is_err() => {
                Some((self.unread_goes_to().ok_or_else(Refusal::unread)?, Access::Write))
            }
            None => Some((Destination::Any, Access::Write)),
            Some(planned) => match &*planned.plan {
                Plan::Command(_) | Plan::CopyIn(_) => None,
                Plan::One(one) => {
                    let values = Values::Bind { bind: &bind, types: &statement.types };
                    self.sample(one, &values);
                    match self.destination(one, &values) {
                        Err(refusal) if self.may_cross(planned, &refusal) => {
                            if let Some(cut) = self.cut_at_direct(segment, at, (&bind, &statement, &shape)) {
                                return Ok(Some(cut));
                            }
                            let portal = self.across_portal(&statement, self.body(at, size))?;
                            let access = portal.across.described_with();
                            across = Some(portal);
                            // Any server that can tells what is wrong with the Bind, and describes the portal.
                            Some((self.is_parsed_at(&shape), access))
                        }
                        found => Some(self.routed(planned, found)?),
                    }
                }
                Plan::Refuse(refusal) if self.may_cross(planned, refusal) => {
                    across = Some(self.across_portal(&statement, self.body(at, size))?);
                    Some((self.is_parsed_at(&shape), Access::Read))
                }
                Plan::Refuse(refusal) => Some(self.routed(planned, Err(refusal.clone()))?),
            },
        };
        if routed.is_none()
            && let Some(listed) = self.listed_statement(&statement, &shape)?
        {
            shape = listed.shape(&self.picture().planner);
            (statement, name) = (listed, Name::from_slice(LISTED));
            routed = Some((Destination::Any, Access::Read));
        }
        let Some((destination, access)) = routed else {
            let results = bind.results.into();
            return Ok(self.bind_ours(segment, portal, shape, results));
        };
        self.check_alive()?;
        if !across.as_ref().is_some_and(|it| matches!(*it.across, Across::Everywhere(_))) {
            self.check_bent(&statement.text)?;
        }
        // Another shard: what stands before it goes first. That is known, too, when a cursor is declared.
        let is_alone = !self.transaction.is_idle() || segment.steps.is_empty() || !declares_cursor(&shape);
        let Some(together) = meet(segment.destination, destination).ok().filter(|_| is_alone) else {
            return Ok(Some(Cut::Next));
        };
        segment.destination = together;
        if access == Access::Write {
            segment.access = Access::Write;
        }
        (segment.needs_server, segment.needs_transaction) = (true, true);
        let names_types = has_binary(bind.results) && told.as_ref().is_none_or(|told| told.may_name_types);
        let unrun = across.is_none().then(|| Unrun { access, settings: bound_settings(&shape, &bind) });
        segment.binds |= unrun.is_some();
        if across.is_some() {
            // It is bound to be described, and runs elsewhere.
            statement = self.as_described(&statement, &shape)?;
        } else {
            segment.expected.extend(self.expected_of(&statement, told));
        }
        self.note_temporary(shape.statements.as_deref().unwrap_or_default());
        let before = self.remember_portal(portal.clone(), shape, (across, unrun));
        if let Some(portal) = self.portals.last_mut() {
            portal.names_types = names_types;
        }
        segment.undo.push((segment.steps.len(), Given::Portal(portal, before)));
        segment.steps.push(Step::Bind { statement, name, since, at: at + frame::HEADER..at + size });
        Ok(None)
    }

    /// Where the Bind at `at` begins what several shards run at once, the segment ends before it; it may have parsed.
    fn cut_at_direct(
        &self,
        segment: &mut Segment,
        at: usize,
        (bind, statement, shape): (&Bind<'_>, &Arc<Statement>, &Arc<Shape>),
    ) -> Option<Cut> {
        let may_come_next = at == 0 || self.transaction.is_idle() && segment.only_parses();
        if segment.start > 0 || !may_come_next {
            return None;
        }
        let direct = self.direct(at, bind, statement, shape)?;
        segment.is_before_direct = at > 0;
        Some(if at > 0 { Cut::Next } else { Cut::Direct(Box::new(direct)) })
    }

    /// A Bind of what the session answers for itself, as PostgreSQL checks it: with its parameters first.
    fn check_ours(&self, bind: &Bind<'_>, statement: &Statement, shape: &Shape) -> Result<(), Trouble> {
        if !is_ours(shape) {
            return Ok(());
        }
        bind.check_count(statement.types.len() / 4).map_err(|message| Fault::Said { sqlstate: "08P01", message })?;
        let command = super::only(shape).and_then(|planned| super::command(&planned.plan));
        match command.is_some_and(ends_failed_transaction) && bind.is_empty() {
            true => Ok(()),
            false => Ok(self.check_alive()?),
        }
    }

    /// What may be said against a Bind whatever its values are.
    fn check_before_bind(
        &self,
        statement: &Statement,
        shape: &Arc<Shape>,
        reading: u64,
        (portal, bind): (&[u8], &[u8]),
    ) -> Result<(), Trouble> {
        self.check_new_portal(portal)?;
        self.remember(shape, &statement.text);
        self.check_reading(reading, statement)?;
        self.check_shadows(&statement.text)?;
        self.check_close_all(shape)?;
        self.check_bound(shape, &statement.text, bind)
    }

    /// The columns that the statement must have on its server, where the client knows them and they may be others by now.
    fn expected_of(&self, statement: &Arc<Statement>, told: Option<Arc<Told>>) -> Option<(Arc<Statement>, Arc<[u8]>)> {
        let told = told.filter(|told| self.may_differ(statement, told))?;
        Some((Arc::clone(statement), Arc::clone(&told.columns)))
    }

    /// The portal of a statement that the session itself answers for.
    fn bind_ours(
        &mut self,
        segment: &mut Segment,
        portal: Box<[u8]>,
        shape: Arc<Shape>,
        results: Box<[u8]>,
    ) -> Option<Cut> {
        let before = self.remember_portal(portal.clone(), shape, (None, None));
        if let Some(portal) = self.portals.last_mut() {
            portal.names_types = has_binary(&results);
            portal.results = results;
        }
        segment.undo.push((segment.steps.len(), Given::Portal(portal, before)));
        segment.steps.push(Step::Answer(BIND_COMPLETE));
        None
    }

    pub(super) fn across_portal(&self, statement: &Arc<Statement>, bind: &[u8]) -> Result<Box<AcrossPortal>, Trouble> {
        let across = statement.across(&self.picture().planner, self.catalog_version())?;
        if let Across::Refuse(refusal) = &*across {
            return Err(refusal.clone().into());
        }
        self.check_across(&across)?;
        Ok(self.bound_across(across, statement, bind))
    }

    fn routed(
        &self,
        planned: &crate::logic::plan::Planned,
        found: Result<Destination, Refusal>,
    ) -> Result<(Destination, Access), Trouble> {
        let Ready { destination, access, .. } = self.ready(planned, found)?;
        Ok((self.beside(destination, access)?, access))
    }

    /// A portal of this name, and the one whose place it takes.
    pub(super) fn remember_portal(
        &mut self,
        name: Box<[u8]>,
        shape: Arc<Shape>,
        (across, unrun): (Option<Box<AcrossPortal>>, Option<Unrun>),
    ) -> Option<Portal> {
        let before = self.forget_portal(&name);
        let depth = self.cursors.savepoints().len();
        self.portals.push(Portal {
            name,
            shape,
            shard: None,
            across,
            unrun,
            results: Box::default(),
            names_types: false,
            is_run: false,
            has_failed: false,
            depth,
        });
        before
    }

    pub(super) fn forget_portal(&mut self, name: &[u8]) -> Option<Portal> {
        let place = self.portals.iter().position(|portal| *portal.name == *name)?;
        Some(self.portals.remove(place))
    }
}
