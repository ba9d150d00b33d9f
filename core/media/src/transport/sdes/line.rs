//! What one `a=crypto` line says (RFC 4568 §9.1).

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use tandem_types::media::SdesKey;
use zeroize::Zeroizing;

use super::{SdesError, profile_named};
use crate::transport::srtp::{MasterKey, SrtpProfile};

/// Keys are padded (RFC 4568 §6.1), and some phones forget it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// No line is longer.
const MAX_LINE: usize = 1024;
/// The most packets one key may protect (RFC 3711 §9.2): 2⁴⁸.
const MAX_LIFETIME_LOG: u32 = 48;

/// A line that can be honoured.
pub(super) struct Line {
    pub(super) profile: SrtpProfile,
    pub(super) key: MasterKey,
}

impl Line {
    pub(super) fn read(key: &SdesKey) -> Result<Self, SdesError> {
        let profile = profile_named(&key.suite).ok_or(SdesError::UnknownSuite)?;
        let line = key.key_params.reveal();
        if line.len() > MAX_LINE {
            return Err(SdesError::Malformed);
        }
        let mut words = line.split_ascii_whitespace();
        let key = read_key(words.next().ok_or(SdesError::Malformed)?, profile)?;
        for parameter in words {
            check_session_parameter(parameter)?;
        }
        Ok(Self { profile, key })
    }
}

/// `inline:` and the key.
pub(super) fn write_key(key_and_salt: &[u8]) -> String {
    format!("inline:{}", STANDARD.encode(key_and_salt))
}

/// `inline:key‖salt[|lifetime][|MKI:length]`, several of them separated by `;`.
fn read_key(parameters: &str, profile: SrtpProfile) -> Result<MasterKey, SdesError> {
    // Several keys need an MKI to be told apart.
    if parameters.contains(';') {
        return Err(SdesError::Unsupported);
    }
    let (method, key) = parameters.split_once(':').ok_or(SdesError::Malformed)?;
    if !method.eq_ignore_ascii_case("inline") {
        return Err(SdesError::Unsupported);
    }
    let mut parts = key.split('|');
    let encoded = parts.next().ok_or(SdesError::Malformed)?;
    for part in parts {
        if part.contains(':') {
            return Err(SdesError::Unsupported);
        }
        check_lifetime(part)?;
    }
    let bytes = LENIENT.decode(encoded).map_err(|_| SdesError::Malformed)?;
    let mut bytes = Zeroizing::new(bytes);
    if bytes.len() != profile.key_len() + profile.salt_len() {
        return Err(SdesError::KeyLength);
    }
    let salt = bytes.split_off(profile.key_len());
    Ok(MasterKey::new(bytes.to_vec(), salt))
}

/// `2^20`, or the number itself; at least one packet, at most what the ciphers allow.
fn check_lifetime(lifetime: &str) -> Result<(), SdesError> {
    let valid = match lifetime.strip_prefix("2^") {
        Some(power) => number(power).is_some_and(|power| power <= MAX_LIFETIME_LOG.into()),
        None => {
            number(lifetime).is_some_and(|packets| (1..=1 << MAX_LIFETIME_LOG).contains(&packets))
        }
    };
    if valid {
        Ok(())
    } else {
        Err(SdesError::Malformed)
    }
}

fn check_session_parameter(parameter: &str) -> Result<(), SdesError> {
    if let Some(rate) = parameter.strip_prefix("KDR=") {
        return match number(rate) {
            Some(0) => Ok(()),
            Some(1..=24) => Err(SdesError::Unsupported),
            Some(_) | None => Err(SdesError::Malformed),
        };
    }
    if let Some(window) = parameter.strip_prefix("WSH=") {
        // The least is 64 (RFC 4568 §6.3.6).
        let valid = number(window).is_some_and(|window| window >= 64);
        return if valid {
            Ok(())
        } else {
            Err(SdesError::Malformed)
        };
    }
    if parameter.starts_with('-') {
        return Ok(());
    }
    Err(SdesError::Unsupported)
}

/// A decimal number without sign; at most 16 digits.
fn number(digits: &str) -> Option<u64> {
    let fits = (1..=16).contains(&digits.len());
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    (fits && plain).then(|| digits.parse().ok()).flatten()
}
