//! Values of the binary format that name types by number: arrays and rows. Where types are the user's own, the client
//! knows them by the numbers of the first shard, inside of values as elsewhere. A value keeps its length.

use crate::logic::value::oid;

use super::oids::Oids;

/// `record`, `record[]`
const RECORDS: [u32; 2] = [2249, 2287];
const DIMENSIONS_MAX: i32 = 6;
const COLUMNS_MAX: i32 = 1_664;
/// A `RowDescription` has for each column its name, then table, number, type, size, modifier, format.
const COLUMN_TAIL: usize = 18;

/// May values of this type name others?
fn may_name(oid: u32) -> bool {
    oid >= oid::FIRST_OF_USERS || RECORDS.contains(&oid)
}

/// The columns of a RowDescription whose binary values may name types. `is_told`: the formats are not known yet, and any
/// may come to be binary.
pub fn naming_columns(body: &[u8], is_told: bool) -> Vec<usize> {
    let mut rest = body.get(2..).unwrap_or_default();
    let (mut found, mut number) = (Vec::new(), 0);
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let Some(tail) = rest.get(end + 1..).and_then(|tail| tail.first_chunk::<COLUMN_TAIL>()) else { break };
        let oid = u32::from_be_bytes([tail[6], tail[7], tail[8], tail[9]]);
        if may_name(oid) && (is_told || tail[17] == 1) {
            found.push(number);
        }
        number += 1;
        rest = &rest[end + 1 + COLUMN_TAIL..];
    }
    found
}

/// Changes these columns of the body of a DataRow to the client's numbers.
pub fn translate_row(oids: &Oids, columns: &[usize], body: &mut [u8]) {
    let mut at = 2;
    let mut number = 0;
    while let Some(length) = word(body, at) {
        at += 4;
        let Ok(length) = usize::try_from(length) else {
            number += 1;
            continue;
        };
        let Some(value) = body.get_mut(at..at + length) else { return };
        if columns.contains(&number) {
            let mut named = Vec::new();
            if names(value, 0, &mut named) {
                named.iter().for_each(|at| oids.tell_client(&mut value[*at..*at + 4]));
            }
        }
        at += length;
        number += 1;
    }
}

/// Where an array or a row names types; `base` is where it stands. `false`: it is something else.
fn names(value: &[u8], base: usize, named: &mut Vec<usize>) -> bool {
    let before = named.len();
    let is_read = array(value, base, named).is_some() || {
        named.truncate(before);
        row(value, base, named).is_some()
    };
    if !is_read {
        named.truncate(before);
    }
    is_read
}

/// Dimensions, flags, the type of the elements, for each dimension its length and lower bound, then the elements
/// (array_send).
fn array(value: &[u8], base: usize, named: &mut Vec<usize>) -> Option<()> {
    let dimensions = word(value, 0).filter(|number| (0..=DIMENSIONS_MAX).contains(number))?;
    word(value, 4).filter(|flags| (0..=1).contains(flags))?;
    let element = word(value, 8)? as u32;
    named.push(base + 8);
    let mut at = 12;
    let mut count: usize = usize::from(dimensions > 0);
    for _ in 0..dimensions {
        count = count.checked_mul(usize::try_from(word(value, at)?).ok()?)?;
        at += 8;
    }
    for _ in 0..count {
        at = element_at(value, at, element, base, named)?;
    }
    (at == value.len()).then_some(())
}

/// The number of columns, then for each its type and value (record_send).
fn row(value: &[u8], base: usize, named: &mut Vec<usize>) -> Option<()> {
    let columns = word(value, 0).filter(|number| (0..=COLUMNS_MAX).contains(number))?;
    let mut at = 4;
    for _ in 0..columns {
        let of = word(value, at)? as u32;
        named.push(base + at);
        at = element_at(value, at + 4, of, base, named)?;
    }
    (at == value.len()).then_some(())
}

/// A value behind its length. Returns where it ends.
fn element_at(value: &[u8], at: usize, oid: u32, base: usize, named: &mut Vec<usize>) -> Option<usize> {
    let length = word(value, at)?;
    let start = at + 4;
    let Ok(length) = usize::try_from(length) else { return (length == -1).then_some(start) };
    let inner = value.get(start..start.checked_add(length)?)?;
    if may_name(oid) {
        names(inner, base + start, named);
    }
    Some(start + length)
}

fn word(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..)?.first_chunk::<4>().map(|word| i32::from_be_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    fn told(values: &[Vec<u8>], columns: &[usize]) -> Vec<u8> {
        let mut body = (values.len() as u16).to_be_bytes().to_vec();
        for value in values {
            body.extend_from_slice(&words(&[value.len() as u32]));
            body.extend_from_slice(value);
        }
        body.extend_from_slice(&words(&[u32::MAX]));
        translate_row(&Oids::new([(17_000, 16_385), (17_001, 16_386)].into_iter()), columns, &mut body);
        body
    }

    fn array_of(oid: u32) -> Vec<u8> {
        [words(&[1, 1, oid, 2, 1, 2]), b"ok".to_vec(), words(&[u32::MAX])].concat()
    }

    fn row_of(oid: u32, inner: u32) -> Vec<u8> {
        let array = array_of(inner);
        [words(&[3, 23, 4, 7, oid, 3]), b"sad".to_vec(), words(&[17_009, array.len() as u32]), array].concat()
    }

    #[test]
    fn types_in_arrays_and_rows_get_the_numbers_that_the_client_knows() {
        let values = |mood: u32, other: u32| {
            let nested = row_of(mood, other);
            let rows = [words(&[1, 0, 17_005, 1, 1, nested.len() as u32]), nested].concat();
            vec![array_of(mood), row_of(mood, other), words(&[0, 0, mood]), rows]
        };
        let expected = |columns: &[usize]| {
            let (before, after) = (values(17_000, 17_001), values(16_385, 16_386));
            let of =
                |number: usize| if columns.contains(&number) { after[number].clone() } else { before[number].clone() };
            told(&(0..before.len()).map(of).collect::<Vec<_>>(), &[])
        };
        for columns in [&[0, 1, 2, 3][..], &[1], &[]] {
            assert_eq!(told(&values(17_000, 17_001), columns), expected(columns), "{columns:?}");
        }
    }

    #[test]
    fn what_is_no_array_and_no_row_stays_as_it_is() {
        let cut = array_of(17_000)[..20].to_vec();
        let longer = [array_of(17_000), vec![0]].concat();
        for value in
            [b"a label of some length".to_vec(), words(&[17_000]), words(&[17_000, 17_000, 17_000]), cut, longer]
        {
            assert_eq!(told(std::slice::from_ref(&value), &[0]), told(&[value], &[]));
        }
    }

    #[test]
    fn only_binary_columns_of_such_types_are_looked_into() {
        let column = |oid: u32, format: u8| {
            let mut column = b"name\0".to_vec();
            column.extend_from_slice(&[0; 6]);
            column.extend_from_slice(&oid.to_be_bytes());
            column.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, format]);
            column
        };
        let body = [vec![0, 4], column(17_000, 1), column(23, 1), column(2249, 1), column(17_000, 0)].concat();
        assert_eq!(naming_columns(&body, false), [0, 2]);
        assert_eq!(naming_columns(&body, true), [0, 2, 3]);
    }
}
