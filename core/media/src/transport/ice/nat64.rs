//! IPv4 peers from a network that has only IPv6 (NAT64, RFC 6146): the address that stands for theirs.
//!
//! An operating system does this for names (DNS64) but not for the literals of a candidate line.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The name whose AAAA records show a network's prefix (RFC 7050 §3): it has only A records by itself.
pub const NAT64_DISCOVERY_NAME: &str = "ipv4only.arpa";
/// Its A records (RFC 7050 §2.2).
const DISCOVERY_ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(192, 0, 0, 170), Ipv4Addr::new(192, 0, 0, 171)];

/// Prefix lengths in bytes (RFC 6052 §2.2), the most usual first.
const LENGTHS: [usize; 6] = [12, 8, 7, 6, 5, 4];
/// Bits 64 to 71 are zero in every such address.
const ZERO_BYTE: usize = 8;

/// A network's prefix for IPv4-embedded IPv6 addresses (RFC 6052 §2.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Nat64Prefix {
    /// Zero after the prefix, apart from a /96 whose own bytes may follow anything.
    bytes: [u8; 16],
    /// Bytes of the prefix.
    length: usize,
}

impl Nat64Prefix {
    /// `64:ff9b::/96` (RFC 6052 §2.1).
    pub const WELL_KNOWN: Self = Self {
        bytes: [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        length: 12,
    };

    /// The first `bits` of `address`; `None` if RFC 6052 knows no such length, or bits 64 to 71 are not zero.
    pub fn new(address: Ipv6Addr, bits: u8) -> Option<Self> {
        let length = LENGTHS
            .into_iter()
            .find(|length| length * 8 == usize::from(bits))?;
        let mut bytes = address.octets();
        bytes.iter_mut().skip(length).for_each(|byte| *byte = 0);
        let zero = bytes.get(ZERO_BYTE) == Some(&0);
        zero.then_some(Self { bytes, length })
    }

    /// The prefix's length in bits.
    pub const fn bits(&self) -> u8 {
        (self.length * 8) as u8
    }

    /// The address that stands for `ip`. `None` where the well-known prefix is not allowed to: it never
    /// stands for private addresses (RFC 6052 §3.1), which no translator of its kind would forward.
    pub fn synthesize(&self, ip: Ipv4Addr) -> Option<Ipv6Addr> {
        let private = ip.is_private() || ip.is_loopback() || ip.is_link_local();
        if private && *self == Self::WELL_KNOWN {
            return None;
        }
        let mut bytes = self.bytes;
        let places = bytes.iter_mut().enumerate().skip(self.length);
        let places = places.filter(|(at, _)| *at != ZERO_BYTE).map(|(_, b)| b);
        for (place, byte) in places.zip(ip.octets()) {
            *place = byte;
        }
        Some(Ipv6Addr::from(bytes))
    }

    /// The address that stands for an IPv4 `address`, same port.
    pub fn synthesize_socket(&self, address: SocketAddr) -> Option<SocketAddr> {
        match address.ip() {
            IpAddr::V4(ip) => {
                let ip = self.synthesize(ip)?;
                Some(SocketAddr::new(ip.into(), address.port()))
            }
            IpAddr::V6(_) => None,
        }
    }

    /// The IPv4 address that `ip` stands for under this prefix.
    fn extract(&self, ip: Ipv6Addr) -> Option<Ipv4Addr> {
        let bytes = ip.octets();
        if bytes.get(..self.length) != self.bytes.get(..self.length) {
            return None;
        }
        let places = bytes.iter().enumerate().skip(self.length);
        let mut places = places.filter(|(at, _)| *at != ZERO_BYTE).map(|(_, b)| *b);
        let ip = [
            places.next()?,
            places.next()?,
            places.next()?,
            places.next()?,
        ];
        Some(Ipv4Addr::from(ip))
    }
}

/// The prefixes that a network uses, from the AAAA records of [`NAT64_DISCOVERY_NAME`] (RFC 7050 §3); in order,
/// each once. Empty: the network has no NAT64.
pub fn discovered_prefixes(records: &[Ipv6Addr]) -> Vec<Nat64Prefix> {
    let mut prefixes = Vec::new();
    for record in records {
        let found = LENGTHS.into_iter().filter_map(|length| {
            let prefix = Nat64Prefix::new(*record, (length * 8) as u8)?;
            let known = DISCOVERY_ADDRESSES.contains(&prefix.extract(*record)?);
            known.then_some(prefix)
        });
        let found: Vec<_> = found.collect();
        // Found at two places, it is not known which one is meant (RFC 7050 §3).
        if let [prefix] = *found
            && !prefixes.contains(&prefix)
        {
            prefixes.push(prefix);
        }
    }
    prefixes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of RFC 6052 §2.4.
    #[test]
    fn every_prefix_length_embeds_as_the_table_says() {
        let table = [
            ("2001:db8::", 32, "2001:db8:c000:221::"),
            ("2001:db8:100::", 40, "2001:db8:1c0:2:21::"),
            ("2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"),
            ("2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"),
            ("2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::"),
            ("2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33"),
            ("64:ff9b::", 96, "64:ff9b::192.0.2.33"),
        ];
        let ip = Ipv4Addr::new(192, 0, 2, 33);
        for (prefix, bits, whole) in table {
            let prefix = Nat64Prefix::new(prefix.parse().unwrap(), bits).unwrap();
            let whole: Ipv6Addr = whole.parse().unwrap();
            assert_eq!(prefix.synthesize(ip), Some(whole), "/{bits}");
            assert_eq!(prefix.extract(whole), Some(ip), "/{bits}");
            assert_eq!(prefix.bits(), bits);
        }
        assert_eq!(Nat64Prefix::new("2001:db8::".parse().unwrap(), 33), None);
        let private = Ipv4Addr::new(192, 168, 0, 1);
        assert_eq!(Nat64Prefix::WELL_KNOWN.synthesize(private), None);
    }

    #[test]
    fn a_network_shows_its_prefix_by_the_name_that_has_only_ipv4() {
        let records = |texts: &[&str]| -> Vec<Ipv6Addr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let well_known = records(&["64:ff9b::c000:aa", "64:ff9b::c000:ab"]);
        assert_eq!(discovered_prefixes(&well_known), [Nat64Prefix::WELL_KNOWN]);
        let own = records(&["2001:db8:122:344:c0:0:aa00::"]);
        let prefix = Nat64Prefix::new("2001:db8:122:344::".parse().unwrap(), 64).unwrap();
        assert_eq!(discovered_prefixes(&own), [prefix]);
        assert_eq!(discovered_prefixes(&records(&["2001:db8::1"])), []);
        // 192.0.0.170 both after 32 and after 96 bits.
        let twice = records(&["2001:db8:c000:aa::c000:aa"]);
        assert_eq!(discovered_prefixes(&twice), []);
    }
}
