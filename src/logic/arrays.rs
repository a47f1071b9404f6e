//! Columns of rows as arrays: binary format of one dimension, as a Bind carries them.

use crate::logic::rows::{Elements, Rows};

/// Of one array, so that PostgreSQL can keep it: its elements may take several times as much there (name, jsonb), and no
/// value of it more than 1 GiB.
const ARRAY_BYTES_MAX: usize = 64 << 20;
/// Of one array, for the same reason.
const ARRAY_ROWS_MAX: u32 = 4 << 20;

/// The rows of a part in as many groups as there have to be arrays of each column; one group at least.
pub fn in_arrays(pieces: &[Rows]) -> Vec<&[Rows]> {
    let (mut groups, mut begin) = (Vec::new(), 0);
    let (mut bytes, mut rows) = (0, 0);
    for (number, piece) in pieces.iter().enumerate() {
        let is_over = bytes + piece.bytes() > ARRAY_BYTES_MAX || rows + piece.count > ARRAY_ROWS_MAX;
        if is_over && number > begin {
            groups.push(&pieces[begin..number]);
            (begin, bytes, rows) = (number, 0, 0);
        }
        bytes += piece.bytes();
        rows += piece.count;
    }
    groups.push(&pieces[begin..]);
    groups
}

/// Appends an array of all values of a column, as a Bind carries it (length first): binary format of one dimension.
pub fn write_array<'a>(out: &mut Vec<u8>, element: u32, pieces: impl Iterator<Item = (&'a Elements, u32)> + Clone) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    let count: u32 = pieces.clone().map(|(_, count)| count).sum();
    let has_null = pieces.clone().any(|(elements, _)| elements.has_null());
    let dimensions = u32::from(count > 0);
    for word in [dimensions, u32::from(has_null), element] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    if count > 0 {
        // Its length and its lower bound.
        out.extend_from_slice(&count.to_be_bytes());
        out.extend_from_slice(&1_u32.to_be_bytes());
    }
    for (elements, _) in pieces {
        out.extend_from_slice(elements.bytes());
    }
    let length = (out.len() - start - 4) as u32;
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(values: &[Option<&[u8]>]) -> Elements {
        let mut elements = Elements::default();
        values.iter().for_each(|value| elements.push(*value));
        elements
    }

    #[test]
    fn an_array_is_written_as_postgresql_reads_it() {
        let mut out = Vec::new();
        write_array(&mut out, 25, [(&elements(&[None, Some(b"c")]), 2)].into_iter());
        let mut expected = vec![0, 0, 0, 29];
        expected.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 25, 0, 0, 0, 2, 0, 0, 0, 1]);
        expected.extend_from_slice(&[255, 255, 255, 255, 0, 0, 0, 1, b'c']);
        assert_eq!(out, expected);
    }

    #[test]
    fn rows_go_into_as_many_arrays_as_postgresql_can_keep() {
        let piece = |bytes: usize| Rows::new(vec![elements(&[Some(&vec![b'x'; bytes])])], 1);
        let pieces = [piece(20 << 20), piece(20 << 20), piece(30 << 20), piece(0)];
        let groups = in_arrays(&pieces);
        assert_eq!(groups.iter().map(|group| group.len()).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(in_arrays(&[]).len(), 1);
        let short = |count| Rows::new(vec![Elements::default()], count);
        let pieces = [short(ARRAY_ROWS_MAX), short(1)];
        assert_eq!(in_arrays(&pieces).len(), 2);
    }
}
