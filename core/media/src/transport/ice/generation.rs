//! One pair of credentials and the checks made with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_crypto::RTCCryptoProvider;

use super::candidate::Candidate;
use super::checker::{Checker, Progress};
use super::guard::Check;
use super::pacer::Pacer;
use super::{Credentials, IceFault};
use crate::transport::wire::{Component, Path};

/// Authentic checks kept until the peer's description comes: media can be faster than signalling.
const MAX_EARLY: usize = 8;

/// One generation. The two components have agents of their own, as an agent pairs without looking at them.
pub(super) struct Generation {
    pub(super) number: u32,
    pub(super) local: Credentials,
    pub(super) remote: Option<Credentials>,
    pub(super) rtp: Checker,
    rtcp: Option<Checker>,
    early: Vec<(Path, Vec<u8>)>,
}

impl Generation {
    pub(super) fn new(
        now: Instant,
        number: u32,
        local: Credentials,
        both_components: bool,
        relay_wait: Duration,
        provider: Arc<dyn RTCCryptoProvider>,
    ) -> Result<Self, IceFault> {
        let checker = || Checker::new(now, &local, relay_wait, provider.clone());
        let rtp = checker()?;
        let rtcp = if both_components {
            Some(checker()?)
        } else {
            None
        };
        Ok(Self {
            number,
            local,
            remote: None,
            rtp,
            rtcp,
            early: Vec::new(),
        })
    }

    fn checker(&mut self, component: Component) -> Option<&mut Checker> {
        match component {
            Component::Rtp => Some(&mut self.rtp),
            Component::Rtcp => self.rtcp.as_mut(),
        }
    }

    pub(super) fn has_rtcp(&self) -> bool {
        self.rtcp.is_some()
    }

    pub(super) fn drop_rtcp(&mut self) {
        self.rtcp = None;
    }

    pub(super) fn add_local(&mut self, candidate: &Candidate) {
        if let Some(checker) = self.checker(candidate.component) {
            checker.add_local(candidate);
        }
    }

    pub(super) fn add_remote(&mut self, candidate: &Candidate, address: std::net::SocketAddr) {
        if let Some(checker) = self.checker(candidate.component) {
            checker.add_remote(candidate, address);
        }
    }

    pub(super) fn start(
        &mut self,
        now: Instant,
        controlling: bool,
        remote: Credentials,
        pacer: &mut Pacer,
    ) -> Result<(), IceFault> {
        self.rtp.start(now, controlling, &remote, pacer)?;
        if let Some(rtcp) = &mut self.rtcp {
            rtcp.start(now, controlling, &remote, pacer)?;
        }
        self.remote = Some(remote);
        Ok(())
    }

    pub(super) fn keep_early(&mut self, path: Path, bytes: Vec<u8>) {
        self.early.retain(|(known, _)| *known != path);
        if self.early.len() < MAX_EARLY {
            self.early.push((path, bytes));
        }
    }

    pub(super) fn take_early(&mut self) -> Vec<(Path, Vec<u8>)> {
        std::mem::take(&mut self.early)
    }

    /// Takes an authentic check; `None`: its component is not checked.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        component: Component,
        path: Path,
        check: &Check<'_>,
        bytes: &[u8],
        pacer: &mut Pacer,
    ) -> Option<()> {
        let checker = self.checker(component)?;
        checker.handle(now, path, check, bytes, pacer);
        Some(())
    }

    pub(super) fn knows(&self, path: Path) -> bool {
        self.rtp.knows(path) || self.rtcp.as_ref().is_some_and(|rtcp| rtcp.knows(path))
    }

    pub(super) fn path(&self, now: Instant, component: Component) -> Option<Path> {
        let checker = match component {
            Component::Rtp => Some(&self.rtp),
            Component::Rtcp => self.rtcp.as_ref(),
        };
        let checker = checker.filter(|checker| checker.vitality.has_consent(now))?;
        checker.path()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, pacer: &mut Pacer) {
        self.rtp.handle_timeout(now, pacer);
        if let Some(rtcp) = &mut self.rtcp {
            rtcp.handle_timeout(now, pacer);
        }
    }

    pub(super) fn poll_timeout(&self, pacer: &Pacer) -> Option<Instant> {
        let rtcp = self.rtcp.as_ref().and_then(|rtcp| rtcp.poll_timeout(pacer));
        let rtp = self.rtp.poll_timeout(pacer);
        rtp.into_iter().chain(rtcp).min()
    }

    /// What is new of the media's component; the other one follows it or not, and nobody waits for it.
    pub(super) fn poll_progress(&mut self, now: Instant) -> Option<Progress> {
        if let Some(rtcp) = &mut self.rtcp {
            while rtcp.poll_progress(now).is_some() {}
        }
        self.rtp.poll_progress(now)
    }
}
