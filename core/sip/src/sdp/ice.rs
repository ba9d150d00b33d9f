//! ICE in a description (RFC 8839), with what trickle adds (RFC 8840).

use tandem_types::Pii;
use tandem_types::media::IceDescription;

use super::description::{Attribute, MediaSection, SessionDescription};
use super::error::SdpError;

/// The most candidates of one m-line. A phone has some ten, a server with every network up a few dozen.
pub const MAX_CANDIDATES: usize = 128;
/// The longest candidate read, in bytes.
const LONGEST_CANDIDATE: usize = 512;
/// The longest credential (RFC 8839 §5.4).
const LONGEST_CREDENTIAL: usize = 256;

const TRICKLE: &str = "trickle";
const ICE2: &str = "ice2";

/// Whether `section` has, or inherits, credentials.
pub(super) fn is_offered(description: &SessionDescription, section: &MediaSection) -> bool {
    let has = |name| description.inherited(section, name).is_some();
    has("ice-ufrag") && has("ice-pwd")
}

/// What `section` says of ICE; `None` unless there is a name and a password, its own or the session's.
pub(super) fn read(
    description: &SessionDescription,
    section: &MediaSection,
    index: usize,
) -> Result<Option<IceDescription>, SdpError> {
    let inherited = |name| description.inherited(section, name);
    let (Some(username_fragment), Some(password)) = (inherited("ice-ufrag"), inherited("ice-pwd"))
    else {
        return Ok(None);
    };
    if !is_credential(username_fragment) || !is_credential(password) {
        return Err(SdpError::BadIceCredentials { index });
    }
    let options = || {
        inherited("ice-options")
            .unwrap_or_default()
            .split_ascii_whitespace()
    };
    Ok(Some(IceDescription {
        username_fragment: username_fragment.to_owned(),
        password: Pii::new(password.to_owned()),
        candidates: candidates(&section.attributes, index)?,
        lite: inherited("ice-lite").is_some(),
        trickle: options().any(|option| option == TRICKLE),
        ice2: options().any(|option| option == ICE2),
        end_of_candidates: inherited("end-of-candidates").is_some(),
    }))
}

/// The candidate lines among `attributes`.
pub(super) fn candidates(attributes: &[Attribute], index: usize) -> Result<Vec<String>, SdpError> {
    let lines: Vec<&str> = super::description::values(attributes, "candidate")
        .take(MAX_CANDIDATES + 1)
        .collect();
    if lines.len() > MAX_CANDIDATES || lines.iter().any(|line| line.len() > LONGEST_CANDIDATE) {
        return Err(SdpError::CandidatesTooLarge { index });
    }
    Ok(lines.into_iter().map(str::to_owned).collect())
}

/// Whether `text` can stand in a STUN USERNAME. RFC 8839 allows letters, digits, `+` and `/`; a few more are
/// seen.
pub(super) fn is_credential(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b':';
    (1..=LONGEST_CREDENTIAL).contains(&text.len()) && text.bytes().all(fits)
}

/// The m-line's attributes; `a=ice-lite` belongs to the session (RFC 8839 §5.3).
pub(super) fn write(ice: &IceDescription, attributes: &mut Vec<Attribute>) {
    attributes.push(Attribute::new("ice-ufrag", ice.username_fragment.as_str()));
    attributes.push(Attribute::new("ice-pwd", ice.password.reveal().as_str()));
    let options = match (ice.trickle, ice.ice2) {
        (true, true) => Some("trickle ice2"),
        (true, false) => Some(TRICKLE),
        (false, true) => Some(ICE2),
        (false, false) => None,
    };
    attributes.extend(options.map(|options| Attribute::new("ice-options", options)));
    write_candidates(&ice.candidates, ice.end_of_candidates, attributes);
}

pub(super) fn write_candidates(lines: &[String], last: bool, attributes: &mut Vec<Attribute>) {
    for candidate in lines {
        attributes.push(Attribute::new("candidate", candidate.as_str()));
    }
    if last {
        attributes.push(Attribute::flag("end-of-candidates"));
    }
}
