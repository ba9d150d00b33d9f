//! What a 200 to REGISTER grants (RFC 3261 §10.2.4, §10.3, RFC 5626 §5.3).

use std::time::Duration;

use crate::message::{NameAddr, Response};

/// For how long the server keeps our contact; `None` if it says nothing of it.
///
/// Ours is the contact with our `+sip.instance`, else the one with our URI, else the only one there is:
/// servers rewrite contacts behind NAT. Its own `expires` counts before the Expires header. If none can be told apart, the freshest does that lasts no longer than `asked`:
/// bindings of other devices were made before.
pub fn granted(
    response: &Response,
    ours: &NameAddr,
    instance: &str,
    asked: Duration,
) -> Option<Duration> {
    let contacts = response.headers.contacts().ok()?.into_list();
    let same_instance = |contact: &&NameAddr| {
        let listed = contact.params.text("+sip.instance");
        listed.is_some_and(|listed| !instance.is_empty() && is_instance(&listed, instance))
    };
    let same_uri = |contact: &&NameAddr| contact.uri.equivalent(&ours.uri);
    let by_instance = contacts.iter().filter(same_instance).max_by_key(|contact| {
        // A binding from before the address changed may still be there: the one that lasts is ours.
        (contact.uri.equivalent(&ours.uri), contact.expires())
    });
    let ours = by_instance.or_else(|| contacts.iter().find(same_uri));
    let only = match contacts.as_slice() {
        [only] => Some(only),
        _ => None,
    };
    let own = ours.or(only).and_then(NameAddr::expires);
    let general = || response.headers.expires().ok().flatten();
    let freshest = || {
        let listed = contacts.iter().filter_map(NameAddr::expires);
        listed.filter(|n| u64::from(*n) <= asked.as_secs()).max()
    };
    let seconds = own.or_else(general).or_else(freshest)?;
    Some(Duration::from_secs(u64::from(seconds)))
}

fn is_instance(listed: &str, instance: &str) -> bool {
    let bare = listed
        .strip_prefix('<')
        .and_then(|rest| rest.strip_suffix('>'));
    bare.unwrap_or(listed).eq_ignore_ascii_case(instance)
}

/// How long before its end a registration is renewed: time for one REGISTER to be lost entirely (timer F),
/// yet never more than half of it.
pub fn margin(granted: Duration) -> Duration {
    Duration::from_secs(40).min(granted / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::StatusCode;

    const INSTANCE: &str = "urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF";

    fn ok(contacts: &[&str], expires: Option<&str>) -> Response {
        let mut response = Response::new(StatusCode::OK);
        for contact in contacts {
            response.headers.push("Contact", contact);
        }
        if let Some(expires) = expires {
            response.headers.push("Expires", expires);
        }
        response
    }

    fn seconds(response: &Response) -> Option<u64> {
        let ours: NameAddr = "<sip:alice@192.0.2.1:5062>".parse().unwrap();
        granted(response, &ours, INSTANCE, Duration::from_secs(600))
            .map(|granted| granted.as_secs())
    }

    #[test]
    fn our_contact_is_found_among_those_of_other_devices() {
        let list = [
            "<sip:alice@198.51.100.9>;expires=3000",
            "<sip:alice@192.0.2.1:5062>;expires=120",
        ];
        assert_eq!(seconds(&ok(&list, Some("3600"))), Some(120));
        let rewritten = [
            "<sip:alice@198.51.100.9>;expires=3000",
            "<sip:alice@203.0.113.4:1024>;\
             +sip.instance=\"<urn:uuid:00000000-0000-1000-8000-aabbccddeeff>\";expires=77",
        ];
        assert_eq!(seconds(&ok(&rewritten, None)), Some(77));
    }

    #[test]
    fn the_expires_header_serves_where_no_contact_says_more() {
        assert_eq!(
            seconds(&ok(&["<sip:alice@192.0.2.1:5062>"], Some("600"))),
            Some(600)
        );
        assert_eq!(seconds(&ok(&[], Some("60"))), Some(60));
        assert_eq!(seconds(&ok(&[], None)), None);
        assert_eq!(
            seconds(&ok(&["<sip:other@203.0.113.4>;expires=50"], None)),
            Some(50)
        );
    }

    #[test]
    fn a_rewritten_contact_without_instance_is_told_from_those_of_other_devices() {
        let list = [
            "<sip:alice@203.0.113.4:1024>;expires=3000",
            "<sip:alice@203.0.113.4:2048>;expires=120",
            "<sip:alice@203.0.113.4:4096>;expires=77",
        ];
        assert_eq!(
            seconds(&ok(&list, None)),
            Some(120),
            "not the 600 asked for"
        );
        assert_eq!(seconds(&ok(&list, Some("100"))), Some(100));
    }

    #[test]
    fn a_registration_is_renewed_well_before_its_end() {
        assert_eq!(margin(Duration::from_secs(600)), Duration::from_secs(40));
        assert_eq!(margin(Duration::from_secs(60)), Duration::from_secs(30));
    }
}
