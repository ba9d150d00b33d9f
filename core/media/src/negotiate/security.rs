//! Protection: what a policy asks for, what an answer chooses, what both sides hold then.

use tandem_types::Encryption;
use tandem_types::media::{
    DtlsRole, DtlsSetup, Fingerprint, MediaSecurity, SdesKey, Security, TransportDescription,
};

use super::{Capabilities, LocalTransport, NegotiateError};

/// How an offer asks for its packets to be protected.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Protection {
    /// `UDP/TLS/RTP/SAVPF`, or without the `F` for peers that refuse early feedback.
    Dtls {
        /// With the `F`.
        feedback: bool,
    },
    /// `RTP/SAVP` with keys in the signalling.
    Sdes,
    /// `RTP/AVP` with keys beside it that the peer may use (RFC 8643).
    Opportunistic,
    /// `RTP/AVP`.
    Plain,
}

/// What to offer as `policy` wants it, and what to offer once more when that is refused (SIP 488, 606, a
/// rejected m-line). Empty: this side has not what the policy asks for, and there can be no call.
///
/// | policy | first | then |
/// |---|---|---|
/// | required | DTLS | SDES where the signalling is encrypted, else DTLS without feedback |
/// | preferred | DTLS | plain, with SDES keys beside it where the signalling is encrypted |
/// | off | plain | DTLS, or SDES, for a peer that insists |
///
/// A row without DTLS begins with its second column.
pub fn protections(capabilities: &Capabilities, local: &LocalTransport) -> Vec<Protection> {
    let dtls = |feedback| {
        local
            .fingerprint
            .as_ref()
            .map(|_| Protection::Dtls { feedback })
    };
    let has_keys = capabilities.signalling_is_secure && !local.sdes.is_empty();
    let sdes = has_keys.then_some(Protection::Sdes);
    let plain = match has_keys {
        true => Protection::Opportunistic,
        false => Protection::Plain,
    };
    let (first, then) = match capabilities.security {
        MediaSecurity::Required => (dtls(true), sdes.or(dtls(false))),
        MediaSecurity::Preferred => (dtls(true), Some(plain)),
        MediaSecurity::PlainAllowed => (Some(Protection::Plain), dtls(true).or(sdes)),
    };
    first.into_iter().chain(then).collect()
}

/// How the packets of a call are protected, with what is needed for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum AgreedSecurity {
    /// Not at all.
    Plain,
    /// SRTP with these keys.
    Sdes {
        /// What protects our packets.
        local: SdesKey,
        /// What protects theirs.
        remote: SdesKey,
    },
    /// SRTP with keys by DTLS.
    Dtls {
        /// Which end of the association this side is.
        role: DtlsRole,
        /// What the peer's certificate must match one of.
        fingerprints: Vec<Fingerprint>,
        /// The peer's name for the association, if it gave one.
        tls_id: Option<String>,
    },
}

impl AgreedSecurity {
    /// What a call protected like this is recorded as.
    pub const fn encryption(&self) -> Encryption {
        match self {
            Self::Plain => Encryption::None,
            Self::Sdes { .. } => Encryption::Sdes,
            Self::Dtls { .. } => Encryption::DtlsSrtp,
        }
    }

    /// Whether the DTLS association of `before` goes on under these terms, as long as this side's certificate
    /// is the same: same role, same fingerprints, same `a=tls-id` (RFC 8842 §3.1). ICE may restart meanwhile.
    pub fn keeps_association(&self, before: &Self) -> bool {
        matches!(self, Self::Dtls { .. }) && self == before
    }

    /// Whether a call goes from protected sound to sound that others can hear. No policy wants that once a
    /// call is encrypted: nobody looks at the lock again while talking.
    fn is_weakened_by(&self, after: &Self, capabilities: &Capabilities) -> bool {
        match (self, after) {
            (Self::Plain, _) | (_, Self::Dtls { .. }) | (Self::Sdes { .. }, Self::Sdes { .. }) => {
                false
            }
            (Self::Sdes { .. } | Self::Dtls { .. }, Self::Plain) => true,
            (Self::Dtls { .. }, Self::Sdes { .. }) => !capabilities.signalling_is_secure,
        }
    }

    pub(super) const fn role(&self) -> Option<DtlsRole> {
        match self {
            Self::Dtls { role, .. } => Some(*role),
            Self::Plain | Self::Sdes { .. } => None,
        }
    }
}

/// What an offer says for `protection`: its security, and whether plain would do as well.
pub(super) fn offered(protection: Protection, local: &LocalTransport) -> (Security, bool) {
    match protection {
        Protection::Dtls { .. } => (dtls(local, DtlsSetup::ActPass), false),
        Protection::Sdes => (sdes(local.sdes.clone()), false),
        Protection::Opportunistic => (sdes(local.sdes.clone()), true),
        Protection::Plain => (Security::Plain, false),
    }
}

/// What a later offer says so that all stays as agreed: SDES repeats its key and DTLS its fingerprint, with
/// `actpass` (RFC 8842 §5.5).
pub(super) fn repeated(agreed: &AgreedSecurity, local: &LocalTransport) -> Security {
    match agreed {
        AgreedSecurity::Plain => Security::Plain,
        AgreedSecurity::Sdes { local: key, .. } => sdes(vec![key.clone()]),
        AgreedSecurity::Dtls { .. } => dtls(local, DtlsSetup::ActPass),
    }
}

/// What to answer `theirs`, and what then holds. `current`: what held so far.
pub(super) fn answer(
    theirs: &TransportDescription,
    capabilities: &Capabilities,
    local: &LocalTransport,
    current: Option<&AgreedSecurity>,
) -> Result<(Security, AgreedSecurity), NegotiateError> {
    let chosen = match &theirs.security {
        Security::Plain => None,
        Security::Sdes { keys } => answer_sdes(keys, local),
        Security::Dtls {
            setup,
            fingerprints,
            tls_id,
        } => {
            let tls_id = tls_id.clone();
            answer_dtls(*setup, fingerprints, tls_id, local, current)
        }
        _ => None,
    };
    let plain_is_legal = theirs.opportunistic || theirs.security == Security::Plain;
    let (security, agreed) = match chosen {
        Some(chosen) => chosen,
        None if plain_is_legal => (Security::Plain, AgreedSecurity::Plain),
        None => {
            return Err(NegotiateError::UnsupportedSecurity(
                theirs.security.encryption(),
            ));
        }
    };
    permit(&agreed, capabilities)?;
    if current.is_some_and(|current| current.is_weakened_by(&agreed, capabilities)) {
        return Err(NegotiateError::Weaker);
    }
    Ok((security, agreed))
}

/// What holds once `theirs` answers `ours`.
pub(super) fn accept(
    ours: &TransportDescription,
    theirs: &TransportDescription,
    current: Option<&AgreedSecurity>,
) -> Result<AgreedSecurity, NegotiateError> {
    let plain = Ok(AgreedSecurity::Plain);
    match (&ours.security, &theirs.security) {
        (Security::Plain, Security::Plain) => plain,
        // Keys that nobody asked for, beside plain RTP.
        (Security::Plain, _) if theirs.opportunistic => plain,
        (_, Security::Plain) if ours.opportunistic => plain,
        (_, Security::Plain) => Err(NegotiateError::NotEncrypted),
        (Security::Sdes { keys: offered }, Security::Sdes { keys }) => {
            // One key, for a line of ours (RFC 4568 §5.1.3).
            let remote = keys.first().filter(|key| has_known_parameters(key));
            let pair = remote.and_then(|remote| {
                let same = |own: &&SdesKey| own.tag == remote.tag && own.suite == remote.suite;
                Some((offered.iter().find(same)?, remote))
            });
            let (local, remote) = pair.ok_or(NegotiateError::BadKeys)?;
            Ok(AgreedSecurity::Sdes {
                local: local.clone(),
                remote: remote.clone(),
            })
        }
        (
            Security::Dtls { .. },
            Security::Dtls {
                setup,
                fingerprints,
                tls_id,
            },
        ) => {
            let known = current.and_then(AgreedSecurity::role);
            let role = match setup {
                DtlsSetup::Active => DtlsRole::Server,
                DtlsSetup::Passive => DtlsRole::Client,
                // No answer may say so (RFC 8842 §5.3), but who can be either can be called.
                DtlsSetup::ActPass => known.unwrap_or(DtlsRole::Client),
                DtlsSetup::HoldConn => known.ok_or(NegotiateError::BadKeys)?,
            };
            Ok(AgreedSecurity::Dtls {
                role,
                fingerprints: trusted(fingerprints).ok_or(NegotiateError::BadKeys)?,
                tls_id: tls_id.clone(),
            })
        }
        (_, _) => Err(NegotiateError::Mismatch),
    }
}

/// How good it is, for choosing between streams.
pub(super) const fn rank(agreed: &AgreedSecurity) -> u8 {
    match agreed {
        AgreedSecurity::Plain => 0,
        AgreedSecurity::Sdes { .. } => 1,
        AgreedSecurity::Dtls { .. } => 2,
    }
}

fn permit(agreed: &AgreedSecurity, capabilities: &Capabilities) -> Result<(), NegotiateError> {
    let hidden = match agreed {
        AgreedSecurity::Plain => false,
        // Who reads the signalling reads the keys.
        AgreedSecurity::Sdes { .. } => capabilities.signalling_is_secure,
        AgreedSecurity::Dtls { .. } => true,
    };
    match capabilities.security {
        MediaSecurity::Required if !hidden => Err(NegotiateError::EncryptionRequired),
        MediaSecurity::Required | MediaSecurity::Preferred | MediaSecurity::PlainAllowed => Ok(()),
    }
}

/// The first offered key whose suite this side can, under its tag (RFC 4568 §5.1.2).
fn answer_sdes(offered: &[SdesKey], local: &LocalTransport) -> Option<(Security, AgreedSecurity)> {
    let usable = offered.iter().filter(|key| has_known_parameters(key));
    let (remote, own) = usable
        .filter_map(|key| Some((key, local.sdes.iter().find(|own| own.suite == key.suite)?)))
        .next()?;
    let own = SdesKey {
        tag: remote.tag,
        ..own.clone()
    };
    let agreed = AgreedSecurity::Sdes {
        local: own.clone(),
        remote: remote.clone(),
    };
    Some((sdes(vec![own]), agreed))
}

fn answer_dtls(
    setup: DtlsSetup,
    fingerprints: &[Fingerprint],
    tls_id: Option<String>,
    local: &LocalTransport,
    current: Option<&AgreedSecurity>,
) -> Option<(Security, AgreedSecurity)> {
    local.fingerprint.as_ref()?;
    let known = current.and_then(AgreedSecurity::role);
    let (role, said) = match setup {
        // Active where there is a choice: a ClientHello opens the NAT, and comes half a round trip earlier
        // (RFC 8842 §5.3). Later offers keep the roles of the association.
        DtlsSetup::ActPass => {
            let role = known.unwrap_or(DtlsRole::Client);
            (role, role.setup())
        }
        DtlsSetup::Active => (DtlsRole::Server, DtlsSetup::Passive),
        DtlsSetup::Passive => (DtlsRole::Client, DtlsSetup::Active),
        // The only answer to it (RFC 4145 §4.1); the association waits.
        DtlsSetup::HoldConn => (known?, DtlsSetup::HoldConn),
    };
    let agreed = AgreedSecurity::Dtls {
        role,
        fingerprints: trusted(fingerprints)?,
        tls_id: tls_id.clone(),
    };
    let mut security = dtls(local, said);
    if let Security::Dtls { tls_id: own, .. } = &mut security
        && tls_id.is_none()
    {
        // Only who knows the attribute gets it.
        *own = None;
    }
    Some((security, agreed))
}

/// The fingerprints whose hash proves anything (RFC 8122 §5: not MD2, not MD5); `None` if there is none.
fn trusted(fingerprints: &[Fingerprint]) -> Option<Vec<Fingerprint>> {
    let length = |hash: &str| match hash {
        "sha-1" => Some(20),
        "sha-224" => Some(28),
        "sha-256" => Some(32),
        "sha-384" => Some(48),
        "sha-512" => Some(64),
        _ => None,
    };
    let good = fingerprints
        .iter()
        .filter(|print| length(&print.hash) == Some(print.bytes.len()));
    let good: Vec<Fingerprint> = good.cloned().collect();
    (!good.is_empty()).then_some(good)
}

/// Whether the line asks for nothing beyond its key. Session parameters that are not understood make a line
/// unusable, unless they say that they may be ignored (RFC 4568 §6.3.7).
fn has_known_parameters(key: &SdesKey) -> bool {
    let mut words = key.key_params.reveal().split_ascii_whitespace();
    let has_key = words.next().is_some_and(|word| {
        word.get(..7)
            .is_some_and(|method| method.eq_ignore_ascii_case("inline:"))
    });
    // A window size is advice to the receiver; every other one changes what is on the wire.
    has_key && words.all(|word| word.starts_with('-') || word.starts_with("WSH="))
}

const fn sdes(keys: Vec<SdesKey>) -> Security {
    Security::Sdes { keys }
}

fn dtls(local: &LocalTransport, setup: DtlsSetup) -> Security {
    Security::Dtls {
        setup,
        fingerprints: local.fingerprint.iter().cloned().collect(),
        tls_id: local.tls_id.clone(),
    }
}
