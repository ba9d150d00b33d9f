//! Candidate lines, as they stand in descriptions and come one by one.

use tandem_media::fuzzing::candidate_line;

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "ice-candidate",
    about: "a candidate line: read, written, read again",
    seeds: &[],
    dictionary: Some("sdp"),
    longest: 1024,
    budget: Budget {
        memory: (16 << 10, 64),
        work: (64 << 10, 512),
    },
    check,
};

fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Some(written) = candidate_line(&text) else {
        return;
    };
    assert_eq!(
        candidate_line(&written).as_ref(),
        Some(&written),
        "writing settles"
    );
    assert!(
        written.len() <= text.len() + 64 && !written.contains(['\r', '\n']),
        "{written:?} is no line of a description"
    );
}
