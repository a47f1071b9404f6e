//! Writes over several shards that read temporary tables of the session: their columns are looked up, then the statement is
//! planned with them, as tables of the shard whose server has them.

use crate::logic::plan::Refusal;
use crate::logic::plan::across::Across;
use crate::logic::plan::made::{Made, TEMPORARY_SCHEMA};
use crate::logic::plan::staged::Staged;
use crate::logic::protocol::view::Bind;
use crate::logic::protocol::write;
use crate::logic::shards::{Placement, TableName};
use crate::logic::sql::name::qualified;
use crate::proxy::session::split::Input;
use crate::proxy::session::{AcrossPortal, Session, Trouble};

impl Session {
    /// The same for a portal.
    pub(super) async fn staged_portal(&mut self, staged: &Staged, portal: &AcrossPortal) -> Result<Across, Trouble> {
        let bind = Bind::parse(&portal.bind)?;
        let across = self.staged(staged, &Input::of_bind(&portal.statement, &bind)).await?;
        self.check_across(&across)?;
        Ok(across)
    }

    /// The way of a write, by the temporary tables that there are now.
    pub(super) async fn staged(&mut self, staged: &Staged, input: &Input<'_>) -> Result<Across, Trouble> {
        if self.transaction.is_idle() {
            self.sync_servers().await?;
        }
        let unknown = |name: &str| Refusal::across(&format!("\"{name}\", which is no temporary table of one server,"));
        // What there is not is said in PostgreSQL's words.
        let own: Vec<_> = self.with_temporary_objects().map(|held| held.shard).collect();
        let [shard] = own[..] else {
            self.describe(input).await?;
            return Err(unknown(&staged.tables[0].name).into());
        };
        let mut made = Vec::with_capacity(staged.tables.len());
        for name in &staged.tables {
            let (found, columns) = self.columns_of(shard, &qualified(name.schema.as_deref(), &name.name)).await?;
            // A view could need rows of other shards, and nobody has told of any other table.
            if !found.schema.starts_with("pg_temp") || columns.is_empty() {
                return Err(unknown(&name.name).into());
            }
            let schema = name.schema.clone().unwrap_or_else(|| TEMPORARY_SCHEMA.into());
            let table = TableName { schema, name: name.name.clone() };
            made.push(Made { table, placement: Placement::Single(shard), columns });
        }
        // Nothing but that server has them.
        self.asks_primaries = true;
        match self.picture().planner.beside(input.text, made)? {
            across @ (Across::Change(_) | Across::Once(_) | Across::Read(_) | Across::Split(_) | Across::Carry(_)) => {
                Ok(across)
            }
            Across::Refuse(refusal) => {
                // Its names may be wrong.
                let index = self.hold_writer(shard).await?;
                let types = self.held[index].types(input.types);
                write::parse(self.outgoing.buffer(), b"", input.text.as_bytes(), &types);
                self.run_kept(index).await?;
                Err(refusal.into())
            }
            Across::CopyOut(_)
            | Across::Modifying(_)
            | Across::Staged(_)
            | Across::Numbers(_)
            | Across::Everywhere(_)
            | Across::Cursor(_)
            | Across::Explain(_)
            | Across::Signal(_) => Err(unknown(&staged.tables[0].name).into()),
        }
    }
}
