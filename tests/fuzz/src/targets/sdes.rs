//! Keys in the signalling: `a=crypto` lines.

use tandem_media::fuzzing::sdes;
use tandem_types::media::SdesKey;
use tandem_types::{Pii, SeededEntropy};

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "sdes",
    about: "a=crypto lines: answered with one of them and a key that both ends understand",
    seeds: &[],
    dictionary: Some("sdp"),
    longest: 1024,
    budget: Budget {
        memory: (64 << 10, 64),
        work: (256 << 10, 512),
    },
    check,
};

/// `tag suite params`, a line each.
fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let offered: Vec<SdesKey> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some(SdesKey {
                tag: words.next()?.parse().ok()?,
                suite: words.next()?.to_owned(),
                key_params: Pii::new(words.next()?.to_owned()),
            })
        })
        .collect();
    let Ok((ours, theirs)) = sdes::answer(&offered, &mut SeededEntropy::new(1)) else {
        return;
    };
    assert!(offered.contains(&theirs), "answered what was not offered");
    assert_eq!((ours.tag, &ours.suite), (theirs.tag, &theirs.suite));
    let chosen = sdes::chosen(&offered, &ours).expect("our answer fits the offer");
    let mut here = sdes::pair(&ours, &theirs).expect("keys");
    // Where an offer uses one tag twice, the offerer may take another line for the chosen one.
    if chosen == &theirs {
        let mut there = sdes::pair(chosen, &ours).expect("keys");
        let packet = [&[0x80, 0, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4][..], b"sound"].concat();
        let sealed = here.protect_rtp(&packet).expect("a packet");
        assert_eq!(there.unprotect_rtp(&sealed).as_deref(), Ok(&packet[..]));
    }
}
