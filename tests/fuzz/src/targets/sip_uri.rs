//! Addresses as people type them and servers send them: `sip:`, `tel:` and others.

use tandem_sip::message::{NameAddr, Uri};

use super::sip_message::{again, uri_reads_back};
use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "sip-uri",
    about: "addresses: read, printed, read again, compared both ways",
    seeds: &[],
    dictionary: Some("sip"),
    longest: 512,
    budget: Budget {
        memory: (16 << 10, 64),
        work: (64 << 10, 1024),
    },
    check,
};

/// Two addresses, a line each.
fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(2, '\n');
    let (first, second) = (lines.next().unwrap_or_default(), lines.next());
    let read = |text: &str| text.parse::<Uri>().ok();
    let (one, other) = (read(first), second.and_then(read));
    for uri in [&one, &other].into_iter().flatten() {
        uri_reads_back(uri);
        views(uri);
        let address = NameAddr::new(uri.clone()).with_display(first).with_tag("1");
        again(&address);
    }
    if let (Some(one), Some(other)) = (&one, &other) {
        assert_eq!(
            one.equivalent(other),
            other.equivalent(one),
            "{one} and {other}"
        );
    }
    if let Ok(address) = first.parse::<NameAddr>() {
        again(&address);
    }
}

fn views(uri: &Uri) {
    match uri {
        Uri::Sip(sip) => {
            let _ = (sip.user_text(), sip.transport(), sip.lr(), sip.maddr());
            let _ = (sip.parameter("method"), sip.headers().count());
            let bare = sip.clone().without_headers().without_parameters();
            again(&bare);
            again(&bare.without_user());
        }
        Uri::Tel(tel) => {
            let _ = (tel.dialled(), tel.is_global());
        }
        Uri::Other(other) => {
            let _ = (other.scheme(), other.rest());
        }
        _ => {}
    }
}
