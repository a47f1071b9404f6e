//! Hands out handles. Getting one looks it up by name and labels; using one is an atomic step.

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

use super::names::{self, Kind};

/// Upper bounds of the histograms' buckets, in seconds. A fixed list: memory does not grow with what is measured.
const BUCKETS: &[f64] = &[
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
];

/// Labels: name and value.
pub type Labels<'a> = &'a [(&'static str, &'a str)];

/// The recorder of one proxy. No globals, so that two proxies fit in one process.
pub struct Registry {
    recorder: PrometheusRecorder,
}

impl Registry {
    /// Knows every metric's description and no value yet.
    pub fn new() -> Self {
        let seconds = Matcher::Suffix("_seconds".to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, BUCKETS);
        let recorder = builder.expect("the list of buckets is not empty").build_recorder();
        for named in names::ALL {
            let (name, help) = (named.name.into(), named.help.into());
            match named.kind {
                Kind::Counter => recorder.describe_counter(name, None, help),
                Kind::Gauge => recorder.describe_gauge(name, None, help),
                Kind::Histogram => recorder.describe_histogram(name, None, help),
            }
        }
        Self { recorder }
    }

    /// A counter of [`names`].
    pub fn counter(&self, name: &'static str, labels: Labels<'_>) -> Counter {
        self.recorder.register_counter(&key(name, labels), &METADATA)
    }

    /// A gauge of [`names`].
    pub fn gauge(&self, name: &'static str, labels: Labels<'_>) -> Gauge {
        self.recorder.register_gauge(&key(name, labels), &METADATA)
    }

    /// A histogram of [`names`].
    pub fn histogram(&self, name: &'static str, labels: Labels<'_>) -> Histogram {
        self.recorder.register_histogram(&key(name, labels), &METADATA)
    }

    /// Sorts what histograms have gathered into their buckets: until then each sample takes room.
    pub fn upkeep(&self) {
        self.recorder.handle().run_upkeep();
    }

    /// Prometheus text. Values that are not known (NaN) are left out, and those of servers that are not there any more: that
    /// is how a series ends.
    pub fn render(&self, is_there: impl Fn(&str) -> bool) -> String {
        let text = self.recorder.handle().render();
        let mut known = String::with_capacity(text.len());
        let is_shown =
            |line: &&str| !line.trim_end().ends_with(" NaN") && server_of(line).is_none_or(|server| is_there(&server));
        for line in text.split_inclusive('\n').filter(is_shown) {
            known.push_str(line);
        }
        known
    }
}

/// The server that a line is of. Values have their quotation marks escaped, so that none can be taken for the label.
fn server_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("{server=\"")?;
    let mut server = String::new();
    let mut letters = rest.chars();
    loop {
        match letters.next()? {
            '"' => return Some(server),
            '\\' => server.push(letters.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped })?),
            letter => server.push(letter),
        }
    }
}

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

fn key(name: &'static str, labels: Labels<'_>) -> Key {
    let labels: Vec<Label> = labels.iter().map(|(label, value)| Label::new(*label, (*value).to_owned())).collect();
    Key::from_parts(name, labels)
}
