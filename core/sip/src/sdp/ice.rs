//! ICE in a description (RFC 8839).

use tandem_types::Pii;
use tandem_types::media::IceDescription;

use super::description::{Attribute, MediaSection, SessionDescription, find};

/// What `section` says of ICE; `None` unless there is a name and a password, its own or the session's.
pub(super) fn read(
    description: &SessionDescription,
    section: &MediaSection,
) -> Option<IceDescription> {
    let username_fragment = description.inherited(section, "ice-ufrag")?.to_owned();
    let password = Pii::new(description.inherited(section, "ice-pwd")?.to_owned());
    Some(IceDescription {
        username_fragment,
        password,
        candidates: section
            .attributes_named("candidate")
            .map(str::to_owned)
            .collect(),
        lite: find(&description.attributes, "ice-lite").is_some(),
    })
}

/// The m-line's attributes; `a=ice-lite` belongs to the session (RFC 8839 §5.3).
pub(super) fn write(ice: &IceDescription, attributes: &mut Vec<Attribute>) {
    attributes.push(Attribute::new("ice-ufrag", ice.username_fragment.as_str()));
    attributes.push(Attribute::new("ice-pwd", ice.password.reveal().as_str()));
    for candidate in &ice.candidates {
        attributes.push(Attribute::new("candidate", candidate.as_str()));
    }
}
