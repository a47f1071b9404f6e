//! Types of the user's own (enums, domains, composites, extensions) have another OID on every server. A client that has
//! been told one means that one: it hears the OIDs of the first shard, whichever shard answers.

use std::borrow::Cow;
use std::collections::HashMap;

use super::frame::server;

/// The OIDs of one shard that the client knows by other numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oids {
    to_client: HashMap<u32, u32>,
    to_server: HashMap<u32, u32>,
}

/// What stands behind the name of a column in a RowDescription: table, number, type, size, modifier, format.
const COLUMN_TAIL: usize = 18;
/// Where the type stands there.
const TYPE_AT: usize = 6;

impl Oids {
    /// Of pairs: what the shard says, what the client knows. Pairs of the same number are left out.
    pub fn new(pairs: impl Iterator<Item = (u32, u32)>) -> Self {
        let pairs: Vec<_> = pairs.filter(|(shard, client)| shard != client).collect();
        Self {
            to_client: pairs.iter().copied().collect(),
            to_server: pairs.into_iter().map(|(shard, client)| (client, shard)).collect(),
        }
    }

    /// All pairs in order: what the shard says, what the client knows.
    pub fn numbers(&self) -> Vec<(u32, u32)> {
        let mut pairs: Vec<_> = self.to_client.iter().map(|(shard, client)| (*shard, *client)).collect();
        pairs.sort_unstable();
        pairs
    }

    /// The client knows all of them by the same number.
    pub fn is_empty(&self) -> bool {
        self.to_client.is_empty()
    }

    /// Does a message name types?
    pub fn concerns(tag: u8) -> bool {
        matches!(tag, server::ROW_DESCRIPTION | server::PARAMETER_DESCRIPTION)
    }

    /// Changes the body of a RowDescription or ParameterDescription to the client's numbers.
    pub fn translate(&self, tag: u8, body: &mut [u8]) {
        let is_rows = tag == server::ROW_DESCRIPTION;
        let Some(mut rest) = body.get_mut(2..) else { return };
        while !rest.is_empty() {
            let skipped =
                if is_rows { rest.iter().position(|byte| *byte == 0).map_or(rest.len(), |end| end + 1) } else { 0 };
            let (at, length) = if is_rows { (TYPE_AT, COLUMN_TAIL) } else { (0, 4) };
            let Some(field) = rest.get_mut(skipped + at..skipped + at + 4) else { return };
            change(field, &self.to_client);
            rest = rest.get_mut(skipped + length..).unwrap_or_default();
        }
    }

    /// Changes a number of the shard to the client's.
    pub fn tell_client(&self, field: &mut [u8]) {
        change(field, &self.to_client);
    }

    /// The types of a Parse, as the shard numbers them.
    pub fn to_server<'t>(&self, types: &'t [u8]) -> Cow<'t, [u8]> {
        if self.is_empty() {
            return Cow::Borrowed(types);
        }
        let mut changed = types.to_vec();
        changed.chunks_exact_mut(4).for_each(|field| change(field, &self.to_server));
        Cow::Owned(changed)
    }
}

fn change(field: &mut [u8], numbers: &HashMap<u32, u32>) {
    let oid = field.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes));
    if let Some(known) = oid.and_then(|oid| numbers.get(&oid)) {
        field.copy_from_slice(&known.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_the_user_get_the_numbers_that_the_client_knows() {
        let oids = Oids::new([(17_000, 16_385), (16_385, 16_390), (16_400, 16_400)].into_iter());
        let rows = |types: [(&str, u32); 4]| {
            let mut out = 4_u16.to_be_bytes().to_vec();
            for (name, oid) in types {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(&[0; 7]);
                out.extend_from_slice(&oid.to_be_bytes());
                out.extend_from_slice(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0]);
            }
            out
        };
        let mut described = rows([("mood", 17_000), ("id", 20), ("pair", 16_385), ("same", 16_400)]);
        oids.translate(server::ROW_DESCRIPTION, &mut described);
        assert_eq!(described, rows([("mood", 16_385), ("id", 20), ("pair", 16_390), ("same", 16_400)]));
        let mut parameters = vec![0, 2, 0, 0, 0x42, 0x68, 0, 0, 0, 25];
        oids.translate(server::PARAMETER_DESCRIPTION, &mut parameters);
        assert_eq!(parameters, [0, 2, 0, 0, 0x40, 0x01, 0, 0, 0, 25]);
        assert_eq!(&*oids.to_server(&16_385_u32.to_be_bytes()), &17_000_u32.to_be_bytes());
        assert!(Oids::new([(7, 7)].into_iter()).is_empty());
    }
}
