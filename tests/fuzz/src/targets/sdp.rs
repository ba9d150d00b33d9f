//! Session descriptions: text to lines to streams, and back.

use std::net::{IpAddr, Ipv4Addr};

use tandem_sip::sdp::{Origin, SdpSession, SessionDescription, from_media, to_media};
use tandem_types::SeededEntropy;

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "sdp",
    about: "session descriptions: to streams and back, and answered",
    seeds: &["tests/fixtures/sdp"],
    dictionary: Some("sdp"),
    longest: 4096,
    budget: Budget {
        memory: (64 << 10, 128),
        work: (256 << 10, 2048),
    },
    check,
};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));

fn check(input: &[u8]) {
    let Ok(description) = SessionDescription::parse(input) else {
        return;
    };
    let printed = reads_back(&description);
    assert!(
        printed <= 4 * input.len() + 256,
        "{} bytes of {}",
        printed,
        input.len()
    );
    let Ok(media) = to_media(&description) else {
        return;
    };
    // What the streams say survives our own way of writing them.
    let origin = Origin::new("-", 1, 1, HERE);
    let ours = from_media(&media, &origin);
    reads_back(&ours);
    let again = to_media(&ours).expect("our own description makes sense");
    let settled = to_media(&from_media(&again, &origin)).expect("still");
    assert_eq!(again, settled, "writing streams settles");
    // An answer that takes all of it.
    let mut session = SdpSession::new(HERE, &mut SeededEntropy::new(1));
    if let Ok(answer) = session.answer(&description, &media) {
        reads_back(&answer);
        assert_eq!(answer.media.len(), description.media.len());
        let fits = answer
            .media
            .iter()
            .zip(&description.media)
            .all(|(ours, theirs)| {
                ours.media.eq_ignore_ascii_case(&theirs.media) && ours.protocol == theirs.protocol
            });
        assert!(fits, "the answer keeps places and protocols");
    }
}

/// Lines, text, lines: the same text, and the same streams. (Lines of one section may come in any order and
/// are printed in the right one.) Answers the length of the text.
fn reads_back(description: &SessionDescription) -> usize {
    let text = description.to_string();
    let again = SessionDescription::parse(text.as_bytes()).expect("what we print can be read");
    assert_eq!(again.to_string(), text, "printing settles");
    assert_eq!(again.origin, description.origin);
    assert_eq!(
        to_media(&again),
        to_media(description),
        "printed as {text:?}"
    );
    text.len()
}
