//! Several statements in one text that one shard answers as they are.

use std::sync::Arc;

use crate::logic::plan::{Access, Command, Mark, Plan, Planned, Refusal, SETTING};
use crate::logic::route::{Destination, Values};
use crate::logic::session::pipeline::{Done, Owed};
use crate::logic::sql::statement::{Control, Listen};
use crate::proxy::metrics::PlanKind;
use crate::proxy::session::exchange::Outcome;
use crate::proxy::session::servers::Held;
use crate::proxy::session::simple::{Ready, meet};
use crate::proxy::session::{Session, TEMPLATE, Trouble};

impl Session {
    /// Several statements in one text: they are one implicit transaction. Those of one shard go there as they are.
    pub(super) async fn several(&mut self, statements: &[Planned], sql: &str, size: usize) -> Result<(), Trouble> {
        if self.are_local(statements) {
            return self.answer_locally(statements, sql);
        }
        self.check_alive().or_else(|fault| if ends_transaction(statements) { Ok(()) } else { Err(fault) })?;
        self.note_temporary(statements);
        self.heed_goodbye_to(statements, size);
        let gathered = match self.gather(statements, sql) {
            Ok(gathered) if self.is_where_it_stands(&gathered) => gathered,
            // Whatever is wrong with one of them is found where it stands.
            Ok(_) | Err(Trouble::Refusal(_) | Trouble::Fault(_)) => {
                return self.one_by_one(statements, sql, size).await;
            }
            Err(trouble @ (Trouble::Told | Trouble::End(_))) => return Err(trouble),
        };
        let ready = Ready {
            destination: gathered.destination,
            access: gathered.access,
            mark: &gathered.mark,
            kind: PlanKind::Key,
        };
        let target = self.target(ready.destination, ready.access)?;
        let index = self.hold(target).await?;
        if self.check_places_among(statements).is_err() {
            return self.one_by_one(statements, sql, size).await;
        }
        self.pipeline.clear();
        self.pipeline.keeps_ready = ready.mark.is_ddl;
        self.pipeline.tell_completed = true;
        self.pipeline.statements = u16::try_from(statements.len()).unwrap_or(u16::MAX);
        self.prepare(index);
        self.pipeline.owe(Owed::Query);
        self.announce(index, ready.mark);
        self.metrics.statement(Some((target.shard, target.role)), ready.kind);
        let outcome = self.converse(index, Some(size)).await?;
        self.client.consume(size);
        if let Outcome::CopyIn = outcome {
            self.pump_copy(index).await?;
        } else {
            self.trouble_of(index, outcome)?;
        }
        self.mark(index, ready.mark, ready.access);
        for planned in statements {
            if let Plan::One(one) = &*planned.plan {
                self.took(index, &one.mark.numbers);
            }
        }
        self.apply_several(statements, sql);
        self.settle(index);
        if self.transaction.is_idle() {
            self.held[index].lease.settings = Arc::clone(self.settings.base());
        }
        self.schema_may_have_changed(ready.mark.is_ddl).await
    }

    /// The text goes to the server that has the open transaction, if one has: an end of it in the text is for no other. One that
    /// has failed ends in ROLLBACK, which its server may not know of.
    fn is_where_it_stands(&self, gathered: &Gathered) -> bool {
        if self.transaction.status() == b'E' {
            return false;
        }
        let mut members = self.held.iter().filter(|held| held.is_member);
        match (members.next(), members.next()) {
            (None, _) => true,
            (Some(member), None) => {
                let target = self.target(gathered.destination, gathered.access);
                target.is_ok_and(|target| target.shard == member.shard)
            }
            (Some(_), Some(_)) => false,
        }
    }

    /// What the completed commands among several statements did to the session.
    fn apply_several(&mut self, statements: &[Planned], sql: &str) {
        let completed: Vec<usize> = self
            .pipeline
            .done
            .iter()
            .filter_map(|done| match done {
                Done::Completed(at) => Some(usize::from(*at)),
                Done::Prepared(_) | Done::Executed(_) | Done::Parameters(_) | Done::Described(..) => None,
            })
            .collect();
        // An error undoes what the implicit transaction did since the last explicit end.
        let kept = if self.pipeline.failure.is_none() {
            completed.len()
        } else {
            let ends = |at: &usize| {
                let command = statements.get(*at).and_then(|it| super::command(&it.plan));
                matches!(command, Some(Command::Control(control)) if control.is_commit())
            };
            completed.iter().rposition(ends).map_or(0, |last| last + 1)
        };
        for at in &completed[..kept] {
            let Some(planned) = statements.get(*at) else { continue };
            if let Some(command) = super::command(&planned.plan) {
                self.apply_command(command, &sql[planned.at.clone()]);
            }
        }
    }

    fn gather(&self, statements: &[Planned], sql: &str) -> Result<Gathered, Trouble> {
        let mut gathered = Gathered { destination: Destination::Any, access: Access::Read, mark: Mark::default() };
        let mut sets_path = false;
        self.check_shadows(sql)?;
        if self.sets_outside(statements) {
            return Err(Refusal::alone("SET before BEGIN, COMMIT or ROLLBACK").into());
        }
        for planned in statements {
            if self.is_placing(planned) {
                return Err(Refusal::alone("CREATE TABLE with shardway.new_tables").into());
            }
            let named = self.named_for(planned)?;
            let found = match (&*planned.plan, &planned.forced) {
                (Plan::One(one), _) => {
                    if sets_path {
                        return Err(Refusal::alone("SET search_path before another statement of the same query").into());
                    }
                    gathered.add(one.access, &one.mark);
                    self.destination_among(planned, sql)
                }
                (Plan::Command(command), _) => {
                    sets_path |= self.check_among(command)?;
                    gathered.access = Access::Write;
                    Ok(Destination::Any)
                }
                (Plan::Refuse(refusal), Some(forced)) if named.is_some() => {
                    gathered.add(forced.access, &forced.mark);
                    Err(refusal.clone())
                }
                (Plan::Refuse(refusal), _) => return Err(refusal.clone().into()),
                (Plan::CopyIn(_), _) => return Err(Refusal::alone("COPY FROM STDIN into a sharded table").into()),
            };
            let destination = self.overrule(found, named)?;
            let destination = match &*planned.plan {
                Plan::One(one) => self.beside(self.at_cursors(&one.mark.cursors, true, destination)?, one.access)?,
                Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_) => destination,
            };
            gathered.destination = meet(gathered.destination, destination)?;
        }
        self.check_pin(&gathered.mark)?;
        self.check_needs(&gathered.mark)?;
        Ok(gathered)
    }

    /// What is set in no block is part of one that is begun behind it, and ends with a COMMIT or ROLLBACK there is none for.
    fn sets_outside(&self, statements: &[Planned]) -> bool {
        let (mut is_inside, mut has_set) = (!self.transaction.is_idle(), false);
        for planned in statements {
            let control = match &*planned.plan {
                Plan::Command(Command::Control(control)) if control.is_of_block() => control,
                Plan::Command(Command::Set(_) | Command::ResetAll) => {
                    has_set |= !is_inside;
                    continue;
                }
                Plan::One(one) => {
                    let sets = !one.mark.set_config.is_empty() || !one.mark.set_bound.is_empty();
                    has_set |= sets && !is_inside;
                    continue;
                }
                Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_) => continue,
            };
            if has_set {
                return true;
            }
            is_inside = !control.ends() || control.chains();
        }
        false
    }

    /// Where one of several statements goes: its literals are counted over the whole text.
    fn destination_among(&self, planned: &Planned, sql: &str) -> Result<Destination, Refusal> {
        let Plan::One(one) = &*planned.plan else { return Ok(Destination::Any) };
        TEMPLATE.with_borrow_mut(|template| {
            let lexed = template.lex(sql.as_bytes());
            let values = Values::Text { sql, literals: lexed.literals };
            self.destination(one, &values)
        })
    }

    /// May this command stand among other statements? Returns whether it changes how later ones are planned.
    fn check_among(&self, command: &Command) -> Result<bool, Refusal> {
        match command {
            // Behind it the session's own startup settings are to be set again.
            Command::ResetAll if self.settings.has_startup() => Err(Refusal::alone("RESET ALL")),
            Command::Set(changes) if self.settings.has_startup() && changes.iter().any(|it| it.value.is_none()) => {
                Err(Refusal::alone("RESET"))
            }
            Command::Set(changes) => Ok(changes.iter().any(|change| &*change.name == "search_path")),
            Command::ResetAll => Ok(true),
            Command::Control(control) if control.is_commit() && self.is_to_listen() => Err(Refusal::alone("COMMIT")),
            // A replica knows for which modes it is too late; a primary that joins would not.
            Command::Control(Control::SetTransaction(_) | Control::Begin(_))
                if self.held.iter().any(Held::is_member_of_replica) =>
            {
                Err(Refusal::alone("SET TRANSACTION"))
            }
            Command::Control(_) | Command::Empty => Ok(false),
            Command::Own(_) => Err(Refusal::alone("SET shardway.*")),
            Command::OfSession(_) => Err(Refusal::alone("a query for what the session itself knows")),
            Command::Prepare(_) => Err(Refusal::alone("PREPARE")),
            Command::Execute(_) => Err(Refusal::alone("EXECUTE")),
            Command::Deallocate(_) => Err(Refusal::alone("DEALLOCATE")),
            Command::DiscardAll | Command::Discard => Err(Refusal::alone("DISCARD")),
            // There is nothing to end, here as on any server.
            Command::Listen(Listen::NotTo(_) | Listen::ToNothing) if self.hearing.is_none() => Ok(false),
            Command::Listen(_) => Err(Refusal::alone("LISTEN")),
        }
    }
}

/// What several statements need together.
struct Gathered {
    destination: Destination,
    access: Access,
    mark: Mark,
}

impl Gathered {
    fn add(&mut self, access: Access, mark: &Mark) {
        if access == Access::Write {
            self.access = Access::Write;
        }
        let calls_made = self.mark.makes_functions && access == Access::Write && !mark.makes_functions;
        self.mark.makes_functions |= mark.makes_functions;
        self.mark.taints |= calls_made;
        self.mark.pin = self.mark.pin.or(mark.pin).or(calls_made.then_some(SETTING));
        self.mark.need(mark.needs_pinned);
        if !self.mark.notifies() {
            self.mark.unpreparable = mark.unpreparable.or(self.mark.unpreparable);
        }
        self.mark.taints |= mark.taints;
        self.mark.is_ddl |= mark.is_ddl;
        self.mark.cursors.extend(mark.cursors.iter().cloned());
        self.mark.set_config.extend(mark.set_config.iter().cloned());
    }
}

fn ends_transaction(statements: &[Planned]) -> bool {
    let first = statements.first().and_then(|planned| super::command(&planned.plan));
    matches!(first, Some(Command::Control(control)) if control.ends_failed())
}
