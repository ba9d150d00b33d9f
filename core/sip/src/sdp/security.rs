//! Keys in a description: `a=crypto` (RFC 4568), `a=fingerprint` and `a=setup` (RFC 8122, RFC 8842).

use tandem_types::Pii;
use tandem_types::media::{DtlsSetup, Fingerprint, SdesKey, Security};

use super::description::{Attribute, MediaSection, SessionDescription, values};
use super::profile::Profile;

/// What protects `section`; `None` if its profile asks for keys and there are none to be understood.
///
/// Keys under a plain profile (opportunistic SRTP, RFC 8643) are not taken up: plain is a legal answer.
pub(super) fn read(
    description: &SessionDescription,
    section: &MediaSection,
    profile: Profile,
) -> Option<Security> {
    match profile {
        Profile::Plain => Some(Security::Plain),
        Profile::Secure => sdes(section).or_else(|| dtls(description, section)),
        Profile::SecureTls => dtls(description, section),
    }
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
        } => {
            for Fingerprint { hash, bytes } in fingerprints {
                let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                attributes.push(Attribute::new(
                    "fingerprint",
                    format!("{hash} {}", hex.join(":")),
                ));
            }
            attributes.push(Attribute::new("setup", setup_word(*setup)));
        }
        // Plain says nothing; neither does what this version does not know.
        _ => {}
    }
}

fn sdes(section: &MediaSection) -> Option<Security> {
    let keys: Vec<SdesKey> = section
        .attributes_named("crypto")
        .filter_map(parse_key)
        .collect();
    (!keys.is_empty()).then_some(Security::Sdes { keys })
}

fn dtls(description: &SessionDescription, section: &MediaSection) -> Option<Security> {
    // A fingerprint of its own replaces the session's (RFC 8122 §5).
    let own: Vec<Fingerprint> = section
        .attributes_named("fingerprint")
        .filter_map(parse_fingerprint)
        .collect();
    let fingerprints = if own.is_empty() {
        values(&description.attributes, "fingerprint")
            .filter_map(parse_fingerprint)
            .collect()
    } else {
        own
    };
    if fingerprints.is_empty() {
        return None;
    }
    let setup = match description.inherited(section, "setup") {
        Some("actpass") => DtlsSetup::ActPass,
        Some("passive") => DtlsSetup::Passive,
        // `active`, and the default where nothing is said (RFC 4145 §4).
        Some(_) | None => DtlsSetup::Active,
    };
    Some(Security::Dtls {
        setup,
        fingerprints,
    })
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:… [session parameters]`.
fn parse_key(value: &str) -> Option<SdesKey> {
    let (tag, rest) = value.split_once(|c: char| c.is_ascii_whitespace())?;
    let (suite, key_params) = rest
        .trim_start()
        .split_once(|c: char| c.is_ascii_whitespace())?;
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
        .collect();
    Some(Fingerprint {
        hash: hash.to_ascii_lowercase(),
        bytes: bytes?,
    })
}

const fn setup_word(setup: DtlsSetup) -> &'static str {
    match setup {
        DtlsSetup::ActPass => "actpass",
        DtlsSetup::Active => "active",
        DtlsSetup::Passive => "passive",
    }
}
