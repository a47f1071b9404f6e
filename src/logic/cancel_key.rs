//! Cancel keys of several proxies behind one address: a key says which of them its session is on, so that a request that
//! reaches another one can be passed on.
//!
//! ```text
//! protocol 3.0, 4 bytes:   hops 2 bits · node 12 bits · secret 18 bits      (the process number is random too: 31 bits)
//! protocol 3.2, 32 bytes:  hops 2 bits · node 12 bits · secret 114 bits · MAC 128 bits
//! ```
//!
//! `hops` counts down on the way and is not part of what the MAC signs.

use ring::hmac;

/// So often a request is passed on.
const HOPS: u8 = 3;
/// A node's number fits in here; 0 is none.
pub const NODE_MAX: u16 = 0x0fff;
const LONG: usize = 32;
const MAC: usize = 16;

/// Makes and reads keys as one node.
pub struct Keys {
    node: u16,
    mac: hmac::Key,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "(keys of node {})", self.node)
    }
}

/// For whom a request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addressee {
    /// For a session of ours: its key, as it was given out
    Ours(Box<[u8]>),
    /// For a session of another node: the key to pass on
    Node(u16, Box<[u8]>),
    /// It was passed on too often, or nobody has made its key
    Nobody,
}

impl Keys {
    /// Of this node. All nodes have the same secret.
    pub fn new(node: u16, secret: &[u8]) -> Self {
        debug_assert!((1..=NODE_MAX).contains(&node), "a node has a number");
        Self { node, mac: hmac::Key::new(hmac::HMAC_SHA256, secret) }
    }

    /// A key for a session with this process number; 32 bytes in protocol 3.2.
    pub fn make(&self, pid: i32, is_long: bool, random: [u8; LONG]) -> Box<[u8]> {
        let mut key = random.to_vec();
        key[0] = (HOPS << 6) | (self.node >> 6) as u8;
        key[1] = ((self.node & 0x3f) << 2) as u8 | (random[1] & 0x03);
        key.truncate(if is_long { LONG - MAC } else { 4 });
        if is_long {
            let mac = self.sign(pid, &key);
            key.extend_from_slice(&mac);
        }
        key.into()
    }

    /// For whom a request with this key is.
    pub fn read(&self, pid: i32, key: &[u8]) -> Addressee {
        if key.len() != 4 && key.len() != LONG {
            return Addressee::Nobody;
        }
        if key.len() == LONG && differ(&self.sign(pid, &key[..LONG - MAC]), &key[LONG - MAC..]) {
            return Addressee::Nobody;
        }
        let (hops, node) = (key[0] >> 6, (u16::from(key[0] & 0x3f) << 6) | u16::from(key[1] >> 2));
        let with_hops = |hops: u8| -> Box<[u8]> {
            let mut key = key.to_vec();
            key[0] = (hops << 6) | (key[0] & 0x3f);
            key.into()
        };
        match (node == self.node, hops) {
            (true, _) => Addressee::Ours(with_hops(HOPS)),
            (false, 0) => Addressee::Nobody,
            (false, hops) => Addressee::Node(node, with_hops(hops - 1)),
        }
    }

    fn sign(&self, pid: i32, key: &[u8]) -> [u8; MAC] {
        let mut context = hmac::Context::with_key(&self.mac);
        context.update(&pid.to_be_bytes());
        context.update(&[key[0] & 0x3f]);
        context.update(&key[1..]);
        context.sign().as_ref()[..MAC].try_into().expect("a SHA-256 is longer")
    }
}

/// Takes the same time wherever they do.
fn differ(own: &[u8], shown: &[u8]) -> bool {
    own.iter().zip(shown).fold(0, |found, (own, shown)| found | (own ^ shown)) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: [u8; 32] = [0xa5; 32];

    #[test]
    fn a_key_finds_its_node_and_comes_there_as_it_was_given_out() {
        let (first, second) = (Keys::new(1, b"shared"), Keys::new(NODE_MAX, b"shared"));
        for is_long in [false, true] {
            let key = second.make(77, is_long, RANDOM);
            assert_eq!(key.len(), if is_long { 32 } else { 4 });
            let Addressee::Node(NODE_MAX, passed_on) = first.read(77, &key) else { panic!("it is the other's") };
            assert_ne!(passed_on, key);
            assert_eq!(second.read(77, &passed_on), Addressee::Ours(key));
        }
    }

    #[test]
    fn a_request_is_passed_on_three_times_at_most() {
        let (stranger, owner) = (Keys::new(2, b"shared"), Keys::new(3, b"shared"));
        let mut key = owner.make(5, true, RANDOM);
        for _ in 0..HOPS {
            let Addressee::Node(3, next) = stranger.read(5, &key) else { panic!("it goes on") };
            key = next;
        }
        assert_eq!(stranger.read(5, &key), Addressee::Nobody);
    }

    #[test]
    fn nobody_makes_keys_without_the_secret() {
        let (ours, foreign) = (Keys::new(1, b"shared"), Keys::new(2, b"another"));
        assert_eq!(ours.read(5, &foreign.make(5, true, RANDOM)), Addressee::Nobody);
        let key = ours.make(5, true, RANDOM);
        assert_eq!(ours.read(6, &key), Addressee::Nobody, "the process number is signed too");
        for at in 1..32 {
            let mut forged = key.to_vec();
            forged[at] ^= 1;
            assert_eq!(ours.read(5, &forged), Addressee::Nobody, "byte {at}");
        }
        for length in [0, 3, 5, 31, 33, 256] {
            assert_eq!(ours.read(5, &vec![0; length]), Addressee::Nobody);
        }
    }
}
