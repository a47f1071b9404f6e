//! A plan in words: for `shardway route`, EXPLAIN and the golden tests.

use std::fmt::Write;

use crate::logic::merge::Direction;
use crate::logic::shards::ShardMap;
use crate::logic::sql::name::{RAW, literal};
use crate::logic::sql::statement::Reach;
use crate::logic::value::LiteralKind;

use super::across::{Across, Cursor, Read};
use super::asked::Asked;
use super::carry::{Carry, Cast};
use super::change::{Change, On};
use super::constants::type_name;
use super::copies::Once;
use super::copy_out::CopyOut;
use super::everywhere::Everywhere;
use super::fanout::Fanout;
use super::gather::Gather;
use super::merge::{Bound, Merge};
use super::origin::Origin;
use super::split::Split;
use super::{
    Access, Command, CopyIn, CopyTo, Home, Mark, One, OwnCommand, Place, Plan, Planned, Refusal, Requirement,
    Restriction, Source, Value,
};

/// The lines that explain a plan, without a line break at the end.
pub fn explain(planned: &Planned, map: &ShardMap) -> String {
    let mut text = plan(&planned.plan, map);
    if let Some(hint) = &planned.hint {
        let _infallible = write!(text, "\n   hint: {:?} = {}", hint.setting, hint.value);
    }
    text
}

/// How a statement comes by rows of several shards, or why it cannot.
pub fn across(across: &Across, map: &ShardMap) -> String {
    match across {
        Across::Read(Read { fanout: Some(fanout), .. }) => self::fanout(fanout, map),
        Across::Change(change) => self::change(change, map),
        Across::Once(once) => self::once(once, map),
        Across::Read(Read { merge: Some(merge), .. }) => self::merge(merge, map),
        Across::Read(Read { gather: Ok(gather), .. }) | Across::Cursor(Cursor { gather, .. }) => {
            self::gather(gather, map)
        }
        Across::Explain(explained) => self::across(&explained.inner, map),
        Across::Split(split) => self::split(split, map),
        Across::CopyOut(CopyOut::Pieces { fanout, .. }) => format!("{}, copied by each", self::fanout(fanout, map)),
        Across::CopyOut(CopyOut::Answer { gather, .. }) => format!("{}\n   copied", self::gather(gather, map)),
        Across::Carry(carry) => self::carry(carry, map),
        Across::Modifying(it) => {
            let query = self::gather(&it.query.gather, map);
            format!("{}{}", self::across(&it.write, map), query.trim_start_matches("=> Gather"))
        }
        Across::Staged(staged) => {
            let names: Vec<&str> = staged.tables.iter().map(|table| &*table.name).collect();
            format!("=> Staged: planned once the columns of {} are known", names.join(", "))
        }
        Across::Numbers(numbers) => format!("=> Numbers{}", origin(&numbers.origin, map)),
        Across::Everywhere(everywhere) => self::everywhere(everywhere, map),
        Across::Signal(signal) => format!("=> The client of a number: {:?} {}", signal.kind, value(&signal.number)),
        Across::Read(Read { gather: Err(refusal), .. }) | Across::Refuse(refusal) => refused(refusal),
    }
}

fn fanout(fanout: &Fanout, map: &ShardMap) -> String {
    format!("=> Fanout: {}", requirement(&fanout.requirement, map))
}

fn everywhere(everywhere: &Everywhere, map: &ShardMap) -> String {
    if let Some(fill) = &everywhere.fill {
        let rows = fill.insert.as_ref().map(|insert| format!("\n   rows: {insert}")).unwrap_or_default();
        return format!("=> Every shard, in one transaction: {}{rows}", fill.create.replace('\n', " "));
    }
    let shares = everywhere.divided.iter().flat_map(|divided| map.shards.iter().zip(&divided.shares));
    let told = shares.filter_map(|(shard, told)| Some(format!("\n   {shard}: {}", told.as_ref()?)));
    let what = if everywhere.divided.is_some() { " what it has" } else { "" };
    let how = match everywhere.reach {
        Reach::Upkeep | Reach::Outside => "one after the other",
        Reach::Database | Reach::Roles | Reach::Block | Reach::Server => "in one transaction",
    };
    format!("=> Every shard{what}, {how}{}", told.collect::<String>())
}

fn change(change: &Change, map: &ShardMap) -> String {
    let mut text = match &change.on {
        On::Rows(rows) | On::Moves(rows, _) => format!("=> Fanout: {}", requirement(rows, map)),
        On::Copies => format!("=> Copies: {} on every shard", change.table),
    };
    if let Some(over) = &change.over {
        text.push_str(&parts(&over.gather, map));
        let _infallible = write!(text, "\n   each: {}", over.gather.text);
    }
    if let On::Moves(_, moves) = &change.on {
        let leave = moves.rows.parts.first().map_or("", |part| &part.text);
        let _infallible =
            write!(text, "\n   leave: {leave}\n   {}: {}", requirement(&moves.home, map), moves.rows.text);
    }
    text
}

fn merge(merge: &Merge, map: &ShardMap) -> String {
    let rows = |bound: &Bound| match bound {
        Bound::Rows(rows) => rows.to_string(),
        Bound::Param(number, _) => format!("${number}"),
    };
    let keys = merge.keys.iter().enumerate().map(|(place, key)| {
        let Direction { is_descending, is_nulls_first } = key.direction;
        let nulls = match (is_descending, is_nulls_first) {
            (false, true) => " nulls first",
            (true, false) => " nulls last",
            (false, false) | (true, true) => "",
        };
        format!("#{}{}{nulls}", usize::from(merge.columns) + place + 1, if is_descending { " desc" } else { "" })
    });
    let keys: Vec<String> = keys.collect();
    let order = match &merge.folds[..] {
        [] if keys.is_empty() => "any order".to_owned(),
        [] => format!("order by {}", keys.join(", ")),
        folds => {
            let named: Vec<String> =
                folds.iter().enumerate().map(|(place, fold)| format!("{} #{}", fold.name(), place + 1)).collect();
            format!("one row of {}", named.join(", "))
        }
    };
    let mut text =
        format!("=> Merge: {}\n   each: {}\n   merge: {order}", requirement(&merge.requirement, map), merge.text);
    for (what, bound) in [("skip", &merge.offset), ("take", &merge.limit)] {
        if let Some(bound) = bound {
            let _infallible = write!(text, " · {what} {}", rows(bound));
        }
    }
    text
}

fn once(once: &Once, map: &ShardMap) -> String {
    let Once { table, text, over, then, .. } = once;
    let (fetched, text) = match over {
        None => (String::new(), text),
        Some(over) => (parts(&over.gather, map), &over.gather.text),
    };
    format!("=> Once: {table} on every shard{fetched}\n   first: {text}\n   others: {}", then.text)
}

/// What is fetched first.
fn parts(gather: &Gather, map: &ShardMap) -> String {
    gather.parts.iter().map(|part| format!("\n   {}: {}", requirement(&part.requirement, map), part.text)).collect()
}

fn gather(gather: &Gather, map: &ShardMap) -> String {
    let mut text = "=> Gather".to_owned();
    text.push_str(&parts(gather, map));
    let _infallible = write!(text, "\n   then: {}", gather.text);
    text
}

fn split(split: &Split, map: &ShardMap) -> String {
    let mut text = format!("=> Split: {}", requirement(&split.requirement, map));
    for (number, asked) in split.asked.iter().enumerate() {
        let _infallible = write!(text, "\n   ask: ${} = {asked}", usize::from(split.params) + 1 + number);
    }
    for row in &split.rows {
        let _infallible = write!(text, "\n   each: {}{row}{}", split.head, split.tail);
    }
    text
}

fn carry(carry: &Carry, map: &ShardMap) -> String {
    let mut text = format!("=> Carry: rows of {} by their keys", carry.requirement.table);
    for (number, asked) in carry.asked.iter().enumerate() {
        let _infallible = write!(text, "\n   ask: ${} = {asked}", usize::from(carry.params) + 1 + number);
    }
    text.push_str(&origin(&carry.origin, map));
    let casts = vec![Cast::Nothing; carry.columns.len()];
    let _infallible = write!(text, "\n   each: {}", carry.statement(&casts).text);
    text
}

fn origin(origin: &Origin, map: &ShardMap) -> String {
    let rows = match &origin.gather {
        Ok(gather) => self::gather(gather, map),
        Err(_) => format!("{}: {}", one(&origin.one, map), origin.text),
    };
    rows.lines().map(|line| format!("\n   rows: {}", line.trim_start_matches("=> ").trim_start())).collect()
}

fn plan(plan: &Plan, map: &ShardMap) -> String {
    match plan {
        Plan::One(one) => self::one(one, map),
        Plan::Command(command) => format!("=> Command: {}", self::command(command, map)),
        Plan::CopyIn(copy) => copy_in(copy),
        Plan::Refuse(refusal) => refused(refusal),
    }
}

fn one(one: &One, map: &ShardMap) -> String {
    let home = match &one.home {
        Home::Any => "any shard".to_owned(),
        Home::First => "first shard".to_owned(),
        Home::Current => "the session's shard".to_owned(),
        Home::Process(number) => format!("the client or the first shard's process {}", value(number)),
        Home::Meet(all) => all.iter().map(|one| requirement(one, map)).collect::<Vec<_>>().join(" · "),
    };
    let mut text = format!("=> One: {home}");
    let access = match one.access {
        Access::Read => String::new(),
        Access::Write => "primary".to_owned(),
    };
    let marks: Vec<String> = std::iter::once(access).chain(marks(&one.mark)).filter(|it| !it.is_empty()).collect();
    if !marks.is_empty() {
        let _infallible = write!(text, " [{}]", marks.join(", "));
    }
    text
}

fn marks(mark: &Mark) -> Vec<String> {
    let flag = |is: bool, name: &str| if is { name.to_owned() } else { String::new() };
    let mut all = vec![
        mark.pin.map(|why| format!("pin: {why}")).unwrap_or_default(),
        mark.needs_pinned.map(|why| format!("needs pin: {why}")).unwrap_or_default(),
        flag(mark.taints, "taints"),
        flag(mark.is_ddl, "ddl"),
        flag(mark.outside_transaction, "outside transactions"),
        mark.vacates.as_ref().map(|it| format!("alone in {}", it.database)).unwrap_or_default(),
    ];
    all.extend(mark.set_bound.iter().map(|set| {
        let local = if set.is_local { "local " } else { "" };
        format!("sets {local}{} = ${}", set.name, set.number)
    }));
    all.extend(mark.set_config.iter().map(|change| {
        let local = if change.is_local { "local " } else { "" };
        let value = change.value.as_deref().unwrap_or("default");
        let value = value.strip_prefix(RAW).map_or_else(|| value.to_owned(), literal);
        format!("sets {local}{} = {value}", change.name)
    }));
    all
}

fn requirement(requirement: &Requirement, map: &ShardMap) -> String {
    let table = &requirement.table;
    match &requirement.place {
        Place::Shard(shard) => {
            format!("{table} on {}", map.shards.get(usize::from(shard.0)).map_or("?", Box::as_ref))
        }
        Place::Copies => format!("{table} on one of them"),
        Place::Every => format!("{table} on each of them"),
        Place::Lookup { column, keys, .. } => format!("key {}", restriction(&format!("{table}.{column}"), keys)),
        Place::Store { column, keys, .. } => match keys.as_slice() {
            [key] => format!("row {table}.{column} = {}", value(key)),
            keys => format!("rows {table}.{column} = {}", keys.iter().map(value).collect::<Vec<_>>().join(", ")),
        },
    }
}

/// A restriction of one key.
fn restriction(key: &str, keys: &Restriction) -> String {
    match keys {
        Restriction::All => format!("{key} any"),
        Restriction::Nothing => format!("{key} none"),
        Restriction::Equals(it) => format!("{key} = {}", value(it)),
        Restriction::AnyOf(it) => format!("{key} = ANY ({})", value(it)),
        Restriction::Between { from, to } => {
            let bounds = [from.as_ref().map(|bound| (">", bound)), to.as_ref().map(|bound| ("<", bound))];
            let bounds: Vec<String> = bounds
                .into_iter()
                .flatten()
                .map(|(sign, (bound, included))| {
                    format!("{key} {sign}{} {}", if *included { "=" } else { "" }, value(bound))
                })
                .collect();
            bounds.join(" and ")
        }
        Restriction::And(parts) => joined(key, parts, " and "),
        Restriction::Or(parts) => joined(key, parts, " or "),
    }
}

fn joined(key: &str, parts: &[Restriction], with: &str) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| match part {
            Restriction::And(_) | Restriction::Or(_) => format!("({})", restriction(key, part)),
            Restriction::All
            | Restriction::Nothing
            | Restriction::Equals(_)
            | Restriction::AnyOf(_)
            | Restriction::Between { .. } => restriction(key, part),
        })
        .collect();
    parts.join(with)
}

fn value(value: &Value) -> String {
    let source = match &value.source {
        Source::Param(number) | Source::SharedParam(number) => format!("${number}"),
        Source::Literal { index, negative } => format!("{}literal {index}", if *negative { "-" } else { "" }),
        Source::Fixed(None) => "NULL".to_owned(),
        Source::Fixed(Some((LiteralKind::String, text))) => format!("'{text}'"),
        Source::Fixed(Some((LiteralKind::Integer | LiteralKind::Decimal, text))) => text.to_string(),
    };
    match value.cast {
        Some(oid) => format!("{source}::{}", type_name(oid).map_or_else(|| format!("type {oid}"), str::to_owned)),
        None => source,
    }
}

fn command(command: &Command, map: &ShardMap) -> String {
    match command {
        Command::Prepare(prepare) => {
            let inner = plan(&prepare.plan, map);
            format!("prepare {} ({:?}): {}\n   {inner}", prepare.name, prepare.types, prepare.text)
        }
        Command::Execute(execute) => {
            let arguments: Vec<String> =
                execute.arguments.iter().map(|it| it.as_ref().map_or("computed".to_owned(), value)).collect();
            let explain = if execute.explains.is_some() { "explain " } else { "" };
            format!("{explain}execute {} ({})", execute.name, arguments.join(", "))
        }
        Command::Set(changes) if changes.is_empty() => "set constraints".to_owned(),
        Command::Set(changes) => {
            let changes: Vec<String> = changes
                .iter()
                .map(|change| {
                    let local = if change.is_local { "local " } else { "" };
                    format!("{local}{} = {}", change.name, change.value.as_deref().unwrap_or("default"))
                })
                .collect();
            format!("set {}", changes.join(", "))
        }
        Command::Own(OwnCommand::Set { setting, value, is_local }) => {
            let local = if *is_local { "local " } else { "" };
            format!("set {local}shardway {setting:?} = {}", value.as_deref().unwrap_or("default"))
        }
        Command::Own(OwnCommand::Show(setting)) => format!("show shardway {setting:?}"),
        Command::OfSession(Asked::Number(_)) => "the client's number".to_owned(),
        Command::OfSession(Asked::Channels(..)) => "the session's channels".to_owned(),
        Command::OfSession(Asked::Prepared(_)) => "the session's prepared statements".to_owned(),
        Command::Control(control) => format!("{control:?}"),
        Command::ResetAll
        | Command::Deallocate(_)
        | Command::DiscardAll
        | Command::Discard
        | Command::Listen(_)
        | Command::Empty => format!("{command:?}"),
    }
}

fn copy_in(copy: &CopyIn) -> String {
    let to = match &copy.to {
        CopyTo::Homes(key) => {
            let position = key.position.map_or("no".to_owned(), |position| format!("#{}", position + 1));
            format!("key {} is {position} of each row", key.column)
        }
        CopyTo::Copies => "all rows on every shard".to_owned(),
    };
    match &copy.unless_wrong {
        None => format!("=> CopyIn: {}, {to}, {:?}", copy.table, copy.format),
        Some(refusal) => format!("=> CopyIn: {}, found wrong by a server, or else: {}", copy.table, refusal.message),
    }
}

fn refused(refusal: &Refusal) -> String {
    let mut text = format!("=> Refuse {}: {}", refusal.sqlstate, refusal.message);
    for (name, line) in [("DETAIL", &refusal.detail), ("HINT", &refusal.hint)] {
        if let Some(line) = line {
            let _infallible = write!(text, "\n   {name}: {line}");
        }
    }
    text
}
