//! EXPLAIN of statements over several shards: the way of the statement, then what each server says of its part.

use crate::logic::fetch::Rows;
use crate::logic::plan::across::{Across, Explained, Read};
use crate::logic::plan::change::{Change, On};
use crate::logic::plan::{Access, Place, Refusal, Requirement, explain};
use crate::logic::protocol::frame::client;
use crate::logic::protocol::write;
use crate::logic::route::{self, Destination, Values};
use crate::logic::shards::{ShardId, ShardSet};
use crate::proxy::session::across::Own;
use crate::proxy::session::{Session, Trouble};

/// int8, the type of a number of rows that is wanted.
const INT8: u32 = 20;

impl Session {
    /// EXPLAIN as a Query.
    pub(super) async fn explain_query(&mut self, explained: &Explained) -> Result<(), Trouble> {
        let lines = self.explain_whole(explained).await?;
        write::row_description_text(&mut self.client.outbox, "QUERY PLAN");
        self.write_lines(&lines);
        self.say_ready();
        Ok(())
    }

    /// The same for a portal, whose columns have been described.
    pub(super) async fn explain_portal(&mut self, explained: &Explained) -> Result<(), Trouble> {
        let lines = self.explain_whole(explained).await?;
        self.write_lines(&lines);
        Ok(())
    }

    fn write_lines(&mut self, lines: &[String]) {
        for line in lines {
            write::data_row_text(&mut self.client.outbox, line);
        }
        write::command_complete(&mut self.client.outbox, "EXPLAIN");
    }

    /// With ANALYZE a write runs, as a transaction of its own where it would.
    async fn explain_whole(&mut self, explained: &Explained) -> Result<Vec<String>, Trouble> {
        self.check_columns()?;
        let own = match (explained.is_analyze, &*explained.inner) {
            (true, Across::Change(_)) => self.begin_own(Access::Write),
            (true | false, _) => Own::No,
        };
        let result = self.explain_parts(explained).await;
        self.end_own(own, result).await
    }

    async fn explain_parts(&mut self, explained: &Explained) -> Result<Vec<String>, Trouble> {
        self.isolate().await?;
        let Explained { head, text: statement, is_analyze, inner } = explained;
        let text = explain::across(inner, self.map());
        let mut lines: Vec<String> = text.trim_start_matches("=> ").lines().map(str::to_owned).collect();
        let mut transfer = Transfer::default();
        match &**inner {
            Across::Read(Read { fanout: Some(fanout), .. }) => {
                self.explain_part(&mut lines, &fanout.requirement, fanout.access, head, statement).await?;
            }
            Across::Change(Change { on: On::Rows(requirement), .. }) => {
                let access = if *is_analyze { Access::Write } else { Access::Read };
                self.explain_part(&mut lines, requirement, access, head, statement).await?;
            }
            Across::Read(Read { merge: Some(merge), .. }) => {
                let part = self.explain_part(&mut lines, &merge.requirement, merge.access, head, &merge.text).await?;
                transfer.add(&part);
            }
            Across::Read(Read { gather: Ok(gather), .. }) => {
                for part in &gather.parts {
                    let found =
                        self.explain_part(&mut lines, &part.requirement, Access::Read, head, &part.text).await?;
                    transfer.add(&found);
                }
                let rows = self.explain_final(gather, head, *is_analyze).await?;
                lines.push("Then, over these rows:".to_owned());
                lines.extend(lines_of(&rows).map(|line| format!("  {line}")));
            }
            Across::Read(Read { gather: Err(refusal), .. }) | Across::Refuse(refusal) => {
                return Err(refusal.clone().into());
            }
            Across::Change(_)
            | Across::Once(_)
            | Across::Split(_)
            | Across::Carry(_)
            | Across::CopyOut(_)
            | Across::Everywhere(_)
            | Across::Cursor(_)
            | Across::Explain(_) => {
                return Err(Refusal::across("EXPLAIN of such a statement").into());
            }
        }
        if let Some(line) = transfer.line() {
            lines.push(line);
        }
        Ok(lines)
    }

    /// What each shard says of a text. Returns the first line of each.
    async fn explain_part(
        &mut self,
        lines: &mut Vec<String>,
        requirement: &Requirement,
        access: Access,
        head: &str,
        text: &str,
    ) -> Result<Vec<String>, Trouble> {
        let shards = match requirement.place {
            Place::Copies => ShardSet::of(self.target(Destination::Any, access)?.shard),
            Place::Shard(_) | Place::Lookup { .. } | Place::Store { .. } => {
                route::shards(requirement, &Values::None, self.map())?
            }
        };
        let mut first = Vec::new();
        for shard in shards.iter() {
            let rows = self.explain_on(shard, access, &format!("{head} {text}")).await?;
            lines.push(format!("On shard {}: {text}", self.shard_name(shard)));
            first.extend(lines_of(&rows).next());
            lines.extend(lines_of(&rows).map(|line| format!("  {line}")));
        }
        Ok(first)
    }

    async fn explain_on(&mut self, shard: ShardId, access: Access, sql: &str) -> Result<Vec<Rows>, Trouble> {
        let target = self.target(Destination::Shard(shard), access)?;
        let index = self.hold(target).await?;
        self.held[index].has_written |= access == Access::Write;
        // A number of rows that is wanted is the only parameter there may be: all of them.
        let count = u16::from(sql.contains("$1"));
        let rows = self.fetch_rows(index, &[1], |out| {
            let types = INT8.to_be_bytes();
            write::parse(out, b"", sql.as_bytes(), if count == 1 { &types } else { b"" });
            write::frame(out, client::BIND, |out| {
                out.extend_from_slice(&[0, 0, 0, 0]);
                out.extend_from_slice(&count.to_be_bytes());
                if count == 1 {
                    out.extend_from_slice(&(-1_i32).to_be_bytes());
                }
                out.extend_from_slice(&[0, 0]);
            });
            out.extend_from_slice(&[client::EXECUTE, 0, 0, 0, 9, 0, 0, 0, 0, 0]);
        });
        rows.await
    }
}

/// The rows of an answer of one text column.
fn lines_of(rows: &[Rows]) -> impl Iterator<Item = String> {
    let values = rows.iter().flat_map(|rows| rows.columns.iter().flat_map(|column| column.values()));
    values.map(|value| String::from_utf8_lossy(value.unwrap_or_default()).into_owned())
}

/// What the shards estimate to send.
#[derive(Debug, Default)]
struct Transfer {
    rows: u64,
    bytes: u64,
    is_known: bool,
}

impl Transfer {
    /// The first line of a plan ends in `(cost=0.00..1.05 rows=5 width=36)`, unless COSTS is off.
    fn add(&mut self, first: &[String]) {
        for line in first {
            let number = |name: &str| {
                let (_, rest) = line.split_once(name)?;
                rest.split(|c: char| !c.is_ascii_digit()).next()?.parse::<u64>().ok()
            };
            if let (Some(rows), Some(width)) = (number(" rows="), number(" width=")) {
                self.rows += rows;
                self.bytes += rows * width;
                self.is_known = true;
            }
        }
    }

    fn line(&self) -> Option<String> {
        self.is_known.then(|| format!("Estimated transfer: {} rows, {} bytes", self.rows, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transfer_is_what_the_shards_estimate() {
        let mut transfer = Transfer::default();
        assert_eq!(transfer.line(), None);
        transfer.add(&["Seq Scan on events".to_owned()]);
        assert_eq!(transfer.line(), None);
        let line = "Seq Scan on events  (cost=0.00..1.05 rows=5 width=36) (actual time=0.01..0.02 rows=7 loops=1)";
        transfer.add(&[line.to_owned(), line.to_owned()]);
        assert_eq!(transfer.line().as_deref(), Some("Estimated transfer: 10 rows, 360 bytes"));
    }
}
