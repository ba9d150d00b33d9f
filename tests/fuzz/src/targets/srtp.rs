//! SRTP and SRTCP: what a stranger sends is refused, what the peer sends is what it meant, once.

use tandem_media::fuzzing::srtp::{MasterKey, SrtpError, SrtpPair, SrtpProfile};

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "srtp",
    about: "SRTP and SRTCP: strangers refused, sealed and opened, changed and repeated",
    seeds: &["tests/fuzz/corpus/rtp"],
    dictionary: None,
    longest: 2048,
    budget: Budget {
        memory: (128 << 10, 64),
        work: (512 << 10, 512),
    },
    check,
};

const PROFILES: [SrtpProfile; 4] = [
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::AesCm128Sha1_80,
    SrtpProfile::AesCm256Sha1_80,
];
/// SRTCP with AES-GCM: a tag of 16 bytes and an index of 4.
const LARGEST_GROWTH: usize = 20;

fn ends(profile: SrtpProfile) -> [SrtpPair; 2] {
    let key = |fill: u8| {
        MasterKey::new(
            vec![fill; profile.key_len()],
            vec![fill; profile.salt_len()],
        )
    };
    let (one, other) = (key(1), key(2));
    [(&one, &other), (&other, &one)]
        .map(|(local, remote)| SrtpPair::new(profile, local, remote).expect("a pair"))
}

fn check(input: &[u8]) {
    // The last byte, so that what comes first is a packet, and the profile does not move it.
    let Some((&choice, packet)) = input.split_last() else {
        return;
    };
    let profile = PROFILES[usize::from(choice) % PROFILES.len()];
    let [mut alice, mut bob] = ends(profile);
    assert!(
        bob.unprotect_rtp(packet).is_err(),
        "a stranger was believed"
    );
    assert!(
        bob.unprotect_rtcp(packet).is_err(),
        "a stranger was believed"
    );
    if let Ok(sealed) = alice.protect_rtp(packet) {
        let open = |packet: &[u8]| bob.unprotect_rtp(packet);
        sealed_opens_once(packet, sealed, choice, open);
    }
    if let Ok(sealed) = alice.protect_rtcp(packet) {
        let open = |packet: &[u8]| bob.unprotect_rtcp(packet);
        sealed_opens_once(packet, sealed, choice, open);
    }
}

fn sealed_opens_once(
    packet: &[u8],
    mut sealed: Vec<u8>,
    choice: u8,
    mut open: impl FnMut(&[u8]) -> Result<Vec<u8>, SrtpError>,
) {
    assert!(sealed.len() <= packet.len() + LARGEST_GROWTH);
    let changed = usize::from(choice) * sealed.len() / 256;
    sealed[changed] ^= 0x10;
    assert!(open(&sealed).is_err(), "a changed packet was believed");
    sealed[changed] ^= 0x10;
    assert_eq!(open(&sealed).as_deref(), Ok(packet), "not what was sealed");
    assert!(open(&sealed).is_err(), "a repeated packet was believed");
}
