//! The encoding that a client speaks. Texts are planned as UTF-8; those in another encoding go as they came to one server,
//! where nothing but ASCII decides which.

/// How a client's bytes are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, or bytes as they come (SQL_ASCII)
    Utf8,
    /// One that servers can have, too: a byte below 0x80 is that character of ASCII wherever it stands (PostgreSQL manual,
    /// "Supported Character Sets")
    Server,
    /// One of clients alone (SJIS, BIG5, GBK, …), or one that is not known here: such a byte may be part of a letter
    Client,
}

/// Encodings that servers can have apart from UTF-8, and their other names, as PostgreSQL compares them (encnames.c).
const OF_SERVERS: [&str; 57] = [
    "abc",
    "alt",
    "euccn",
    "eucjis2004",
    "eucjp",
    "euckr",
    "euctw",
    "iso88591",
    "iso885910",
    "iso885913",
    "iso885914",
    "iso885915",
    "iso885916",
    "iso88592",
    "iso88593",
    "iso88594",
    "iso88595",
    "iso88596",
    "iso88597",
    "iso88598",
    "iso88599",
    "koi8",
    "koi8r",
    "koi8u",
    "latin1",
    "latin10",
    "latin2",
    "latin3",
    "latin4",
    "latin5",
    "latin6",
    "latin7",
    "latin8",
    "latin9",
    "muleinternal",
    "tcvn",
    "tcvn5712",
    "vscii",
    "win",
    "win1250",
    "win1251",
    "win1252",
    "win1253",
    "win1254",
    "win1255",
    "win1256",
    "win1257",
    "win1258",
    "win866",
    "win874",
    "windows1250",
    "windows1251",
    "windows1252",
    "windows1253",
    "windows1254",
    "windows1255",
    "windows1257",
];

/// The first of the characters that stand for bytes of other encodings: private ones, which no name in a schema has.
const STAND_IN: u32 = 0xf700;

impl Encoding {
    /// Of a `client_encoding` as it is set in SQL; without one it is UTF-8.
    pub fn of(setting: Option<&str>) -> Self {
        let Some(name) = setting else { return Self::Utf8 };
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        match plain.as_str() {
            "utf8" | "unicode" | "sqlascii" => Self::Utf8,
            plain if OF_SERVERS.binary_search(&plain).is_ok() => Self::Server,
            _ => Self::Client,
        }
    }

    /// A text as it can be planned: each byte beyond ASCII as a character that stands for it. `None`: what is ASCII in it
    /// cannot be told from the rest.
    pub fn stand_in(self, text: &[u8]) -> Option<String> {
        let stands_for = |byte: &u8| match byte.is_ascii() {
            true => Some(char::from(*byte)),
            false => char::from_u32(STAND_IN + u32::from(*byte)),
        };
        match self {
            Self::Server => text.iter().map(stands_for).collect(),
            Self::Utf8 | Self::Client => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_go_by_letters_and_digits_alone() {
        assert!(OF_SERVERS.is_sorted(), "it is searched");
        for (name, encoding) in [
            (None, Encoding::Utf8),
            (Some("'UTF8'"), Encoding::Utf8),
            (Some("'Unicode'"), Encoding::Utf8),
            (Some("'SQL_ASCII'"), Encoding::Utf8),
            (Some("'LATIN1'"), Encoding::Server),
            (Some("'iso-8859-15'"), Encoding::Server),
            (Some("'EUC_JIS_2004'"), Encoding::Server),
            (Some("'KOI8-R'"), Encoding::Server),
            (Some("'windows-1252'"), Encoding::Server),
            (Some("'SJIS'"), Encoding::Client),
            (Some("'SHIFT_JIS_2004'"), Encoding::Client),
            (Some("'BIG5'"), Encoding::Client),
            (Some("'GBK'"), Encoding::Client),
            (Some("'UHC'"), Encoding::Client),
            (Some("'GB18030'"), Encoding::Client),
            (Some("'JOHAB'"), Encoding::Client),
            (Some("'windows-936'"), Encoding::Client),
            (Some("'no such'"), Encoding::Client),
        ] {
            assert_eq!(Encoding::of(name), encoding, "{name:?}");
        }
    }

    #[test]
    fn bytes_of_another_encoding_are_characters_that_nothing_else_is() {
        let text = b"SELECT '\xe9' FROM t";
        assert_eq!(Encoding::Server.stand_in(text).as_deref(), Some("SELECT '\u{f7e9}' FROM t"));
        assert_eq!(Encoding::Client.stand_in(text), None);
    }
}
