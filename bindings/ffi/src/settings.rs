//! An account as a person, or the app's maker, fills it in.

use std::net::{IpAddr, SocketAddr};

use tandem_engine::phone::{
    IceConfig as EngineIce, IceServer as EngineServer, RelayUse as EngineRelay, SipAccount,
};
use tandem_engine::{TransportChoice, TransportKind};
use tandem_types::Pii;
use tandem_types::media::MediaSecurity as EngineSecurity;

use crate::error::AccountError;

/// How to reach a server.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, uniffi::Enum)]
pub enum Transport {
    /// What the server's domain says, encrypted if it offers that; UDP if it says nothing.
    #[default]
    Automatic,
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS, and never anything else: nothing is sent, nor taken in, in the clear.
    Tls,
}

impl From<Transport> for TransportChoice {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Automatic => Self::Automatic,
            Transport::Udp => TransportKind::Udp.into(),
            Transport::Tcp => TransportKind::Tcp.into(),
            Transport::Tls => TransportKind::Tls.into(),
        }
    }
}

/// What an account asks of the protection of its calls' sound.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum MediaSecurity {
    /// No call without: neither placed nor taken.
    Required,
    /// Encrypted wherever the far end can.
    Preferred,
    /// Plain is offered; what the far end wants encrypted is.
    PlainAllowed,
}

impl From<MediaSecurity> for EngineSecurity {
    fn from(security: MediaSecurity) -> Self {
        match security {
            MediaSecurity::Required => Self::Required,
            MediaSecurity::Preferred => Self::Preferred,
            MediaSecurity::PlainAllowed => Self::PlainAllowed,
        }
    }
}

/// When calls go through a TURN server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum RelayUse {
    /// Where nothing shorter is found.
    WhenNeeded,
    /// Always: the far end learns no address of this device. Where no server relays, there is no call.
    Always,
}

impl From<RelayUse> for EngineRelay {
    fn from(relay: RelayUse) -> Self {
        match relay {
            RelayUse::WhenNeeded => Self::WhenNeeded,
            RelayUse::Always => Self::Always,
        }
    }
}

/// A STUN or TURN server.
#[derive(Clone, uniffi::Record)]
pub struct IceServer {
    /// `stun:HOST[:PORT]`, `turn:HOST[:PORT][?transport=udp|tcp]` or `turns:HOST[:PORT]`.
    pub url: String,
    /// Who to be to a TURN server.
    #[uniffi(default = None)]
    pub username: Option<String>,
    /// The password that goes with it.
    #[uniffi(default = None)]
    pub password: Option<String>,
}

impl From<IceServer> for EngineServer {
    fn from(server: IceServer) -> Self {
        Self {
            url: Pii::new(server.url),
            username: server.username.map(Pii::new),
            password: server.password.map(Pii::new),
        }
    }
}

/// How an account's calls find their way, and what a far end may learn of this device's addresses.
#[derive(Clone, uniffi::Record)]
pub struct IceConfig {
    /// STUN and TURN servers, best first.
    pub servers: Vec<IceServer>,
    /// When calls go through a TURN server.
    pub relay: RelayUse,
}

impl From<IceConfig> for EngineIce {
    fn from(ice: IceConfig) -> Self {
        Self {
            servers: ice.servers.into_iter().map(EngineServer::from).collect(),
            relay: ice.relay.into(),
        }
    }
}

/// A SIP account, as a person fills it in.
#[derive(Clone, uniffi::Record)]
pub struct SipSettings {
    /// Own address: `alice@example.org`, with or without `sip:`.
    pub address: String,
    /// Password; without one, a server that asks for it refuses.
    #[uniffi(default = None)]
    pub password: Option<String>,
    /// `HOST` or `HOST:PORT` to sign in at; the server of the address if there is none.
    #[uniffi(default = None)]
    pub server: Option<String>,
    /// Name to sign in with; the user part of the address if there is none.
    #[uniffi(default = None)]
    pub user: Option<String>,
    /// Name shown to whom is called.
    #[uniffi(default = None)]
    pub display_name: Option<String>,
    /// How to reach the server; automatic if nothing is said.
    #[uniffi(default = None)]
    pub transport: Option<Transport>,
    /// `IP` or `IP:PORT` of this device to use; the one that leads to the server if there is none.
    #[uniffi(default = None)]
    pub local_address: Option<String>,
    /// What to ask of the protection of calls; preferred if nothing is said.
    #[uniffi(default = None)]
    pub media_security: Option<MediaSecurity>,
    /// STUN and TURN servers; none if nothing is said.
    #[uniffi(default = None)]
    pub ice: Option<IceConfig>,
}

impl SipSettings {
    pub(crate) fn into_account(self) -> Result<SipAccount, AccountError> {
        let mut account = SipAccount::new(&self.address, self.password);
        if let Some(server) = &self.server {
            account = account.with_server(server)?;
        }
        account.user = self.user.map(Pii::new);
        account.display_name = self.display_name.map(Pii::new);
        account.transport = self.transport.unwrap_or_default().into();
        account.bind = self.local_address.as_deref().map(local).transpose()?;
        Ok(protected(account, self.media_security, self.ice))
    }
}

/// An account without a server: it can be called at its own address, and calls addresses directly.
#[derive(Clone, uniffi::Record)]
pub struct DirectSettings {
    /// `IP` or `IP:PORT` of this device.
    pub local_address: String,
    /// How to call others; automatic, which is UDP here, if nothing is said. It is called over UDP and TCP, and with
    /// TLS not at all.
    #[uniffi(default = None)]
    pub transport: Option<Transport>,
    /// What to ask of the protection of calls; preferred if nothing is said.
    #[uniffi(default = None)]
    pub media_security: Option<MediaSecurity>,
    /// STUN and TURN servers; none if nothing is said.
    #[uniffi(default = None)]
    pub ice: Option<IceConfig>,
}

impl DirectSettings {
    pub(crate) fn into_account(self) -> Result<SipAccount, AccountError> {
        let at = local(&self.local_address)?;
        let account = SipAccount::direct(at, self.transport.unwrap_or_default());
        Ok(protected(account, self.media_security, self.ice))
    }
}

/// What is not said stays the engine's choice.
fn protected(
    mut account: SipAccount,
    security: Option<MediaSecurity>,
    ice: Option<IceConfig>,
) -> SipAccount {
    account.media_security = security.map_or(account.media_security, EngineSecurity::from);
    account.ice = ice.map_or(account.ice, EngineIce::from);
    account
}

/// `IP` or `IP:PORT`.
fn local(text: &str) -> Result<SocketAddr, AccountError> {
    let with_port = text.parse::<SocketAddr>();
    let any_port = || text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, 0));
    with_port
        .or_else(|_| any_port())
        .map_err(|_| AccountError::InvalidLocalAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_nothing_gets_what_both_languages_write_down_as_their_default() {
        let account = SipAccount::new("alice@example.org", None);
        assert_eq!(account.media_security, MediaSecurity::Preferred.into());
        assert_eq!(account.transport, Transport::Automatic.into());
        assert_eq!(account.ice.relay, RelayUse::WhenNeeded.into());
        assert!(account.ice.servers.is_empty());
    }
}
