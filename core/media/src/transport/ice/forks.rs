//! One description, several ends that answer it: a call that is forked, or placed again.
//!
//! ```text
//!   waits ──answer of A──► checks with A ──A is not the call──► waits, told as before ──answer of B──► checks with B
//! ```
//!
//! Whoever answers checks with the credentials that all of them were told, so a generation that forgets one end waits
//! for the next under the same ones. Only before a call is accepted: after that, others than the peer's are nobody's.

use std::time::Instant;

use tandem_types::Entropy;
use tandem_types::media::IceDescription;

use super::generation::Generation;
use super::{Credentials, IceFault, IceLink};

impl IceLink {
    /// Whether `remote` is of another end than those that answered before: nobody knows its credentials, and nobody
    /// waits for some.
    pub(crate) fn is_of_other_end(&self, remote: &IceDescription) -> bool {
        self.is_restarted_by(remote) && self.generations.iter().all(|g| g.remote.is_some())
    }

    /// Whether [`IceLink::agree`] has a generation for `remote`.
    ///
    /// # Errors
    /// As for [`IceLink::agree`].
    pub(crate) fn expects(&self, remote: &IceDescription) -> Result<(), IceFault> {
        let credentials = Credentials::of(remote)?;
        let fits = |g: &Generation| g.remote.as_ref().is_none_or(|known| *known == credentials);
        let found = self.generations.iter().any(fits);
        found.then_some(()).ok_or(IceFault::NoGeneration)
    }

    /// Forgets who answered: nothing is sent until another end does, whose checks are kept meanwhile.
    ///
    /// # Errors
    /// The agent cannot be made; nothing is forgotten then.
    pub(crate) fn wait_anew(&mut self, now: Instant) -> Result<(), IceFault> {
        let newest = self.generations.last().ok_or(IceFault::NoGeneration)?;
        if newest.remote.is_none() && self.generations.len() == 1 {
            return Ok(());
        }
        let (number, credentials) = (newest.number, newest.local.clone());
        self.replace_all(now, number, credentials)
    }

    /// Forgets everybody, and what they were told: others will be told something new.
    ///
    /// # Errors
    /// As for [`IceLink::wait_anew`].
    pub(crate) fn begin_anew(
        &mut self,
        now: Instant,
        entropy: &mut dyn Entropy,
    ) -> Result<(), IceFault> {
        let newest = self.generations.last().map_or(0, |g| g.number);
        self.replace_all(now, newest.wrapping_add(1), Credentials::random(entropy))
    }

    fn replace_all(
        &mut self,
        now: Instant,
        number: u32,
        credentials: Credentials,
    ) -> Result<(), IceFault> {
        // Who answered may have shared the RTP port; the next one is asked again.
        let generation = self.generation(now, number, credentials, self.offers_both)?;
        self.both_components = self.offers_both;
        self.generations = vec![generation];
        self.active = number;
        self.controlling = None;
        self.pacer.clear();
        self.events.clear();
        self.lost = false;
        self.retire_at = None;
        Ok(())
    }
}
