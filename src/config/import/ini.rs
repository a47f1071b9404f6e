//! A `pgbouncer.ini` and the files that it includes, taken apart as PgBouncer does.

/// `name = value`.
pub type Entry = (String, String);

/// Reads a file that another names; why not, if it cannot be read.
pub type Read<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Includes within includes, at most.
const DEPTH: usize = 10;

/// What the files say, in their order.
#[derive(Debug, Default)]
pub struct Ini {
    /// `[pgbouncer]`; each name once, as it was set last
    pub general: Vec<Entry>,
    /// `[databases]`
    pub databases: Vec<Entry>,
    /// `[users]`
    pub users: Vec<Entry>,
    /// `[peers]`
    pub peers: Vec<Entry>,
    /// What is none of this
    pub left: Vec<String>,
}

impl Ini {
    /// Reads it whole.
    pub fn parse(text: &str, read: Read<'_>) -> Self {
        let mut ini = Self::default();
        ini.take(text, &mut String::new(), read, 0);
        ini
    }

    /// The value of a general setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.general.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn take(&mut self, text: &str, section: &mut String, read: Read<'_>, depth: usize) {
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with([';', '#'])) {
            if let Some(file) = line.strip_prefix("%include").map(str::trim) {
                match read(file) {
                    Ok(text) if depth < DEPTH => self.take(&text, section, read, depth + 1),
                    Ok(_) => self.left.push(format!("%include {file}: too many files within one another")),
                    Err(why) => self.left.push(format!("%include {file}: {why}")),
                }
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                *section = name.trim().to_owned();
                continue;
            }
            let (name, value) = line.split_once('=').map_or((line, ""), |(name, value)| (name.trim(), value.trim()));
            let list = match section.as_str() {
                "pgbouncer" => &mut self.general,
                "databases" => &mut self.databases,
                "users" => &mut self.users,
                "peers" => &mut self.peers,
                _ => {
                    self.left.push(format!("[{section}] {name}: there is no such section"));
                    continue;
                }
            };
            let name = unquoted(name);
            list.retain(|(known, _)| *known != name);
            list.push((name, value.to_owned()));
        }
    }
}

/// A name as it is meant: quotes around it are none of it, a doubled one stands for one.
fn unquoted(name: &str) -> String {
    let inside = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    inside.map_or_else(|| name.to_owned(), |name| name.replace("\"\"", "\""))
}

/// `name=value name='a value'` of a connection string; a doubled quote stands for one.
pub fn words(text: &str) -> Vec<Entry> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('\'') {
            None => {
                let end = after.find(char::is_whitespace).unwrap_or(after.len());
                (after[..end].to_owned(), &after[end..])
            }
            Some(quoted) => quoted_value(quoted),
        };
        found.push((name.trim().to_owned(), value));
        rest = after.trim_start();
    }
    found
}

/// A value behind its opening quote, and what follows it.
fn quoted_value(text: &str) -> (String, &str) {
    let (mut value, mut letters) = (String::new(), text.char_indices().peekable());
    while let Some((at, found)) = letters.next() {
        if found != '\'' {
            value.push(found);
        } else if letters.next_if(|(_, next)| *next == '\'').is_some() {
            value.push('\'');
        } else {
            return (value, &text[at + 1..]);
        }
    }
    (value, "")
}

/// A string of TOML.
pub fn quoted(text: &str) -> String {
    toml_edit::Value::from(text).to_string().trim().to_owned()
}

/// A list of strings.
pub fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    format!("[{}]", texts.into_iter().map(quoted).collect::<Vec<_>>().join(", "))
}
