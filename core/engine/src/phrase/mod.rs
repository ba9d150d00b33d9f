//! The safety phrase: what two people read to each other to know that nobody sits between their phones.
//!
//! It is made of the two certificates' SHA-256 fingerprints, the caller's first. Somebody in the middle has
//! certificates of their own towards both sides, so each side's phrase is made of another pair, and the phrases
//! differ unless that somebody finds certificates that make them the same.
//!
//! # Why six words suffice
//!
//! The phrase has 48 bits. That would be too few if an attacker could choose freely on both sides: trying pairs
//! until any two phrases meet costs about 2²⁴ certificates a side. It cannot, because the keys are shown in
//! order, and the order is what commits it:
//!
//! 1. A phone makes a certificate for each call and shows its fingerprint in that call only, so nothing can be
//!    searched before the call.
//! 2. The caller offers and the callee answers. To get the callee's fingerprint at all, the attacker must first
//!    have sent it an offer with a fingerprint of its own; that fixes the callee's phrase for good.
//! 3. What is left to choose is one certificate towards the caller, whose phrase must hit one given value of
//!    2⁴⁸, while the caller hears it ring.
//!
//! Each try costs the attacker [`STRETCH`] rounds of HMAC, about 2¹⁷ blocks of SHA-256, so the search takes 2⁶⁵
//! of them. A thousand of today's fastest graphics cards (some 2⁴⁴ blocks a second together) would need three
//! weeks for a call that rings for two minutes; the chance to succeed within the two minutes is below 2⁻¹³, and
//! a failure is seen by both people. This is the reasoning of ZRTP's commitment (RFC 6189 §4.4.1.1), with the
//! order of offer and answer in the place of its Commit message.
//!
//! So there is a phrase only where that order held: the caller's side offered, showed one certificate, and what
//! was agreed on has not changed since, not even before anybody had proved to hold it: a fingerprint that is
//! thrown away would buy the callee's for nothing. A callee that was asked for an offer showed its key first, and
//! gets none; nor does a call that began in plain. A phone that keeps one certificate for all its calls does not
//! weaken the other side's.

mod words;

use std::fmt;
use std::num::NonZeroU32;

use ring::pbkdf2;
use tandem_types::media::Fingerprint;
use words::WORDS;

/// Rounds of PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2): about 20 ms on a phone.
const STRETCH: NonZeroU32 = NonZeroU32::new(1 << 16).unwrap();
/// Tells this phrase from anything else that may once be made of the same fingerprints.
const PURPOSE: &[u8] = b"tandem safety phrase 1";
const WORD_COUNT: usize = 6;
const SHA_256: &str = "sha-256";
const SHA_256_LENGTH: usize = 32;

/// Six words that two people compare by voice.
///
/// Not secret, and not logged: `Debug` does not show it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct SafetyPhrase([u8; WORD_COUNT]);

impl SafetyPhrase {
    /// The phrase of a call between these two certificates. Takes some 20 ms: not for a thread that moves sound.
    ///
    /// `None` unless both fingerprints are SHA-256, which is what this library shows.
    pub fn derive(caller: &Fingerprint, callee: &Fingerprint) -> Option<Self> {
        let mut keys = Vec::with_capacity(2 * SHA_256_LENGTH);
        for fingerprint in [caller, callee] {
            let known = fingerprint.hash.eq_ignore_ascii_case(SHA_256);
            if !known || fingerprint.bytes.len() != SHA_256_LENGTH {
                return None;
            }
            keys.extend_from_slice(&fingerprint.bytes);
        }
        let mut phrase = [0; WORD_COUNT];
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            STRETCH,
            PURPOSE,
            &keys,
            &mut phrase,
        );
        Some(Self(phrase))
    }

    /// The words, in the order to be read.
    pub fn words(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0
            .iter()
            .map(|byte| WORDS.get(usize::from(*byte)).copied().unwrap_or_default())
    }

    /// The six bytes behind the words, for an app that brings words of another language.
    pub const fn bytes(&self) -> [u8; WORD_COUNT] {
        self.0
    }
}

impl fmt::Display for SafetyPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(word)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SafetyPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SafetyPhrase")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(seed: u8) -> Fingerprint {
        Fingerprint {
            hash: SHA_256.to_owned(),
            bytes: (0..32).map(|n: u8| n.wrapping_mul(seed)).collect(),
        }
    }

    #[test]
    fn both_sides_of_one_call_read_the_same_words_and_nobody_else_does() {
        let (alice, bob, mallory) = (fingerprint(3), fingerprint(5), fingerprint(7));
        let phrase = SafetyPhrase::derive(&alice, &bob).unwrap();
        assert_eq!(SafetyPhrase::derive(&alice, &bob), Some(phrase));
        assert_ne!(SafetyPhrase::derive(&bob, &alice), Some(phrase));
        assert_ne!(SafetyPhrase::derive(&alice, &mallory), Some(phrase));
        assert_ne!(SafetyPhrase::derive(&mallory, &bob), Some(phrase));
    }

    #[test]
    fn the_phrase_never_changes_between_versions() {
        // Two phones of different age compare it. Made by Python: hashlib.pbkdf2_hmac("sha256", caller + callee,
        // b"tandem safety phrase 1", 65536, 6).
        let phrase = SafetyPhrase::derive(&fingerprint(3), &fingerprint(5)).unwrap();
        assert_eq!(phrase.bytes(), [49, 143, 207, 16, 107, 150]);
        assert_eq!(phrase.words().count(), WORD_COUNT);
        assert_eq!(phrase.to_string(), "castle letter robin banjo globe marble");
        assert_eq!(format!("{phrase:?}"), "SafetyPhrase");
    }

    #[test]
    fn a_weaker_hash_gives_no_phrase() {
        let mut weak = fingerprint(3);
        weak.hash = "sha-1".to_owned();
        weak.bytes.truncate(20);
        assert_eq!(SafetyPhrase::derive(&weak, &fingerprint(5)), None);
        assert_eq!(SafetyPhrase::derive(&fingerprint(5), &weak), None);
    }
}
