//! Several m-lines on one transport: `a=group:BUNDLE` (RFC 8843).

use super::description::{Attribute, MediaSection, SessionDescription, values};

const BUNDLE: &str = "BUNDLE";

/// The groups of `description`, each by its m-lines' ids. Ids that no m-line has, or that were named before,
/// are left out, and so are groups that are empty then.
pub(super) fn read(description: &SessionDescription) -> Vec<Vec<String>> {
    let mut seen: Vec<&str> = Vec::new();
    let mut groups = Vec::new();
    for value in values(&description.attributes, "group") {
        let mut words = value.split_ascii_whitespace();
        if words.next() != Some(BUNDLE) {
            continue;
        }
        let mut group: Vec<String> = Vec::new();
        for mid in words {
            if section_of(description, mid).is_some() && !seen.contains(&mid) {
                seen.push(mid);
                group.push(mid.to_owned());
            }
        }
        if !group.is_empty() {
            groups.push(group);
        }
    }
    groups
}

/// The session's lines for `groups`.
pub(super) fn write(groups: &[Vec<String>], attributes: &mut Vec<Attribute>) {
    for group in groups.iter().filter(|group| !group.is_empty()) {
        let value = format!("{BUNDLE} {}", group.join(" "));
        attributes.push(Attribute::new("group", value));
    }
}

/// Takes m-lines that are rejected out of the groups (RFC 8843 §7.3.2).
pub(super) fn prune(description: &mut SessionDescription) {
    let mut groups = read(description);
    for group in &mut groups {
        group.retain(|mid| section_of(description, mid).is_some_and(|s| !s.is_rejected()));
    }
    let is_bundle = |attribute: &Attribute| {
        let kind = attribute.value.as_deref().unwrap_or_default();
        attribute.is("group") && kind.split_ascii_whitespace().next() == Some(BUNDLE)
    };
    description
        .attributes
        .retain(|attribute| !is_bundle(attribute));
    let mut attributes = Vec::new();
    write(&groups, &mut attributes);
    attributes.append(&mut description.attributes);
    description.attributes = attributes;
}

/// The m-line whose transport `section` uses, if that is another one: the first of its group, when `section`
/// has no port of its own (`a=bundle-only`, RFC 8843 §6) or names the same one.
pub(super) fn carrier<'a>(
    description: &'a SessionDescription,
    groups: &[Vec<String>],
    section: &MediaSection,
) -> Option<&'a MediaSection> {
    let mid = mid(section)?;
    let group = groups.iter().find(|group| group.iter().any(|m| m == mid))?;
    let first = section_of(description, group.first()?)?;
    let shares = is_bundle_only(section)
        || (section.port == first.port && section.connection == first.connection);
    (first.attribute("mid") != Some(mid) && !first.is_rejected() && shares).then_some(first)
}

/// Whether port 0 does not mean a rejection here.
pub(super) fn is_bundle_only(section: &MediaSection) -> bool {
    section.is_rejected() && section.attribute("bundle-only").is_some()
}

/// An m-line's id.
pub(super) fn mid(section: &MediaSection) -> Option<&str> {
    section.attribute("mid").filter(|mid| !mid.is_empty())
}

fn section_of<'a>(description: &'a SessionDescription, mid: &str) -> Option<&'a MediaSection> {
    description
        .media
        .iter()
        .find(|section| self::mid(section) == Some(mid))
}
