//! New tables that the shard map does not list, where the session says how their rows are to live
//! (`SET shardway.new_tables`, or a comment of the statement).
//!
//! ```text
//!   could it be listed? ──→ CREATE on the shards ──→ … ──→ into the map and its file ──→ COMMIT
//!          └ no: refused             └ an error: undone             └ an error: undone    └ an error: out of the map again
//! ```

use std::sync::Arc;

use crate::logic::plan::across::Across;
use crate::logic::plan::listing::{Listing, placement};
use crate::logic::plan::{OwnSetting, Planned, Refusal};
use crate::logic::protocol::report::Fault;
use crate::logic::session::unlisted::Unlisted;
use crate::logic::shards::ShardMap;
use crate::logic::sql::statement::Control;
use crate::proxy::placing::{Placing, Step};
use crate::proxy::plans::Shape;
use crate::proxy::session::{AcrossPortal, Session, Trouble};
use crate::proxy::statements::Statement;

impl Session {
    /// Does a comment of this statement, or a setting of the session, say where a new table is to live?
    pub(super) fn is_placing(&self, planned: &Planned) -> bool {
        (self.has_own() || planned.hint.is_some())
            && matches!(planned.verb, "CREATE TABLE" | "CREATE TABLE AS")
            && self.place_of(planned).is_some()
    }

    fn place_of<'a>(&'a self, planned: &'a Planned) -> Option<&'a str> {
        match &planned.hint {
            Some(hint) if hint.setting == OwnSetting::NewTables => Some(&hint.value),
            Some(_) | None => self.settings.get(OwnSetting::NewTables.name()),
        }
    }

    /// The way of a CREATE TABLE whose place the session says.
    pub(super) fn placed(&self, shape: &Shape, sql: &str) -> Result<Option<Arc<Across>>, Refusal> {
        let Some(planned) = super::only(shape).filter(|planned| self.is_placing(planned)) else { return Ok(None) };
        let Some(place) = self.place_of(planned) else { return Ok(None) };
        let placed = self.picture().planner.placed(sql, place)?;
        if placed.is_some() && self.named_shard()?.is_some() {
            let why = "shardway.shard or shardway.key names a shard, too.";
            return Err(Refusal::bad_place(place, why, "RESET shardway.shard, RESET shardway.key"));
        }
        Ok(placed)
    }

    /// The same for a statement that is bound.
    pub(super) fn placed_portal(
        &self,
        shape: &Shape,
        statement: &Arc<Statement>,
        bind: &[u8],
    ) -> Result<Option<Box<AcrossPortal>>, Trouble> {
        let across = self.placed(shape, &statement.text)?;
        Ok(across.map(|across| self.bound_across(across, statement, bind)))
    }

    /// `SET shardway.new_tables`.
    pub(super) fn check_place(&self, value: &str) -> Result<(), Refusal> {
        placement(value, self.map())?;
        if self.picture().database.create_tables.contains(&self.user.name) {
            return Ok(());
        }
        Err(Refusal::may_not_place(&self.user.name, &self.database))
    }

    /// Before anything is created: who may list the table, and can the file be written?
    pub(super) async fn may_list(&mut self, listing: &Listing) -> Result<(), Trouble> {
        if !self.picture().database.create_tables.contains(&self.user.name) {
            return Err(Refusal::may_not_place(&self.user.name, &self.database).into());
        }
        let map = self.unlisted.as_ref().map_or(&self.picture().database.map, |unlisted| &unlisted.map);
        self.list(std::slice::from_ref(listing), Arc::clone(map), Step::Try).await
    }

    /// The transaction has made it. Statements of the transaction find it from now on.
    pub(super) fn made_table(&mut self, listing: &Listing) -> Result<(), Fault> {
        let map = Arc::clone(&self.picture().database.map);
        self.unlisted.get_or_insert_with(|| Box::new(Unlisted::new(map))).add(listing.clone());
        self.look_again();
        self.refresh().map(drop)
    }

    /// The tables of the open transaction come into the map before it is committed: there is no moment at which one is there
    /// and somebody finds its rows elsewhere. Who finds it in the map too early hears that it is not there.
    pub(super) async fn list_made(&mut self) -> Result<Vec<Listing>, Trouble> {
        let Some(unlisted) = self.unlisted.as_ref().filter(|unlisted| !unlisted.tables().is_empty()) else {
            return Ok(Vec::new());
        };
        let (tables, map) = (unlisted.tables().to_vec(), Arc::clone(&unlisted.map));
        self.list(&tables, map, Step::Add).await?;
        self.forget_made();
        Ok(tables)
    }

    /// The transaction that made them has failed: unless nobody knows, they leave the map.
    pub(super) async fn unlist(&mut self, tables: &[Listing], trouble: &Trouble) {
        if tables.is_empty() || matches!(trouble, Trouble::Fault(Fault::OutcomeUnknown { .. }) | Trouble::End(_)) {
            return;
        }
        let map = Arc::clone(&self.picture().database.map);
        if self.list(tables, map, Step::Remove).await.is_err() {
            let (database, tables) = (&self.database, tables.iter().map(Listing::name).collect::<Vec<_>>());
            tracing::error!(%database, ?tables, "tables that were not created stay in the shard map");
        }
    }

    async fn list(&mut self, tables: &[Listing], map: Arc<ShardMap>, step: Step) -> Result<(), Trouble> {
        let lines: Vec<String> = tables.iter().map(|listing| listing.line(&map)).collect();
        let hint = format!(
            "Nothing was created. List it first, under [databases.{}.tables]: {}",
            self.database,
            lines.join("; ")
        );
        let name = tables.iter().map(|listing| &*listing.table.name).next().unwrap_or_default().to_owned();
        let placing = Placing { step, database: self.database.clone(), tables: tables.to_vec(), map: Arc::clone(&map) };
        let placed = self.shared.steering.place(placing).await;
        placed.map_err(|why| match self.is_in_force(&map) {
            true => Refusal::not_listed(&name, &why, &hint).into(),
            false => Refusal::listed_meanwhile(&name).into(),
        })
    }

    fn is_in_force(&self, map: &Arc<ShardMap>) -> bool {
        let topology = self.shared.topology.load();
        topology.databases.get(&self.database).is_some_and(|database| Arc::ptr_eq(&database.map, map))
    }

    /// After a CREATE TABLE that was a transaction of its own: others have listed tables at the same time. Plans it again.
    pub(super) fn placed_again(
        &mut self,
        sql: &str,
        place: &str,
        trouble: &Trouble,
    ) -> Result<Option<Arc<Across>>, Trouble> {
        let has_changed = match trouble {
            Trouble::Refusal(refusal) => refusal.sqlstate == "40001",
            Trouble::Fault(fault) => matches!(fault, Fault::MapChanged),
            Trouble::Told | Trouble::End(_) => false,
        };
        if !has_changed {
            return Ok(None);
        }
        self.refresh()?;
        Ok(self.picture().planner.placed(sql, place)?)
    }

    /// Savepoints and the end of the transaction, for the tables that it has made.
    pub(super) fn follow_made(&mut self, control: &Control) {
        let Some(unlisted) = &mut self.unlisted else { return };
        match control {
            Control::Savepoint(name) => unlisted.savepoint(name),
            Control::Release(name) => unlisted.release(name),
            Control::RollbackTo(name) => {
                unlisted.roll_back_to(name);
                self.look_again();
            }
            Control::Begin(_) | Control::Commit { .. } | Control::Rollback { .. } | Control::SetTransaction(_) => (),
        }
    }

    /// The map has changed under the tables of the open transaction: it is undone, and its next statement hears of that. For
    /// COMMIT that is the end of it. What else is wrong is wrong with the statement.
    pub(super) async fn lose_map(&mut self, fault: Fault) -> Result<(), Fault> {
        let status = self.transaction.status();
        if !matches!(fault, Fault::MapChanged) || status == b'I' || self.is_implicit {
            return Err(fault);
        }
        self.roll_back_members().await;
        self.transaction.lose();
        self.portals.clear();
        self.transaction_ended(false);
        self.unheard = (status == b'T').then(|| Box::new(fault));
        self.look()
    }

    /// The map is that of everybody again.
    pub(super) fn forget_made(&mut self) {
        if self.unlisted.take().is_some() {
            self.look_again();
        }
    }
}
