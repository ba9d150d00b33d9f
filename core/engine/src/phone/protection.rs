//! How a call's media is protected: what its account asks for, and the one more try when the far end wants it
//! otherwise.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use tandem_call::LegEvent;
use tandem_media::dtls::Certificate;
use tandem_media::{Capabilities, LocalTransport, NegotiateError, Protection, negotiate, sdes};
use tandem_sip::agent::{EndKind, SessionEnd};
use tandem_types::media::{Direction, Fingerprint, MediaSecurity};
use tandem_types::{AccountId, EndReason, MediaDescription};

use super::active::{ActiveCall, Waiting};
use super::desk::Desk;

impl Desk {
    /// What calls of an account can do, and may.
    pub(super) fn capabilities(&self, account: AccountId) -> Capabilities {
        let mut capabilities = self.config.media.clone();
        if let Some(slot) = self.accounts.get(&account) {
            capabilities.security = slot.media_security;
            // An account that may choose could be on TLS now and, after another look-up, no more.
            capabilities.signalling_is_secure = slot.config.transport.is_secure();
        }
        capabilities
    }

    /// A certificate for one call; `None` where there is to be no DTLS.
    pub(super) fn certificate(&self) -> Option<Certificate> {
        if !self.config.dtls {
            return None;
        }
        Certificate::generate()
            .inspect_err(|error| tracing::error!(%error, "a call goes without DTLS"))
            .ok()
    }

    /// Stands for the transport of a call that has none yet, to see what could be agreed on.
    pub(super) fn any_transport(&mut self) -> LocalTransport {
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let any = || Fingerprint {
            hash: "sha-256".to_owned(),
            bytes: vec![0; 32],
        };
        LocalTransport {
            fingerprint: self.config.dtls.then(any),
            sdes: sdes::offer(&mut *(self.entropy)()),
            ..LocalTransport::plain(nowhere, nowhere)
        }
    }

    pub(super) fn media_security(&self, account: AccountId) -> MediaSecurity {
        self.accounts
            .get(&account)
            .map_or_else(MediaSecurity::default, |slot| slot.media_security)
    }
}

impl ActiveCall {
    /// What this call brings along for its media.
    pub(super) fn local_transport(&mut self) -> Option<LocalTransport> {
        self.media.as_mut()?.local_transport()
    }

    /// The first offer of this call, as its account wants it. The error is for the screen: this side has not
    /// what the account asks for.
    pub(super) fn first_offer(&mut self, desk: &Desk) -> Result<MediaDescription, EndReason> {
        let local = self.local_transport().ok_or(super::COULD_NOT_BEGIN)?;
        let capabilities = desk.capabilities(self.account);
        self.protections = negotiate::protections(&capabilities, &local).into();
        let protection = self
            .protections
            .pop_front()
            .ok_or(EndReason::EncryptionRequired)?;
        Ok(first(&capabilities, &local, protection))
    }

    /// Whether the next thing to offer would be plain: a far end that answers in plain already has saved us that.
    pub(super) fn may_be_plain(&self) -> bool {
        let plain = match self.protections.front() {
            Some(Protection::Plain | Protection::Opportunistic) => true,
            Some(Protection::Dtls { .. } | Protection::Sdes) | None => false,
        };
        // Who was asked for an offer accepts before there is an answer.
        plain && (self.accepted_at.is_none() || self.negotiated.is_none())
    }

    /// Our INVITE was refused: whether the far end may take the same call under another protection, which is
    /// then asked for.
    pub(super) fn dials_again(
        &mut self,
        now: Instant,
        cause: &SessionEnd,
        desk: &mut Desk,
    ) -> bool {
        let refused_media = cause.kind == EndKind::Rejected
            && cause
                .status
                .is_some_and(|status| matches!(status.code(), 488 | 606));
        let wanted = self.verdict.is_none() && !self.machine.state().is_ending_or_ended();
        if !refused_media || !wanted {
            return false;
        }
        let next = self.protections.front().copied();
        let (Some(local), Some(protection)) = (self.local_transport(), next) else {
            return false;
        };
        tracing::info!(call = %self.id(), ?protection, "media refused; offered once more");
        // What forks of the first try said is void.
        let started_over = self.media.as_mut().map(|media| media.start_over(now));
        if let Some(Err(error)) = started_over {
            tracing::warn!(call = %self.id(), %error, "not offered once more");
            return false;
        }
        self.negotiated = None;
        self.way.start_over();
        self.forget_certificates(desk);
        self.waiting = Waiting::ToDialAgain;
        match protection {
            // Who insists on keys by DTLS is a browser, most likely, and does nothing without ICE.
            Protection::Dtls { .. } if local.ice.is_none() => self.gather_addresses(now, desk),
            Protection::Dtls { .. }
            | Protection::Sdes
            | Protection::Opportunistic
            | Protection::Plain => {}
        }
        self.go_on(now, desk);
        true
    }

    /// Asks for the next protection.
    pub(super) fn dial_again(&mut self, now: Instant, desk: &mut Desk) {
        let next = self.local_transport().zip(self.protections.pop_front());
        match next {
            Some((local, protection)) => {
                let offer = first(&desk.capabilities(self.account), &local, protection);
                self.invite(now, offer, desk);
            }
            None => {
                let reason = super::COULD_NOT_BEGIN;
                self.leg_event(now, LegEvent::Ended { reason });
            }
        }
    }

    /// The far end took our call without its sound, or not as protected as offered: whether the same session
    /// is offered another protection. The accept counts when that is answered.
    pub(super) fn offers_again(
        &mut self,
        now: Instant,
        refused: &MediaDescription,
        error: NegotiateError,
        desk: &mut Desk,
    ) -> bool {
        match error {
            NegotiateError::Rejected | NegotiateError::NotEncrypted => {}
            _ => return false,
        }
        let Some(local) = self.local_transport() else {
            return false;
        };
        let Some(protection) = self.protections.pop_front() else {
            return false;
        };
        let capabilities = desk.capabilities(self.account);
        let both = Direction::SendRecv;
        let offer = negotiate::offer_again(refused, &capabilities, &local, protection, both);
        let asked = self.with_agent(desk, |agent, session| {
            agent.reinvite(now, session, Some(offer.clone()))
        });
        if asked.is_err() {
            return false;
        }
        tracing::info!(call = %self.id(), ?protection, "sound rejected; offered once more");
        self.negotiated = None;
        self.listen(now, &offer);
        self.our_offer = Some(offer.clone());
        self.local = Some(offer);
        self.accept_waits = true;
        true
    }

    /// What to show when an offer or answer came to nothing.
    pub(super) fn reason_of_failure(&self, error: NegotiateError, desk: &Desk) -> EndReason {
        let strict = desk.media_security(self.account) == MediaSecurity::Required;
        match error {
            NegotiateError::EncryptionRequired
            | NegotiateError::NotEncrypted
            | NegotiateError::Weaker => EndReason::EncryptionRequired,
            NegotiateError::Rejected if strict => EndReason::EncryptionRequired,
            _ => EndReason::MediaIncompatible,
        }
    }

    /// The same for a call of ours that was refused: a far end that turns down every protection which the
    /// account allows would have taken a plain call, for all anybody can tell.
    pub(super) fn reason_of_refusal(&self, reason: EndReason, desk: &Desk) -> EndReason {
        let strict = desk.media_security(self.account) == MediaSecurity::Required;
        if reason == EndReason::MediaIncompatible && self.target.is_some() && strict {
            return EndReason::EncryptionRequired;
        }
        reason
    }
}

fn first(
    capabilities: &Capabilities,
    local: &LocalTransport,
    protection: Protection,
) -> MediaDescription {
    negotiate::offer(capabilities, local, protection, Direction::SendRecv)
}
