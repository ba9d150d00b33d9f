//! The server's nonces: they carry their time of issue under a keyed hash, so that an unused one costs no
//! memory, and the counts of the used ones, so that a proof works once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tandem_types::Entropy;

use super::algorithm::hex;

/// Nonces whose counts are remembered. When there are more, the oldest are declared stale.
const MAX_TRACKED: usize = 4096;
/// How far behind the highest count a request may arrive and still be told from a replay.
const WINDOW: u32 = 64;

/// Issues nonces and checks their return.
#[derive(Debug)]
pub(super) struct Nonces {
    key: [u8; 32],
    /// The instant that nonces count from.
    epoch: Instant,
    lifetime: Duration,
    /// By time of issue and nonce, so that the first is the oldest.
    used: BTreeMap<(u64, String), Counts>,
    /// Nonces issued before this (milliseconds since the epoch) are stale, whatever their lifetime.
    floor: u64,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    highest: u32,
    /// Bit n: `highest - n` was seen.
    seen: u64,
}

/// Why a nonce is not accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NonceFault {
    /// This server never issued it.
    Forged,
    /// The count was used before.
    Replayed,
    /// It was issued too long ago.
    Stale,
}

impl Nonces {
    pub(super) fn new(now: Instant, lifetime: Duration, entropy: &mut dyn Entropy) -> Self {
        let mut key = [0; 32];
        entropy.fill(&mut key);
        Self {
            key,
            epoch: now,
            lifetime,
            used: BTreeMap::new(),
            floor: 0,
        }
    }

    /// A nonce for `realm`: 16 hex digits of time, 16 of randomness, 64 of keyed hash.
    pub(super) fn issue(&self, now: Instant, realm: &str, entropy: &mut dyn Entropy) -> String {
        let body = format!("{:016x}{}", self.millis(now), entropy.hex(8));
        let seal = self.seal(&body, realm);
        format!("{body}{seal}")
    }

    /// Whether `nonce` is one of ours and still good.
    pub(super) fn check(&self, now: Instant, realm: &str, nonce: &str) -> Result<(), NonceFault> {
        self.issued_at(now, realm, nonce).map(drop)
    }

    /// Uses up one count of a nonce, after everything else about the proof was found right.
    pub(super) fn consume(
        &mut self,
        now: Instant,
        realm: &str,
        nonce: &str,
        count: u32,
    ) -> Result<(), NonceFault> {
        let issued = self.issued_at(now, realm, nonce)?;
        let key = (issued, nonce.to_owned());
        if let Some(counts) = self.used.get_mut(&key) {
            return counts.take(count);
        }
        if count == 0 {
            return Err(NonceFault::Replayed);
        }
        self.used.insert(
            key,
            Counts {
                highest: count,
                seen: 1,
            },
        );
        while self.used.len() > MAX_TRACKED {
            if let Some(((issued, _), _)) = self.used.pop_first() {
                // Without its counts it could be replayed, so it and all older ones are over.
                self.floor = self.floor.max(issued.saturating_add(1));
            }
        }
        let oldest = self.millis(now).saturating_sub(as_millis(self.lifetime));
        self.used = self.used.split_off(&(oldest, String::new()));
        Ok(())
    }

    fn issued_at(&self, now: Instant, realm: &str, nonce: &str) -> Result<u64, NonceFault> {
        let (body, seal) = nonce.split_at_checked(32).ok_or(NonceFault::Forged)?;
        if !equal(self.seal(body, realm).as_bytes(), seal.as_bytes()) {
            return Err(NonceFault::Forged);
        }
        let issued = body
            .get(..16)
            .and_then(|time| u64::from_str_radix(time, 16).ok());
        let issued = issued.ok_or(NonceFault::Forged)?;
        let age = self.millis(now).saturating_sub(issued);
        if age > as_millis(self.lifetime) || issued < self.floor {
            return Err(NonceFault::Stale);
        }
        Ok(issued)
    }

    fn millis(&self, now: Instant) -> u64 {
        as_millis(now.saturating_duration_since(self.epoch))
    }

    /// HMAC-SHA-256 (RFC 2104) of the nonce's body and realm.
    fn seal(&self, body: &str, realm: &str) -> String {
        let pad = |with: u8| -> Vec<u8> {
            let mut block = [with; 64];
            for (byte, key) in block.iter_mut().zip(self.key) {
                *byte ^= key;
            }
            block.to_vec()
        };
        let inner = Sha256::new()
            .chain_update(pad(0x36))
            .chain_update(body.as_bytes())
            .chain_update(realm.as_bytes())
            .finalize();
        hex(&Sha256::new()
            .chain_update(pad(0x5c))
            .chain_update(inner)
            .finalize())
    }
}

impl Counts {
    fn take(&mut self, count: u32) -> Result<(), NonceFault> {
        if let Some(ahead) = count.checked_sub(self.highest).filter(|ahead| *ahead > 0) {
            self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = count;
            return Ok(());
        }
        let behind = self.highest.saturating_sub(count);
        let bit = 1_u64.checked_shl(behind).unwrap_or(0);
        if count == 0 || behind >= WINDOW || self.seen & bit != 0 {
            return Err(NonceFault::Replayed);
        }
        self.seen |= bit;
        Ok(())
    }
}

/// Compares without giving away, by its time, how much was right.
pub(super) fn equal(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .fold(0, |differs, (l, r)| differs | (l ^ r))
            == 0
}

fn as_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tandem_types::SeededEntropy;

    use super::*;

    #[test]
    fn a_count_is_taken_once_even_out_of_order() {
        let mut counts = Counts {
            highest: 1,
            seen: 1,
        };
        assert_eq!(counts.take(3), Ok(()));
        assert_eq!(counts.take(2), Ok(()));
        for again in [0, 1, 2, 3] {
            assert_eq!(counts.take(again), Err(NonceFault::Replayed), "{again}");
        }
        assert_eq!(counts.take(200), Ok(()));
        assert_eq!(counts.take(137), Ok(()));
        assert_eq!(
            counts.take(136),
            Err(NonceFault::Replayed),
            "too far back to know"
        );
        assert_eq!(counts.take(u32::MAX), Ok(()));
    }

    #[test]
    fn a_nonce_whose_count_was_forgotten_is_stale_and_never_replayed() {
        let mut entropy = SeededEntropy::new(11);
        #[allow(clippy::disallowed_methods, reason = "the start of virtual time")]
        let mut now = Instant::now();
        let mut nonces = Nonces::new(now, Duration::from_secs(3600), &mut entropy);
        let first = nonces.issue(now, "r", &mut entropy);
        assert_eq!(nonces.consume(now, "r", &first, 1), Ok(()));
        assert_eq!(
            nonces.consume(now, "r", &first, 1),
            Err(NonceFault::Replayed)
        );
        for _ in 0..MAX_TRACKED {
            now += Duration::from_millis(1);
            let nonce = nonces.issue(now, "r", &mut entropy);
            assert_eq!(nonces.consume(now, "r", &nonce, 1), Ok(()));
        }
        assert_eq!(nonces.consume(now, "r", &first, 1), Err(NonceFault::Stale));
        assert_eq!(nonces.used.len(), MAX_TRACKED);
        now += Duration::from_secs(3601);
        let fresh = nonces.issue(now, "r", &mut entropy);
        assert_eq!(nonces.consume(now, "r", &fresh, 1), Ok(()));
        assert_eq!(nonces.used.len(), 1, "old ones cost no memory");
        assert_eq!(
            nonces.check(now, "another realm", &fresh),
            Err(NonceFault::Forged)
        );
    }

    #[test]
    fn texts_are_equal_only_as_a_whole() {
        assert!(equal(b"abc", b"abc") && equal(b"", b""));
        assert!(!equal(b"abc", b"abd") && !equal(b"abc", b"ab"));
    }
}
