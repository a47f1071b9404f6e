//! `[databases.x.keyspaces.y]`: how keys map to shards. Every key must have one home, and the file must say which.

use std::collections::{HashMap, HashSet};

use crate::logic::shards::{KeyRange, Keyspace, Method, ShardId};
use crate::logic::value::{Key, KeyType};

use super::key::{self, WrittenKey};
use super::names::Names;
use super::report::Problems;
use super::section::{Section, list};
use super::source::Span;
use super::tree::{Entry, Node, Value};

/// Fields of a keyspace.
pub const FIELDS: &[&str] = &["type", "method", "buckets", "bucket_count", "ranges", "pins"];

/// Fields of a range.
pub const RANGE_FIELDS: &[&str] = &["from", "to", "shard"];

/// More buckets than this help nobody: a bucket is the smallest part that moves between shards.
const BUCKETS_MAX: u32 = 65_536;

/// Reads one keyspace; the shards it uses are noted in `used`.
pub fn read(entry: &Entry, shards: &Names, used: &mut HashSet<ShardId>, problems: &mut Problems) -> Option<Keyspace> {
    let section = Section::open(&entry.node, FIELDS, problems);
    section.require("type", problems);
    let (name, span) = section.text("type", problems)?;
    let key_type = key::key_type(name, span, problems)?;
    let method = match method(section, entry, problems)? {
        Written::Hash(node) => Method::Hash { buckets: buckets(node, section, shards, problems)? },
        Written::Range(node) => Method::Range(ranges(node, key_type, shards, problems)?),
    };
    let pins = pins(section, key_type, shards, problems);
    used.extend(pins.values());
    match &method {
        Method::Hash { buckets } => used.extend(buckets.iter()),
        Method::Range(ranges) => used.extend(ranges.iter().map(|range| range.shard)),
    }
    Some(Keyspace { name: entry.key.as_str().into(), key_type, method, pins })
}

/// The method, with the field that describes it.
enum Written<'a> {
    Hash(&'a Node),
    Range(&'a Node),
}

fn method<'a>(section: Section<'a>, entry: &Entry, problems: &mut Problems) -> Option<Written<'a>> {
    let (buckets, ranges) = (section.get("buckets"), section.get("ranges"));
    let words = [("hash", Some(true)), ("range", Some(false))];
    let by_hash = section.choice("method", None, &words, problems);
    match (by_hash, buckets, ranges) {
        (Some(true) | None, Some(buckets), None) => Some(Written::Hash(buckets)),
        (Some(false) | None, None, Some(ranges)) => Some(Written::Range(ranges)),
        (Some(true), None, _) => {
            problems
                .error(entry.key_span, format!("the keyspace `{}` has no `buckets`", entry.key))
                .help("say which shard holds which buckets: buckets = { a = \"0-127\", b = \"128-255\" }");
            None
        }
        (Some(false), _, None) => {
            problems
                .error(entry.key_span, format!("the keyspace `{}` has no `ranges`", entry.key))
                .help("say which shard holds which keys: ranges = [ { to = 100, shard = \"a\" }, { from = 100, shard = \"b\" } ]");
            None
        }
        (_, Some(_), Some(ranges)) => {
            problems.error(ranges.span, "a keyspace has either `buckets` or `ranges`");
            None
        }
        (None, None, None) => {
            problems
                .error(entry.key_span, format!("the keyspace `{}` has neither `buckets` nor `ranges`", entry.key))
                .help("buckets = { a = \"0-127\", b = \"128-255\" } spreads keys by their hash");
            None
        }
    }
}

/// First bucket, last bucket, where it is written.
type Piece = (u32, u32, Span);

fn buckets(node: &Node, section: Section<'_>, shards: &Names, problems: &mut Problems) -> Option<Box<[ShardId]>> {
    let errors_before = problems.errors();
    let mut pieces: Vec<(Piece, ShardId)> = Vec::new();
    for entry in super::section::entries(node, problems) {
        let shard = shards.find(&entry.key, entry.key_span, problems).map(ShardId);
        for item in list(&entry.node) {
            pieces.extend(bucket_pieces(item, problems).into_iter().filter_map(|piece| Some((piece, shard?))));
        }
    }
    let highest = pieces.iter().map(|((_, last, _), _)| last + 1).max().unwrap_or(0);
    let count = section.count("bucket_count", highest, 1..=BUCKETS_MAX, problems);
    let mut homes: Vec<Option<ShardId>> = vec![None; count as usize];
    for ((first, last, span), shard) in pieces {
        if last >= count {
            problems.error(span, format!("bucket {last} does not exist: there are {count}, counted from 0"));
        }
        let mut taken = None;
        for bucket in first..=last.min(count.saturating_sub(1)) {
            match homes[bucket as usize] {
                Some(other) => taken = taken.or(Some((bucket, other))),
                None => homes[bucket as usize] = Some(shard),
            }
        }
        if let Some((bucket, other)) = taken {
            problems.error(span, format!("bucket {bucket} is already on shard `{}`", shards.name(other.0)));
        }
    }
    // A gap left by an unknown shard or a wrong number is that mistake's echo.
    if problems.errors() == errors_before {
        report_gaps(&homes, node.span, problems);
    }
    homes.into_iter().collect::<Option<Vec<_>>>().filter(|homes| !homes.is_empty()).map(Vec::into_boxed_slice)
}

/// `7`, `"7"`, `"0-85"`, `"0-85, 90"`.
fn bucket_pieces(node: &Node, problems: &mut Problems) -> Vec<Piece> {
    let texts: Vec<String> = match &node.value {
        Value::Integer(number) => vec![number.to_string()],
        Value::String(text) => text.split(',').map(|piece| piece.trim().to_owned()).collect(),
        Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            problems.error(node.span, format!("expected buckets, found {}", node.describe()));
            return Vec::new();
        }
    };
    let mut pieces = Vec::new();
    for text in texts {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            (Ok(first), Ok(last)) if first > last => {
                problems.error(node.span, format!("the buckets {first}-{last} run backwards"));
            }
            (Ok(_), Ok(last)) if last >= BUCKETS_MAX => {
                problems.error(node.span, format!("there can be at most {BUCKETS_MAX} buckets"));
            }
            (Ok(first), Ok(last)) => pieces.push((first, last, node.span)),
            (Err(_), _) | (_, Err(_)) => problems
                .error(node.span, format!("`{text}` does not name buckets"))
                .help("write \"0-85\", [\"0-40\", \"50-85\"] or 7"),
        }
    }
    pieces
}

fn report_gaps(homes: &[Option<ShardId>], span: Span, problems: &mut Problems) {
    if homes.is_empty() {
        problems.error(span, "there are no buckets").help("buckets = { a = \"0-127\", b = \"128-255\" }");
    }
    let mut gaps: Vec<String> = Vec::new();
    let mut at = 0;
    while at < homes.len() {
        let end = homes[at..].iter().position(Option::is_some).map_or(homes.len(), |length| at + length);
        match end - at {
            0 => at += 1,
            1 => gaps.push(at.to_string()),
            _ => gaps.push(format!("{at}-{}", end - 1)),
        }
        at = at.max(end);
    }
    if !gaps.is_empty() {
        problems
            .error(span, format!("no shard holds the buckets {}", gaps.join(", ")))
            .help(format!("each of the buckets 0-{} needs a shard", homes.len() - 1));
    }
}

/// A range with its place in the file.
struct WrittenRange {
    from: Option<WrittenKey>,
    to: Option<WrittenKey>,
    shard: ShardId,
    span: Span,
}

fn ranges(node: &Node, key_type: KeyType, shards: &Names, problems: &mut Problems) -> Option<Box<[KeyRange]>> {
    let errors_before = problems.errors();
    let mut ranges: Vec<WrittenRange> =
        list(node).iter().filter_map(|item| range(item, key_type, shards, problems)).collect();
    if ranges.is_empty() && problems.errors() == errors_before {
        problems.error(node.span, "there are no ranges").help("ranges = [ { shard = \"a\" } ] puts every key on `a`");
    }
    ranges.sort_by(|a, b| a.from.as_ref().map(|it| &it.key).cmp(&b.from.as_ref().map(|it| &it.key)));
    if problems.errors() == errors_before {
        for pair in ranges.windows(2) {
            check_neighbours(&pair[0], &pair[1], problems);
        }
    }
    let bare = |range: WrittenRange| KeyRange {
        from: range.from.map(|it| it.key),
        to: range.to.map(|it| it.key),
        shard: range.shard,
    };
    (problems.errors() == errors_before).then(|| ranges.into_iter().map(bare).collect())
}

fn range(node: &Node, key_type: KeyType, shards: &Names, problems: &mut Problems) -> Option<WrittenRange> {
    let section = Section::open(node, RANGE_FIELDS, problems);
    let mut bound = |name| section.get(name).map(|node| key::from_node(key_type, node, problems));
    let (from, to) = (bound("from"), bound("to"));
    section.require("shard", problems);
    let (shard, span) = section.text("shard", problems)?;
    let shard = ShardId(shards.find(shard, span, problems)?);
    // A bound that is written but wrong is reported; it must not pass as unbounded.
    let (from, to) = (from.map_or(Some(None), |it| it.map(Some))?, to.map_or(Some(None), |it| it.map(Some))?);
    if let (Some(from), Some(to)) = (&from, &to)
        && from.key >= to.key
    {
        problems
            .error(node.span, format!("the range from {} to {} holds no key", from.text, to.text))
            .help("`from` is included, `to` is not");
        return None;
    }
    Some(WrittenRange { from, to, shard, span: node.span })
}

fn check_neighbours(low: &WrittenRange, high: &WrittenRange, problems: &mut Problems) {
    let shown = |bound: &Option<WrittenKey>, open: &str| bound.as_ref().map_or(open.to_owned(), |it| it.text.clone());
    match (&low.to, &high.from) {
        (Some(to), Some(from)) if to.key == from.key => (),
        (Some(to), Some(from)) if to.key < from.key => problems
            .error(high.span, format!("no range holds the keys from {} up to {}", to.text, from.text))
            .help(format!("add {{ from = {}, to = {}, shard = … }} or let the neighbours meet", to.text, from.text)),
        (Some(_) | None, Some(_) | None) => {
            let first = problems.sources.place(low.span);
            problems
                .error(
                    high.span,
                    format!(
                        "the range overlaps the one from {} to {}",
                        shown(&low.from, "the lowest key"),
                        shown(&low.to, "the highest key")
                    ),
                )
                .help(format!(
                    "that one is at {}:{}; `from` is included, `to` is not",
                    first.path.display(),
                    first.line
                ));
        }
    }
}

fn pins(section: Section<'_>, key_type: KeyType, shards: &Names, problems: &mut Problems) -> HashMap<Key, ShardId> {
    let mut pins: HashMap<Key, ShardId> = HashMap::new();
    for entry in section.named("pins", problems) {
        let key = key::from_text(key_type, &entry.key, entry.key_span, problems);
        let shard = super::section::text(&entry.node, &entry.key, problems)
            .and_then(|name| shards.find(name, entry.node.span, problems));
        let (Some(key), Some(shard)) = (key, shard) else { continue };
        if pins.insert(key.key, ShardId(shard)).is_some() {
            problems.error(entry.key_span, format!("the key `{}` is pinned twice", key.text));
        }
    }
    pins
}
