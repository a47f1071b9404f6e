//! Statements that the client described before the schema changed: a server that prepares one anew must not give it other
//! columns than it was told of. PostgreSQL refuses that too: "cached plan must not change result type". The types of its
//! parameters stay what they were, as they do in PostgreSQL: the client may send values in their binary formats.

use std::sync::{Arc, OnceLock};

use smallvec::SmallVec;

use crate::logic::plan::Access;
use crate::logic::protocol::frame::client;
use crate::logic::protocol::frame::server::{PARAMETER_DESCRIPTION, ROW_DESCRIPTION};
use crate::logic::protocol::numbered::naming_columns;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::walk::Walk;
use crate::logic::protocol::{view, write};
use crate::logic::session::pipeline::{Done, Owed};
use crate::proxy::session::portal::Told;
use crate::proxy::session::segment::{Segment, Step};
use crate::proxy::session::{Named, Session, Trouble};
use crate::proxy::statements::Statement;

impl Session {
    /// What the client was told of the statements that it has described.
    pub(super) fn remember_told(&mut self, index: usize, segment: &Segment) {
        let walk = &self.held[index].lease.walk;
        let Some(path) = self.picture.as_ref().map(|picture| picture.planner.path()) else { return };
        let mut types: Box<[u8]> = Box::default();
        for done in &self.pipeline.done {
            let (step, body) = match done {
                Done::Parameters(body) => {
                    types = told_by(walk, PARAMETER_DESCRIPTION, body).get(2..).unwrap_or_default().into();
                    continue;
                }
                Done::Described(step, body) => (*step as usize, body),
                Done::Prepared(_) | Done::Executed(_) | Done::Completed(_) => continue,
            };
            let Some(Step::Describe { name, .. }) = segment.steps.get(step) else { continue };
            if let Some(named) = self.named.get_mut(&name[..]) {
                let (types, columns) = (std::mem::take(&mut types), columns_on(walk, body));
                let may_name_types = !naming_columns(body, true).is_empty();
                named.told = Some(Arc::new(Told { types, columns, may_name_types, path, typed: OnceLock::new() }));
            }
        }
    }

    /// What it was told of the one portal that several shards will run.
    pub(super) fn remember_across(&mut self) {
        let Some(columns) = self.pipeline.columns.take() else { return };
        let mut across = self.portals.iter_mut().filter_map(|portal| portal.across.as_mut());
        if let (Some(portal), None) = (across.next(), across.next()) {
            portal.told = Some(columns.body);
        }
    }

    /// The statement that a client calls by this name, or the unnamed one.
    pub(super) fn statement(&self, name: &[u8]) -> Result<Named, Fault> {
        let found = if name.is_empty() { self.unnamed.as_ref() } else { self.named.get(name) };
        let mut named = found.cloned().ok_or_else(|| Fault::NoStatement(String::from_utf8_lossy(name).into_owned()))?;
        let is_older = named.statement.catalog_version != self.catalog_version();
        if let Some(told) = named.told.as_ref().filter(|_| is_older)
            && told.types != named.statement.types
        {
            let typed = || self.shared.statements.intern(&named.statement.text, &told.types, named.statement.names());
            named.statement = Arc::clone(told.typed.get_or_init(typed));
        }
        named.statement = self.as_named_now(&named.statement);
        Ok(named)
    }

    /// The statement of a text that is parsed now: one that others share, unless names mean something to this session alone.
    pub(super) fn interned(&self, text: &str, types: &[u8]) -> Arc<Statement> {
        self.interned_as_of(self.catalog_version(), text, types)
    }

    fn interned_as_of(&self, version: u64, text: &str, types: &[u8]) -> Arc<Statement> {
        let names = (version, self.picture().planner.path());
        let is_own = self.has_ddl || self.with_temporary_objects().next().is_some();
        let statements = &self.shared.statements;
        if is_own { statements.own(text, types, names) } else { statements.intern(text, types, names) }
    }

    /// PostgreSQL looks up names anew where the search path has changed since. A server must not take that of this session
    /// for what others have prepared.
    pub(super) fn as_named_now(&self, statement: &Arc<Statement>) -> Arc<Statement> {
        match statement.path == self.picture().planner.path() {
            true => Arc::clone(statement),
            false => self.interned_as_of(statement.catalog_version, &statement.text, &statement.types),
        }
    }

    /// May the columns of a statement that was described then be others by now?
    pub(super) fn may_differ(&self, statement: &Statement, told: &Told) -> bool {
        self.has_ddl
            || statement.catalog_version != self.catalog_version()
            || told.path != self.picture().planner.path()
    }

    /// Before a segment is sent: do its statements have the columns on this server that the client was told? Asks the
    /// server where that is not known, which is rare: after a change of the schema, once for each statement.
    /// `false`: the server had an error to tell instead, and the segment is over.
    pub(super) async fn keeps_columns(
        &mut self,
        index: usize,
        segment: &mut Segment,
        is_sync: bool,
    ) -> Result<bool, Trouble> {
        for (statement, told) in std::mem::take(&mut segment.expected) {
            if self.held[index].lease.prepared.columns(statement.id).is_none() {
                self.ask_columns(index, &statement).await?;
            }
            if self.pipeline.failure.is_some() {
                self.client.consume(segment.size);
                self.after_segment(index, segment, false);
                if is_sync {
                    Box::pin(self.sync_after_error()).await?;
                }
                return Ok(false);
            }
            if self.held[index].lease.prepared.columns(statement.id) != Some(&told) {
                self.client.consume(segment.size);
                self.take_back_all(segment);
                // What was to go ahead of the statement: settings, BEGIN.
                let outcome = self.converse(index, None).await?;
                self.trouble_of(index, outcome)?;
                return Err(Fault::ChangedResult.into());
            }
        }
        Ok(true)
    }

    /// What a PREPARE in SQL has made, as the server has just described it.
    pub(super) fn told_of(&mut self, index: usize, statement: &Statement) -> Option<Arc<Told>> {
        let path = self.picture.as_ref()?.planner.path();
        let columns = self.columns_told(index);
        let types = statement.types.clone();
        Some(Arc::new(Told { types, columns, may_name_types: true, path, typed: OnceLock::new() }))
    }

    /// Before an EXECUTE in SQL: has the statement the columns that it had when it was prepared? Where they may be others by
    /// now, a server describes what is parsed anew.
    pub(super) async fn keeps_result(
        &mut self,
        statement: &Arc<Statement>,
        told: Option<Arc<Told>>,
    ) -> Result<(), Trouble> {
        let Some(told) = told.filter(|told| self.may_differ(statement, told)) else { return Ok(()) };
        let now = self.interned(&statement.text, &told.types);
        let shape = now.shape(&self.picture().planner);
        let now = self.as_described(&now, &shape)?;
        let target = self.target(self.is_parsed_at(&shape), Access::Read)?;
        let index = self.hold(target).await?;
        if self.held[index].lease.prepared.columns(now.id).is_none() {
            self.describe_aside(index, &now).await?;
        }
        match self.held[index].lease.prepared.columns(now.id) == Some(&told.columns) {
            true => Ok(()),
            false => Err(Fault::ChangedResult.into()),
        }
    }

    /// In a round of its own. A Sync would end the implicit transaction of a pipeline.
    async fn describe_aside(&mut self, index: usize, statement: &Arc<Statement>) -> Result<(), Trouble> {
        let is_open = self.held[index].in_pipeline && self.transaction.is_idle();
        self.pipeline.clear();
        if !is_open {
            self.prepare(index);
        }
        self.write_describe(index, statement);
        write::bare(self.outgoing.buffer(), if is_open { client::FLUSH } else { client::SYNC });
        if !is_open {
            self.pipeline.owe(Owed::HiddenSync);
        }
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        let has_failed = self.pipeline.failure.is_some();
        if !has_failed {
            self.note_columns(index, statement);
        } else if is_open {
            self.held[index].status = b'E';
        }
        self.settle(index);
        if has_failed { Err(Trouble::Told) } else { Ok(()) }
    }

    async fn ask_columns(&mut self, index: usize, statement: &Arc<Statement>) -> Result<(), Trouble> {
        self.write_describe(index, statement);
        write::bare(self.outgoing.buffer(), client::FLUSH);
        self.held[index].pipe(true);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        if self.pipeline.failure.is_none() {
            self.note_columns(index, statement);
            self.pipeline.clear();
        }
        Ok(())
    }

    /// The messages that have a server describe a statement, prepared there if it is not.
    pub(super) fn write_describe(&mut self, index: usize, statement: &Arc<Statement>) {
        self.ensure(index, statement, true, &mut SmallVec::new());
        write::on_statement(self.outgoing.buffer(), client::DESCRIBE, &statement.server_name());
        self.pipeline.owe(Owed::HiddenDescribe);
    }

    /// The columns that a server has just told.
    fn columns_told(&mut self, index: usize) -> Arc<[u8]> {
        let body = self.pipeline.columns.take().unwrap_or_default().body;
        columns_on(&self.held[index].lease.walk, &body)
    }

    fn note_columns(&mut self, index: usize, statement: &Statement) {
        let columns = self.columns_told(index);
        self.held[index].lease.prepared.described(statement.id, columns);
    }
}

/// The columns in a RowDescription of a server, with the client's numbers of types.
fn columns_on(walk: &Walk, body: &[u8]) -> Arc<[u8]> {
    view::columns(&told_by(walk, ROW_DESCRIPTION, body)).into()
}

/// What a server has told of a statement, with the client's numbers of types.
fn told_by(walk: &Walk, tag: u8, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    if let Some(oids) = &walk.oids {
        oids.translate(tag, &mut body);
    }
    body
}
