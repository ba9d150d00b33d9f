//! An account as the app gives it, and its agent.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tandem_sip::agent::{
    AgentConfig, Incoming, LargeRequests, LocalAddresses, SessionId, UserAgent,
};
use tandem_sip::digest::Credentials;
use tandem_sip::locate::TransportChoice;
use tandem_sip::message::{Host, NameAddr, SipUri, Uri};
use tandem_sip::transaction::TransportKind;
use tandem_types::media::MediaSecurity;
use tandem_types::{Address, CallId, Pii};

use super::ice::{IceConfig, IceServerError, RelayUse, Server};
use super::servers::Servers;
use crate::AccountState;

/// Registration lifetime to ask for.
const EXPIRES: Duration = Duration::from_secs(300);

/// A SIP account, or a bare address to call from without any server.
#[derive(Clone, Debug)]
pub struct SipAccount {
    /// Own address, `sip:alice@example.org`.
    pub address: Pii<String>,
    /// Name shown to whom is called.
    pub display_name: Option<Pii<String>>,
    /// `HOST` or `HOST:PORT` to register at. `None`: no server, calls go straight to their address.
    pub registrar: Option<Pii<String>>,
    /// Name to sign in with; `None`: the user part of the address.
    pub user: Option<Pii<String>>,
    /// Password; `None` gives up when the server asks for one.
    pub password: Option<Pii<String>>,
    /// How to reach the server. With TLS alone nothing ever leaves in the clear, nor is anything in the clear
    /// taken in.
    pub transport: TransportChoice,
    /// Own address; `None`: the one that leads to the server, and any free port.
    pub bind: Option<SocketAddr>,
    /// Registration lifetime to ask for.
    pub expires: Duration,
    /// What it asks of the protection of its calls' media.
    pub media_security: MediaSecurity,
    /// STUN and TURN servers of its calls.
    pub ice: IceConfig,
}

impl SipAccount {
    /// What [`SipAccount::media_security`] is where nobody says otherwise: encrypted with everybody who can, and a
    /// far end that cannot is called once more in plain without ringing twice, since it refuses before it rings.
    pub const MEDIA_SECURITY: MediaSecurity = MediaSecurity::Preferred;

    /// An account at the server its address names; `alice@example.org` is `sip:alice@example.org`.
    pub fn new(address: &str, password: Option<String>) -> Self {
        let address = match address.trim() {
            bare if !bare.contains(':') => format!("sip:{bare}"),
            whole => whole.to_owned(),
        };
        let host = address.rsplit_once('@').map_or("", |(_, host)| host);
        // Parameters of the address are none of the server's name.
        let host = host.split([';', '?']).next().unwrap_or_default();
        Self {
            registrar: Some(Pii::new(host.to_owned())),
            address: Pii::new(address),
            display_name: None,
            user: None,
            password: password.map(Pii::new),
            transport: TransportChoice::Automatic,
            bind: None,
            expires: EXPIRES,
            media_security: Self::MEDIA_SECURITY,
            ice: IceConfig::default(),
        }
    }

    /// The server, as a URI.
    pub(crate) fn server(&self) -> Result<Option<Uri>, AccountError> {
        let Some(server) = &self.registrar else {
            return Ok(None);
        };
        let uri: Uri = format!("sip:{}", server.reveal())
            .parse()
            .map_err(|_| AccountError::BadRegistrar)?;
        Ok(Some(uri))
    }

    /// How to reach the server: `sips:` of the own address leaves no choice.
    pub(crate) fn choice(&self) -> TransportChoice {
        let address = self.address.reveal().trim_start();
        let secure = address
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("sips:"));
        if secure {
            TransportKind::Tls.into()
        } else {
            self.transport
        }
    }

    /// Whether there is a server to sign in at.
    pub const fn signs_in(&self) -> bool {
        self.registrar.is_some()
    }

    /// Whether it can be used as given, as far as its texts tell: the address first, then the server, then the
    /// STUN and TURN servers.
    ///
    /// # Errors
    /// What is wrong with the first that is wrong.
    pub fn check(&self) -> Result<(), AccountError> {
        self.address_of_record()?;
        self.server()?;
        self.ice_servers().map(|_| ())
    }

    /// Its STUN and TURN servers, read.
    pub(super) fn ice_servers(&self) -> Result<Vec<Server>, AccountError> {
        let bad = |(index, why)| AccountError::BadIceServer { index, why };
        self.ice.read().map_err(bad)
    }

    fn address_of_record(&self) -> Result<(Uri, SipUri), AccountError> {
        let text = self.address.reveal();
        // Also what the call log can read back.
        let kept = text.parse::<Address>().is_ok();
        let uri: Uri = text.parse().map_err(|_| AccountError::BadAddress)?;
        let Uri::Sip(parts) = &uri else {
            return Err(AccountError::BadAddress);
        };
        if !kept || (self.signs_in() && parts.user_text().is_none()) {
            return Err(AccountError::BadAddress);
        }
        let parts = parts.clone();
        Ok((uri, parts))
    }

    /// A direct account at `bind`: it can be called there, and calls without a server.
    pub fn direct(bind: SocketAddr, transport: impl Into<TransportChoice>) -> Self {
        Self {
            address: Pii::new(format!("sip:tandem@{}", Host::from(bind.ip()))),
            display_name: None,
            registrar: None,
            user: None,
            password: None,
            transport: transport.into(),
            bind: Some(bind),
            expires: EXPIRES,
            media_security: Self::MEDIA_SECURITY,
            ice: IceConfig::default(),
        }
    }
}

/// The port of a SIP address that names none (RFC 3261 §19.1.2).
const SIP_PORT: u16 = 5060;

/// Why an account cannot be used as given.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AccountError {
    /// The address is no SIP address with a host.
    #[error("the account needs an address such as sip:alice@example.org")]
    BadAddress,
    /// There is an account with this address already.
    #[error("there is an account with this address already")]
    Exists,
    /// The server is no host name or address.
    #[error("the registrar must be HOST or HOST:PORT")]
    BadRegistrar,
    /// A STUN or TURN server cannot be asked as it is named.
    #[error("STUN or TURN server {}: {why}", index.saturating_add(1))]
    BadIceServer {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        why: IceServerError,
    },
}

/// An account at work.
pub(super) struct Slot {
    pub(super) agent: UserAgent,
    /// What the agent was made with, for another one if it breaks.
    pub(super) config: AgentConfig,
    /// How often it broke.
    pub(super) faults: u8,
    pub(super) sessions: BTreeMap<SessionId, CallId>,
    pub(super) state: AccountState,
    /// As a screen shows it.
    pub(super) address: Pii<String>,
    /// The server part of the account, for targets that name none; `None` where there is no server.
    pub(super) domain: Option<String>,
    /// What it asks of its calls' media.
    pub(super) media_security: MediaSecurity,
    /// Its STUN and TURN servers.
    pub(super) servers: Servers,
}

impl Slot {
    /// Whether there is a server to sign in at.
    pub(super) const fn signs_in(&self) -> bool {
        self.domain.is_some()
    }

    /// Its state while nobody asks it to sign in: without a server it can be called all the same.
    pub(super) const fn resting_state(&self) -> AccountState {
        if self.signs_in() {
            AccountState::Offline
        } else {
            AccountState::Listening
        }
    }

    /// Who calls. What is asserted (RFC 3325) counts only where a server could have asserted it.
    pub(super) fn caller<'a>(&self, incoming: &'a Incoming) -> &'a NameAddr {
        let asserted = incoming.asserted.as_ref().filter(|_| self.domain.is_some());
        asserted.unwrap_or(&incoming.from).reveal()
    }
}

/// The agent's view of `account`.
pub(super) fn agent_config(
    account: &SipAccount,
    local: LocalAddresses,
    user_agent: &str,
    instance_id: &str,
) -> Result<(AgentConfig, Option<String>), AccountError> {
    let (aor, parts) = account.address_of_record()?;
    let domain = account.registrar.as_ref().map(|_| match parts.port() {
        Some(port) => format!("{}:{port}", parts.host()),
        None => parts.host().to_string(),
    });
    let user = match &account.user {
        Some(user) => user.reveal().clone(),
        None => parts.user_text().map(String::from).unwrap_or_default(),
    };
    let registrar = account.server()?;
    let aor = match domain {
        Some(_) => aor,
        None => Uri::Sip(reachable(parts, local)),
    };
    let mut config = AgentConfig::new(aor, account.choice(), local);
    config.display_name = account
        .display_name
        .as_ref()
        .map(|name| name.reveal().clone());
    config.credentials = account
        .password
        .as_ref()
        .map(|password| Credentials::new(user, password.reveal().clone()));
    config.registrar = registrar;
    config.instance_id = instance_id.to_owned();
    config.user_agent = user_agent.to_owned();
    config.expires = account.expires;
    config.large_requests = LargeRequests::UseTcp;
    config.hides_origin = account.ice.relay == RelayUse::Always;
    Ok((config, domain))
}

/// The address of somebody without a server: who was called by it must be able to call back, so it says where
/// the sockets are.
fn reachable(address: SipUri, local: LocalAddresses) -> SipUri {
    let (Some(at), Some(named)) = (local.udp.or(local.tcp), address.host().ip()) else {
        return address;
    };
    let is_own = named.is_unspecified() || named == at.ip();
    if !is_own || address.port().is_some() {
        return address;
    }
    let port = (at.port() != SIP_PORT).then_some(at.port());
    address.with_host(at.ip().into()).with_port(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aor(bind: &str, local: &str) -> String {
        let account = SipAccount::direct(bind.parse().unwrap(), TransportKind::Udp);
        let local = LocalAddresses {
            udp: Some(local.parse().unwrap()),
            ..LocalAddresses::default()
        };
        let (config, _) = agent_config(&account, local, "", "").unwrap();
        config.aor.to_string()
    }

    #[test]
    fn who_has_no_server_can_be_called_back() {
        assert_eq!(
            aor("0.0.0.0:0", "192.0.2.7:40000"),
            "sip:tandem@192.0.2.7:40000"
        );
        assert_eq!(
            aor("192.0.2.7:5060", "192.0.2.7:5060"),
            "sip:tandem@192.0.2.7"
        );
        assert_eq!(aor("[::]:0", "[::1]:5070"), "sip:tandem@[::1]:5070");
    }
}
