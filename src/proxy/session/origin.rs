//! A query whose rows are kept here, to be taken somewhere else.

use std::borrow::Cow;

use crate::logic::plan::carry::{Cast, Filled};
use crate::logic::plan::gather::Gather;
use crate::logic::plan::origin::Origin;
use crate::logic::plan::{Access, Reason, array_of_plain, pieces, steady};
use crate::logic::protocol::frame::{HEADER, client};
use crate::logic::protocol::{view, write};
use crate::logic::route::{Destination, Values};
use crate::logic::rows::Kept;
use crate::logic::shards::ShardId;
use crate::logic::value::{Format, oid};
use crate::proxy::session::gather::{Bound, Given};
use crate::proxy::session::split::{Input, TEXT_RESULTS, write_bind};
use crate::proxy::session::{Session, Trouble};

/// Its rows.
pub(super) struct Brought {
    pub columns: Vec<Column>,
    pub kept: Kept,
}

/// How the values of one of its columns travel.
pub(super) struct Column {
    pub type_oid: u32,
    pub is_binary: bool,
    /// What becomes of them where they arrive
    pub cast: Cast,
}

/// Where the rows are asked for.
enum Asked {
    One(Destination),
    Gather,
}

impl Session {
    /// Its rows; `filled` are the columns that they are meant for.
    pub(super) async fn rows_of(
        &mut self,
        origin: &Origin,
        filled: &[Filled],
        input: &Input<'_>,
        types: &[u8],
    ) -> Result<Brought, Trouble> {
        let values = Values::Walked { parameters: &input.parameters, types };
        let asked = match self.destination(&origin.one, &values) {
            Ok(Destination::Shard(shard)) if origin.needs_first && shard != ShardId(0) => Asked::Gather,
            Ok(_) if origin.needs_first => Asked::One(Destination::First),
            Ok(destination) => Asked::One(destination),
            Err(refusal) if refusal.reason == Reason::ManyShards => Asked::Gather,
            Err(refusal) => return Err(refusal.into()),
        };
        match (asked, &origin.gather) {
            (Asked::One(destination), _) => self.rows_of_one(origin, filled, input, types, destination).await,
            (Asked::Gather, Err(refusal)) => Err(refusal.clone().into()),
            (Asked::Gather, Ok(gather)) => {
                let given = |results| Given { parameters: &input.parameters, types, results };
                let fetched = self.fetch(gather, given(&[0, 0]), &values).await?;
                let index = self.hold_for_rest(gather).await?;
                self.begin_kept(index);
                self.write_final(index, gather, given(&[0, 0]), &fetched, Bound::HIDDEN);
                write::on_statement(self.outgoing.buffer(), client::DESCRIBE, b"");
                self.pipeline.forget();
                let described = self.run_final(index, false, None).await?;
                let columns = self.columns(filled, index, &described).await?;
                self.begin_kept(index);
                let formats = formats(&columns);
                let text = printed(&gather.text, &columns).into();
                let gather = Gather { text, ..gather.clone() };
                let is_guarded = self.write_planned(index, &gather, given(&formats), &fetched, Bound::HIDDEN);
                write::execute(self.outgoing.buffer());
                self.pipeline.forget();
                let kept = self.run_final(index, is_guarded, None).await?;
                Ok(Brought { columns, kept })
            }
        }
    }

    async fn rows_of_one(
        &mut self,
        origin: &Origin,
        filled: &[Filled],
        input: &Input<'_>,
        types: &[u8],
        destination: Destination,
    ) -> Result<Brought, Trouble> {
        let target = self.target(destination, Access::Write)?;
        let index = self.hold(target).await?;
        self.begin_kept(index);
        if origin.one.access == Access::Write {
            self.wrote(index);
        }
        self.held[index].lease.has_unseen |= origin.one.mark.taints;
        let used: Vec<u16> = pieces::params(&origin.text);
        let highest = used.iter().max().copied().unwrap_or_default();
        let mut declared = Vec::new();
        for number in 1..=highest {
            // One that the query does not name has no type to be found.
            let oid = if used.contains(&number) { view::type_at(types, usize::from(number) - 1) } else { oid::TEXT };
            declared.extend_from_slice(&oid.to_be_bytes());
        }
        let declared = self.held[index].types(&declared).into_owned();
        let parse = |out: &mut Vec<u8>, text: &str| write::parse(out, b"", text.as_bytes(), &declared);
        parse(self.outgoing.buffer(), &origin.text);
        write::on_statement(self.outgoing.buffer(), client::DESCRIBE, b"");
        let described = self.run_kept(index).await?;
        let columns = self.columns(filled, index, &described).await?;
        self.begin_kept(index);
        if has_steady(&columns) && steady::may_write(&origin.text) {
            self.check_texts()?;
        }
        parse(self.outgoing.buffer(), &printed(&origin.text, &columns));
        let given = |number: u16| match input.parameters.get(usize::from(number) - 1) {
            Some(parameter) if used.contains(&number) => *parameter,
            Some(_) | None => (Format::Text, None),
        };
        let parameters: Vec<_> = (1..=highest).map(given).collect();
        write_bind(self.outgoing.buffer(), &parameters, &formats(&columns));
        write::execute(self.outgoing.buffer());
        let kept = self.run_kept(index).await?;
        Ok(Brought { columns, kept })
    }

    /// How each column of the query travels.
    async fn columns(&mut self, filled: &[Filled], index: usize, described: &Kept) -> Result<Vec<Column>, Trouble> {
        let types =
            described.descriptions.first().map(|body| view::column_types(body)).transpose()?.unwrap_or_default();
        let is_plain = |type_oid: u32| type_oid < oid::FIRST_OF_USERS && array_of_plain(type_oid).is_some();
        let mut casts = Vec::new();
        if types.iter().any(|(type_oid, _)| !is_plain(*type_oid)) {
            self.begin_kept(index);
            let numbers: Vec<u8> = types.iter().flat_map(|(type_oid, _)| type_oid.to_be_bytes()).collect();
            let numbers = self.held[index].types(&numbers);
            let name = |(number, (_, modifier)): (usize, &(u32, i32))| {
                format!("pg_catalog.format_type({}::pg_catalog.oid, {modifier})", view::type_at(&numbers, number))
            };
            let names: Vec<String> = types.iter().enumerate().map(name).collect();
            let out = self.outgoing.buffer();
            write::parse(out, b"", format!("SELECT {}", names.join(", ")).as_bytes(), b"");
            write_bind(out, &[], &TEXT_RESULTS);
            write::execute(out);
            let kept = self.run_kept(index).await?;
            if !kept.starts.is_empty() {
                let fields = view::fields(&kept.row(0)[HEADER..])?;
                casts
                    .extend(fields.into_iter().map(|name| name.map(String::from_utf8_lossy).map(|it| it.into_owned())));
            }
        }
        let is_steady = self.check_texts().is_ok();
        let column = |(number, (type_oid, _)): (usize, &(u32, i32))| {
            let filled = filled.get(number);
            // Only a literal without a type of its own comes as text where no text is wanted.
            let is_literal = *type_oid == oid::TEXT && filled.is_some_and(|filled| !takes_text(filled.type_oid));
            let own = || casts.get(number).cloned().flatten();
            let cast = match (is_plain(*type_oid), is_literal) {
                (_, true) => filled.map_or(Cast::Nothing, |filled| Cast::Session(filled.type_name.clone())),
                (false, false) if is_steady => own().map_or(Cast::Nothing, |own| Cast::Session(own.into())),
                (false, false) => own().map_or(Cast::Nothing, |own| Cast::Steady(own.into())),
                (true, false) => Cast::Nothing,
            };
            let type_oid = if is_literal { oid::UNSPECIFIED } else { *type_oid };
            Column { type_oid, is_binary: is_plain(type_oid), cast }
        };
        Ok(types.iter().enumerate().map(column).collect())
    }
}

/// text, varchar, char(n), name: text is stored into them as it is.
fn takes_text(type_oid: u32) -> bool {
    matches!(type_oid, oid::TEXT | oid::VARCHAR | 1042 | 19)
}

/// The texts of some of its columns are printed, and read, under settings of ours.
fn has_steady(columns: &[Column]) -> bool {
    columns.iter().any(|column| matches!(column.cast, Cast::Steady(_)))
}

/// The query whose rows these columns are.
fn printed<'q>(query: &'q str, columns: &[Column]) -> Cow<'q, str> {
    let is_binary: Vec<bool> = columns.iter().map(|column| column.is_binary).collect();
    match has_steady(columns) {
        true => Cow::Owned(steady::query_printed(query, &is_binary)),
        false => Cow::Borrowed(query),
    }
}

/// The format codes of the results, their number first.
fn formats(columns: &[Column]) -> Vec<u8> {
    let mut out = (columns.len() as u16).to_be_bytes().to_vec();
    for column in columns {
        out.extend_from_slice(&[0, u8::from(column.is_binary)]);
    }
    out
}
