//! Hosts as SIP writes them: names, IPv4 addresses and IPv6 addresses in brackets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::{SyntaxError, lex};

/// A host. Names compare without regard to case (RFC 3261 §19.1.4), addresses by their value.
#[derive(Clone)]
pub enum Host {
    /// A domain name, as written. A dotted number that is no IPv4 address is a name.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address; brackets on the wire.
    V6(Ipv6Addr),
}

impl Host {
    /// The address, where the host is one and needs no DNS.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::V4(address) => Some(IpAddr::V4(*address)),
            Self::V6(address) => Some(IpAddr::V6(*address)),
        }
    }
}

impl fmt::Debug for Host {
    /// Says the kind only: an address may be a person's, and `Debug` ends in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(_) => "Host::Name([personal])",
            Self::V4(_) => "Host::V4([personal])",
            Self::V6(_) => "Host::V6([personal])",
        })
    }
}

impl Eq for Host {}

impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(two)) => one.eq_ignore_ascii_case(two),
            (Self::V4(one), Self::V4(two)) => one == two,
            (Self::V6(one), Self::V6(two)) => one == two,
            (Self::Name(_) | Self::V4(_) | Self::V6(_), _) => false,
        }
    }
}

impl std::hash::Hash for Host {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Self::Name(name) => name.to_ascii_lowercase().hash(state),
            Self::V4(address) => address.hash(state),
            Self::V6(address) => address.hash(state),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(address),
        }
    }
}

impl FromStr for Host {
    type Err = SyntaxError;

    /// Reads `name`, `192.0.2.1` or `[2001:db8::1]`.
    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        if let Some(rest) = text.strip_prefix('[') {
            let inner = rest.strip_suffix(']').ok_or(SyntaxError::Unclosed)?;
            return ipv6(inner).map(Self::V6);
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::V4(address));
        }
        // Underscores are no part of a host name, and yet real networks have them.
        let name_byte = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let named = text.bytes().any(|b| b.is_ascii_alphanumeric());
        if !named || text.starts_with('.') || !text.bytes().all(name_byte) {
            return Err(SyntaxError::BadHost);
        }
        Ok(Self::Name(text.to_owned()))
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

/// An IPv6 address without brackets.
///
/// The grammar of RFC 3261 §25.1 let `:::` through before an embedded IPv4 address; RFC 5118 §4.10 asks
/// for leniency there.
pub(crate) fn ipv6(text: &str) -> Result<Ipv6Addr, SyntaxError> {
    let parsed = text.parse();
    let parsed = match parsed {
        Err(_) if text.contains(":::") => text.replacen(":::", "::", 1).parse(),
        Err(_) | Ok(_) => parsed,
    };
    parsed.map_err(|_| SyntaxError::BadHost)
}

/// `host[:port]`, with white space allowed around the colon as in Via (RFC 3261 §25.1, `sent-by`).
pub(crate) fn host_and_port(text: &str) -> Result<(Host, Option<u16>), SyntaxError> {
    let after_brackets = text.find(']').map_or(0, |at| at.saturating_add(1));
    let (head, tail) = text.split_at_checked(after_brackets).unwrap_or(("", text));
    match tail.split_once(':') {
        None => Ok((lex::trim(text).parse()?, None)),
        Some((rest, port)) => {
            let host = if head.is_empty() { rest } else { head };
            if !head.is_empty() && !lex::trim(rest).is_empty() {
                return Err(SyntaxError::BadHost);
            }
            Ok((lex::trim(host).parse()?, Some(lex::port(lex::trim(port))?)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_of_every_kind() {
        let read = |text: &str| host_and_port(text).map(|(host, port)| (host.to_string(), port));
        assert_eq!(read("example.org"), Ok(("example.org".into(), None)));
        assert_eq!(read("192.0.2.1:5070"), Ok(("192.0.2.1".into(), Some(5070))));
        assert_eq!(
            read("[2001:DB8::10]:5070"),
            Ok(("[2001:db8::10]".into(), Some(5070)))
        );
        assert_eq!(
            read("[2001:db8::10:5070]"),
            Ok(("[2001:db8::10:5070]".into(), None))
        );
        assert_eq!(
            read("[2001:db8:::192.0.2.1]"),
            Ok(("[2001:db8::c000:201]".into(), None))
        );
        assert_eq!(read("host : 5060"), Ok(("host".into(), Some(5060))));
        assert_eq!(read("2001:db8::10"), Err(SyntaxError::BadPort));
        assert_eq!(read("[::1"), Err(SyntaxError::Unclosed));
        assert_eq!(read("[::1]x:1"), Err(SyntaxError::BadHost));
        assert_eq!(read("host:"), Err(SyntaxError::BadPort));
        assert_eq!(read("host:65536"), Err(SyntaxError::BadPort));
        assert_eq!(read(""), Err(SyntaxError::BadHost));
        assert_eq!(read("a b"), Err(SyntaxError::BadHost));
        assert_eq!(read("."), Err(SyntaxError::BadHost));
    }

    #[test]
    fn names_compare_without_case_and_an_address_is_not_a_name() {
        let host = |text: &str| text.parse::<Host>().unwrap();
        assert_eq!(host("Example.ORG"), host("example.org"));
        assert_eq!(host("[::ffff:192.0.2.1]"), host("[::FFFF:C000:0201]"));
        assert_ne!(host("192.0.2.1"), host("[::ffff:192.0.2.1]"));
    }
}
