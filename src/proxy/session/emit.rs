//! A segment's messages, as a server is to see them: with the statements under the names that it knows, prepared where it
//! does not know them yet.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::logic::protocol::frame::client;
use crate::logic::protocol::view::Bind;
use crate::logic::protocol::write;
use crate::logic::session::pipeline::{Owed, UNNAMED};
use crate::proxy::session::Session;
use crate::proxy::session::segment::{Segment, Step};
use crate::proxy::session::steps::own_columns;
use crate::proxy::statements::Statement;

impl Session {
    /// Writes a segment's messages as the server is to see them.
    /// `sent`: statements that are prepared by what is on its way.
    pub(super) fn emit(&mut self, index: usize, segment: &mut Segment, sent: &mut SmallVec<[u64; 8]>) {
        let steps = std::mem::take(&mut segment.steps);
        // PostgreSQL keeps answers back up to Sync: who counts the time of each statement has to hear of each.
        let is_execute = |step: &Step| matches!(step, Step::Portal { tag: client::EXECUTE, .. });
        let last = if self.are_timed() { steps.iter().rposition(is_execute).unwrap_or(0) } else { 0 };
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Parse { statement, is_named: false } => {
                    let types = self.held[index].types(&statement.types);
                    let out = self.outgoing.buffer();
                    write::parse(out, b"", statement.text.as_bytes(), &types);
                    self.pipeline.owe(statement.owed_for_parse(None));
                    self.held[index].lease.unnamed = Some(statement.id);
                }
                Step::Parse { statement, is_named: true } => self.emit_parse(index, statement, sent),
                Step::Trial { statement } => self.ensure(index, statement, true, sent),
                Step::Bind { statement, name, at, .. } => {
                    self.ensure(index, statement, !name.is_empty(), sent);
                    self.emit_bind(statement, !name.is_empty(), at.clone());
                    self.pipeline.owe(Owed::Bind(name.clone()));
                }
                Step::Describe { statement, name } if name.is_empty() => {
                    self.ensure(index, statement, false, sent);
                    write::on_statement(self.outgoing.buffer(), client::DESCRIBE, b"");
                    self.pipeline.owe(Owed::Describe);
                }
                Step::Describe { statement, .. } => {
                    self.ensure(index, statement, true, sent);
                    write::on_statement(self.outgoing.buffer(), client::DESCRIBE, &statement.server_name());
                    self.pipeline.owe(Owed::DescribeStatement(number as u32));
                }
                Step::Columns { statement } => {
                    self.ensure(index, statement, true, sent);
                    write::on_statement(self.outgoing.buffer(), client::DESCRIBE, &statement.server_name());
                    self.pipeline.owe(Owed::DescribeColumns);
                }
                Step::Portal { tag, at, undescribed } => {
                    if let (Some(name), Some(_)) = (undescribed, &self.held[index].lease.walk.oids) {
                        write::on_portal(self.outgoing.buffer(), client::DESCRIBE, name);
                        self.pipeline.owe(Owed::SilentDescribe);
                    }
                    let bytes = &self.client.received()[at.clone()];
                    self.outgoing.buffer().extend_from_slice(bytes);
                    self.pipeline.owe(match *tag {
                        client::DESCRIBE if self.portals.iter().any(|it| it.across.is_some()) => Owed::DescribeAcross,
                        client::DESCRIBE => Owed::Describe,
                        client::EXECUTE => Owed::Execute(None),
                        _ => Owed::Close,
                    });
                    if number < last && *tag == client::EXECUTE {
                        write::bare(self.outgoing.buffer(), client::FLUSH);
                    }
                }
                Step::Answer(bytes) => self.pipeline.owe(Owed::Local((*bytes).into())),
                Step::OwnColumns(setting) => {
                    let mut columns = Vec::new();
                    own_columns(&mut columns, *setting);
                    self.pipeline.owe(Owed::Local(columns.into()));
                }
            }
            // What makes room for it on the server comes before its own.
            segment.owed_at.push(self.pipeline.entered().wrapping_sub(1));
        }
        segment.steps = steps;
    }

    fn emit_bind(&mut self, statement: &Statement, is_named: bool, at: Range<usize>) {
        let body = &self.client.received()[at.clone()];
        let out = self.outgoing.buffer();
        if !is_named {
            write::frame(out, client::BIND, |out| out.extend_from_slice(body));
            return;
        }
        // Checked when it was gathered.
        if let Ok(bind) = Bind::parse(body) {
            write::bind(out, bind.portal, &statement.server_name(), bind.tail);
        }
    }

    /// The client's own Parse of a named statement: the server may have the proxy-wide one already.
    fn emit_parse(&mut self, index: usize, statement: &Arc<Statement>, sent: &mut SmallVec<[u64; 8]>) {
        const PARSE_COMPLETE: [u8; 5] = [b'1', 0, 0, 0, 4];
        if self.held[index].lease.prepared.touch(statement.id) || sent.contains(&statement.id) {
            self.pipeline.owe(Owed::Local(PARSE_COMPLETE.into()));
            return;
        }
        self.make_room(index, sent.len());
        let types = self.held[index].types(&statement.types);
        let out = self.outgoing.buffer();
        write::parse(out, &statement.server_name(), statement.text.as_bytes(), &types);
        self.pipeline.owe(statement.owed_for_parse(Some(statement.id)));
        sent.push(statement.id);
    }

    /// The server must have this statement before it is bound or described.
    pub(super) fn ensure(
        &mut self,
        index: usize,
        statement: &Statement,
        is_named: bool,
        sent: &mut SmallVec<[u64; 8]>,
    ) {
        if is_named {
            if self.held[index].lease.prepared.touch(statement.id) || sent.contains(&statement.id) {
                return;
            }
            self.make_room(index, sent.len());
            let types = self.held[index].types(&statement.types);
            let out = self.outgoing.buffer();
            write::parse(out, &statement.server_name(), statement.text.as_bytes(), &types);
            self.pipeline.owe(statement.owed_for_hidden_parse(statement.id));
            sent.push(statement.id);
        } else if self.held[index].lease.unnamed != Some(statement.id) {
            let types = self.held[index].types(&statement.types);
            let out = self.outgoing.buffer();
            write::parse(out, b"", statement.text.as_bytes(), &types);
            self.pipeline.owe(statement.owed_for_hidden_parse(UNNAMED));
            self.held[index].lease.unnamed = Some(statement.id);
        }
    }
}
