//! `[databases.x.keyspaces.y]`: how keys map to shards. Every key must have one home, and the file must say which.

use std::collections::{HashMap, HashSet};

use crate::logic::shards::{BucketRun, KeyRange, Keyspace, MapProblem, Method, ShardId};
use crate::logic::value::{Key, KeyType};

use super::key;
use super::names::Names;
use super::report::Problems;
use super::section::{Section, entries, list};
use super::source::Span;
use super::tree::{Entry, Node, Value};

/// Fields of a keyspace.
pub const FIELDS: &[&str] = &["type", "method", "buckets", "bucket_count", "ranges", "pins"];

/// Fields of a range.
pub const RANGE_FIELDS: &[&str] = &["from", "to", "shard"];

/// More buckets than this help nobody: a bucket is the smallest part that moves between shards.
const BUCKETS_MAX: u32 = 65_536;

const EVERY_BUCKET: &str = "every bucket needs one shard: buckets = { a = \"0-127\", b = \"128-255\" }";

/// Reads one keyspace; the shards it uses are noted in `used`.
pub fn read(entry: &Entry, shards: &Names, used: &mut HashSet<ShardId>, problems: &mut Problems) -> Option<Keyspace> {
    let section = Section::open(&entry.node, FIELDS, problems);
    section.require("type", problems);
    let (name, span) = section.text("type", problems)?;
    let key_type = key::key_type(name, span, problems)?;
    let method = match method(section, entry, problems)? {
        Written::Hash(node) => buckets(node, section, shards, problems)?,
        Written::Range(node) => ranges(node, key_type, shards, problems)?,
    };
    let pins = pins(section, key_type, shards, problems);
    used.extend(pins.values());
    match &method {
        Method::Hash { buckets } => used.extend(buckets.iter()),
        Method::Range(ranges) => used.extend(ranges.iter().map(|range| range.shard)),
    }
    Some(Keyspace::new(entry.key.as_str().into(), key_type, method, pins))
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

/// A run of buckets and where it is written.
struct WrittenRun {
    run: BucketRun,
    span: Span,
}

fn buckets(node: &Node, section: Section<'_>, shards: &Names, problems: &mut Problems) -> Option<Method> {
    let errors_before = problems.errors();
    let mut written: Vec<WrittenRun> = Vec::new();
    for entry in entries(node, problems) {
        let shard = shards.find(&entry.key, entry.key_span, problems).map(ShardId);
        for item in list(&entry.node) {
            written.extend(runs(item, shard, problems));
        }
    }
    let highest = written.iter().map(|it| it.run.last).max().unwrap_or(0);
    let count = section.count("bucket_count", highest.saturating_add(1), 1..=BUCKETS_MAX, problems);
    if problems.errors() > errors_before {
        return None; // a gap left by an unknown shard would only be that mistake's echo
    }
    for it in written.iter().filter(|it| it.run.last >= count) {
        let last = it.run.last;
        problems.error(it.span, format!("bucket {last} does not exist: there are {count}, counted from 0"));
    }
    // A handful is counted at a glance.
    if section.get("bucket_count").is_none() && !count.is_power_of_two() && count > 16 {
        problems
            .warning(node.span, format!("{count} buckets: is the highest one mistyped?"))
            .help("the number of buckets must not change while there are rows; bucket_count says that it is meant");
    }
    if highest.saturating_add(1) < count {
        no_shard(node, highest + 1, count - 1, problems);
    }
    let runs: Vec<BucketRun> = written.iter().map(|it| it.run).collect();
    match Method::hash(&runs) {
        Ok(method) => Some(method),
        Err(found) => {
            let place = |entry: usize| (written[entry].span, shards.name(written[entry].run.shard.0));
            found.iter().for_each(|problem| report(problem, node.span, place, problems));
            None
        }
    }
}

/// `7`, `"7"`, `"0-85"`, `"0-85, 90"`.
fn runs(node: &Node, shard: Option<ShardId>, problems: &mut Problems) -> Vec<WrittenRun> {
    let text = match &node.value {
        Value::Integer(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => {
            problems.error(node.span, format!("expected buckets, found {}", node.describe()));
            return Vec::new();
        }
    };
    let mut runs = Vec::new();
    for piece in text.split(',').map(str::trim) {
        let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
        let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse()) else {
            problems
                .error(node.span, format!("`{piece}` does not name buckets"))
                .help("write \"0-85\", [\"0-40\", \"50-85\"] or 7");
            continue;
        };
        runs.extend(shard.map(|shard| WrittenRun { run: BucketRun { first, last, shard }, span: node.span }));
    }
    runs
}

fn no_shard(node: &Node, first: u32, last: u32, problems: &mut Problems) {
    problems.error(node.span, MapProblem::BucketsMissing { first, last }.to_string()).help(EVERY_BUCKET);
}

/// Shows a problem at the entry that it is about, naming the shard that is in its way.
fn report<'a>(problem: &MapProblem, whole: Span, place: impl Fn(usize) -> (Span, &'a str), problems: &mut Problems) {
    let span = problem.entry().map_or(whole, |entry| place(entry).0);
    let help = match problem {
        MapProblem::BucketTwice { other, .. } | MapProblem::RangesOverlap { other, .. } => {
            let (first, shard) = place(*other);
            let first = problems.sources.place(first);
            format!("it is also on shard `{shard}`, at {}:{}", first.path.display(), first.line)
        }
        MapProblem::BucketsMissing { .. } | MapProblem::TooManyBuckets { .. } | MapProblem::RunReversed { .. } => {
            EVERY_BUCKET.to_owned()
        }
        MapProblem::RangeEmpty { .. } => "`from` is included, `to` is not".to_owned(),
        MapProblem::Empty | MapProblem::TooManyShards { .. } => "name the shards that hold the keys".to_owned(),
    };
    problems.error(span, problem.to_string()).help(help);
}

/// A range with its place in the file.
struct WrittenRange {
    range: KeyRange,
    span: Span,
}

fn ranges(node: &Node, key_type: KeyType, shards: &Names, problems: &mut Problems) -> Option<Method> {
    let errors_before = problems.errors();
    let mut written: Vec<WrittenRange> =
        list(node).iter().filter_map(|item| range(item, key_type, shards, problems)).collect();
    if problems.errors() > errors_before {
        return None;
    }
    match Method::range(written.iter().map(|it| it.range.clone()).collect()) {
        Ok(method) => {
            written.sort_by(|a, b| a.range.from.cmp(&b.range.from));
            written.windows(2).for_each(|pair| report_gap(&pair[0], &pair[1], problems));
            Some(method)
        }
        Err(found) => {
            let place = |entry: usize| (written[entry].span, shards.name(written[entry].range.shard.0));
            found.iter().for_each(|problem| report(problem, node.span, place, problems));
            None
        }
    }
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
    Some(WrittenRange { range: KeyRange { from, to, shard }, span: node.span })
}

/// Keys below all ranges or above them may have no home; between two ranges it is an oversight.
fn report_gap(low: &WrittenRange, high: &WrittenRange, problems: &mut Problems) {
    if let (Some(to), Some(from)) = (&low.range.to, &high.range.from)
        && to < from
    {
        problems
            .error(high.span, format!("no range holds the keys from {to} up to {from}"))
            .help(format!("add {{ from = {to}, to = {from}, shard = … }} or let the neighbours meet"));
    }
}

fn pins(section: Section<'_>, key_type: KeyType, shards: &Names, problems: &mut Problems) -> HashMap<Key, ShardId> {
    let mut pins: HashMap<Key, ShardId> = HashMap::new();
    for entry in section.named("pins", problems) {
        let key = key::from_text(key_type, &entry.key, entry.key_span, problems);
        let shard = super::section::text(&entry.node, &entry.key, problems)
            .and_then(|name| shards.find(name, entry.node.span, problems));
        let (Some(key), Some(shard)) = (key, shard) else { continue };
        if pins.insert(key, ShardId(shard)).is_some() {
            problems.error(entry.key_span, format!("the key `{}` is pinned twice", entry.key));
        }
    }
    pins
}
