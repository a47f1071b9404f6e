//! New tables that all shards have, and the rows of the query that fills them.

use crate::logic::catalog::{Column, ColumnDefault};
use crate::logic::plan::Refusal;
use crate::logic::plan::across::Across;
use crate::logic::plan::everywhere::{Everywhere, Fill};
use crate::logic::plan::made::Made;
use crate::logic::protocol::frame::HEADER;
use crate::logic::protocol::report::Fault;
use crate::logic::protocol::{view, write};
use crate::logic::shards::{Placement, ShardId, TableName};
use crate::logic::sql::name::literal;
use crate::proxy::session::split::{TEXT_RESULTS, write_bind};
use crate::proxy::session::{Session, Trouble};

impl Session {
    /// Fills a table that this transaction has made on every shard. Returns the command tag.
    pub(super) async fn fill(&mut self, everywhere: &Everywhere, fill: &Fill) -> Result<Option<String>, Trouble> {
        let Some(insert) = &fill.insert else { return Ok(None) };
        let (table, columns) = self.made(fill).await?;
        let placement = match &everywhere.listing {
            Some(listing) => Some(listing.placement.clone()),
            None => self.map().tables.get(&table).cloned(),
        };
        let placement = placement.ok_or_else(|| Refusal::filled(&table.name))?;
        if matches!(placement, Placement::Single(_)) {
            return Err(Refusal::filled(&table.name).into());
        }
        let across = self.picture().planner.fill(insert, Made { table, placement, columns })?;
        self.check_across(&across)?;
        let rows = match &across {
            Across::Change(change) => self.change_count(change, insert).await?,
            Across::Once(once) => self.once_count(once).await?,
            Across::Carry(carry) => self.carry_count(carry, insert).await?,
            Across::Split(split) => self.split_count(split, insert).await?,
            Across::Refuse(refusal) => return Err(refusal.clone().into()),
            Across::Read(_)
            | Across::CopyOut(_)
            | Across::Everywhere(_)
            | Across::Cursor(_)
            | Across::Explain(_)
            | Across::Modifying(_)
            | Across::Staged(_)
            | Across::Numbers(_)
            | Across::Signal(_) => {
                return Err(Fault::Broken("an INSERT that stores no rows".into()).into());
            }
        };
        Ok(Some(format!("SELECT {rows}")))
    }

    /// The name and the columns that PostgreSQL has given the new table.
    async fn made(&mut self, fill: &Fill) -> Result<(TableName, Vec<Column>), Trouble> {
        self.columns_of(ShardId(0), &fill.name).await
    }

    /// The same of a table of a shard, as its server knows it by now.
    pub(super) async fn columns_of(&mut self, shard: ShardId, name: &str) -> Result<(TableName, Vec<Column>), Trouble> {
        let sql = format!(
            "SELECT n.nspname, c.relname, a.attname, a.atttypid::pg_catalog.text, \
             pg_catalog.format_type(a.atttypid, a.atttypmod), (NOT COALESCE(l.collisdeterministic, true))::pg_catalog.text, \
             CASE WHEN a.attcollation <> t.typcollation THEN pg_catalog.quote_ident(ln.nspname) || '.' || \
             pg_catalog.quote_ident(l.collname) END FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = \
             c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
             JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation \
             LEFT JOIN pg_catalog.pg_namespace ln ON ln.oid = l.collnamespace WHERE c.relkind IN ('r', 'p') AND c.oid = \
             {}::pg_catalog.regclass ORDER BY a.attnum",
            literal(name)
        );
        let index = self.hold_writer(shard).await?;
        let out = self.outgoing.buffer();
        write::parse(out, b"", sql.as_bytes(), b"");
        write_bind(out, &[], &TEXT_RESULTS);
        write::execute(out);
        let kept = self.run_kept(index).await?;
        let (mut table, mut columns) = (TableName { schema: "".into(), name: "".into() }, Vec::new());
        for row in 0..kept.starts.len() {
            let fields = view::fields(&kept.row(row)[HEADER..])?;
            let text = |at: usize| -> Box<str> {
                let field = fields.get(at).copied().flatten().unwrap_or_default();
                String::from_utf8_lossy(field).into()
            };
            table = TableName { schema: text(0), name: text(1) };
            columns.push(Column {
                name: text(2),
                type_oid: text(3).parse().unwrap_or_default(),
                type_name: text(4),
                default: ColumnDefault::None,
                is_not_null: false,
                has_loose_equality: &*text(5) == "true",
                collation: fields.get(6).copied().flatten().map(|it| String::from_utf8_lossy(it).into()),
                is_steady: false,
            });
        }
        Ok((table, columns))
    }
}
