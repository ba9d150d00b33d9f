//! The URLs of STUN and TURN servers (RFC 7064, RFC 7065).

use std::str::FromStr;

use tandem_sip::message::Host;
use thiserror::Error;

/// Where such servers listen, and where over TLS (RFC 8489 §18.6).
const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;

/// Where a server is, and what it does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct IceUrl {
    pub(super) host: Host,
    /// `None`: its SRV records say, or it is the usual one.
    pub(super) port: Option<u16>,
    pub(super) purpose: Purpose,
}

/// What it does, and how it is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    /// Over UDP: only that shows where a socket is seen.
    Stun,
    Turn(TurnTransport),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TurnTransport {
    Udp,
    Tcp,
    Tls,
}

/// What is wrong with the URL of a server.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum IceUrlError {
    /// Neither `stun:`, `turn:` nor `turns:`.
    #[error("the URL must begin with stun:, turn: or turns:")]
    Scheme,
    /// `stuns:`. Over a stream no server sees where a call's packets come from.
    #[error("a STUN server is asked over UDP: stun:, not stuns:")]
    StunOverTls,
    /// No host name, IPv4 address or IPv6 address in brackets after the colon. `stun://` has none.
    #[error("the URL needs a host right after the colon, such as turn:turn.example.org:3478")]
    Host,
    /// Not from 1 to 65535.
    #[error("the port in the URL must be a number from 1 to 65535")]
    Port,
    /// Something after `?` that is not known here; a STUN server's URL has nothing there.
    #[error("all that may follow ? in the URL is transport=, and only of a TURN server")]
    Parameter,
    /// A transport other than `udp` and `tcp`.
    #[error("the transport in the URL must be udp or tcp")]
    Transport,
    /// `turns:` over UDP, which would be DTLS.
    #[error("turns: goes over TCP")]
    TurnOverDtls,
}

impl IceUrl {
    /// Its port, where no SRV record says otherwise.
    pub(super) fn usual_port(&self) -> u16 {
        self.port.unwrap_or(match self.purpose {
            Purpose::Stun | Purpose::Turn(TurnTransport::Udp | TurnTransport::Tcp) => PORT,
            Purpose::Turn(TurnTransport::Tls) => TLS_PORT,
        })
    }

    /// Whose SRV records say where it is (RFC 8489 §8.1, RFC 8656 §6); `None` where nobody has to be asked.
    pub(super) fn service(&self) -> Option<String> {
        let Host::Name(name) = &self.host else {
            return None;
        };
        let prefix = match self.purpose {
            Purpose::Stun => "_stun._udp",
            Purpose::Turn(TurnTransport::Udp) => "_turn._udp",
            Purpose::Turn(TurnTransport::Tcp) => "_turn._tcp",
            Purpose::Turn(TurnTransport::Tls) => "_turns._tcp",
        };
        let name = name.trim_end_matches('.');
        self.port.is_none().then(|| format!("{prefix}.{name}"))
    }

    /// What its certificate has to name: the host of the URL, whatever records led to.
    pub(super) fn tls_name(&self) -> String {
        match &self.host {
            Host::Name(name) => name.trim_end_matches('.').to_ascii_lowercase(),
            Host::V4(ip) => ip.to_string(),
            Host::V6(ip) => ip.to_string(),
        }
    }
}

impl FromStr for IceUrl {
    type Err = IceUrlError;

    fn from_str(text: &str) -> Result<Self, IceUrlError> {
        let (scheme, rest) = text.trim().split_once(':').ok_or(IceUrlError::Scheme)?;
        let (place, query) = match rest.split_once('?') {
            Some((place, query)) => (place, Some(query)),
            None => (rest, None),
        };
        let purpose = match (scheme.to_ascii_lowercase().as_str(), query) {
            ("stun", None) => Purpose::Stun,
            ("stun", Some(_)) => return Err(IceUrlError::Parameter),
            ("stuns", _) => return Err(IceUrlError::StunOverTls),
            ("turn", None) => Purpose::Turn(TurnTransport::Udp),
            ("turn", Some(query)) => Purpose::Turn(transport(query)?),
            ("turns", None) => Purpose::Turn(TurnTransport::Tls),
            ("turns", Some(query)) => match transport(query)? {
                TurnTransport::Tcp | TurnTransport::Tls => Purpose::Turn(TurnTransport::Tls),
                TurnTransport::Udp => return Err(IceUrlError::TurnOverDtls),
            },
            _ => return Err(IceUrlError::Scheme),
        };
        // The last colon, unless it is inside the brackets of an IPv6 address.
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (place, None),
        };
        Ok(Self {
            host: host.parse().map_err(|_| IceUrlError::Host)?,
            port: port.map(port_of).transpose()?,
            purpose,
        })
    }
}

fn transport(query: &str) -> Result<TurnTransport, IceUrlError> {
    let (name, value) = query.split_once('=').ok_or(IceUrlError::Parameter)?;
    if !name.eq_ignore_ascii_case("transport") || value.contains('&') {
        return Err(IceUrlError::Parameter);
    }
    match value.to_ascii_lowercase().as_str() {
        "udp" => Ok(TurnTransport::Udp),
        "tcp" => Ok(TurnTransport::Tcp),
        _ => Err(IceUrlError::Transport),
    }
}

fn port_of(text: &str) -> Result<u16, IceUrlError> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let port = text.parse().ok().filter(|port| *port != 0 && digits);
    port.ok_or(IceUrlError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, u16, Purpose) {
        let url: IceUrl = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
        (url.host.to_string(), url.usual_port(), url.purpose)
    }

    fn refused(text: &str) -> IceUrlError {
        match text.parse::<IceUrl>() {
            Ok(url) => panic!("{text} is taken for {url:?}"),
            Err(why) => why,
        }
    }

    #[test]
    fn the_forms_of_the_standards_are_read() {
        use Purpose::{Stun, Turn};
        use TurnTransport::{Tcp, Tls, Udp};
        for (text, host, port, purpose) in [
            ("stun:example.org", "example.org", 3478, Stun),
            ("stun:example.org:8000", "example.org", 8000, Stun),
            ("STUN:192.0.2.5", "192.0.2.5", 3478, Stun),
            ("stun:[2001:db8::5]", "[2001:db8::5]", 3478, Stun),
            ("stun:[2001:db8::5]:1", "[2001:db8::5]", 1, Stun),
            ("turn:example.org", "example.org", 3478, Turn(Udp)),
            (
                "turn:example.org?transport=udp",
                "example.org",
                3478,
                Turn(Udp),
            ),
            (
                "turn:example.org:8000?transport=TCP",
                "example.org",
                8000,
                Turn(Tcp),
            ),
            ("turn:[::1]:8000?transport=tcp", "[::1]", 8000, Turn(Tcp)),
            ("turns:example.org", "example.org", 5349, Turn(Tls)),
            (
                "turns:example.org:443?transport=tcp",
                "example.org",
                443,
                Turn(Tls),
            ),
        ] {
            assert_eq!(read(text), (host.to_owned(), port, purpose), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        use IceUrlError::*;
        for (text, why) in [
            ("example.org:3478", Scheme),
            ("", Scheme),
            ("example.org", Scheme),
            ("stuns:example.org", StunOverTls),
            ("stun:", Host),
            ("stun://example.org", Host),
            ("turn:alice@example.org", Host),
            ("turn:2001:db8::5", Host),
            ("turn:[2001:db8::5", Host),
            ("turn:[example.org]", Host),
            ("turn:example org", Host),
            ("turn:example.org:", Port),
            ("turn:example.org:0", Port),
            ("turn:example.org:65536", Port),
            ("turn:example.org:+80", Port),
            ("stun:example.org?transport=udp", Parameter),
            ("turn:example.org?", Parameter),
            ("turn:example.org?ttl=1", Parameter),
            ("turn:example.org?transport=udp&ttl=1", Parameter),
            ("turn:example.org?transport=", Transport),
            ("turn:example.org?transport=sctp", Transport),
            ("turns:example.org?transport=udp", TurnOverDtls),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
    }

    #[test]
    fn records_are_asked_only_of_a_name_without_a_port() {
        let service = |text: &str| text.parse::<IceUrl>().unwrap().service();
        assert_eq!(
            service("stun:example.org").as_deref(),
            Some("_stun._udp.example.org")
        );
        assert_eq!(
            service("turn:example.org.?transport=tcp").as_deref(),
            Some("_turn._tcp.example.org")
        );
        assert_eq!(
            service("turns:example.org").as_deref(),
            Some("_turns._tcp.example.org")
        );
        assert_eq!(service("turn:example.org:3478"), None);
        assert_eq!(service("turn:192.0.2.5"), None);
    }
}
