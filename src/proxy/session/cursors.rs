//! Cursors: a statement that names one goes to the server that has it. Rows of several shards are put together on one
//! server, and the cursor is declared there over them.

use crate::logic::plan::across::Cursor;
use crate::logic::plan::{CursorUse, Refusal};
use crate::logic::protocol::report::Fault;
use crate::logic::route::Destination;
use crate::logic::session::pipeline::Owed;
use crate::logic::shards::ShardId;
use crate::logic::sql::statement::Control;
use crate::logic::topology::Role;
use crate::proxy::plans::Shape;
use crate::proxy::session::servers::Held;
use crate::proxy::session::shapes::{closes_all, executes};
use crate::proxy::session::simple::meet;
use crate::proxy::session::{Portal, Session, Trouble};

impl Session {
    /// A destination made definite by the cursors that a statement names. `is_in_block`: BEGIN, or other statements of the
    /// same text, make a block around it.
    pub(super) fn at_cursors(
        &self,
        uses: &[CursorUse],
        is_in_block: bool,
        mut destination: Destination,
    ) -> Result<Destination, Trouble> {
        for cursor in uses {
            let shard = match cursor {
                CursorUse::Declare { name, is_held } => match (self.cursors.find(name), destination) {
                    // Outside a block its server asks for one.
                    (Some(_), _) if !is_in_block && !is_held => None,
                    (Some(open), Destination::Shard(shard)) if open.shard != shard => {
                        return Err(Fault::CursorExists(name.to_string()).into());
                    }
                    // Its server says that it is there already.
                    (open, _) => open.map(|open| open.shard),
                },
                CursorUse::Read(name) | CursorUse::Close(name) => {
                    self.check_portal(name)?;
                    self.shard_of_cursor(name)
                }
                CursorUse::Row(name) => {
                    if self.cursors.find(name).is_some_and(|open| open.is_gathered) {
                        return Err(Refusal::across("WHERE CURRENT OF").into());
                    }
                    self.shard_of_cursor(name)
                }
                CursorUse::CloseAll => {
                    self.portals.iter().try_for_each(is_for_sql)?;
                    self.shards_of_cursors().first().copied()
                }
            };
            if let Some(shard) = shard {
                destination = meet(destination, Destination::Shard(shard))?;
            }
        }
        Ok(destination)
    }

    /// A portal of the protocol is a cursor too, once a server has its rows.
    fn check_portal(&self, name: &str) -> Result<(), Refusal> {
        match self.portals.iter().find(|portal| *portal.name == *name.as_bytes()) {
            Some(portal) if self.cursors.find(name).is_none() => is_for_sql(portal),
            Some(_) | None => Ok(()),
        }
    }

    fn shard_of_cursor(&self, name: &str) -> Option<ShardId> {
        let portal = || self.portals.iter().find(|portal| *portal.name == *name.as_bytes());
        self.cursors.find(name).map(|open| open.shard).or_else(|| portal()?.shard)
    }

    /// The shard of a cursor that the protocol names.
    pub(super) fn shard_of_portal(&self, name: &[u8]) -> Option<ShardId> {
        std::str::from_utf8(name).ok().and_then(|name| self.shard_of_cursor(name))
    }

    /// The shards that have cursors or portals, each once.
    fn shards_of_cursors(&self) -> Vec<ShardId> {
        let mut shards = self.cursors.shards();
        shards.extend(self.portals.iter().filter_map(|portal| portal.shard));
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// A message of the protocol closes it, or CLOSE.
    pub(super) fn forget_cursor(&mut self, name: &[u8]) {
        self.portals.retain(|portal| *portal.name != *name);
        if let Ok(name) = std::str::from_utf8(name) {
            self.cursors.close(name);
        }
    }

    /// Outside a block an error has undone what was declared since the last Sync.
    pub(super) fn forget_declared(&mut self) {
        if self.transaction.is_idle() {
            self.cursors.end(false);
        }
    }

    /// A Bind may take the place of the unnamed portal alone. With one shard its server says so.
    pub(super) fn check_new_portal(&self, name: &[u8]) -> Result<(), Fault> {
        let has_cursor = || std::str::from_utf8(name).is_ok_and(|name| self.cursors.find(name).is_some());
        let is_taken = !name.is_empty() && (self.portals.iter().any(|portal| *portal.name == *name) || has_cursor());
        match is_taken && self.map().shards.len() > 1 {
            true => Err(Fault::CursorExists(String::from_utf8_lossy(name).into_owned())),
            false => Ok(()),
        }
    }

    /// A Query is the end of the unnamed portal.
    pub(super) fn end_unnamed_portal(&mut self) {
        self.portals.retain(|portal| !portal.name.is_empty());
    }

    /// A command of the client's has succeeded: cursors and portals go the way of their transaction.
    pub(super) fn cursors_follow(&mut self, control: &Control) {
        if let Control::RollbackTo(name) = control
            && let Some(at) = self.cursors.savepoint(name)
        {
            self.portals.retain(|portal| portal.depth <= at);
        }
        if let Control::Release(name) = control
            && let Some(at) = self.cursors.savepoint(name)
        {
            self.portals.iter_mut().for_each(|portal| portal.depth = portal.depth.min(at));
        }
        if control.ends() {
            self.portals.clear();
        }
        self.cursors.follow(control);
    }

    /// CLOSE ALL that is bound: it is for one server.
    pub(super) fn check_close_all(&self, shape: &Shape) -> Result<(), Refusal> {
        match self.shards_of_cursors().len() > 1 && closes_all(shape) {
            true => Err(Refusal::close_all()),
            false => Ok(()),
        }
    }

    /// CLOSE ALL concerns every server that has a cursor; the client hears of one.
    pub(super) async fn close_elsewhere(&mut self, uses: &[CursorUse], shard: ShardId) -> Result<(), Trouble> {
        if !uses.contains(&CursorUse::CloseAll) {
            return Ok(());
        }
        for other in self.shards_of_cursors().into_iter().filter(|other| *other != shard) {
            // A replica of the shard may be among them.
            let of_shard = |held: &Held| held.shard == other && (held.is_member || held.role == Role::Primary);
            let Some(index) = self.held.iter().position(of_shard) else { continue };
            self.pipeline.clear();
            self.ask(index, Owed::HiddenQuery, "CLOSE ALL");
            let outcome = self.converse(index, None).await?;
            self.trouble_of(index, outcome)?;
        }
        Ok(())
    }

    /// A statement has done this with cursors on a server.
    pub(super) fn remember_cursors(&mut self, index: usize, uses: &[CursorUse], is_gathered: bool) {
        let shard = self.held[index].shard;
        for cursor in uses {
            match cursor {
                CursorUse::Declare { name, is_held } => self.cursors.declare(name, shard, *is_held, is_gathered),
                CursorUse::Close(name) => self.forget_cursor(name.as_bytes()),
                CursorUse::CloseAll => {
                    self.cursors.close_all();
                    // Its own stays, which may be the unnamed one.
                    self.portals.retain(|portal| portal.name.is_empty() || closes_all(&portal.shape));
                }
                CursorUse::Read(_) | CursorUse::Row(_) => (),
            }
        }
    }

    /// DECLARE of a cursor over several shards.
    pub(super) async fn declare_across(&mut self, cursor: &Cursor) -> Result<(), Trouble> {
        self.check_columns()?;
        self.check_pin(&cursor.mark)?;
        self.note_mark(&cursor.mark);
        self.check_new(cursor)?;
        self.has_ddl = cursor.mark.is_ddl;
        match self.gather_query(&cursor.gather, false, "").await {
            Ok(index) => {
                self.declared(index, cursor);
                self.schema_may_have_changed(false).await
            }
            Err(trouble) => {
                self.has_ddl = false;
                Err(trouble)
            }
        }
    }

    /// The same in the extended protocol: Execute comes behind it. Returns the shard of the portal.
    pub(super) async fn declare_portal(
        &mut self,
        cursor: &Cursor,
        types: &[u8],
        bind: &[u8],
    ) -> Result<ShardId, Trouble> {
        self.check_columns()?;
        self.check_pin(&cursor.mark)?;
        self.note_mark(&cursor.mark);
        self.check_new(cursor)?;
        let index = self.gather_portal(&cursor.gather, types, bind).await?;
        self.has_ddl = cursor.mark.is_ddl;
        self.declared(index, cursor);
        Ok(self.held[index].shard)
    }

    fn check_new(&self, cursor: &Cursor) -> Result<(), Fault> {
        let taken = cursor.mark.cursors.iter().find_map(|it| match it {
            CursorUse::Declare { name, is_held } => self.cursors.find(name).map(|_| (name, *is_held)),
            CursorUse::Read(_) | CursorUse::Row(_) | CursorUse::Close(_) | CursorUse::CloseAll => None,
        });
        match taken {
            // PostgreSQL asks for the block first.
            Some((_, false)) if self.transaction.is_idle() => Err(Fault::NoTransaction("DECLARE CURSOR")),
            Some((name, _)) => Err(Fault::CursorExists(name.to_string())),
            None => Ok(()),
        }
    }

    fn declared(&mut self, index: usize, cursor: &Cursor) {
        self.mark(index, &cursor.mark, cursor.gather.access);
        if self.pipeline.failure.is_none() {
            self.remember_cursors(index, &cursor.mark.cursors, true);
            self.names.get_or_insert_default().bent.extend(cursor.names.clone());
        }
    }
}

/// May SQL name this portal? Its server has to have the rows that the client would be sent.
fn is_for_sql(portal: &Portal) -> Result<(), Refusal> {
    let is_apart =
        portal.across.is_some() || portal.has_failed || portal.shard.is_none() && executes(&portal.shape).is_some();
    if is_apart { Err(Refusal::portal_by_sql(&String::from_utf8_lossy(&portal.name))) } else { Ok(()) }
}
