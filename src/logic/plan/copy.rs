//! COPY: rows to a sharded table go home one by one; anything else is a read or a write of one table.

use memchr::{memchr2_iter, memchr3};

use crate::logic::catalog::{Column, ColumnDefault, Relation};
use crate::logic::copy::{CopyFormat, CopyKey, field_of_row};
use crate::logic::shards::ShardSet;
use crate::logic::sql::name::quoted;
use crate::logic::sql::statement::{Alias, Copy, CopyOption, FromItem, RelationName};
use crate::logic::value::oid;

use super::layout::moments;
use super::pieces::{Piece, tokens};
use super::schema::{Found, Schema};
use super::scope::Scope;
use super::survey::{Survey, Target, has_no_default, key_rule, speaks_of_now};
use super::{CopyIn, CopyTo, KeyOfRow, Refusal, Timed};

/// Surveys a COPY. Rows for a sharded table give a plan of their own.
pub fn copy(copy: &Copy, schema: &Schema<'_>, survey: &mut Survey<'_>) -> Option<CopyIn> {
    if copy.uses_server_files {
        survey.writes();
        survey.refuse(Refusal::server_files());
    }
    if let Some(query) = &copy.query {
        survey.statement(query);
    }
    let table = copy.table.as_ref()?;
    let scope = Scope::default();
    if let Some(filter) = &copy.filter {
        survey.visit(filter, &scope);
    }
    let found = schema.find(table);
    survey.stores_in(table, &found);
    match (copy.is_from, found) {
        (true, Found::Sharded { keyspace, key, relation }) => {
            survey.writes();
            let target = Target { table: &table.name, key, keyspace, relation };
            survey.check_key_column(target);
            survey.check_company(&table.name, relation, Some(key), "COPY");
            survey.check_unique(target, "COPY", None);
            survey.check_policies(table, relation);
            survey.defaults(relation, Some(&columns(copy, relation)));
            copy_in(copy, target, survey)
        }
        (true, Found::Reference(Some(relation))) => {
            survey.writes();
            survey.check_company(&table.name, Some(relation), None, "COPY");
            survey.check_policies(table, Some(relation));
            copy_in_copies(copy, &table.name, relation, survey)
        }
        // Columns of a table that the open transaction has made are not known.
        (true, Found::Reference(None)) => {
            survey.refuse(Refusal::changed_here(&table.name));
            None
        }
        (true, found) => {
            survey.written_elsewhere(table, &found, "COPY FROM");
            None
        }
        (false, _) => {
            read(table, survey, &scope);
            None
        }
    }
}

fn read(table: &RelationName, survey: &mut Survey<'_>, scope: &Scope<'_>) {
    let item = FromItem::Table { name: table.clone(), alias: Alias::default(), sample: None };
    survey.item_of_from(&item, scope);
}

fn copy_in(copy: &Copy, target: Target<'_>, survey: &mut Survey<'_>) -> Option<CopyIn> {
    let columns = columns(copy, target.relation);
    let key_position = columns.iter().position(|column| *column == target.key);
    if key_position.is_none() && !has_no_default(target) {
        survey.refuse(Refusal::key_left_out(target.table, target.key));
    }
    let (format, unless_wrong) = followed(copy, target.key, target.table, survey)?;
    let left_out = left_out(target.relation, &columns);
    let timed = left_out.iter().filter_map(|column| timed(column, copy, survey)).collect();
    Some(CopyIn {
        table: Box::from(target.table),
        to: CopyTo::Homes(KeyOfRow {
            keyspace: target.keyspace,
            column: Box::from(target.key),
            rule: key_rule(target),
            position: key_position,
        }),
        columns: u16::try_from(columns.len()).unwrap_or(u16::MAX),
        by_position: copy.columns.is_empty(),
        times: times(target.relation, &columns),
        timed,
        format,
        unless_wrong,
    })
}

/// How the rows are written. An option that cannot be followed is a refusal; what PostgreSQL does not take either, its
/// servers find wrong first.
fn followed(copy: &Copy, key: &str, table: &str, survey: &mut Survey<'_>) -> Option<(CopyFormat, Option<Refusal>)> {
    match format(copy, key) {
        Ok(format) => Some((format, None)),
        Err(Unfollowed { option, is_wrong: true }) => {
            let format = CopyFormat::Text { delimiter: b'\t', null: Box::default(), has_header: false };
            Some((format, Some(Refusal::copy_option(table, &option))))
        }
        Err(Unfollowed { option, is_wrong: false }) => {
            survey.refuse(Refusal::copy_option(table, &option));
            None
        }
    }
}

/// Every copy must make the same rows of them.
fn copy_in_copies(copy: &Copy, table: &str, relation: &Relation, survey: &mut Survey<'_>) -> Option<CopyIn> {
    let columns = columns(copy, Some(relation));
    let mut timed = Vec::new();
    for column in left_out(Some(relation), &columns) {
        match self::timed(column, copy, survey) {
            Some(column) => timed.push(column),
            None if !survey.is_fixed_default(&column.default) => {
                survey.refuse(Refusal::copies_may_draw("COPY FROM", table, &column.name));
            }
            None => (),
        }
    }
    if copy.filter.as_ref().is_some_and(|filter| !survey.is_fixed(filter)) {
        survey.refuse(Refusal::copies_may_differ("COPY FROM", table, "Its WHERE may let other rows in on each shard."));
    }
    let (format, unless_wrong) = followed(copy, "", table, survey)?;
    Some(CopyIn {
        table: Box::from(table),
        to: CopyTo::Copies,
        columns: u16::try_from(columns.len()).unwrap_or(u16::MAX),
        by_position: copy.columns.is_empty(),
        times: times(Some(relation), &columns),
        timed,
        format,
        unless_wrong,
    })
}

fn left_out<'r>(relation: Option<&'r Relation>, columns: &[&str]) -> Vec<&'r Column> {
    let all = relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
    all.iter().filter(|column| !columns.contains(&&*column.name)).collect()
}

/// The default of a column that tells the time, and depends on nothing besides: it is the same for all rows.
fn timed(column: &Column, copy: &Copy, survey: &mut Survey<'_>) -> Option<Timed> {
    let ColumnDefault::Expression(text) = &column.default else { return None };
    // The server compares the names in the header with the columns of its own.
    let matches_header = copy.options.iter().any(|option| {
        &*option.name == "header" && option.values.first().is_some_and(|value| value.eq_ignore_ascii_case("match"))
    });
    if matches_header || !oid::TIMES.contains(&column.type_oid) {
        return None;
    }
    let tokens = tokens(text)?;
    let moments: Vec<_> = moments(&tokens).into_iter().filter(|moment| moment.is_time).collect();
    let (mut fixed, mut done) = (String::new(), 0);
    for moment in &moments {
        fixed.push_str(&text[done..moment.at.start]);
        fixed.push_str("NULL");
        done = moment.at.end;
    }
    fixed.push_str(&text[done..]);
    let is_fixed = !moments.is_empty() && survey.is_fixed_default(&ColumnDefault::Expression(fixed.into()));
    let value = format!("CAST({text} AS {})", column.type_name).into();
    is_fixed.then(|| Timed { name: column.name.clone(), value })
}

impl CopyIn {
    /// The statement with its timed columns among those that it lists.
    pub fn listed(&self, text: &str) -> Option<String> {
        let tokens = tokens(text)?;
        let open = tokens.iter().position(|token| token.text == "(" && token.depth == 0)?;
        let close = tokens[open..].iter().find(|token| token.text == ")" && token.depth == 0)?;
        let names: String = self.timed.iter().map(|column| format!(", {}", quoted(&column.name))).collect();
        Some(format!("{}{names}{}", &text[..close.start], &text[close.start..]))
    }

    /// What one server is asked for its timed columns, in the format of the rows.
    pub fn asked(&self) -> Vec<Piece> {
        let cast = if self.format == CopyFormat::Binary { "" } else { "::pg_catalog.text" };
        self.timed.iter().map(|column| Piece::of(&format!("{}{cast}", column.value))).collect()
    }

    /// A row lacks fields: it is to lack them at its server, which says so.
    pub fn is_short(&self, row: &[u8]) -> bool {
        let is_line = self.format != CopyFormat::Binary;
        is_line && field_of_row(&self.format, row, usize::from(self.columns).saturating_sub(1)) == CopyKey::Missing
    }

    /// One of the times of a row is a word like `now`.
    pub fn has_moving_time(&self, row: &[u8]) -> bool {
        let is_moving = |position: &usize| match field_of_row(&self.format, row, *position) {
            CopyKey::Value(value) => speaks_of_now(&value),
            CopyKey::Null | CopyKey::Missing => false,
        };
        !self.times.is_empty() && may_speak_of_now(row) && self.times.iter().any(is_moving)
    }

    /// Rows with such times go to these shards.
    pub fn check_moving(&self, shards: ShardSet) -> Result<(), Refusal> {
        match &self.to {
            _ if shards.len() < 2 => Ok(()),
            CopyTo::Homes(_) => Err(Refusal::moving_time("COPY FROM", &self.table)),
            CopyTo::Copies => {
                let why = "A row has a time that moves (\"now\", \"today\"), which each server would read for itself.";
                Err(Refusal::copies_may_differ("COPY FROM", &self.table, why))
            }
        }
    }
}

/// All such words end with these letters, unless they are escaped. Of a row of numbers and times one look is enough.
fn may_speak_of_now(row: &[u8]) -> bool {
    memchr3(b'w', b'W', b'\\', row).is_some()
        || memchr2_iter(b'y', b'Y', row).any(|at| at > 0 && row[at - 1] | 32 == b'a')
}

/// Where the values of times stand among the columns of a row.
fn times(relation: Option<&Relation>, columns: &[&str]) -> Vec<usize> {
    let all = relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
    let position = |column: &Column| columns.iter().position(|name| **name == *column.name);
    all.iter().filter(|column| may_be_time(column)).filter_map(position).collect()
}

/// Its values are times, or may have times in them.
fn may_be_time(column: &Column) -> bool {
    let name = &column.type_name;
    column.type_oid >= oid::FIRST_OF_USERS || ["time", "date", "range"].iter().any(|part| name.contains(part))
}

/// The columns of each row: those of the list, else all that are not generated.
fn columns<'c>(copy: &'c Copy, relation: Option<&'c Relation>) -> Vec<&'c str> {
    if !copy.columns.is_empty() {
        return copy.columns.iter().map(Box::as_ref).collect();
    }
    let all = relation.map(|relation| relation.columns.as_slice()).unwrap_or_default();
    let stored = all.iter().filter(|column| column.default != ColumnDefault::Generated);
    stored.map(|column| column.name.as_ref()).collect()
}

/// The options of a COPY, as they stand.
#[derive(Default)]
struct Options<'c> {
    format: Option<&'c str>,
    delimiter: Option<u8>,
    quote: Option<u8>,
    escape: Option<u8>,
    null: Option<&'c str>,
    has_header: bool,
    force_null: bool,
    force_not_null: bool,
}

/// An option that cannot be followed.
pub struct Unfollowed {
    /// As it is written
    pub option: String,
    /// No PostgreSQL takes it
    pub is_wrong: bool,
}

/// How the rows are written, or the option that cannot be followed.
pub fn format(copy: &Copy, key: &str) -> Result<CopyFormat, Unfollowed> {
    let mut options = Options::default();
    for option in &copy.options {
        read_option(option, key, &mut options)?;
    }
    let null = |default: &str| options.null.unwrap_or(default).as_bytes().into();
    Ok(match options.format {
        None | Some("text") => CopyFormat::Text {
            delimiter: options.delimiter.unwrap_or(b'\t'),
            null: null("\\N"),
            has_header: options.has_header,
        },
        Some("csv") => {
            let quote = options.quote.unwrap_or(b'"');
            CopyFormat::Csv {
                delimiter: options.delimiter.unwrap_or(b','),
                quote,
                escape: options.escape.unwrap_or(quote),
                null: null(""),
                has_header: options.has_header,
                key_force_null: options.force_null,
                key_force_not_null: options.force_not_null,
            }
        }
        Some("binary") => CopyFormat::Binary,
        Some(other) => return Err(Unfollowed { option: format!("FORMAT {other}"), is_wrong: true }),
    })
}

/// Is there a line of names before the rows?
pub fn has_header(copy: &Copy) -> bool {
    let mut options = Options::default();
    for option in copy.options.iter().filter(|option| &*option.name == "header") {
        drop(read_option(option, "", &mut options));
    }
    options.has_header
}

fn read_option<'c>(option: &'c CopyOption, key: &str, into: &mut Options<'c>) -> Result<(), Unfollowed> {
    // Those that a server may know.
    const OTHERS: [&str; 3] = ["default", "encoding", "reject_limit"];
    let word = option.values.first().map(Box::as_ref);
    let unfollowed = || Unfollowed {
        option: format!("{} {}", option.name.to_ascii_uppercase(), word.unwrap_or_default()),
        is_wrong: !OTHERS.contains(&&*option.name),
    };
    let byte = || match word.map(str::as_bytes) {
        Some([byte]) => Ok(Some(*byte)),
        Some(_) | None => Err(unfollowed()),
    };
    let is_for_key = option.is_star || option.values.iter().any(|column| column.as_ref() == key);
    match option.name.as_ref() {
        "format" => into.format = word,
        "delimiter" => into.delimiter = byte()?,
        "quote" => into.quote = byte()?,
        "escape" => into.escape = byte()?,
        "null" => into.null = word,
        "header" => into.has_header = !matches!(word, Some("false" | "off" | "0")),
        "force_null" => into.force_null = is_for_key,
        "force_not_null" => into.force_not_null = is_for_key,
        // They say how the server takes the rows, not where a row ends.
        "freeze" | "on_error" | "log_verbosity" => (),
        "encoding" if word.is_some_and(|name| matches!(name.to_ascii_lowercase().as_str(), "utf8" | "utf-8")) => (),
        _ => return Err(unfollowed()),
    }
    Ok(())
}
