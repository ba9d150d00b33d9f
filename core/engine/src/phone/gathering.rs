//! The addresses of this side, found before a call's description is made.
//!
//! ```text
//!   sockets open ──► Names ──► Addresses ──► Nothing: the description is made
//!                 (no server known yet)  └──► Relay ──► (none came) the call ends
//!                                     (always relayed, and none was quick)
//! ```
//!
//! It begins when a call is placed, or comes in, and then concerns the account's own servers alone: they learn that
//! somebody calls, and whoever calls learns nothing. The description of this side leaves in the answer to an INVITE, never in a
//! provisional response, and not one check is sent before it is made: until somebody accepts, a caller learns no
//! address that media is received at, nor hears from one.

use std::time::{Duration, Instant};

use tandem_call::LegEvent;
use tandem_media::gather::DEFAULT_DEADLINE;
use tandem_sip::message::StatusCode;
use tandem_types::media::{MediaSecurity, StreamKind};
use tandem_types::{EndReason, MediaDescription, MediaKind};

use super::active::{ActiveCall, Waiting};
use super::desk::Desk;

/// How much longer a call that needs a relay waits for the first: over TLS, a slow network takes seconds.
const RELAY_PATIENCE: Duration = Duration::from_secs(4);

/// What a call's description waits for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Gathering {
    #[default]
    Nothing,
    /// Where the servers are.
    Names { until: Instant },
    /// What they say.
    Addresses,
    /// Any relay at all.
    Relay { until: Instant },
}

impl Gathering {
    pub(super) const fn poll_timeout(self) -> Option<Instant> {
        match self {
            Self::Nothing | Self::Addresses => None,
            Self::Names { until } | Self::Relay { until } => Some(until),
        }
    }
}

impl ActiveCall {
    /// Looks for the addresses to tell, where ICE is likely to be of use: a peer that offers it, an account that
    /// asks for encryption or names servers, and always where all goes through a relay.
    pub(super) fn begin_gathering(&mut self, now: Instant, desk: &mut Desk) {
        let always = desk.is_relayed_always(self.account);
        let servers = desk.servers(self.account);
        let wanted = match (&self.their_offer, desk.media_security(self.account)) {
            (Some(offer), _) => always || offers_ice(offer),
            (None, MediaSecurity::Required | MediaSecurity::Preferred) => true,
            (None, MediaSecurity::PlainAllowed) => {
                servers.is_some_and(super::servers::Servers::want_ice)
            }
        };
        if wanted {
            self.gather_addresses(now, desk);
        }
    }

    /// Looks for them, whatever the account asks for. Once in a call.
    pub(super) fn gather_addresses(&mut self, now: Instant, desk: &mut Desk) {
        desk.ask_for_servers(Some(now), self.account);
        let until = now + DEFAULT_DEADLINE;
        self.way.gathering = Gathering::Names { until };
        self.gather_if_found(now, desk);
    }

    pub(super) const fn is_gathering(&self) -> bool {
        match self.way.gathering {
            Gathering::Nothing => false,
            Gathering::Names { .. } | Gathering::Addresses | Gathering::Relay { .. } => true,
        }
    }

    pub(super) const fn awaits_servers(&self) -> bool {
        match self.way.gathering {
            Gathering::Names { .. } => true,
            Gathering::Nothing | Gathering::Addresses | Gathering::Relay { .. } => false,
        }
    }

    /// Begins once the servers are known.
    pub(super) fn gather_if_found(&mut self, now: Instant, desk: &mut Desk) {
        self.gather(now, true, desk);
    }

    fn gather(&mut self, now: Instant, waits: bool, desk: &mut Desk) {
        let Some(config) = desk.gather_config(self.account, waits) else {
            return;
        };
        let Some(media) = self
            .media
            .as_mut()
            .filter(|_| self.way.gathering != Gathering::Addresses)
        else {
            return;
        };
        self.way.gathering = Gathering::Addresses;
        if let Err(error) = media.gather(now, config, (desk.entropy)()) {
            tracing::warn!(call = %self.id(), %error, "the call goes without ICE");
            self.note_gathered(now, desk);
        }
    }

    /// Waited long enough.
    pub(super) fn check_gathering(&mut self, now: Instant, desk: &mut Desk) {
        match self.way.gathering {
            Gathering::Names { until } if until <= now => self.gather(now, false, desk),
            Gathering::Relay { until } if until <= now => self.end_without_relay(now, desk),
            Gathering::Nothing
            | Gathering::Names { .. }
            | Gathering::Addresses
            | Gathering::Relay { .. } => {}
        }
    }

    /// Every server has answered, or was given up.
    pub(super) fn note_gathered(&mut self, now: Instant, desk: &mut Desk) {
        let lacks_relay = self.lacks_relay(desk);
        match self.way.gathering {
            Gathering::Addresses if lacks_relay => {
                let until = now + RELAY_PATIENCE;
                self.way.gathering = Gathering::Relay { until };
            }
            Gathering::Addresses => {
                self.way.gathering = Gathering::Nothing;
                self.go_on(now, desk);
            }
            Gathering::Nothing | Gathering::Names { .. } | Gathering::Relay { .. } => {}
        }
    }

    /// One more address: maybe the one that was waited for.
    pub(super) fn note_candidate(&mut self, now: Instant, desk: &mut Desk) {
        let lacks_relay = self.lacks_relay(desk);
        match self.way.gathering {
            Gathering::Relay { .. } if !lacks_relay => {
                self.way.gathering = Gathering::Nothing;
                self.go_on(now, desk);
            }
            Gathering::Nothing
            | Gathering::Names { .. }
            | Gathering::Addresses
            | Gathering::Relay { .. } => {}
        }
    }

    /// Whether there is no address that may be told.
    fn lacks_relay(&mut self, desk: &Desk) -> bool {
        desk.is_relayed_always(self.account) && self.local_transport().is_none()
    }

    /// No address of this side has left so far, and none will.
    fn end_without_relay(&mut self, now: Instant, desk: &mut Desk) {
        tracing::warn!(call = %self.id(), "no TURN server relays this call");
        let reason = EndReason::NoRelay;
        self.way.gathering = Gathering::Nothing;
        self.waiting = Waiting::Nothing;
        self.verdict = Some(reason);
        if self.session.is_some() {
            // Another device of the account may have a relay.
            let status = StatusCode::TEMPORARILY_UNAVAILABLE;
            let _ = self.with_agent(desk, |agent, session| agent.reject(now, session, status));
        } else {
            self.leg_event(now, LegEvent::Ended { reason });
        }
    }
}

/// Whether the audio that would be answered comes with ICE.
fn offers_ice(offer: &MediaDescription) -> bool {
    offer.streams.iter().any(|stream| {
        let transport = stream.transport.as_ref();
        stream.kind == StreamKind::Known(MediaKind::Audio)
            && transport.is_some_and(|transport| transport.ice.is_some())
    })
}
