//! Rows and keys of each format, however the stream is cut into messages.

use proptest::prelude::*;

use super::*;

fn text() -> CopyFormat {
    CopyFormat::Text { delimiter: b'\t', null: b"\\N".as_slice().into(), has_header: false }
}

fn csv() -> CopyFormat {
    CopyFormat::Csv {
        delimiter: b',',
        quote: b'"',
        escape: b'"',
        null: Box::default(),
        has_header: false,
        key_force_null: false,
        key_force_not_null: false,
    }
}

fn csv_escaped() -> CopyFormat {
    CopyFormat::Csv {
        delimiter: b';',
        quote: b'\'',
        escape: b'\\',
        null: b"NULL".as_slice().into(),
        has_header: true,
        key_force_null: true,
        key_force_not_null: false,
    }
}

/// `row → key` of each part, and how it ended.
fn split(format: &CopyFormat, position: usize, chunks: &[&[u8]]) -> Vec<String> {
    let mut splitter = RowSplitter::new(format.clone(), position, 64);
    let mut found = Vec::new();
    for chunk in chunks {
        splitter.push(chunk);
        if take(&mut splitter, &mut found) {
            return found;
        }
    }
    splitter.finish();
    take(&mut splitter, &mut found);
    found
}

/// Takes what is there; true when it is the end.
fn take(splitter: &mut RowSplitter, found: &mut Vec<String>) -> bool {
    let shown = |bytes: &[u8]| bytes.escape_ascii().to_string();
    loop {
        found.push(match splitter.next() {
            Ok(None) => return false,
            Ok(Some(CopyPart::Header(bytes))) => format!("header {}", shown(bytes)),
            Ok(Some(CopyPart::Row { bytes, key: CopyKey::Value(key) })) => {
                format!("{} → {}", shown(bytes), shown(&key))
            }
            Ok(Some(CopyPart::Row { bytes, key: CopyKey::Null })) => format!("{} is null", shown(bytes)),
            Ok(Some(CopyPart::Row { bytes, key: CopyKey::Missing })) => format!("{} is short", shown(bytes)),
            Err(fault) => {
                found.push(format!("! {fault}"));
                return true;
            }
        });
    }
}

#[test]
fn text_rows() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"a\t1\nb\t2\n", &[r"a\t1\n → 1", r"b\t2\n → 2"]),
        (b"a\t1\nb\t2", &[r"a\t1\n → 1", r"b\t2 → 2"]),
        (b"a\t1\tc\n", &[r"a\t1\tc\n → 1"]),
        (b"a\t\\N\n", &[r"a\t\\N\n is null"]),
        (b"a\t\n", &[r"a\t\n → "]),
        (b"a\n\n", &[r"a\n is short", r"\n is short"]),
        (b"a\tx\\ty\\\\\\n\n", &[r"a\tx\\ty\\\\\\n\n → x\ty\\\n"]),
        (b"a\\\t1\t2\n", &[r"a\\\t1\t2\n → 2"]),
        (b"a\t1\\\n2\n", &[r"a\t1\\\n2\n → 1\n2"]),
        (b"a\t\\101\\x42\\x\\q\\0\n", &[r"a\t\\101\\x42\\x\\q\\0\n → ABxq\x00"]),
        (b"a\t1\r\nb\t2\r\n", &[r"a\t1\r\n → 1", r"b\t2\r\n → 2"]),
        (b"a\t1\rb\t2\r", &[r"a\t1\r → 1", r"b\t2\r → 2"]),
        (b"a\t1\nb\t2\r\n", &[r"a\t1\n → 1", "! literal carriage return found in data"]),
        (b"a\t1\r\nb\t2\n", &[r"a\t1\r\n → 1", "! literal newline found in data"]),
        (b"a\t1\rb\t2\n", &[r"a\t1\r → 1", "! literal newline found in data"]),
        (b"a\t1\r\nb\t2\rc", &[r"a\t1\r\n → 1", "! literal carriage return found in data"]),
        (b"a\t1\n\\.\nb\t2\n", &[r"a\t1\n → 1"]),
        (b"a\t1\r\n\\.\r\nb\t2\n", &[r"a\t1\r\n → 1"]),
        (b"a\t1\n\\.x\n", &[r"a\t1\n → 1", "! end-of-copy marker corrupt"]),
        (b"a\t1\\.\n", &["! end-of-copy marker corrupt"]),
        (b"a\t1\n\\.", &[r"a\t1\n → 1", "! end-of-copy marker corrupt"]),
        (b"a\t1\\", &[r"a\t1\\ → 1"]),
        (b"", &[]),
    ];
    for (stream, expected) in cases {
        assert_eq!(split(&text(), 1, &[stream]), *expected, "{}", stream.escape_ascii());
    }
}

#[test]
fn csv_rows() {
    let cases: &[(&[u8], &[&str])] = &[
        (b"a,1\nb,2\n", &[r"a,1\n → 1", r"b,2\n → 2"]),
        (b"\"a,\n\",\"x\"\"y\"\n", &[r#"\"a,\n\",\"x\"\"y\"\n → x\"y"#]),
        (b"a,\n", &[r"a,\n is null"]),
        (b"a,\"\"\n", &[r#"a,\"\"\n → "#]),
        (b"a,b\"c\nd\"e\n", &[r#"a,b\"c\nd\"e\n → bc\nde"#]),
        (b"a\n", &[r"a\n is short"]),
        (b"a,\\\\\\N\n", &[r"a,\\\\\\N\n → \\\\\\N"]),
        (b"a,1\r\n\"b\r\",2\r\n", &[r"a,1\r\n → 1", r#"\"b\r\",2\r\n → 2"#]),
        (b"a,1\n\\.\nb,2\n", &[r"a,1\n → 1"]),
        (b"a,1\n\\.,2\n", &[r"a,1\n → 1", r"\\.,2\n → 2"]),
        (b"a,1\n\\x,2\n", &[r"a,1\n → 1", r"\\x,2\n → 2"]),
        (b"a,\\.\n", &[r"a,\\.\n → \\."]),
        (b"a,\"1", &[r#"a,\"1 → 1"#]),
    ];
    for (stream, expected) in cases {
        assert_eq!(split(&csv(), 1, &[stream]), *expected, "{}", stream.escape_ascii());
    }
}

#[test]
fn csv_with_its_own_signs() {
    let stream = b"id;'na\nme'\na;'it\\'s'\nb;NULL\nc;'NULL'\nd;'x\\\\'\ne;x\\y\n";
    let expected = [
        r"header id;\'na\nme\'\n",
        r"a;\'it\\\'s\'\n → it\'s",
        r"b;NULL\n is null",
        r"c;\'NULL\'\n is null",
        r"d;\'x\\\\\'\n → x\\",
        r"e;x\\y\n → x\\y",
    ];
    assert_eq!(split(&csv_escaped(), 1, &[stream]), expected);
}

#[test]
fn force_not_null_makes_the_marker_a_value() {
    let CopyFormat::Csv { delimiter, quote, escape, null, .. } = csv() else { panic!("csv() is CSV") };
    let format = CopyFormat::Csv {
        delimiter,
        quote,
        escape,
        null,
        has_header: false,
        key_force_null: false,
        key_force_not_null: true,
    };
    assert_eq!(split(&format, 1, &[b"a,\n"]), [r"a,\n → "]);
}

fn binary(rows: &[&[Option<&[u8]>]], tail: &[u8]) -> Vec<u8> {
    let mut stream = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\x02ex".to_vec();
    for row in rows {
        stream.extend((row.len() as i16).to_be_bytes());
        for field in *row {
            stream.extend(field.map_or(-1, |field| field.len() as i32).to_be_bytes());
            stream.extend(field.unwrap_or_default());
        }
    }
    stream.extend(tail);
    stream
}

#[test]
fn binary_rows() {
    let rows: &[&[Option<&[u8]>]] = &[&[Some(b"a"), Some(b"\0\x01")], &[None, None], &[Some(b"")]];
    let expected = [
        r"header PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x02ex",
        r"\x00\x02\x00\x00\x00\x01a\x00\x00\x00\x02\x00\x01 → \x00\x01",
        r"\x00\x02\xff\xff\xff\xff\xff\xff\xff\xff is null",
        r"\x00\x01\x00\x00\x00\x00 is short",
    ];
    let with = |last: &str| expected.iter().map(ToString::to_string).chain([last.to_owned()]).collect::<Vec<_>>();
    assert_eq!(split(&CopyFormat::Binary, 1, &[&binary(rows, b"\xff\xff")]), expected);
    assert_eq!(split(&CopyFormat::Binary, 1, &[&binary(rows, b"")]), expected);
    let faults: &[(&[u8], &str)] = &[
        (b"\xff\xffx", "! received copy data after EOF marker"),
        (b"\0", "! unexpected EOF in COPY data"),
        (b"\0\x01\xff\xff\xff\xfe", "! invalid field size"),
        (b"\0\x01\0\0\xff\xff..", "! unexpected EOF in COPY data"),
    ];
    for (tail, fault) in faults {
        assert_eq!(split(&CopyFormat::Binary, 1, &[&binary(rows, tail)]), with(fault), "{}", tail.escape_ascii());
    }
    assert_eq!(split(&CopyFormat::Binary, 0, &[b"1\t2\n"]), ["! COPY file signature not recognized"]);
    assert_eq!(split(&CopyFormat::Binary, 0, &[b"PGCOPY"]), ["! COPY file signature not recognized"]);
    assert_eq!(
        split(&CopyFormat::Binary, 0, &[b"PGCOPY\n\xff\r\n\0\0\x01\0\0\0\0\0\0"]),
        ["! invalid COPY file header"]
    );
}

#[test]
fn a_row_larger_than_the_limit_is_a_fault() {
    let long = [b'x'; 64];
    assert_eq!(split(&text(), 0, &[&long]).len(), 1);
    assert_eq!(split(&text(), 0, &[&long, b"\n"]), ["! a COPY row is larger than 64 bytes"]);
    assert_eq!(CopyFault::RowTooLarge { max: 1 }.sqlstate(), "54000");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// However the stream is cut, the rows are the same, and put together they are the stream.
    #[test]
    fn any_chunking_gives_the_same_rows(
        pieces in prop::collection::vec(prop::sample::select(vec![
            "a", "1", "\t", ",", ";", "\n", "\n", "\r\n", "\r", "\\", "\\N", "\\.", "\\.\n", "\"", "\"\"", "'", "NULL", "\\'", "é",
        ]), 0..30),
        cuts in prop::collection::vec(0usize..60, 0..8),
    ) {
        let stream = pieces.concat().into_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(stream.len())).chain([0, stream.len()]).collect();
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect();
        for format in [text(), csv(), csv_escaped()] {
            prop_assert_eq!(split(&format, 1, &chunks), split(&format, 1, &[&stream]));
            let bytes: Vec<&[u8]> = stream.chunks(1).collect();
            prop_assert_eq!(split(&format, 1, &bytes), split(&format, 1, &[&stream]));
        }
    }

    #[test]
    fn any_chunking_gives_the_same_binary_rows(fields in prop::collection::vec(prop::option::of(prop::collection::vec(any::<u8>(), 0..5)), 3), junk: Vec<u8>, size in 1usize..9) {
        let row: Vec<Option<&[u8]>> = fields.iter().map(Option::as_deref).collect();
        let stream = binary(&[&row, &row], &junk);
        let chunks: Vec<&[u8]> = stream.chunks(size).collect();
        let (whole, cut) = (split(&CopyFormat::Binary, 1, &[&stream]), split(&CopyFormat::Binary, 1, &chunks));
        // Of a stream that is broken, the rows before the fault are the same; the fault may be seen sooner.
        let rows = |found: &[String]| found.iter().filter(|part| !part.starts_with('!')).cloned().collect::<Vec<_>>();
        prop_assert_eq!(rows(&whole), rows(&cut));
    }
}
