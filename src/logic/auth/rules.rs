//! Who may come from where, and how it must prove itself: rules in order, as in `pg_hba.conf`. The first that fits decides.

use core::net::IpAddr;

/// One rule. What it does not name fits everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Databases; empty: all
    pub databases: Vec<Box<str>>,
    /// Users; empty: all
    pub users: Vec<Box<str>>,
    /// From where; empty: from anywhere
    pub from: Vec<Origin>,
    /// Only over TLS, or only without it
    pub tls: Option<bool>,
    /// What is asked of it
    pub method: Method,
}

/// From where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A Unix socket
    Unix,
    /// Addresses whose first bits are these
    Net {
        /// The first of them
        address: IpAddr,
        /// How many bits are compared
        bits: u8,
    },
}

/// What a client must show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// What its user's `auth` says
    OfUser,
    /// Its password
    Scram,
    /// A certificate
    Certificate,
    /// Nothing
    Trust,
    /// It may not come in
    Reject,
}

/// Who comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor<'a> {
    /// To which database
    pub database: &'a str,
    /// As whom
    pub user: &'a str,
    /// From where; none over a Unix socket
    pub address: Option<IpAddr>,
    /// Over TLS
    pub is_secure: bool,
}

/// What a visitor must show. Without any rule everyone may come; where there are some and none fits, nobody.
pub fn method(rules: &[Rule], visitor: &Visitor<'_>) -> Method {
    match rules.iter().find(|rule| rule.fits(visitor)) {
        Some(rule) => rule.method,
        None if rules.is_empty() => Method::OfUser,
        None => Method::Reject,
    }
}

impl Rule {
    fn fits(&self, visitor: &Visitor<'_>) -> bool {
        let names = |names: &[Box<str>], name: &str| names.is_empty() || names.iter().any(|it| **it == *name);
        names(&self.databases, visitor.database)
            && names(&self.users, visitor.user)
            && (self.from.is_empty() || self.from.iter().any(|origin| origin.holds(visitor.address)))
            && self.tls.is_none_or(|tls| tls == visitor.is_secure)
    }
}

impl Origin {
    /// `127.0.0.1`, `10.0.0.0/8`, `::1`, `unix`.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "unix" {
            return Some(Self::Unix);
        }
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(longest);
        (bits <= longest).then_some(Self::Net { address, bits })
    }

    fn holds(self, visitor: Option<IpAddr>) -> bool {
        match (self, visitor.map(|address| address.to_canonical())) {
            (Self::Unix, None) => true,
            (Self::Net { address: IpAddr::V4(net), bits }, Some(IpAddr::V4(visitor))) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
                net.to_bits() & mask == visitor.to_bits() & mask
            }
            (Self::Net { address: IpAddr::V6(net), bits }, Some(IpAddr::V6(visitor))) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
                net.to_bits() & mask == visitor.to_bits() & mask
            }
            (Self::Unix | Self::Net { .. }, _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: &[&str], method: Method) -> Rule {
        let from = from.iter().map(|text| Origin::parse(text).unwrap()).collect();
        Rule { databases: Vec::new(), users: Vec::new(), from, tls: None, method }
    }

    fn visitor(address: &str) -> Visitor<'static> {
        Visitor { database: "app", user: "ann", address: address.parse().ok(), is_secure: false }
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_none_is_a_no() {
        assert_eq!(method(&[], &visitor("10.1.2.3")), Method::OfUser);
        let rules = [rule(&["10.1.0.0/16"], Method::Reject), rule(&["10.0.0.0/8", "unix"], Method::Scram)];
        assert_eq!(method(&rules, &visitor("10.1.2.3")), Method::Reject);
        assert_eq!(method(&rules, &visitor("10.2.2.3")), Method::Scram);
        assert_eq!(method(&rules, &visitor("::ffff:10.2.2.3")), Method::Scram, "an IPv4 address in IPv6's clothes");
        assert_eq!(method(&rules, &visitor("unix")), Method::Scram);
        assert_eq!(method(&rules, &visitor("11.0.0.1")), Method::Reject);
    }

    #[test]
    fn names_and_encryption_are_compared_whole() {
        let mut only = rule(&[], Method::Trust);
        only.users = vec!["ann".into()];
        only.databases = vec!["app".into()];
        only.tls = Some(true);
        let secure = Visitor { is_secure: true, ..visitor("10.0.0.1") };
        assert_eq!(method(&[only.clone()], &secure), Method::Trust);
        assert_eq!(method(&[only.clone()], &visitor("10.0.0.1")), Method::Reject);
        assert_eq!(method(&[only.clone()], &Visitor { user: "anna", ..secure }), Method::Reject);
        assert_eq!(method(&[only], &Visitor { database: "ap", ..secure }), Method::Reject);
    }

    #[test]
    fn nets_are_compared_by_their_bits() {
        for (net, address, is_inside) in [
            ("0.0.0.0/0", "203.0.113.9", true),
            ("192.168.1.128/25", "192.168.1.127", false),
            ("192.168.1.128/25", "192.168.1.200", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "10.0.0.1", false),
        ] {
            assert_eq!(Origin::parse(net).unwrap().holds(address.parse().ok()), is_inside, "{net} {address}");
        }
        for wrong in ["10.0.0.0/33", "all", "10.0.0.0/", "::/129", "localhost", ""] {
            assert_eq!(Origin::parse(wrong), None, "{wrong}");
        }
    }
}
