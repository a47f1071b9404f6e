//! `[traces]`: where spans of statements go.

use crate::control::export::ExportSettings;

use super::report::Problems;
use super::section::Section;

/// Fields of `[traces]`.
pub const FIELDS: &[&str] = &["collector", "sample_every", "service"];

/// Spans of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracesSettings {
    /// Where they go; `None`: there are none
    pub export: Option<ExportSettings>,
    /// Of statements that belong to no trace, one in so many begins one; zero: none does
    pub sample_every: u32,
}

/// The port of OTLP over HTTP.
const PORT: u16 = 4318;

/// Reads `[traces]`.
pub fn read(section: Section<'_>, problems: &mut Problems) -> TracesSettings {
    let service = section.text("service", problems).map_or("shardway", |(service, _)| service).to_owned();
    let export = section.text("collector", problems).and_then(|(url, span)| {
        let found = endpoint(url);
        if found.is_none() {
            problems
                .error(span, "`collector` is not the address of a collector")
                .help("write \"http://host:4318\"; there is no TLS here: a collector beside the proxy passes spans on");
        }
        let (address, path) = found?;
        Some(ExportSettings { address, path, service })
    });
    TracesSettings { export, sample_every: section.count("sample_every", 0, 0..=u32::MAX, problems) }
}

/// `host:port` and path of a URL.
fn endpoint(url: &str) -> Option<(String, String)> {
    let rest = url.strip_prefix("http://")?;
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#@\"\\".contains(&byte));
    if !is_plain(rest) {
        return None;
    }
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    let address = if has_port { authority.to_owned() } else { format!("{authority}:{PORT}") };
    let (host, port) = address.rsplit_once(':')?;
    let is_right = !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0);
    let path = if matches!(path, "" | "/") { "/v1/traces" } else { path };
    is_right.then(|| (address, path.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_collectors() {
        let found = |url| endpoint(url).map(|(address, path)| format!("{address} {path}"));
        assert_eq!(found("http://otel:4318").as_deref(), Some("otel:4318 /v1/traces"));
        assert_eq!(found("http://otel/").as_deref(), Some("otel:4318 /v1/traces"));
        assert_eq!(found("http://[::1]:80/x/v1/traces").as_deref(), Some("[::1]:80 /x/v1/traces"));
        assert_eq!(found("http://[::1]").as_deref(), Some("[::1]:4318 /v1/traces"));
        for wrong in [
            "otel:4318",
            "https://otel:4318",
            "http://",
            "http://:80",
            "http://a:b",
            "http://a:0",
            "http://a b",
            "http://u@a",
        ] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }
}
