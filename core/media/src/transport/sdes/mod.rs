//! SDES: SRTP keys written into the signalling (RFC 4568), which must itself be encrypted to be worth anything.
//!
//! Each side names the key it *sends* with. The offerer lists lines, the answerer picks one and answers with the
//! same tag and suite and a key of its own:
//!
//! ```text
//!   offer   a=crypto:1 AEAD_AES_128_GCM inline:…      key of the offerer
//!           a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:…
//!   answer  a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:…   key of the answerer
//! ```
//!
//! What a line may say and what is made of it, by RFC 4568 §6.1 and §6.3 (a parameter that is not supported makes the
//! whole line unacceptable, unless it is marked as optional by `-`):
//!
//! | parameter | here |
//! |---|---|
//! | lifetime (`\|2^20`) | read and checked; it is the sender's promise to change its own key in time |
//! | MKI (`\|1:4`), several keys | refused: the SRTP layer cannot carry an MKI |
//! | `KDR=0` | means no re-derivation, which is what happens; other rates are refused |
//! | `UNENCRYPTED_SRTP`, `UNENCRYPTED_SRTCP`, `UNAUTHENTICATED_SRTP` | refused: the call would say that it is encrypted |
//! | `FEC_ORDER`, `FEC_KEY` | refused: there is no such FEC |
//! | `WSH` | a hint about the replay window; this one has 128 |
//! | unknown | refused, or ignored if it begins with `-` |

mod line;
#[cfg(test)]
mod sdes_tests;

use tandem_types::media::SdesKey;
use tandem_types::{Entropy, Pii};

use super::srtp::{SrtpPair, SrtpProfile};
use line::{Line, write_key};

/// Lines looked at in one description.
const MAX_LINES: usize = 32;

/// The suites that are offered, best first; [`answer`] takes more. Both have 128-bit keys, and the second is the one
/// that every implementation must have (RFC 4568 §6.2.1), so more lines would only make the offer longer.
const OFFERED: [(SrtpProfile, &str); 2] = [
    (SrtpProfile::AeadAes128Gcm, "AEAD_AES_128_GCM"),
    (SrtpProfile::AesCm128Sha1_80, "AES_CM_128_HMAC_SHA1_80"),
];

/// Why the keys in the signalling cannot be used.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SdesError {
    /// A line does not follow RFC 4568 §9.1.
    #[error("malformed crypto attribute")]
    Malformed,
    /// A suite this build does not have.
    #[error("unknown crypto suite")]
    UnknownSuite,
    /// A parameter that cannot be honoured.
    #[error("unsupported crypto parameter")]
    Unsupported,
    /// Key and salt do not have the suite's length.
    #[error("key of the wrong length")]
    KeyLength,
    /// No line of the offer can be accepted.
    #[error("no acceptable crypto line")]
    NothingAcceptable,
    /// The answer's tag or suite is not that of the line it answers (RFC 4568 §7.1.3).
    #[error("answer does not match the offered line")]
    Mismatch,
    /// Both sides name the same key: one key stream would protect two streams.
    #[error("both sides use the same key")]
    SameKey,
}

/// The lines of an offer, each with a new key. `entropy` must be the operating system's generator on a device.
pub fn offer(entropy: &mut dyn Entropy) -> Vec<SdesKey> {
    let lines = OFFERED.into_iter().zip(1..);
    let lines = lines.map(|((profile, suite), tag)| new_line(tag, suite, profile, entropy));
    lines.collect()
}

/// Chooses a line of an offer. Returns this side's line, which the answer carries, and the chosen one.
///
/// The offerer's order counts (RFC 4568 §7.1.2), but a suite whose media tag has only 32 bits is taken
/// only when there is no other.
pub fn answer(
    offered: &[SdesKey],
    entropy: &mut dyn Entropy,
) -> Result<(SdesKey, SdesKey), SdesError> {
    let offered = offered.iter().take(MAX_LINES);
    let acceptable = offered.filter_map(|key| Some((key, Line::read(key).ok()?.profile)));
    let acceptable: Vec<_> = acceptable.collect();
    let strong = acceptable.iter().find(|(_, profile)| !profile.is_weak());
    let chosen = strong.or(acceptable.first());
    let (remote, profile) = chosen.ok_or(SdesError::NothingAcceptable)?;
    let local = new_line(remote.tag, &remote.suite, *profile, entropy);
    Ok((local, (*remote).clone()))
}

/// The offered line that an answer has chosen. An answer names exactly one.
pub fn chosen<'a>(offered: &'a [SdesKey], answer: &SdesKey) -> Result<&'a SdesKey, SdesError> {
    let mut same = offered.iter();
    let found = same.find(|key| key.tag == answer.tag && key.suite == answer.suite);
    found.ok_or(SdesError::Mismatch)
}

/// The SRTP of a negotiated pair of lines: `local` is the one this side has sent.
///
/// Make it once for a pair of keys and keep it as long as they stay, through every re-INVITE that repeats
/// them: see [`super::srtp`].
pub fn pair(local: &SdesKey, remote: &SdesKey) -> Result<SrtpPair, SdesError> {
    if local.tag != remote.tag || !local.suite.eq_ignore_ascii_case(&remote.suite) {
        return Err(SdesError::Mismatch);
    }
    let (local, remote) = (Line::read(local)?, Line::read(remote)?);
    if local.key == remote.key {
        return Err(SdesError::SameKey);
    }
    SrtpPair::new(local.profile, &local.key, &remote.key).map_err(|_| SdesError::KeyLength)
}

fn new_line(tag: u32, suite: &str, profile: SrtpProfile, entropy: &mut dyn Entropy) -> SdesKey {
    let mut bytes = zeroize::Zeroizing::new(vec![0; profile.key_len() + profile.salt_len()]);
    entropy.fill(&mut bytes);
    SdesKey {
        tag,
        suite: suite.to_owned(),
        key_params: Pii::new(write_key(&bytes)),
    }
}

/// The profile that a suite's name stands for (RFC 4568 §6.2, RFC 6188 §3, RFC 7714 §14.2).
fn profile_named(suite: &str) -> Option<SrtpProfile> {
    let known = [
        ("AEAD_AES_128_GCM", SrtpProfile::AeadAes128Gcm),
        ("AEAD_AES_256_GCM", SrtpProfile::AeadAes256Gcm),
        ("AES_CM_128_HMAC_SHA1_80", SrtpProfile::AesCm128Sha1_80),
        ("AES_CM_128_HMAC_SHA1_32", SrtpProfile::AesCm128Sha1_32),
        ("AES_256_CM_HMAC_SHA1_80", SrtpProfile::AesCm256Sha1_80),
        ("AES_256_CM_HMAC_SHA1_32", SrtpProfile::AesCm256Sha1_32),
        // Not registered, but written by phones older than RFC 6188.
        ("AES_CM_256_HMAC_SHA1_80", SrtpProfile::AesCm256Sha1_80),
        ("AES_CM_256_HMAC_SHA1_32", SrtpProfile::AesCm256Sha1_32),
    ];
    let mut known = known.into_iter();
    let found = known.find(|(name, _)| suite.eq_ignore_ascii_case(name));
    found.map(|(_, profile)| profile)
}

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    //! What a fuzzer may call.

    use super::{Line, Pii, SdesKey};

    /// Whether a line with this suite and these parameters can be used.
    pub fn line(suite: &str, key_params: &str) -> bool {
        let key = SdesKey {
            tag: 1,
            suite: suite.to_owned(),
            key_params: Pii::new(key_params.to_owned()),
        };
        Line::read(&key).is_ok()
    }
}
