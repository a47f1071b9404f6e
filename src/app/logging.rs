//! Log lines to stderr, as text or JSON, one event a line. The level comes from RUST_LOG or the settings.

use std::fmt::{self, Debug, Write};
use std::io;

use tracing::Subscriber;
use tracing::field::Field;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::fmt::{self as lines, FormatFields, MakeWriter};

use crate::config::{LogFormat, LogSettings};

/// Starts logging; once a process.
pub fn start(settings: &LogSettings) -> anyhow::Result<()> {
    let wanted = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(&settings.level))?;
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let started = match settings.format {
        LogFormat::Text => tracing::subscriber::set_global_default(text(filter, is_terminal, std::io::stderr)),
        LogFormat::Json => tracing::subscriber::set_global_default(json(filter, std::io::stderr)),
    };
    Ok(started?)
}

/// What takes several lines to say: an event for each.
pub fn errors(text: &str) {
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        tracing::error!("{line}");
    }
}

fn text<W>(filter: EnvFilter, is_terminal: bool, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = lines::Subscriber::builder().with_env_filter(filter).with_writer(writer);
    lines.fmt_fields(fields()).with_ansi(is_terminal).finish()
}

fn json<W>(filter: EnvFilter, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = lines::Subscriber::builder().with_env_filter(filter);
    lines.with_writer(EscapingJson(writer)).json().flatten_event(true).finish()
}

/// The message, then `name=value`. Names of users, databases and the like are chosen by whoever comes: no value begins a
/// line of its own or tells a terminal what to do.
fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    let write_field = |writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        if field.name() != "message" {
            write!(writer, "{}=", field.name())?;
        }
        write!(Escaping(writer), "{value:?}")
    };
    debug_fn(write_field).delimited(" ")
}

/// Writes control characters as Rust does in strings: `\n`, `\u{1b}`.
struct Escaping<'a, W>(&'a mut W);

impl<W: Write> Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((at, control)) = rest.char_indices().find(|(_, c)| c.is_control()) {
            self.0.write_str(&rest[..at])?;
            write!(self.0, "{}", control.escape_debug())?;
            rest = &rest[at + control.len_utf8()..];
        }
        self.0.write_str(rest)
    }
}

/// Writes those control characters as `\u009b` that JSON lets stand as they are: DEL, and those beyond ASCII, which tell
/// terminals what to do as well. They stand inside of strings alone.
struct EscapingJson<W>(W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for EscapingJson<W> {
    type Writer = EscapingJson<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        EscapingJson(self.0.make_writer())
    }
}

impl<W: io::Write> io::Write for EscapingJson<W> {
    /// A whole event.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut event = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        loop {
            let control = match rest {
                [] => break,
                [0x7f, after @ ..] => Some((0x7f, after)),
                [0xc2, byte @ 0x80..=0x9f, after @ ..] => Some((*byte, after)),
                [_, ..] => None,
            };
            match control {
                Some((code, after)) => {
                    write!(event, "\\u{code:04x}")?;
                    rest = after;
                }
                None => {
                    event.push(rest[0]);
                    rest = &rest[1..];
                }
            }
        }
        self.0.write_all(&event)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_its_values_are() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = text(EnvFilter::new("info"), false, move || writer.clone());
        tracing::subscriber::with_default(lines, || {
            let user = "evil\nFAKE\r\u{1b}[2J\u{7f}\u{9b}\0ü";
            tracing::info!(%user, quoted = user, number = 1, "of {user}");
        });
        let log = String::from_utf8(kept.0.lock().clone()).unwrap();
        let (_, event) = log.split_once(" INFO ").unwrap();
        let escaped = r"evil\nFAKE\r\u{1b}[2J\u{7f}\u{9b}\0ü";
        let ours = module_path!();
        assert_eq!(event, format!("{ours}: of {escaped} user={escaped} quoted=\"{escaped}\" number=1\n"));
    }
    #[test]
    fn an_event_is_plain_json_whatever_its_values_are() {
        let kept = Kept::default();
        let writer = kept.clone();
        let lines = json(EnvFilter::new("info"), move || writer.clone());
        let user = "evil\n\u{1b}[2J\u{7f}\u{80}\u{9b}\u{9f}\u{a0}\0üÂ";
        tracing::subscriber::with_default(lines, || tracing::info!(%user, "of {user}"));
        let log = String::from_utf8(kept.0.lock().clone()).unwrap();
        let event: serde_json::Value = serde_json::from_str(&log).unwrap();
        assert_eq!((event["user"].as_str(), event["message"].as_str()), (Some(user), Some(&*format!("of {user}"))));
        assert_eq!(log.matches(char::is_control).collect::<Vec<_>>(), ["\n"]);
    }
}
