//! Any COPY stream, in any pieces: the same rows with the same keys, every byte once, and no panic.

use shardway::logic::copy::{CopyFault, CopyFormat, CopyPart, RowSplitter};

const ROW_BYTES_MAX: usize = 4096;

/// The first byte chooses the format, the second the column of the key, the third the pieces.
pub fn run(data: &[u8]) {
    let [kind, column, piece, bytes @ ..] = data else { return };
    let format = format(*kind);
    let column = usize::from(*column % 4);
    let whole = split(&format, column, bytes, bytes.len().max(1));
    for size in [1, 2, usize::from(*piece) + 1] {
        let pieces = split(&format, column, bytes, size);
        assert_eq!(whole, pieces, "{format:?} in pieces of {size}");
    }
    let (rows, end) = whole;
    let given: Vec<u8> = rows.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
    assert!(bytes.starts_with(&given), "bytes go out as they came in, in order");
    if end.is_none() && format != CopyFormat::Binary && !has_end_marker(bytes) {
        assert_eq!(given.len(), bytes.len(), "and all of them");
    }
}

fn has_end_marker(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\\.")
}

type Rows = Vec<(Vec<u8>, String)>;

fn split(format: &CopyFormat, column: usize, bytes: &[u8], size: usize) -> (Rows, Option<CopyFault>) {
    let mut splitter = RowSplitter::new(format.clone(), column, ROW_BYTES_MAX);
    let mut rows = Vec::new();
    for piece in bytes.chunks(size) {
        splitter.push(piece);
        if let Err(fault) = drain(&mut splitter, &mut rows) {
            return (rows, Some(fault));
        }
    }
    splitter.finish();
    let end = drain(&mut splitter, &mut rows).err();
    (rows, end)
}

fn drain(splitter: &mut RowSplitter, rows: &mut Rows) -> Result<(), CopyFault> {
    while let Some(part) = splitter.next()? {
        rows.push(match part {
            CopyPart::Header(bytes) => (bytes.to_vec(), "header".to_owned()),
            CopyPart::Row { bytes, key } => (bytes.to_vec(), format!("{key:?}")),
        });
    }
    Ok(())
}

fn format(kind: u8) -> CopyFormat {
    let has_header = kind & 8 != 0;
    match kind % 5 {
        0 => CopyFormat::Binary,
        1 => CopyFormat::Text { delimiter: b'\t', null: b"\\N".as_slice().into(), has_header },
        2 => CopyFormat::Text { delimiter: b',', null: b"".as_slice().into(), has_header },
        other => CopyFormat::Csv {
            delimiter: b',',
            quote: if other == 3 { b'"' } else { b'\'' },
            escape: if kind & 16 == 0 { if other == 3 { b'"' } else { b'\'' } } else { b'\\' },
            null: b"".as_slice().into(),
            has_header,
            key_force_null: kind & 32 != 0,
            key_force_not_null: kind & 64 != 0,
        },
    }
}
