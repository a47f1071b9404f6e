//! PostgreSQL's hash of a row by one partition key: `bucket = hash % modulus` is where `PARTITION BY HASH` puts it.
//!
//! After `src/common/hashfn.c` (Bob Jenkins' lookup3) and `compute_partition_hash_value` in `partbounds.c`. The bytes
//! are read as on a little-endian server; big-endian ones hash differently.

use super::Key;
use super::numeric::{Finite, Form, Numeric};

/// `HASH_PARTITION_SEED`
const SEED: u64 = 0x7A5B_2236_7996_DCFD;

impl Key {
    /// The hash of a row with this key.
    ///
    /// Needs no type: smallint, integer and bigint hash equal values alike, and so do timestamp and timestamptz.
    pub fn hash(&self) -> u64 {
        let hash = match self {
            Self::Int(value) => hash_i64(*value),
            Self::Text(bytes) => hash_bytes(bytes),
            Self::Uuid(bytes) => hash_bytes(bytes),
            Self::Date(days) => hash_u32(*days as u32),
            Self::Timestamp(micros) => hash_i64(*micros),
            Self::Numeric(value) => hash_numeric(value),
        };
        // hash_combine64(0, hash): the row's hash starts at zero.
        hash.wrapping_add(0x49a0_f4dd_15e5_a8e3)
    }
}

/// `hashint8extended`: folds to 32 bits so that values that fit `integer` hash as `integer` does.
fn hash_i64(value: i64) -> u64 {
    let (low, high) = (value as u32, (value >> 32) as u32);
    hash_u32(low ^ if value >= 0 { high } else { !high })
}

/// `hash_bytes_uint32_extended`
fn hash_u32(value: u32) -> u64 {
    let mut state = State::new(4);
    state.a = state.a.wrapping_add(value);
    state.finish()
}

/// `hash_bytes_extended`
fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut state = State::new(bytes.len() as u32);
    let mut blocks = bytes.chunks_exact(12);
    for block in &mut blocks {
        state.add(block);
        state.mix();
    }
    // The lowest byte of the last word is reserved for the length.
    let rest = blocks.remainder();
    let mut tail = [0u8; 12];
    let (head, over) = rest.split_at(rest.len().min(8));
    tail[..head.len()].copy_from_slice(head);
    tail[9..9 + over.len()].copy_from_slice(over);
    state.add(&tail);
    state.finish()
}

/// `hash_numeric_extended`: the digits without zeros at the ends, then the weight.
fn hash_numeric(value: &Numeric) -> u64 {
    let Form::Finite(Finite { weight, digits, .. }) = &value.0 else { return SEED };
    if digits.is_empty() {
        return SEED.wrapping_sub(1);
    }
    let bytes: Vec<u8> = digits.iter().flat_map(|digit| digit.to_le_bytes()).collect();
    hash_bytes(&bytes) ^ i64::from(*weight) as u64
}

/// The three words of lookup3.
struct State {
    a: u32,
    b: u32,
    c: u32,
}

impl State {
    #[inline]
    fn new(len: u32) -> Self {
        let start = 0x9e37_79b9_u32.wrapping_add(len).wrapping_add(3_923_095);
        let mut state =
            Self { a: start.wrapping_add((SEED >> 32) as u32), b: start.wrapping_add(SEED as u32), c: start };
        state.mix();
        state
    }

    #[inline]
    fn add(&mut self, block: &[u8]) {
        let word = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        self.a = self.a.wrapping_add(word(0));
        self.b = self.b.wrapping_add(word(4));
        self.c = self.c.wrapping_add(word(8));
    }

    #[inline]
    fn mix(&mut self) {
        let Self { a, b, c } = self;
        round(a, b, c, 4);
        round(b, c, a, 6);
        round(c, a, b, 8);
        round(a, b, c, 16);
        round(b, c, a, 19);
        round(c, a, b, 4);
    }

    #[inline]
    fn finish(self) -> u64 {
        let Self { mut a, mut b, mut c } = self;
        settle(&mut c, b, 14);
        settle(&mut a, c, 11);
        settle(&mut b, a, 25);
        settle(&mut c, b, 16);
        settle(&mut a, c, 4);
        settle(&mut b, a, 14);
        settle(&mut c, b, 24);
        u64::from(b) << 32 | u64::from(c)
    }
}

/// One line of `mix`: `x -= z; x ^= rot(z, bits); z += y`.
#[inline]
fn round(x: &mut u32, y: &u32, z: &mut u32, bits: u32) {
    *x = x.wrapping_sub(*z) ^ z.rotate_left(bits);
    *z = z.wrapping_add(*y);
}

/// One line of `final`: `x ^= y; x -= rot(y, bits)`.
#[inline]
fn settle(x: &mut u32, y: u32, bits: u32) {
    *x = (*x ^ y).wrapping_sub(y.rotate_left(bits));
}
