//! One offer, several ends that answer it: until the call is accepted the last answer counts, and none of them takes
//! away what another one needs.

use std::time::Instant;

use tandem_types::Entropy;

use super::Transport;
use super::dtls::{self, Certificate};
use super::event::{TransportEvent, TransportFailure};
use super::fixed::FixedPath;
use super::ice::IceLink;
use super::protection::Protection;
use super::srtp::EarlyPackets;
use crate::negotiate::Negotiated;

impl Transport {
    /// What finds the way, unless the peer has no ICE.
    pub(super) fn ice_in_use(&self) -> Option<&IceLink> {
        self.ice.as_ref().filter(|_| !self.bypassed)
    }

    /// Whether there is a way to the peer.
    pub(crate) const fn is_connected(&self) -> bool {
        self.connected
    }

    /// The call is accepted. From now on no answer brings another end.
    pub(crate) fn settle(&mut self) {
        self.settled = true;
        if self.bypassed {
            self.ice = None;
        }
    }

    /// Nobody who answered so far is the call's peer: as before the first offer, but for what was gathered. The keys
    /// are new, as others were told the ones before.
    pub(crate) fn start_over(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> Result<(), TransportFailure> {
        if let Some(ice) = &mut self.ice {
            ice.begin_anew(now, entropy)?;
        }
        let certificate = self
            .config
            .certificate
            .as_ref()
            .map(Certificate::fingerprint);
        self.tls_id = certificate.map(|fingerprint| dtls::new_tls_id(entropy, &fingerprint));
        self.sdes.clear();
        self.fixed = FixedPath::default();
        self.agreed = None;
        self.protection = Protection::Open { plain: false };
        self.early = EarlyPackets::default();
        self.rtcp_mux = false;
        self.bypassed = false;
        self.settled = false;
        self.connected = false;
        Ok(())
    }

    /// Whether `terms` are of another end than the terms before, as far as the way tells: its keys are other ones
    /// then, whatever certificate it has.
    pub(super) fn is_of_other_end(&self, terms: &Negotiated) -> bool {
        if self.settled || self.agreed.is_none() {
            return false;
        }
        match (&terms.ice, &self.ice) {
            (Some(_), Some(_)) if self.bypassed => true,
            (Some(remote), Some(ice)) => ice.is_of_other_end(&remote.description),
            (None, Some(_)) => !self.bypassed,
            (_, None) => false,
        }
    }

    pub(super) fn agree_on_way(
        &mut self,
        now: Instant,
        terms: &Negotiated,
        other_end: bool,
    ) -> Result<(), TransportFailure> {
        match (&terms.ice, &mut self.ice) {
            (Some(remote), Some(ice)) => {
                if other_end {
                    ice.wait_anew(now)?;
                }
                ice.expects(&remote.description)?;
                if terms.rtcp_mux {
                    ice.share_port();
                }
                ice.agree(now, &remote.description, remote.controlling)?;
                self.bypassed = false;
                self.connected &= !other_end;
            }
            // A peer without ICE, or an intermediary that did not understand it. Another end may have it.
            (None, Some(ice)) if !self.settled => {
                ice.wait_anew(now)?;
                self.connected &= self.bypassed;
                self.bypassed = true;
            }
            (None, Some(_)) => {
                self.ice = None;
                self.connected = false;
            }
            (_, None) => {}
        }
        if self.ice_in_use().is_none() && !std::mem::replace(&mut self.connected, true) {
            self.event(TransportEvent::Connected);
        }
        Ok(())
    }
}
