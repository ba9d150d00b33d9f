//! The STUN and TURN servers an account names, and what its calls may show of this device's addresses.

use tandem_types::Pii;
use thiserror::Error;

use super::ice_url::{IceUrl, IceUrlError, Purpose};

/// Servers of one account. Each is asked from every address of the device, for as long as a call waits to be
/// dialled.
pub const MAX_ICE_SERVERS: usize = 8;
/// A USERNAME is shorter than 509 bytes (RFC 8489 §14.3); a password of any use is as well.
const MAX_CREDENTIAL: usize = 508;

/// STUN and TURN servers of an account's calls, and what a far end may learn of this device's addresses.
///
/// An account that names a server, or is always relayed, does ICE in every call, whatever it asks of encryption.
#[derive(Clone, Debug, Default)]
pub struct IceConfig {
    /// The servers, best first.
    pub servers: Vec<IceServer>,
    /// When calls go through a TURN server.
    pub relay: RelayUse,
}

/// A STUN or TURN server.
#[derive(Clone, Debug)]
pub struct IceServer {
    /// `stun:HOST[:PORT]`, `turn:HOST[:PORT][?transport=udp|tcp]`, `turns:HOST[:PORT][?transport=tcp]` (RFC 7064,
    /// RFC 7065). Without a port the host's SRV records say where it is (RFC 8489 §8.1, RFC 8656 §6), else it is
    /// 3478, and 5349 over TLS. A TURN server without a transport is asked over UDP, or TLS.
    pub url: Pii<String>,
    /// Who we are to a TURN server. A STUN server asks nobody.
    pub username: Option<Pii<String>>,
    /// The password that goes with it.
    pub password: Option<Pii<String>>,
}

/// When calls go through a TURN server.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum RelayUse {
    /// Where nothing shorter is found.
    #[default]
    WhenNeeded,
    /// Always: no address of this device in any candidate, nor in what else a far end is told of a call's media,
    /// and no packet of it goes anywhere but to the TURN servers. Where none of them relays, there is no call.
    Always,
}

/// What is wrong with a server.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum IceServerError {
    /// Its URL cannot be used.
    #[error(transparent)]
    Url(#[from] IceUrlError),
    /// A TURN server without a username or a password, or with one too long for the protocol.
    #[error("a TURN server needs a username and a password of 508 bytes at most")]
    Credentials,
    /// One more than [`MAX_ICE_SERVERS`].
    #[error("an account has no more than {MAX_ICE_SERVERS} such servers")]
    TooMany,
}

/// Whom to ask, read and checked.
#[derive(Clone, Debug)]
pub(super) struct Server {
    pub(super) url: IceUrl,
    /// Of a TURN server.
    pub(super) credentials: Option<(Pii<String>, Pii<String>)>,
}

impl IceConfig {
    /// The servers, read.
    ///
    /// # Errors
    /// The first that cannot be used, by its place in the list, and why.
    pub(super) fn read(&self) -> Result<Vec<Server>, (usize, IceServerError)> {
        let servers = self.servers.iter().enumerate();
        servers
            .map(|(at, server)| match at {
                MAX_ICE_SERVERS.. => Err((at, IceServerError::TooMany)),
                _ => server.read().map_err(|why| (at, why)),
            })
            .collect()
    }
}

impl IceServer {
    /// A server that asks for nobody's name.
    pub fn stun(url: &str) -> Self {
        Self {
            url: Pii::new(url.to_owned()),
            username: None,
            password: None,
        }
    }

    /// A server that does.
    pub fn turn(url: &str, username: &str, password: &str) -> Self {
        Self {
            url: Pii::new(url.to_owned()),
            username: Some(Pii::new(username.to_owned())),
            password: Some(Pii::new(password.to_owned())),
        }
    }

    fn read(&self) -> Result<Server, IceServerError> {
        let url: IceUrl = self.url.reveal().parse()?;
        let credentials = match url.purpose {
            Purpose::Stun => None,
            Purpose::Turn(_) => Some(self.credentials().ok_or(IceServerError::Credentials)?),
        };
        Ok(Server { url, credentials })
    }

    fn credentials(&self) -> Option<(Pii<String>, Pii<String>)> {
        let fits = |text: &&Pii<String>| (1..=MAX_CREDENTIAL).contains(&text.reveal().len());
        let username = self.username.as_ref().filter(fits)?;
        let password = self.password.as_ref().filter(fits)?;
        Some((username.clone(), password.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(servers: Vec<IceServer>) -> Option<(usize, IceServerError)> {
        let config = IceConfig {
            servers,
            relay: RelayUse::Always,
        };
        config.read().err()
    }

    #[test]
    fn the_first_server_that_cannot_be_used_is_named() {
        let stun = IceServer::stun("stun:stun.example.org");
        let turn = IceServer::turn("turn:192.0.2.5", "alice", "secret");
        assert_eq!(problem(vec![stun.clone(), turn.clone()]), None);
        let nameless = IceServer::stun("turn:192.0.2.5");
        assert_eq!(
            problem(vec![stun.clone(), nameless]),
            Some((1, IceServerError::Credentials))
        );
        let endless = IceServer::turn("turn:192.0.2.5", &"a".repeat(509), "secret");
        assert_eq!(
            problem(vec![endless, turn]),
            Some((0, IceServerError::Credentials))
        );
        assert_eq!(
            problem(vec![IceServer::stun("http://example.org")]),
            Some((0, IceServerError::Url(IceUrlError::Scheme)))
        );
        assert_eq!(
            problem(vec![stun; MAX_ICE_SERVERS + 1]),
            Some((MAX_ICE_SERVERS, IceServerError::TooMany))
        );
    }
}
