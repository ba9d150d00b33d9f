//! The path a request took (RFC 3261 §20.42, RFC 3581).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::lex::{self, Grouping};
use super::{Host, Params, SyntaxError, host};

/// One hop: `SIP/2.0/UDP host:port;branch=…`.
#[derive(Clone, Eq, PartialEq)]
pub struct Via {
    /// The transport as written: `UDP`, `TCP`, `TLS`, `WSS`, or one unknown here.
    pub transport: String,
    /// Who sent the request through this hop, as it knows itself.
    pub host: Host,
    /// Its port; `None` is the default of the transport.
    pub port: Option<u16>,
    /// `branch`, `received`, `rport`, …
    pub params: Params,
}

impl Via {
    /// What every branch made by RFC 3261 begins with (§8.1.1.7).
    pub const MAGIC_COOKIE: &'static str = "z9hG4bK";

    /// A hop with this branch.
    pub fn new(transport: &str, host: Host, port: Option<u16>, branch: &str) -> Self {
        let transport = super::escape::token(transport).into_owned();
        Self {
            transport,
            host,
            port,
            params: Params::new().with("branch", Some(branch)),
        }
    }

    /// The transaction's id, if there is one.
    pub fn branch(&self) -> Option<&str> {
        self.params
            .get("branch")
            .filter(|branch| !branch.is_empty())
    }

    /// Whether the branch is unique enough to match by itself (RFC 3261 §17.2.3): the cookie, in any case,
    /// with something behind it (RFC 4475 §3.2.1).
    pub fn has_rfc3261_branch(&self) -> bool {
        let cookie = Self::MAGIC_COOKIE;
        self.branch().is_some_and(|branch| {
            let head = branch.get(..cookie.len());
            branch.len() > cookie.len() && head.is_some_and(|h| h.eq_ignore_ascii_case(cookie))
        })
    }

    /// Where the request really came from, as the next hop saw it. Brackets around IPv6 are optional here
    /// (RFC 5118 §4.5).
    pub fn received(&self) -> Option<IpAddr> {
        let text = self.params.get("received")?;
        let bare = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        bare.unwrap_or(text).parse().ok()
    }

    /// RFC 3581: `None` not asked for, `Some(None)` asked for, `Some(Some(port))` filled in.
    pub fn rport(&self) -> Option<Option<u16>> {
        let text = self.params.get("rport")?;
        Some(lex::port(text).ok())
    }

    /// The `ttl` of a multicast hop.
    pub fn ttl(&self) -> Option<u8> {
        self.params.get("ttl")?.parse().ok()
    }

    /// `maddr=`, where responses go instead (RFC 3261 §18.2.2).
    pub fn maddr(&self) -> Option<Host> {
        let value = self.params.get("maddr")?;
        value
            .parse()
            .ok()
            .or_else(|| host::ipv6(value).ok().map(Host::V6))
    }

    /// What a server adds on receiving (RFC 3261 §18.2.1, RFC 3581 §4): `received` where the sender's name
    /// for itself differs or `rport` was asked for, and the port where it was.
    pub fn stamp(&mut self, source: std::net::SocketAddr) {
        let asked = self.rport().is_some();
        if asked || self.host.ip() != Some(source.ip()) {
            self.params.set("received", Some(&source.ip().to_string()));
        }
        if asked {
            self.params.set("rport", Some(&source.port().to_string()));
        }
    }
}

impl FromStr for Via {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        let text = lex::trim(text);
        let (head, params) = match lex::find(text, Grouping::Quotes, |c| c == ';')? {
            Some(at) => text.split_at_checked(at).unwrap_or((text, "")),
            None => (text, ""),
        };
        let (name, rest) = head.split_once('/').ok_or(SyntaxError::Empty)?;
        let (version, rest) = rest.split_once('/').ok_or(SyntaxError::Empty)?;
        if !lex::trim(name).eq_ignore_ascii_case("SIP") || lex::trim(version) != "2.0" {
            return Err(SyntaxError::UnknownProtocol);
        }
        let (transport, sent_by) = lex::trim(rest)
            .split_once(lex::is_space)
            .ok_or(SyntaxError::Empty)?;
        if !lex::is_token(transport) {
            return Err(SyntaxError::BadToken);
        }
        let (host, port) = host::host_and_port(lex::trim(sent_by))?;
        let params = Params::parse_header(params)?;
        Ok(Self {
            transport: transport.to_owned(),
            host,
            port,
            params,
        })
    }
}

impl fmt::Debug for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Via({} {:?} {:?})",
            self.transport, self.host, self.params
        )
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        write!(f, "{}", self.params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Via {
        text.parse().unwrap()
    }

    #[test]
    fn white_space_and_unknown_transports_are_legal() {
        let via =
            read("SIP  / 2.0  / TCP     spindle.example.com : 5070  ;  branch  =   z9hG4bK9ikj8");
        assert_eq!(
            via.to_string(),
            "SIP/2.0/TCP spindle.example.com:5070;branch=z9hG4bK9ikj8"
        );
        assert_eq!(
            read("SIP/2.0/UNKNOWN t6.example.com;branch=z9hG4bKx").transport,
            "UNKNOWN"
        );
    }

    #[test]
    fn ipv6_is_read_with_and_without_brackets_in_received() {
        let with = read("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z9hG4bKa");
        let without = read("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z9hG4bKa");
        assert_eq!(with.received(), "2001:db8::9:255".parse().ok());
        assert_eq!(without.received(), with.received());
    }

    #[test]
    fn a_branch_needs_more_than_the_cookie() {
        assert!(read("SIP/2.0/UDP a;branch=Z9HG4BKx").has_rfc3261_branch());
        assert!(!read("SIP/2.0/UDP a;branch=z9hG4bK").has_rfc3261_branch());
        assert!(!read("SIP/2.0/UDP a;branch=1").has_rfc3261_branch());
        assert!(!read("SIP/2.0/UDP a").has_rfc3261_branch());
    }

    #[test]
    fn a_server_stamps_what_it_saw() {
        let source = "192.0.2.7:4000".parse().unwrap();
        let mut asked = read("SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bKa");
        assert_eq!(asked.rport(), Some(None));
        asked.stamp(source);
        assert_eq!(asked.rport(), Some(Some(4000)));
        assert_eq!(asked.received(), Some(source.ip()));
        let mut plain = read("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKa");
        plain.stamp(source);
        assert_eq!((plain.received(), plain.rport()), (None, None));
    }

    #[test]
    fn broken_hops_are_refused() {
        for text in [
            "SIP/2.0/UDP 192.0.2.15;;,;,,",
            "SIP/2.0/UDP",
            "SIP/2.0 UDP host",
            "SIP/3.0/UDP host",
            "SIP/2.0/UDP host;branch=",
            "",
        ] {
            assert!(text.parse::<Via>().is_err(), "{text}");
        }
    }
}
