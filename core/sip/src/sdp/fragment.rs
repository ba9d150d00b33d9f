//! `application/trickle-ice-sdpfrag` (RFC 8840 §9): the body of an INFO with candidates that come after the
//! description.

use tandem_types::Pii;
use tandem_types::media::IceUpdate;

use super::bundle;
use super::description::{Attribute, MediaSection, find};
use super::error::SdpError;
use super::ice::{candidates, is_credential, write_candidates};
use super::parse::parse_parts;

/// Reads a fragment: one update for each of its m-lines, or one without an id where it has none.
///
/// Credentials and `a=end-of-candidates` of the session hold for every m-line. What an m-line says beside
/// that repeats the description and is not looked at.
///
/// # Errors
/// A line that is none, malformed credentials, or more of anything than the limits of a description.
pub fn parse_fragment(text: &[u8]) -> Result<Vec<IceUpdate>, SdpError> {
    let (session, media) = parse_parts(text)?;
    if media.is_empty() {
        return Ok(vec![update(&session, &[], None, 0)?]);
    }
    let sections = media.iter().enumerate();
    sections
        .map(|(index, section)| {
            let mid = bundle::mid(section);
            update(&section.attributes, &session, mid, index)
        })
        .collect()
}

/// Writes a fragment: the pseudo m-lines have the values that RFC 8840 §9.2 gives them, and the ids tell them
/// apart.
pub fn print_fragment(updates: &[IceUpdate]) -> String {
    let mut text = String::new();
    for update in updates {
        let mut section = MediaSection {
            media: "audio".to_owned(),
            port: 9,
            port_count: None,
            protocol: "RTP/AVP".to_owned(),
            formats: vec!["0".to_owned()],
            connection: None,
            lines: Vec::new(),
            attributes: Vec::new(),
        };
        let attributes = &mut section.attributes;
        let mut say = |name, value: Option<&String>| {
            attributes.extend(value.map(|value| Attribute::new(name, value.as_str())));
        };
        say("mid", update.mid.as_ref());
        say("ice-ufrag", update.username_fragment.as_ref());
        say("ice-pwd", update.password.as_ref().map(Pii::reveal));
        write_candidates(&update.candidates, update.end_of_candidates, attributes);
        text.push_str(&section.to_string());
    }
    text
}

fn update(
    own: &[Attribute],
    session: &[Attribute],
    mid: Option<&str>,
    index: usize,
) -> Result<IceUpdate, SdpError> {
    let inherited = |name| find(own, name).or_else(|| find(session, name));
    let credential = |name| match inherited(name) {
        Some(text) if !is_credential(text) => Err(SdpError::BadIceCredentials { index }),
        text => Ok(text.map(str::to_owned)),
    };
    Ok(IceUpdate {
        mid: mid.map(str::to_owned),
        username_fragment: credential("ice-ufrag")?,
        password: credential("ice-pwd")?.map(Pii::new),
        candidates: candidates(own, index)?,
        end_of_candidates: inherited("end-of-candidates").is_some(),
    })
}
