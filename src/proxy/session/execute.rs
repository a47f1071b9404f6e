//! PREPARE and EXECUTE in SQL: the protocol's own prepared statements under the same names.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::logic::plan::{Access, ExecuteCommand, One, Plan, Planned, PrepareCommand, Refusal, array_of_plain};
use crate::logic::protocol::frame::{client, server};
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::route::{self, Destination, Given, Values};
use crate::logic::session::pipeline::{Owed, UNNAMED};
use crate::logic::session::reading::may_read_otherwise;
use crate::logic::value::oid;
use crate::proxy::session::simple::Ready;
use crate::proxy::session::{Named, Session, TEMPLATE, Trouble};
use crate::proxy::statements::Statement;

/// A name on a server for the length of one exchange.
const ARGUMENTS: &[u8] = b"shardway_arguments";

/// A statement and the values of its parameters.
pub(super) struct Bound {
    pub statement: Arc<Statement>,
    /// The body of a Bind of the unnamed statement to the unnamed portal
    pub bind: Vec<u8>,
}

impl Session {
    /// PREPARE: a server checks it now, as PostgreSQL would. Among other messages or statements no ReadyForQuery is owed.
    pub(super) async fn prepare_command(&mut self, prepare: &PrepareCommand, is_among: bool) -> Result<(), Trouble> {
        // What PostgreSQL has against the statement comes first.
        let is_taken = self.named.contains_key(prepare.name.as_bytes());
        let is_among = is_among || is_taken;
        let unknown = prepare.types.iter().zip(&prepare.type_names).find(|(oid, _)| **oid == 0);
        if let Some((_, name)) = unknown {
            return Err(Refusal::alone(&format!("PREPARE with a parameter of type {name}")).into());
        }
        let reading = self.settings.reading();
        let types: Vec<u8> = prepare.types.iter().flat_map(|oid| oid.to_be_bytes()).collect();
        let statement = self.interned(&prepare.text, &types);
        let statement = self.numbered_statement(&statement).unwrap_or(statement);
        let shape = statement.shape(&self.picture().planner);
        // What several shards do they do at EXECUTE.
        if let Plan::Refuse(refusal) = &*prepare.plan
            && !super::only(&shape).is_some_and(|planned| planned.may_span)
        {
            return Err(refusal.clone().into());
        }
        let parsed = self.as_described(&statement, &shape)?;
        let target = self.target(self.is_parsed_at(&shape), Access::Read)?;
        let index = self.hold(target).await?;
        // A Sync would end the implicit transaction of a pipeline.
        let is_open = self.held[index].in_pipeline && self.transaction.is_idle();
        self.pipeline.clear();
        if !is_open {
            self.prepare(index);
        }
        let mut complete = Vec::new();
        write::command_complete(&mut complete, "PREPARE");
        self.write_describe(index, &parsed);
        if !is_taken {
            self.pipeline.owe(Owed::Local(complete.into()));
        }
        if !is_open {
            self.pipeline.owe(if is_among { Owed::HiddenSync } else { Owed::Sync });
        }
        write::bare(self.outgoing.buffer(), if is_open { client::FLUSH } else { client::SYNC });
        self.pipeline.characters_before = prepare.before + self.among.map_or(0, |among| among.before);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        let has_failed = self.pipeline.failure.is_some();
        if is_open && has_failed {
            self.held[index].status = b'E';
        }
        self.settle(index);
        if is_taken && !has_failed {
            return Err(Fault::StatementExists(prepare.name.to_string()).into());
        }
        if !has_failed {
            let told = self.told_of(index, &statement);
            let named = Named { statement, since: self.shared.moment(), reading, told, has_executed: false };
            self.named.insert(prepare.name.as_bytes().into(), named);
        }
        if has_failed && is_among { Err(Trouble::Told) } else { Ok(()) }
    }

    /// EXECUTE. Where the arguments name one shard as they are written, it goes there under the statement's proxy-wide
    /// name; else a server computes them first.
    pub(super) async fn execute_command(
        &mut self,
        execute: &ExecuteCommand,
        planned: &Planned,
        text: &str,
    ) -> Result<(), Trouble> {
        let Some(Named { statement, reading, told, .. }) = self.named.get(execute.name.as_bytes()).cloned() else {
            return Err(Fault::NoStatement(execute.name.to_string()).into());
        };
        let statement = self.as_named_now(&statement);
        self.check_reading(reading, &statement)?;
        self.check_prepared(&statement.text)?;
        self.keeps_result(&statement, told).await?;
        let shape = statement.shape(&self.picture().planner);
        self.asks_primaries |= shape.is_for_primary;
        let Some(inner) = super::only(&shape) else {
            return Err(Refusal::alone("EXECUTE of this statement").into());
        };
        let at = execute.name_at.start - planned.at.start..execute.name_at.end - planned.at.start;
        let found = match &*inner.plan {
            Plan::One(one) => self.destination_of_execute(execute, one, &statement.types, text),
            Plan::Refuse(refusal) => Err(refusal.clone()),
            Plan::Command(_) | Plan::CopyIn(_) => Err(Refusal::alone("EXECUTE of this statement")),
        };
        let is_computed = execute.arguments.iter().any(Option::is_none);
        let is_planned = matches!(&*inner.plan, Plan::One(_)) || inner.may_span;
        let may_be_bound = is_planned && self.named_for(inner)?.is_none();
        match found {
            Err(refusal) if may_be_bound && (is_computed || self.may_cross(inner, &refusal)) => {
                match self.bound(execute, &statement, &text[at.end..]).await? {
                    Some(bound) => self.execute_bound(bound).await,
                    // PostgreSQL says how many it takes.
                    None => {
                        let ready = self.ready(inner, Ok(self.is_parsed_at(&shape)))?;
                        self.check_executed(ready.mark)?;
                        let described = self.as_described(&statement, &shape)?;
                        self.execute_on_server(&ready, (&execute.name, &described), text, at).await
                    }
                }
            }
            found => {
                let ready = self.ready(inner, found)?;
                self.check_executed(ready.mark)?;
                self.execute_on_server(&ready, (&execute.name, &statement), text, at).await
            }
        }
    }

    /// PostgreSQL goes on with the constants that it has made of a statement's literals when that was prepared. A server that
    /// prepares it now would make others, if the session has changed how they are read.
    pub(super) fn check_reading(&self, reading: u64, statement: &Statement) -> Result<(), Refusal> {
        let is_same = reading == self.settings.reading() || !may_read_otherwise(&statement.text);
        if is_same { Ok(()) } else { Err(Refusal::read_otherwise()) }
    }

    /// What an EXECUTE runs: the statement that it names, or EXPLAIN of it.
    pub(super) fn executed(&self, execute: &ExecuteCommand, statement: &Arc<Statement>) -> Arc<Statement> {
        match &execute.explains {
            None => Arc::clone(statement),
            Some(head) => {
                let text = format!("{head} {}", statement.text);
                self.interned(&text, &statement.types)
            }
        }
    }

    /// The client's own EXECUTE, with the name that servers know.
    async fn execute_on_server(
        &mut self,
        ready: &Ready<'_>,
        (name, statement): (&str, &Statement),
        text: &str,
        name_at: std::ops::Range<usize>,
    ) -> Result<(), Trouble> {
        let target = self.target(ready.destination, ready.access)?;
        let index = self.hold_to_run(target, ready.mark).await?;
        self.pipeline.clear();
        self.prepare(index);
        let mut sent = SmallVec::new();
        self.ensure(index, statement, true, &mut sent);
        self.pipeline.executed = name.as_bytes().into();
        let name = String::from_utf8_lossy(&statement.server_name()).into_owned();
        let sql = format!("{}{name}{}", &text[..name_at.start], &text[name_at.end..]);
        self.ask(index, Owed::Query, &sql);
        if !sent.is_empty() {
            // Where it does not parse any more the Query is passed over.
            write::bare(self.outgoing.buffer(), client::SYNC);
            self.pipeline.owe(Owed::HiddenSync);
        }
        self.announce(index, ready.mark);
        self.metrics.statement(Some((target.shard, target.role)), ready.kind);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        self.mark(index, ready.mark, ready.access);
        self.settle(index);
        Ok(())
    }

    /// The arguments of an EXECUTE are the parameters of its statement.
    pub(super) fn destination_of_execute(
        &self,
        execute: &ExecuteCommand,
        one: &One,
        types: &[u8],
        sql: &str,
    ) -> Result<Destination, Refusal> {
        TEMPLATE.with_borrow_mut(|template| {
            let lexed = template.lex(sql.as_bytes());
            let values = Values::Text { sql, literals: lexed.literals };
            let given: Vec<Given<'_>> = execute
                .arguments
                .iter()
                .map(|argument| match argument {
                    Some(value) => values.given(value),
                    None => Given::Unknown,
                })
                .collect();
            self.destination(one, &Values::Given { given: &given, types })
        })
    }

    /// Has a server compute the arguments, once, as EXECUTE does. `arguments` is their text; `None`: there are more or
    /// fewer of them than parameters.
    pub(super) async fn bound(
        &mut self,
        execute: &ExecuteCommand,
        statement: &Arc<Statement>,
        arguments: &str,
    ) -> Result<Option<Bound>, Trouble> {
        let shape = statement.shape(&self.picture().planner);
        let destination = match route::destination(&execute.home, &Values::None, self.map())? {
            // It parses the statement, too.
            Destination::Any => self.is_parsed_at(&shape),
            certain @ (Destination::First | Destination::Current | Destination::Shard(_)) => certain,
        };
        let target = self.target(destination, execute.access)?;
        let index = self.hold(target).await?;
        let described = self.as_described(statement, &shape)?;
        let types = self.parameter_types(index, &described).await?;
        if types.len() != execute.arguments.len() {
            return Ok(None);
        }
        if types.is_empty() {
            return Ok(Some(Bound { statement: self.executed(execute, statement), bind: vec![0; 8] }));
        }
        let is_binary = |oid: u32| oid < oid::FIRST_OF_USERS && array_of_plain(oid).is_some();
        let widths = [types.len()];
        let rows = self.fetch_rows(index, &widths, |out| {
            let list: Vec<String> = (1..=types.len()).map(|number| format!("${number}")).collect();
            let own: Vec<u8> = types.iter().flat_map(|oid| oid.to_be_bytes()).collect();
            write::parse(out, ARGUMENTS, format!("SELECT {}", list.join(", ")).as_bytes(), &own);
            let name = String::from_utf8_lossy(ARGUMENTS);
            write::parse(out, b"", format!("EXECUTE {name} {arguments}").as_bytes(), b"");
            write::frame(out, client::BIND, |out| {
                out.extend_from_slice(&[0, 0, 0, 0, 0, 0]);
                write_formats(out, &types, is_binary);
            });
            write::execute(out);
            write::on_statement(out, client::CLOSE, ARGUMENTS);
        });
        let rows = match rows.await {
            Ok(rows) => rows,
            Err(Trouble::Told) => {
                self.forget_arguments(index).await?;
                return Err(Trouble::Told);
            }
            Err(trouble) => return Err(trouble),
        };
        let known: Vec<u8> =
            types.iter().flat_map(|oid| if *oid < oid::FIRST_OF_USERS { *oid } else { 0 }.to_be_bytes()).collect();
        let mut bind = vec![0, 0];
        write_formats(&mut bind, &types, is_binary);
        bind.extend_from_slice(&(types.len() as u16).to_be_bytes());
        for column in rows.iter().flat_map(|rows| &rows.columns) {
            let value = column.values().next().flatten();
            bind.extend_from_slice(&value.map_or(-1, |value| value.len() as i32).to_be_bytes());
            bind.extend_from_slice(value.unwrap_or_default());
        }
        bind.extend_from_slice(&[0, 0]);
        let statement = self.interned(&statement.text, &known);
        Ok(Some(Bound { statement: self.executed(execute, &statement), bind }))
    }

    /// An argument could not be computed: what was prepared for it may have stayed.
    async fn forget_arguments(&mut self, index: usize) -> Result<(), Trouble> {
        self.pipeline.clear();
        write::on_statement(self.outgoing.buffer(), client::CLOSE, ARGUMENTS);
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::HiddenClose);
        self.pipeline.owe(Owed::HiddenSync);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)
    }

    /// What a server found the types of a statement's parameters to be.
    pub(super) async fn parameter_types(&mut self, index: usize, statement: &Statement) -> Result<Vec<u32>, Trouble> {
        const ASK: &str =
            "SELECT parameter_types::pg_catalog.oid[]::text FROM pg_catalog.pg_prepared_statements WHERE name = ";
        let is_there = self.held[index].lease.prepared.touch(statement.id);
        let name = statement.server_name();
        let rows = self.fetch_rows(index, &[1], |out| {
            if !is_there {
                write::parse(out, &name, statement.text.as_bytes(), &statement.types);
            }
            write::parse(out, b"", format!("{ASK}'{}'", String::from_utf8_lossy(&name)).as_bytes(), b"");
            write::frame(out, client::BIND, |out| out.extend_from_slice(&[0; 8]));
            write::execute(out);
        });
        let rows = rows.await?;
        if !is_there {
            let now = self.shared.moment();
            self.held[index].lease.prepared.insert(statement.id, now);
        }
        let found = rows.first().and_then(|rows| rows.columns.first()?.values().next().flatten());
        let list = found.map(String::from_utf8_lossy).unwrap_or_default();
        let numbers = list.trim_matches(['{', '}']).split(',').filter(|number| !number.is_empty());
        let types = numbers.map(str::parse).collect::<Result<Vec<u32>, _>>();
        types.map_err(|_| Fault::Broken(format!("types of parameters: {list}")).into())
    }

    /// The statement of an EXECUTE with the values of its parameters.
    async fn execute_bound(&mut self, bound: Bound) -> Result<(), Trouble> {
        let Bound { statement, bind } = bound;
        let shape = statement.shape(&self.picture().planner);
        let inner = super::only(&shape).ok_or_else(|| Refusal::alone("EXECUTE of this statement"))?;
        let found = match &*inner.plan {
            Plan::One(one) => {
                let bind = view::Bind::parse(&bind)?;
                self.destination(one, &Values::Bind { bind: &bind, types: &statement.types })
            }
            Plan::Refuse(refusal) => Err(refusal.clone()),
            Plan::Command(_) | Plan::CopyIn(_) => Err(Refusal::alone("EXECUTE of this statement")),
        };
        if let Err(refusal) = &found
            && self.may_cross(inner, refusal)
        {
            let across = statement.across(&self.picture().planner, self.catalog_version())?;
            return self.across_bound(&across, &statement, &bind).await;
        }
        let ready = self.ready(inner, found)?;
        self.check_executed(ready.mark)?;
        let target = self.target(ready.destination, ready.access)?;
        let index = self.hold_to_run(target, ready.mark).await?;
        let begun = self.client.mark();
        self.pipeline.clear();
        self.pipeline.more_follows = true;
        self.prepare(index);
        self.write_described(index, &statement, &bind);
        write::execute(self.outgoing.buffer());
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::Execute(None));
        self.pipeline.owe(Owed::Sync);
        self.announce(index, ready.mark);
        self.metrics.statement(Some((target.shard, target.role)), ready.kind);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        if self.pipeline.failure.is_some() {
            self.client.take_back(begun, self.client.mark(), &[server::ROW_DESCRIPTION, server::DATA_ROW]);
        }
        self.mark(index, ready.mark, ready.access);
        self.settle(index);
        Ok(())
    }

    /// Tells the client of the columns of a bound statement, as a Query does.
    pub(super) async fn describe_bound(&mut self, statement: &Arc<Statement>, bind: &[u8]) -> Result<(), Trouble> {
        let shape = statement.shape(&self.picture().planner);
        let statement = &self.as_described(statement, &shape)?;
        let target = self.target(self.is_parsed_at(&shape), Access::Read)?;
        let index = self.hold(target).await?;
        self.pipeline.clear();
        self.pipeline.more_follows = true;
        self.prepare(index);
        self.write_described(index, statement, bind);
        write::bare(self.outgoing.buffer(), client::SYNC);
        self.pipeline.owe(Owed::HiddenSync);
        let outcome = self.converse(index, None).await?;
        self.trouble_of(index, outcome)?;
        self.settle(index);
        if self.pipeline.failure.is_some() { Err(Trouble::Told) } else { Ok(()) }
    }

    /// Parse, Bind and Describe.
    fn write_described(&mut self, index: usize, statement: &Statement, bind: &[u8]) {
        self.held[index].lease.unnamed = None;
        let out = self.outgoing.buffer();
        write::parse(out, b"", statement.text.as_bytes(), &statement.types);
        write::frame(out, client::BIND, |out| out.extend_from_slice(bind));
        // EXECUTE has the columns of what was prepared, not those of its plan: a constant in it has lost its type modifier.
        write::on_statement(out, client::DESCRIBE, b"");
        self.pipeline.owe(Owed::HiddenParse(UNNAMED));
        self.pipeline.owe(Owed::HiddenBind);
        self.pipeline.owe(Owed::DescribeRows);
    }
}

/// Format codes, one for each value.
fn write_formats(out: &mut Vec<u8>, types: &[u32], is_binary: impl Fn(u32) -> bool) {
    out.extend_from_slice(&(types.len() as u16).to_be_bytes());
    for oid in types {
        out.extend_from_slice(&[0, u8::from(is_binary(*oid))]);
    }
}
