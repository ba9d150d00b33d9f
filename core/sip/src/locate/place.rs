//! What a URI says about where it leads.

use std::fmt;

use crate::message::{Host, Uri};
use crate::transaction::{HopError, TransportKind};

/// Which transports an account may use where a URI names none.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TransportChoice {
    /// What DNS offers, the encrypted one first; datagrams if it says nothing.
    #[default]
    Automatic,
    /// This one and no other.
    Only(TransportKind),
}

impl TransportChoice {
    /// What is used before anything was looked up.
    pub const fn initial(self) -> TransportKind {
        match self {
            Self::Automatic => TransportKind::Udp,
            Self::Only(kind) => kind,
        }
    }

    /// Whether nothing of it is encrypted.
    pub const fn is_plain(self) -> bool {
        match self {
            Self::Automatic => false,
            Self::Only(kind) => !kind.is_secure(),
        }
    }

    /// Whether nothing may go out in the clear.
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Automatic => false,
            Self::Only(kind) => kind.is_secure(),
        }
    }
}

impl From<TransportKind> for TransportChoice {
    fn from(kind: TransportKind) -> Self {
        Self::Only(kind)
    }
}

/// Host, port and transport of a URI: the input of RFC 3263 §4. `Debug` keeps the host to itself.
#[derive(Clone, Eq, PartialEq)]
pub struct Place {
    /// Name or address: `maddr` before the host.
    pub host: Host,
    /// The port, where it is said.
    pub port: Option<u16>,
    /// The transport, where it is said.
    pub transport: Option<TransportKind>,
    /// `sips:`: TLS, whatever else is said.
    pub is_secure: bool,
}

impl Place {
    /// Reads `uri`. `sips:` is TLS, whatever stream its parameter names (RFC 3261 §26.2.2).
    ///
    /// # Errors
    /// [`HopError`] for a URI that is not `sip:`, or asks for a transport this build lacks.
    pub fn of(uri: &Uri) -> Result<Self, HopError> {
        let Uri::Sip(sip) = uri else {
            return Err(HopError::NotSip);
        };
        let is_secure = sip.is_secure();
        let named = match sip.transport() {
            None => None,
            Some(name) => {
                let kind = TransportKind::from_parameter(name);
                Some(kind.ok_or(HopError::UnsupportedTransport)?)
            }
        };
        let transport = match (is_secure, named) {
            (false, named) => named,
            (true, None) => None,
            (true, Some(TransportKind::Tcp | TransportKind::Tls)) => Some(TransportKind::Tls),
            (true, Some(TransportKind::Udp)) => return Err(HopError::UnsupportedTransport),
        };
        Ok(Self {
            host: sip.maddr().unwrap_or_else(|| sip.host().clone()),
            port: sip.port(),
            transport,
            is_secure,
        })
    }

    /// The transports to look for, best first.
    pub(super) fn transports(&self, choice: TransportChoice) -> &'static [TransportKind] {
        const ALL: &[TransportKind] = &[TransportKind::Tls, TransportKind::Tcp, TransportKind::Udp];
        match self.only(choice) {
            None => ALL,
            Some(TransportKind::Udp) => &[TransportKind::Udp],
            Some(TransportKind::Tcp) => &[TransportKind::Tcp],
            Some(TransportKind::Tls) => &[TransportKind::Tls],
        }
    }

    /// The transport where DNS has no say: an address or a port is given, or there is no record.
    pub fn settled(&self, choice: TransportChoice) -> TransportKind {
        self.only(choice).unwrap_or(match self.port {
            // Nobody listens in the clear on the port of TLS.
            Some(TransportKind::TLS_PORT) => TransportKind::Tls,
            Some(_) | None => choice.initial(),
        })
    }

    fn only(&self, choice: TransportChoice) -> Option<TransportKind> {
        match (self.is_secure, self.transport, choice) {
            (true, _, _) => Some(TransportKind::Tls),
            (false, Some(kind), _) | (false, None, TransportChoice::Only(kind)) => Some(kind),
            (false, None, TransportChoice::Automatic) => None,
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({:?} [personal])", self.transport)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(uri: &str) -> Result<TransportKind, HopError> {
        let place = Place::of(&uri.parse().unwrap());
        place.map(|place| place.settled(TransportKind::Udp.into()))
    }

    #[test]
    fn sips_is_tls_and_nothing_less() {
        assert_eq!(settled("sips:example.org"), Ok(TransportKind::Tls));
        let over_tcp = settled("sips:example.org;transport=tcp");
        assert_eq!(over_tcp, Ok(TransportKind::Tls));
        let datagrams = settled("sips:example.org;transport=udp");
        assert_eq!(datagrams, Err(HopError::UnsupportedTransport));
    }

    #[test]
    fn a_parameter_decides_and_its_absence_leaves_the_choice() {
        assert_eq!(settled("sip:example.org"), Ok(TransportKind::Udp));
        let tls = settled("sip:example.org;transport=TLS");
        assert_eq!(tls, Ok(TransportKind::Tls));
        assert!(settled("sip:example.org;transport=ws").is_err());
        assert_eq!(settled("tel:+4930123"), Err(HopError::NotSip));
    }
}
