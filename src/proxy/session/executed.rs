//! EXECUTE by the extended protocol: its portal becomes one of the statement that it names, with the arguments as its
//! parameters, as soon as somebody wants its columns or rows.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::logic::plan::{Access, ExecuteCommand, Mark, Plan, Refusal};
use crate::logic::protocol::frame::{Front, client};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::view::Bind;
use crate::logic::protocol::write;
use crate::logic::route::Values;
use crate::logic::session::pipeline::{Owed, UNNAMED};
use crate::proxy::plans::Shape;
use crate::proxy::session::execute::Bound;
use crate::proxy::session::servers::Target;
use crate::proxy::session::shapes::executes;
use crate::proxy::session::{Named, Session, Trouble};
use crate::proxy::statements::Statement;

impl Session {
    /// What an EXECUTE of this shape runs.
    pub(super) fn executed_by(&self, shape: &Shape) -> Option<Arc<Statement>> {
        let execute = executes(shape)?;
        let named = self.named.get(execute.name.as_bytes())?;
        Some(match &execute.explains {
            None => self.as_named_now(&named.statement),
            Some(head) => self.explaining(head),
        })
    }

    /// A statement with the columns that EXPLAIN with these options has, whatever it explains.
    fn explaining(&self, head: &str) -> Arc<Statement> {
        self.interned(&format!("{head} SELECT 1"), b"")
    }

    /// The portal of an EXECUTE: its arguments are computed, and the server of its rows is told of it.
    pub(super) async fn bind_executed(&mut self, portal: &[u8]) -> Result<(), Trouble> {
        self.check_alive()?;
        let Some(place) = self.portals.iter().position(|it| *it.name == *portal) else { return Ok(()) };
        let (shape, results) =
            (Arc::clone(&self.portals[place].shape), std::mem::take(&mut self.portals[place].results));
        let (Some(execute), Some(planned)) = (executes(&shape), super::only(&shape)) else { return Ok(()) };
        let Some(Named { statement, reading, told, .. }) = self.named.get(execute.name.as_bytes()).cloned() else {
            return Err(Fault::NoStatement(execute.name.to_string()).into());
        };
        let statement = self.as_named_now(&statement);
        self.check_reading(reading, &statement)?;
        self.keeps_result(&statement, told).await?;
        let text = shape.text_of(planned);
        if self.bind_as_it_is(place, execute, &statement, (text, planned.at.start), &results).await? {
            return Ok(());
        }
        let arguments = &text[execute.name_at.end - planned.at.start..];
        let Some(Bound { statement, mut bind }) = self.bound(execute, &statement, arguments).await? else {
            if matches!(self.client.front(), Front::Whole(frame) if frame.tag == client::DESCRIBE) {
                let described = self.executed_by(&shape).unwrap_or(statement);
                return self.describe_executed(&described).await;
            }
            return self.wrong_arguments(execute, &statement).await;
        };
        // The formats that the client wants its rows in.
        bind.truncate(bind.len() - NO_FORMATS.len());
        bind.extend_from_slice(&results);
        let bind = [portal, &[0], &bind[1..]].concat();
        self.route_executed(place, Bound { statement, bind }).await
    }

    /// Describe of an EXECUTE that will fail when it is run: it has the columns of its statement all the same.
    async fn describe_executed(&mut self, statement: &Arc<Statement>) -> Result<(), Trouble> {
        self.client.consume(self.client.front().size());
        let shape = statement.shape(&self.picture().planner);
        let target = self.target(self.is_parsed_at(&shape), Access::Read)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.ensure(index, statement, true, &mut SmallVec::new());
        write::on_statement(self.outgoing.buffer(), client::DESCRIBE, &statement.server_name());
        self.pipeline.owe(Owed::DescribeColumns);
        self.flush_to(index).await
    }

    /// An EXECUTE of constants that cannot become its statement: EXPLAIN takes the name of a CALL, but not a CALL, and no query
    /// computes as many arguments as EXECUTE takes. `text` is the EXECUTE, and where it stands in what was parsed.
    async fn bind_as_it_is(
        &mut self,
        place: usize,
        execute: &ExecuteCommand,
        statement: &Arc<Statement>,
        (text, start): (&str, usize),
        results: &[u8],
    ) -> Result<bool, Trouble> {
        let planner = Arc::clone(&self.picture().planner);
        let (shape, run) = (statement.shape(&planner), self.executed(execute, statement).shape(&planner));
        let may_become_it = execute.arguments.len() <= ARGUMENTS_MAX && run.statements.is_ok();
        let Some(inner) =
            super::only(&shape).filter(|_| !may_become_it && execute.arguments.iter().all(Option::is_some))
        else {
            return Ok(false);
        };
        let found = match &*inner.plan {
            Plan::One(one) => self.destination_of_execute(execute, one, &statement.types, text),
            Plan::Refuse(refusal) => Err(refusal.clone()),
            Plan::Command(_) | Plan::CopyIn(_) => return Ok(false),
        };
        let Ok(ready) = self.ready(inner, found) else { return Ok(false) };
        self.check_bent(&statement.text)?;
        // What EXPLAIN does not take is not run by it either.
        let does = match super::only(&run).map(|it| &*it.plan) {
            Some(Plan::One(one)) => one.mark.clone(),
            Some(Plan::Command(_) | Plan::CopyIn(_) | Plan::Refuse(_)) | None => Mark::default(),
        };
        if ready.access == Access::Write {
            self.widen(ready.destination).await?;
        }
        let target = self.target(ready.destination, ready.access)?;
        let index = self.hold_to_run(target, ready.mark).await?;
        if self.parameter_types(index, statement).await?.len() != execute.arguments.len() {
            return Ok(false);
        }
        self.pipeline.clear();
        self.prepare(index);
        self.ensure(index, statement, true, &mut SmallVec::new());
        let name = execute.name_at.start - start..execute.name_at.end - start;
        let server_name = statement.server_name();
        let sql = format!("{}{}{}", &text[..name.start], String::from_utf8_lossy(&server_name), &text[name.end..]);
        self.held[index].lease.unnamed = None;
        let out = self.outgoing.buffer();
        write::parse(out, b"", sql.as_bytes(), b"");
        write::bind(out, &self.portals[place].name, b"", &[NO_PARAMETERS.as_slice(), results].concat());
        self.pipeline.owe(Owed::HiddenParse(UNNAMED));
        self.pipeline.owe(Owed::HiddenBind);
        self.metrics.statement(Some((target.shard, target.role)), ready.kind);
        self.flush_to(index).await?;
        self.mark(index, &does, ready.access);
        let described = execute.explains.as_ref().map_or(shape, |head| self.explaining(head).shape(&planner));
        if let Some(portal) = self.portals.get_mut(place) {
            (portal.shape, portal.shard) = (described, Some(target.shard));
        }
        Ok(true)
    }

    /// Where the statement with its parameters goes.
    async fn route_executed(&mut self, place: usize, bound: Bound) -> Result<(), Trouble> {
        let Bound { statement, bind } = bound;
        let shape = statement.shape(&self.picture().planner);
        let inner = super::only(&shape).ok_or_else(|| Refusal::alone("EXECUTE of this statement"))?;
        let found = match &*inner.plan {
            Plan::One(one) => {
                let bind = Bind::parse(&bind)?;
                self.destination(one, &Values::Bind { bind: &bind, types: &statement.types })
            }
            Plan::Refuse(refusal) => Err(refusal.clone()),
            Plan::Command(_) | Plan::CopyIn(_) => Err(Refusal::alone("EXECUTE of this statement")),
        };
        self.check_bent(&statement.text)?;
        let shard = match found {
            Err(refusal) if self.may_cross(inner, &refusal) => {
                let across = self.across_portal(&statement, &bind)?;
                // Any server that can describes it.
                let target = self.target(self.is_parsed_at(&shape), across.across.described_with())?;
                let described = self.as_described(&statement, &shape)?;
                self.bind_hidden(target, &described, &bind).await?;
                self.portals[place].across = Some(across);
                target.shard
            }
            found => {
                let ready = self.ready(inner, found)?;
                if ready.access == Access::Write {
                    self.widen(ready.destination).await?;
                }
                let target = self.target(ready.destination, ready.access)?;
                let index = self.bind_hidden(target, &statement, &bind).await?;
                self.announce(index, ready.mark);
                self.metrics.statement(Some((target.shard, target.role)), ready.kind);
                self.mark(index, ready.mark, ready.access);
                target.shard
            }
        };
        if let Some(portal) = self.portals.get_mut(place) {
            (portal.shape, portal.shard) = (Arc::clone(&shape), Some(shard));
        }
        Ok(())
    }

    /// A server gets the statement and its portal; the client has been told already.
    async fn bind_hidden(&mut self, target: Target, statement: &Statement, bind: &[u8]) -> Result<usize, Trouble> {
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.ensure(index, statement, true, &mut SmallVec::new());
        let bind = Bind::parse(bind)?;
        write::bind(self.outgoing.buffer(), bind.portal, &statement.server_name(), bind.tail);
        self.pipeline.owe(Owed::HiddenBind);
        self.flush_to(index).await?;
        Ok(index)
    }

    /// PostgreSQL says how many arguments it takes.
    async fn wrong_arguments(&mut self, execute: &ExecuteCommand, statement: &Arc<Statement>) -> Result<(), Trouble> {
        let shape = statement.shape(&self.picture().planner);
        let statement = &self.as_described(statement, &shape)?;
        let target = self.target(self.is_parsed_at(&shape), Access::Read)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.prepare(index);
        self.pipeline.executed = execute.name.as_bytes().into();
        let name = String::from_utf8_lossy(&statement.server_name()).into_owned();
        // With as many arguments as it has, of which there is one more or less than it takes.
        let arguments = vec!["NULL"; execute.arguments.len()].join(", ");
        let list = if arguments.is_empty() { String::new() } else { format!(" ({arguments})") };
        self.ask(index, Owed::QuietQuery, &format!("EXECUTE {name}{list}"));
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        Err(Trouble::Told)
    }
}

/// No formats of parameters, and no parameters.
const NO_PARAMETERS: [u8; 4] = [0; 4];
/// The arguments that are computed at once: a query has 1,664 columns at most.
const ARGUMENTS_MAX: usize = 1_600;
/// The format codes of a Bind that wants text.
const NO_FORMATS: [u8; 2] = [0, 0];
