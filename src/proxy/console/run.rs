//! One session of the console: reads messages, carries out, answers.

use std::io;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

use crate::logic::console::drivers::{Asker, GREETING};
use crate::logic::console::grammar;
use crate::logic::console::role::Role;
use crate::logic::console::statement::Statement;
use crate::logic::console::wire::{self, Formats};
use crate::logic::protocol::frame::{self, Front, client as tag, server};
use crate::logic::protocol::view::{self, Bind, Malformed, Parse, Target};
use crate::logic::protocol::write::{self, Report};
use crate::proxy::card::Card;
use crate::proxy::console::act::{Failure, Notice, Outcome};
use crate::proxy::console::messages::{Named, Portal};
use crate::proxy::console::{Console, Visit, Visitor};
use crate::proxy::door::Guest;
use crate::proxy::stream::Stream;

/// No message to the console is longer.
const FRAME_MAX: usize = 64 << 10;

/// Why it ends.
enum End {
    Gone,
    /// The visitor is told
    Fatal(Failure),
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

struct Session<'a> {
    visit: Visit<'a>,
    stream: Stream,
    inbox: BytesMut,
    outbox: Vec<u8>,
    database: Box<str>,
    named: Named,
    /// After BEGIN
    is_in_block: bool,
    /// After an error: what comes before Sync is not looked at
    is_skipping: bool,
}

/// Greets and serves a visitor until it leaves.
pub(super) async fn serve(console: &Console, guest: Guest, role: Role) {
    let id = console.shared.session_id();
    let (ends, tls) = (guest.stream.ends(), guest.stream.encryption());
    let card =
        Card::new(id, guest.user, crate::logic::console::pgbouncer::CONSOLE.into(), ends, tls, console.shared.clock);
    let application = guest.parameters.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case("application_name"));
    card.set_application(application.map_or("", |(_, name)| name));
    let visitor = Arc::new(Visitor { card, key: rand::random(), dismissed: Notify::new(), cancelled: Notify::new() });
    console.visitors.lock().insert(id, Arc::clone(&visitor));
    tracing::info!(client = id, user = %visitor.card.user.name, ?role, "came to the console");
    let mut session = Session {
        visit: Visit { console, visitor },
        stream: guest.stream,
        inbox: guest.leftover,
        outbox: guest.unsent.to_vec(),
        database: guest.database,
        named: Named::default(),
        is_in_block: false,
        is_skipping: false,
    };
    session.greet(id);
    if let Err(End::Fatal(failure)) = session.run().await {
        report(&mut session.outbox, "FATAL", &failure);
        if session.flush().await.is_err() {
            tracing::debug!(client = id, "a visitor of the console did not wait for the reason");
        }
    }
}

impl Session<'_> {
    fn greet(&mut self, id: u64) {
        let card = &self.visit.visitor.card;
        for (name, value) in GREETING {
            let application = card.application();
            let value = if *name == "application_name" { &application } else { *value };
            write::parameter_status(&mut self.outbox, name, value);
        }
        write::parameter_status(&mut self.outbox, "session_authorization", &card.user.name);
        write::backend_key(&mut self.outbox, id as i32, &self.visit.visitor.key);
        self.ready();
    }

    async fn run(&mut self) -> Result<(), End> {
        loop {
            let (tag, body) = match frame::front(&self.inbox) {
                Front::Whole(frame) => {
                    let (tag, size) = (frame.tag, frame.bytes.len());
                    let mut whole = self.inbox.split_to(size);
                    whole.advance(frame::HEADER);
                    (tag, whole)
                }
                Front::Partial { size, .. } if size.is_some_and(|size| size > FRAME_MAX) => {
                    return Err(protocol("invalid message length"));
                }
                Front::Malformed { .. } => return Err(protocol("invalid message length")),
                Front::Partial { .. } => {
                    self.flush().await?;
                    self.fill().await?;
                    continue;
                }
            };
            if self.is_skipping && !matches!(tag, tag::SYNC | tag::TERMINATE) {
                continue;
            }
            self.message(tag, &body).await?;
        }
    }

    async fn fill(&mut self) -> Result<(), End> {
        let visitor = Arc::clone(&self.visit.visitor);
        let dismissed = || End::Fatal(Failure::new("57P01", "terminating connection: admin forced disconnect"));
        tokio::select! {
            biased;
            () = visitor.dismissed.notified() => Err(dismissed()),
            read = self.stream.read_buf(&mut self.inbox) => match read {
                Ok(0) | Err(_) => Err(End::Gone),
                Ok(_) => Ok(()),
            },
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.outbox).await?;
        self.outbox.clear();
        self.stream.flush().await
    }

    fn ready(&mut self) {
        write::ready(&mut self.outbox, if self.is_in_block { b'T' } else { b'I' });
    }

    async fn message(&mut self, tag: u8, body: &[u8]) -> Result<(), End> {
        let served = match tag {
            tag::QUERY => {
                self.visit.visitor.card.begin(std::time::Instant::now());
                if let Err(failure) = self.query(body).await? {
                    report(&mut self.outbox, "ERROR", &failure);
                }
                self.ready();
                return Ok(());
            }
            tag::PARSE => self.parse(body),
            tag::BIND => self.bind(body),
            tag::DESCRIBE => self.describe(body),
            tag::EXECUTE => {
                self.visit.visitor.card.begin(std::time::Instant::now());
                self.execute(body).await?
            }
            tag::CLOSE => self.close(body),
            tag::FLUSH => {
                self.flush().await?;
                Ok(())
            }
            tag::SYNC => {
                self.is_skipping = false;
                self.named.portals.clear();
                self.ready();
                Ok(())
            }
            tag::TERMINATE => return Err(End::Gone),
            other => return Err(protocol(&format!("invalid frontend message type {other}"))),
        };
        if let Err(failure) = served {
            report(&mut self.outbox, "ERROR", &failure);
            self.is_skipping = true;
        }
        Ok(())
    }

    fn read(&self, text: &[u8]) -> Result<Vec<Statement>, Failure> {
        let text = std::str::from_utf8(text).map_err(|_| Failure::new("22021", "the text is not UTF-8"))?;
        let asker = Asker { user: &self.visit.visitor.card.user.name, database: &self.database };
        grammar::parse(text, &asker).map_err(|problem| Failure::new(problem.sqlstate, problem.message))
    }

    /// Carries one statement out. It ends early when the visitor leaves.
    async fn carry_out(&mut self, statement: &Statement) -> Result<Result<Outcome, Failure>, End> {
        let (console, visitor) = (self.visit.console, Arc::clone(&self.visit.visitor));
        let outcome = {
            let user = &visitor.card.user.name;
            let (working, cancelled) = (console.carry_out(statement, user), visitor.cancelled.notified());
            tokio::pin!(working, cancelled);
            loop {
                tokio::select! {
                    biased;
                    outcome = &mut working => break outcome,
                    () = &mut cancelled => break Err(console.give_up(statement)),
                    // No more is read ahead than a message may be long.
                    filled = self.fill(), if self.inbox.len() < FRAME_MAX => filled?,
                }
            }
        };
        match statement {
            Statement::Begin(_) if outcome.is_ok() => self.is_in_block = true,
            Statement::End(_) => self.is_in_block = false,
            Statement::Begin(_)
            | Statement::Empty
            | Statement::Show(_)
            | Statement::Answer { .. }
            | Statement::Ignored(_)
            | Statement::Set { .. }
            | Statement::Act(_) => (),
        }
        Ok(outcome)
    }

    async fn query(&mut self, body: &[u8]) -> Result<Result<(), Failure>, End> {
        let statements = match view::query(body) {
            Ok(text) => match self.read(text) {
                Ok(statements) => statements,
                Err(failure) => return Ok(Err(failure)),
            },
            Err(malformed) => return Err(of_format(malformed)),
        };
        if statements.is_empty() {
            write::bare(&mut self.outbox, server::EMPTY_QUERY);
        }
        for statement in statements {
            let outcome = match self.carry_out(&statement).await? {
                Ok(outcome) => outcome,
                Err(failure) => return Ok(Err(failure)),
            };
            let formats = Formats::default();
            say(&mut self.outbox, outcome.notice);
            if let Some(table) = &outcome.table {
                wire::row_description(&mut self.outbox, &table.columns, &formats);
                for row in &table.rows {
                    wire::data_row(&mut self.outbox, row, &table.columns, &formats);
                }
            }
            write::command_complete(&mut self.outbox, &outcome.tag);
        }
        Ok(Ok(()))
    }

    fn parse(&mut self, body: &[u8]) -> Result<(), Failure> {
        let parse = Parse::parse(body).map_err(malformed)?;
        let mut statements = self.read(parse.text)?;
        if statements.len() > 1 {
            return Err(Failure::new("42601", "cannot insert multiple commands into a prepared statement"));
        }
        if !parse.name.is_empty() && self.named.statements.contains_key(parse.name) {
            let name = String::from_utf8_lossy(parse.name);
            return Err(Failure::new("42P05", format!("prepared statement \"{name}\" already exists")));
        }
        let statement = statements.pop().unwrap_or(Statement::Empty);
        self.named.statements.insert(parse.name.into(), statement);
        write::bare(&mut self.outbox, server::PARSE_COMPLETE);
        Ok(())
    }

    fn statement(&self, name: &[u8]) -> Result<&Statement, Failure> {
        self.named.statements.get(name).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            Failure::new("26000", format!("prepared statement \"{name}\" does not exist"))
        })
    }

    fn portal(&mut self, name: &[u8]) -> Result<&mut Portal, Failure> {
        self.named.portals.get_mut(name).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            Failure::new("34000", format!("portal \"{name}\" does not exist"))
        })
    }

    fn bind(&mut self, body: &[u8]) -> Result<(), Failure> {
        let bind = Bind::parse(body).map_err(malformed)?;
        if !bind.is_empty() {
            let message =
                format!("bind message supplies {} parameters, but the console's statements take none", bind.len());
            return Err(Failure::new("08P01", message));
        }
        let statement = self.statement(bind.statement)?.clone();
        let formats = Formats::parse(bind.results);
        self.named.portals.insert(bind.portal.into(), Portal { statement, formats, answer: None });
        write::bare(&mut self.outbox, server::BIND_COMPLETE);
        Ok(())
    }

    fn describe(&mut self, body: &[u8]) -> Result<(), Failure> {
        let (columns, formats) = match view::target(body).map_err(malformed)? {
            Target::Statement(name) => {
                let columns = self.statement(name)?.columns();
                write::no_parameters(&mut self.outbox);
                (columns, Formats::default())
            }
            Target::Portal(name) => {
                let portal = self.portal(name)?;
                (portal.statement.columns(), portal.formats.clone())
            }
        };
        match columns {
            Some(columns) => wire::row_description(&mut self.outbox, &columns, &formats),
            None => write::bare(&mut self.outbox, server::NO_DATA),
        }
        Ok(())
    }

    async fn execute(&mut self, body: &[u8]) -> Result<Result<(), Failure>, End> {
        let (name, limit) = view::execute(body).map_err(of_format)?;
        let name: Box<[u8]> = name.into();
        let statement = match self.portal(&name) {
            Ok(portal) => portal.statement.clone(),
            Err(failure) => return Ok(Err(failure)),
        };
        let mut tag = "SHOW".into();
        if self.named.portals.get(&name).is_some_and(|portal| portal.answer.is_none()) {
            let outcome = match self.carry_out(&statement).await? {
                Ok(outcome) => outcome,
                Err(failure) => return Ok(Err(failure)),
            };
            say(&mut self.outbox, outcome.notice);
            tag = outcome.tag;
            if let Some(portal) = self.named.portals.get_mut(&name) {
                portal.answer = outcome.table.map(|table| (table, 0));
            }
        }
        if statement == Statement::Empty {
            write::bare(&mut self.outbox, server::EMPTY_QUERY);
            return Ok(Ok(()));
        }
        let limit = usize::try_from(limit).unwrap_or(0);
        let Session { named, outbox, .. } = self;
        match named.portals.get_mut(&name).is_some_and(|portal| portal.write_rows(outbox, limit)) {
            true => write::bare(outbox, server::PORTAL_SUSPENDED),
            false => write::command_complete(outbox, &tag),
        }
        Ok(Ok(()))
    }

    fn close(&mut self, body: &[u8]) -> Result<(), Failure> {
        match view::target(body).map_err(malformed)? {
            Target::Statement(name) => drop(self.named.statements.remove(name)),
            Target::Portal(name) => drop(self.named.portals.remove(name)),
        }
        write::bare(&mut self.outbox, server::CLOSE_COMPLETE);
        Ok(())
    }
}

fn say(out: &mut Vec<u8>, notice: Option<Notice>) {
    let Some(Notice { message, detail }) = notice else { return };
    write::frame(out, server::NOTICE, |out| {
        let fields = [(b'S', "NOTICE"), (b'V', "NOTICE"), (b'C', "00000"), (b'M', message)];
        for (code, value) in fields.into_iter().chain(detail.map(|detail| (b'D', detail))) {
            out.push(code);
            out.extend_from_slice(value.as_bytes());
            out.push(0);
        }
        out.push(0);
    });
}

fn report(out: &mut Vec<u8>, severity: &'static str, failure: &Failure) {
    let report = Report { severity, sqlstate: failure.sqlstate, message: &failure.message, detail: None, hint: None };
    write::error(out, &report);
}

fn protocol(what: &str) -> End {
    End::Fatal(Failure::new("08P01", what))
}

fn malformed(malformed: Malformed) -> Failure {
    Failure::new("08P01", format!("invalid message format in {}", malformed.0))
}

fn of_format(found: Malformed) -> End {
    End::Fatal(malformed(found))
}
