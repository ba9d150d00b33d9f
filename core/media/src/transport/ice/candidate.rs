//! Candidate lines (RFC 8839 §5.1), both ways.
//!
//! ```text
//!   842163049 1 udp 1677729535 198.51.100.7 4000 typ srflx raddr 10.0.0.2 rport 4000 generation 0
//!   └ foundation            └ priority                                                └ extensions
//!             └ component
//! ```

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use thiserror::Error;

use crate::transport::Component;

/// A longer line is none; real ones have about 100 characters.
const MAX_LINE: usize = 512;
/// RFC 8839: `1*32ice-char`.
const MAX_FOUNDATION: usize = 32;
/// Extensions kept of one line; further ones are dropped.
const MAX_EXTENSIONS: usize = 16;

/// How an address was found (RFC 8445 §5.1.1).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum CandidateType {
    /// It is a socket's own.
    Host,
    /// A STUN server sees the socket there.
    ServerReflexive,
    /// The peer saw it there in a check.
    PeerReflexive,
    /// A TURN server receives there and hands on.
    Relayed,
}

impl CandidateType {
    const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }
}

/// One UDP candidate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// Equal for candidates of one kind, base and server.
    pub foundation: String,
    /// Which port of the stream.
    pub component: Component,
    /// RFC 8445 §5.1.2, 1 … 2³¹ − 1.
    pub priority: u32,
    /// The address itself.
    pub address: SocketAddr,
    /// How it was found.
    pub kind: CandidateType,
    /// `raddr` and `rport`.
    pub related: Option<SocketAddr>,
    /// What else stood there, by name, in order: `generation`, `ufrag`, `network-cost`, …
    pub extensions: Vec<(String, String)>,
}

/// Why a candidate line is not used. None of them is a fault of the call: the line is left out.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum CandidateError {
    /// Longer than any real one.
    #[error("the candidate line is too long")]
    TooLong,
    /// Not in the form of RFC 8839 §5.1.
    #[error("the candidate line is malformed")]
    Malformed,
    /// TCP (RFC 6544), or something newer.
    #[error("the candidate is not for UDP")]
    NotUdp,
    /// An mDNS or DNS name instead of an address.
    #[error("the candidate names a host instead of an address")]
    Name,
    /// An RTP stream has two components.
    #[error("the candidate belongs to an unknown component")]
    Component,
    /// Not host, srflx, prflx or relay.
    #[error("the candidate's type is unknown")]
    Type,
    /// Nobody can be reached there: unspecified, multicast, without a port, or bound to a link.
    #[error("the candidate's address cannot be reached")]
    Unreachable,
}

impl Candidate {
    /// Reads a line, with or without `a=` and `candidate:` before it.
    ///
    /// # Errors
    /// It is malformed, or of no use here.
    pub fn parse(line: &str) -> Result<Self, CandidateError> {
        if line.len() > MAX_LINE {
            return Err(CandidateError::TooLong);
        }
        let line = line.trim_ascii();
        // Extensions are repeated as they came; what is no visible character must not come along.
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(CandidateError::Malformed);
        }
        let line = line.strip_prefix("a=").unwrap_or(line);
        let line = line.strip_prefix("candidate:").unwrap_or(line);
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(CandidateError::Malformed);

        let foundation = next()?;
        let component = number(next()?, 256)?;
        let transport = next()?;
        let priority = number(next()?, i32::MAX as u32)?;
        let (host, port) = (next()?, next()?);
        if next()? != "typ" {
            return Err(CandidateError::Malformed);
        }
        let kind = next()?;
        let is_ice_char = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
        if foundation.len() > MAX_FOUNDATION || !foundation.bytes().all(is_ice_char) {
            return Err(CandidateError::Malformed);
        }
        let port = u16::try_from(number(port, u32::from(u16::MAX))?);
        let port = port.map_err(|_| CandidateError::Malformed)?;

        if !transport.eq_ignore_ascii_case("udp") {
            return Err(CandidateError::NotUdp);
        }
        let component = u16::try_from(component)
            .ok()
            .and_then(Component::from_number)
            .ok_or(CandidateError::Component)?;
        let kind = match kind {
            "host" => CandidateType::Host,
            "srflx" => CandidateType::ServerReflexive,
            "prflx" => CandidateType::PeerReflexive,
            "relay" => CandidateType::Relayed,
            _ => return Err(CandidateError::Type),
        };
        let ip: IpAddr = host.parse().map_err(|_| CandidateError::Name)?;
        if port == 0 || !is_reachable(ip) {
            return Err(CandidateError::Unreachable);
        }
        let (related, extensions) = attributes(words);
        Ok(Self {
            foundation: foundation.to_owned(),
            component,
            priority,
            address: SocketAddr::new(ip, port),
            kind,
            related,
            extensions,
        })
    }
}

/// `raddr`, `rport` and extensions: pairs of words, of which a last one alone means nothing.
fn attributes<'a>(
    mut words: impl Iterator<Item = &'a str>,
) -> (Option<SocketAddr>, Vec<(String, String)>) {
    let (mut ip, mut port) = (None::<IpAddr>, None::<u16>);
    let mut extensions = Vec::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        match name {
            "raddr" => ip = value.parse().ok(),
            "rport" => port = value.parse().ok(),
            _ if extensions.len() < MAX_EXTENSIONS => {
                extensions.push((name.to_owned(), value.to_owned()));
            }
            _ => {}
        }
    }
    (ip.zip(port).map(SocketAddr::from), extensions)
}

fn number(word: &str, max: u32) -> Result<u32, CandidateError> {
    let number = word.parse().map_err(|_| CandidateError::Malformed)?;
    let digits = word.bytes().all(|b| b.is_ascii_digit());
    if digits && number <= max {
        Ok(number)
    } else {
        Err(CandidateError::Malformed)
    }
}

/// Whether a packet to `ip` could reach one host somewhere.
fn is_reachable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast()),
        // A link-local address needs the peer's interface, which is not told.
        IpAddr::V6(ip) => {
            let mapped = ip.to_ipv4_mapped().is_some();
            !(ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() || mapped)
        }
    }
}

impl fmt::Display for Candidate {
    /// The line as it follows `a=candidate:`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} udp {} {} {} typ {}",
            self.foundation,
            self.component.number(),
            self.priority,
            self.address.ip(),
            self.address.port(),
            self.kind.name(),
        )?;
        if let Some(related) = self.related {
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        for (name, value) in &self.extensions {
            write!(f, " {name} {value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_kinds_are_read_and_written_as_they_were() {
        let lines = [
            "1 1 udp 2130706431 192.0.2.1 4000 typ host",
            "842163049 2 udp 1677729534 198.51.100.7 4001 typ srflx raddr 10.0.0.2 rport 4001 generation 0",
            "Ab+/ 1 udp 1 2001:db8::1 65535 typ prflx raddr 2001:db8::2 rport 9 ufrag xY network-cost 10",
            "3 1 udp 16777215 203.0.113.5 50000 typ relay raddr 0.0.0.0 rport 9",
        ];
        for line in lines {
            let candidate = Candidate::parse(line).unwrap();
            assert_eq!(candidate.to_string(), line);
        }
        let spoken = Candidate::parse("a=candidate:1 1 UDP 5 192.0.2.1 4000 typ host odd").unwrap();
        assert_eq!(spoken.to_string(), "1 1 udp 5 192.0.2.1 4000 typ host");
    }

    #[test]
    fn what_is_of_no_use_says_why() {
        let cases = [
            (
                "1 1 tcp 5 192.0.2.1 9 typ host tcptype active",
                CandidateError::NotUdp,
            ),
            (
                "1 1 udp 5 0f2f7b0e-2d2a-4c2e-9d7e-5f1b1c2d3e4f.local 4000 typ host",
                CandidateError::Name,
            ),
            (
                "1 3 udp 5 192.0.2.1 4000 typ host",
                CandidateError::Component,
            ),
            ("1 1 udp 5 192.0.2.1 4000 typ token", CandidateError::Type),
            (
                "1 1 udp 5 0.0.0.0 4000 typ host",
                CandidateError::Unreachable,
            ),
            (
                "1 1 udp 5 192.0.2.1 0 typ host",
                CandidateError::Unreachable,
            ),
            (
                "1 1 udp 5 fe80::1 4000 typ host",
                CandidateError::Unreachable,
            ),
            (
                "1 1 udp 5 192.0.2.1 70000 typ host",
                CandidateError::Malformed,
            ),
            (
                "1 1 udp 2147483648 192.0.2.1 4000 typ host",
                CandidateError::Malformed,
            ),
            (
                "1 1 udp +5 192.0.2.1 4000 typ host",
                CandidateError::Malformed,
            ),
            ("1 1 udp 5 192.0.2.1 4000", CandidateError::Malformed),
            (
                "é 1 udp 5 192.0.2.1 4000 typ host",
                CandidateError::Malformed,
            ),
            ("", CandidateError::Malformed),
        ];
        for (line, why) in cases {
            assert_eq!(Candidate::parse(line), Err(why), "{line}");
        }
        let endless = format!("1 1 udp 5 192.0.2.1 4000 typ host {}", "a b ".repeat(200));
        assert_eq!(Candidate::parse(&endless), Err(CandidateError::TooLong));
    }
}
