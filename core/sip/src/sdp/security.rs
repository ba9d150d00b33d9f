//! Keys in a description: `a=crypto` (RFC 4568), `a=fingerprint` and `a=setup` (RFC 8122, RFC 8842).

use tandem_types::Pii;
use tandem_types::media::{DtlsSetup, Fingerprint, SdesKey, Security};

use super::description::{Attribute, MediaSection, SessionDescription, values};
use super::error::SdpError;
use super::profile::{Keys, Profile};

/// The most `a=crypto` lines, and the most fingerprints, of one m-line.
pub const MAX_KEYS: usize = 32;
/// The longest key line read, in bytes.
const LONGEST_KEY: usize = 512;
/// The longest hash in use: SHA-512.
const LONGEST_HASH: usize = 64;
/// RFC 8842 §4.
const LONGEST_TLS_ID: usize = 255;

/// What protects `section`, and whether plain RTP would do as well; `None` if its profile asks for keys and
/// there are none to be understood.
///
/// Where both kinds of keys are given, those of DTLS never pass the signalling: they are the ones.
pub(super) fn read(
    description: &SessionDescription,
    section: &MediaSection,
    profile: Profile,
    index: usize,
) -> Result<Option<(Security, bool)>, SdpError> {
    let dtls = dtls(description, section, index)?;
    let sdes = sdes(section, index)?;
    Ok(match profile.keys {
        Keys::Optional => match dtls.or(sdes) {
            Some(keys) => Some((keys, true)),
            None => Some((Security::Plain, false)),
        },
        Keys::Needed => dtls.or(sdes).map(|keys| (keys, false)),
        Keys::ByTls => dtls.map(|keys| (keys, false)),
    })
}

/// The attributes that say `security`.
pub(super) fn write(security: &Security, attributes: &mut Vec<Attribute>) {
    match security {
        Security::Sdes { keys } => {
            for SdesKey {
                tag,
                suite,
                key_params,
            } in keys
            {
                let value = format!("{tag} {suite} {}", key_params.reveal());
                attributes.push(Attribute::new("crypto", value));
            }
        }
        Security::Dtls {
            setup,
            fingerprints,
            tls_id,
        } => {
            for Fingerprint { hash, bytes } in fingerprints {
                let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                attributes.push(Attribute::new(
                    "fingerprint",
                    format!("{hash} {}", hex.join(":")),
                ));
            }
            attributes.push(Attribute::new("setup", setup_word(*setup)));
            if let Some(id) = tls_id {
                attributes.push(Attribute::new("tls-id", id.as_str()));
            }
        }
        // Plain says nothing; neither does what this version does not know.
        _ => {}
    }
}

fn sdes(section: &MediaSection, index: usize) -> Result<Option<Security>, SdpError> {
    let lines = section.attributes_named("crypto");
    let keys: Vec<SdesKey> = bounded(lines.filter_map(parse_key), index)?;
    Ok((!keys.is_empty()).then_some(Security::Sdes { keys }))
}

fn dtls(
    description: &SessionDescription,
    section: &MediaSection,
    index: usize,
) -> Result<Option<Security>, SdpError> {
    let named = |attributes| {
        let lines = values(attributes, "fingerprint");
        bounded(lines.filter_map(parse_fingerprint), index)
    };
    // A fingerprint of its own replaces the session's (RFC 8122 §5).
    let mut fingerprints = named(&section.attributes)?;
    if fingerprints.is_empty() {
        fingerprints = named(&description.attributes)?;
    }
    if fingerprints.is_empty() {
        return Ok(None);
    }
    let said = description.inherited(section, "setup").unwrap_or_default();
    let words = [
        ("actpass", DtlsSetup::ActPass),
        ("passive", DtlsSetup::Passive),
        ("holdconn", DtlsSetup::HoldConn),
    ];
    let known = words
        .iter()
        .find(|(word, _)| said.eq_ignore_ascii_case(word));
    Ok(Some(Security::Dtls {
        // `active`, and the default where nothing is said (RFC 4145 §4).
        setup: known.map_or(DtlsSetup::Active, |(_, setup)| *setup),
        fingerprints,
        tls_id: description
            .inherited(section, "tls-id")
            .filter(|id| (1..=LONGEST_TLS_ID).contains(&id.len()))
            .map(str::to_owned),
    }))
}

fn bounded<T>(keys: impl Iterator<Item = T>, index: usize) -> Result<Vec<T>, SdpError> {
    let keys: Vec<T> = keys.take(MAX_KEYS + 1).collect();
    if keys.len() > MAX_KEYS {
        return Err(SdpError::TooManyKeys { index });
    }
    Ok(keys)
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:… [session parameters]`.
fn parse_key(value: &str) -> Option<SdesKey> {
    let (tag, rest) = value.split_once(|c: char| c.is_ascii_whitespace())?;
    let (suite, key_params) = rest
        .trim_start()
        .split_once(|c: char| c.is_ascii_whitespace())?;
    if key_params.len() > LONGEST_KEY {
        return None;
    }
    Some(SdesKey {
        tag: tag.parse().ok()?,
        suite: suite.to_owned(),
        key_params: Pii::new(key_params.trim().to_owned()),
    })
}

/// `sha-256 4A:AD:…`.
fn parse_fingerprint(value: &str) -> Option<Fingerprint> {
    let (hash, digits) = value.split_once(|c: char| c.is_ascii_whitespace())?;
    let bytes: Option<Vec<u8>> = digits
        .trim()
        .split(':')
        .map(|byte| match byte.len() {
            2 => u8::from_str_radix(byte, 16).ok(),
            _ => None,
        })
        .take(LONGEST_HASH + 1)
        .collect();
    let bytes = bytes.filter(|bytes| bytes.len() <= LONGEST_HASH)?;
    Some(Fingerprint {
        hash: hash.to_ascii_lowercase(),
        bytes,
    })
}

const fn setup_word(setup: DtlsSetup) -> &'static str {
    match setup {
        DtlsSetup::ActPass => "actpass",
        DtlsSetup::Active => "active",
        DtlsSetup::Passive => "passive",
        DtlsSetup::HoldConn => "holdconn",
    }
}
