//! Rows of the binary format: a header, rows of length-prefixed fields, a trailer.

use std::ops::Range;

use super::CopyFault;

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// What stands at the front of the bytes.
pub(super) enum Found {
    /// A row of `len` bytes, and where its key lies in it
    Row { len: usize, key: Key },
    /// The trailer, two bytes
    Trailer,
    /// Nothing whole yet
    Partial,
}

/// Where the key of a row lies.
pub(super) enum Key {
    At(Range<usize>),
    Null,
    Missing,
}

/// The length of the header; `None` when it has not all arrived.
pub(super) fn header(bytes: &[u8]) -> Result<Option<usize>, CopyFault> {
    let known = bytes.len().min(SIGNATURE.len());
    if bytes[..known] != SIGNATURE[..known] {
        return Err(CopyFault::Signature);
    }
    let (Some(flags), Some(extension)) = (word(bytes, 11), word(bytes, 15)) else { return Ok(None) };
    // The upper half of the flags is critical: 1 << 16 (OIDs) is no longer known to any server.
    if flags as u32 >> 16 != 0 {
        return Err(CopyFault::Header);
    }
    let extension = usize::try_from(extension).map_err(|_| CopyFault::Header)?;
    let len = SIGNATURE.len() + 8 + extension;
    Ok((bytes.len() >= len).then_some(len))
}

/// The row at the front.
pub(super) fn row(bytes: &[u8], position: usize) -> Result<Found, CopyFault> {
    let Some(&[high, low]) = bytes.get(..2) else { return Ok(Found::Partial) };
    let count = i16::from_be_bytes([high, low]);
    if count == -1 {
        return Ok(Found::Trailer);
    }
    let count = usize::try_from(count).map_err(|_| CopyFault::FieldSize)?;
    let (mut at, mut key) = (2, Key::Missing);
    for field in 0..count {
        let Some(len) = word(bytes, at) else { return Ok(Found::Partial) };
        at += 4;
        let found = match len {
            -1 => Key::Null,
            _ => {
                let start = at;
                at += usize::try_from(len).map_err(|_| CopyFault::FieldSize)?;
                Key::At(start..at)
            }
        };
        if field == position {
            key = found;
        }
    }
    Ok(if at <= bytes.len() { Found::Row { len: at, key } } else { Found::Partial })
}

fn word(bytes: &[u8], at: usize) -> Option<i32> {
    let word = bytes.get(at..at + 4)?;
    Some(i32::from_be_bytes([word[0], word[1], word[2], word[3]]))
}
