//! Lines as the RFC and real phones write them.

use super::*;
use tandem_types::SeededEntropy;

fn line(tag: u32, suite: &str, key_params: &str) -> SdesKey {
    SdesKey {
        tag,
        suite: suite.to_owned(),
        key_params: Pii::new(key_params.to_owned()),
    }
}

fn read(suite: &str, key_params: &str) -> Result<SrtpProfile, SdesError> {
    Line::read(&line(1, suite, key_params)).map(|line| line.profile)
}

const CM: &str = "AES_CM_128_HMAC_SHA1_80";
/// From the examples of RFC 4568 §1 and §5.
const KEY: &str = "inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";

#[test]
fn the_lines_of_the_rfc_are_understood() {
    // RFC 4568 §5.1.2, §6.1 and §9.2 write them with and without lifetime.
    let plain = KEY.to_owned();
    for text in [
        plain.clone(),
        format!("{plain}|2^20"),
        format!("{plain}|1048576"),
        format!("{plain} KDR=0 WSH=64"),
        format!("{plain}|2^31 -FUTURE=1"),
    ] {
        assert_eq!(read(CM, &text), Ok(SrtpProfile::AesCm128Sha1_80), "{text}");
        let weak = read("AES_CM_128_HMAC_SHA1_32", &text);
        assert_eq!(weak, Ok(SrtpProfile::AesCm128Sha1_32));
    }
}

#[test]
fn what_cannot_be_honoured_is_refused() {
    let cases = [
        ("|2^20|1:32", SdesError::Unsupported),
        ("|1:4", SdesError::Unsupported),
        (" KDR=1", SdesError::Unsupported),
        (" UNENCRYPTED_SRTP", SdesError::Unsupported),
        (" UNENCRYPTED_SRTCP", SdesError::Unsupported),
        (" UNAUTHENTICATED_SRTP", SdesError::Unsupported),
        (" FEC_ORDER=FEC_SRTP", SdesError::Unsupported),
        (" FEC_KEY=inline:x", SdesError::Unsupported),
        (" SOMETHING", SdesError::Unsupported),
        (" KDR=25", SdesError::Malformed),
        (" WSH=63", SdesError::Malformed),
        ("|2^49", SdesError::Malformed),
        ("|0", SdesError::Malformed),
        ("|", SdesError::Malformed),
        ("|2^-1", SdesError::Malformed),
    ];
    for (more, error) in cases {
        assert_eq!(read(CM, &format!("{KEY}{more}")), Err(error), "{more}");
    }
    let two = format!("{KEY}|2^20|1:4;{KEY}|2^20|2:4");
    assert_eq!(read(CM, &two), Err(SdesError::Unsupported));
    assert_eq!(
        read("F8_128_HMAC_SHA1_80", KEY),
        Err(SdesError::UnknownSuite)
    );
    assert_eq!(read("AEAD_AES_256_GCM", KEY), Err(SdesError::KeyLength));
    assert_eq!(read(CM, "inline:***"), Err(SdesError::Malformed));
    assert_eq!(
        read(CM, "uri:https://example.org"),
        Err(SdesError::Unsupported)
    );
    assert_eq!(read(CM, ""), Err(SdesError::Malformed));
}

#[test]
fn offer_and_answer_give_two_keys_and_sound() {
    let mut entropy = SeededEntropy::new(4);
    let offered = offer(&mut entropy);
    assert_eq!(
        offered.iter().map(|key| key.tag).collect::<Vec<_>>(),
        [1, 2]
    );
    // A peer that knows only the second suite, as most hardware phones.
    let (hers, mine) = answer(&offered[1..], &mut entropy).expect("acceptable");
    assert_eq!((hers.tag, hers.suite.as_str()), (2, CM));
    assert_eq!(mine, offered[1]);
    let mine = chosen(&offered, &hers).expect("one of the offered");
    let mut offerer = pair(mine, &hers).expect("two keys");
    let mut answerer = pair(&hers, mine).expect("two keys");
    let packet = [&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9][..], b"sound"].concat();
    let sealed = offerer.protect_rtp(&packet).expect("sealed");
    assert_ne!(sealed[12..17], packet[12..]);
    assert_eq!(answerer.unprotect_rtp(&sealed), Ok(packet.clone()));
    let back = answerer.protect_rtp(&packet).expect("sealed");
    assert_ne!(back, sealed, "each direction has its own key");
    assert_eq!(offerer.unprotect_rtp(&back), Ok(packet));
}

#[test]
fn the_offerers_order_counts_except_for_short_tags() {
    let mut entropy = SeededEntropy::new(4);
    let key = |length: usize| write_key(&vec![7; length]);
    let offered = [
        line(1, "AES_CM_128_HMAC_SHA1_32", &key(30)),
        line(
            2,
            "AES_256_CM_HMAC_SHA1_80",
            &format!("{} UNENCRYPTED_SRTCP", key(46)),
        ),
        line(3, "AES_CM_256_HMAC_SHA1_80", &key(46)),
        line(4, CM, &key(30)),
    ];
    let (local, remote) = answer(&offered, &mut entropy).expect("acceptable");
    assert_eq!((remote.tag, local.tag), (3, 3));
    // The name is repeated as it was offered.
    assert_eq!(local.suite, "AES_CM_256_HMAC_SHA1_80");
    let (local, _) = answer(&offered[..2], &mut entropy).expect("the weak one at least");
    assert_eq!(local.suite, "AES_CM_128_HMAC_SHA1_32");
    assert_eq!(
        answer(&offered[1..2], &mut entropy).err(),
        Some(SdesError::NothingAcceptable)
    );
}

#[test]
fn lines_that_do_not_belong_together_make_no_pair() {
    let mine = line(1, CM, KEY);
    assert_eq!(pair(&mine, &mine).err(), Some(SdesError::SameKey));
    let other = line(2, CM, &write_key(&[9; 30]));
    assert_eq!(pair(&mine, &other).err(), Some(SdesError::Mismatch));
    let suite = line(1, "AES_CM_128_HMAC_SHA1_32", &write_key(&[9; 30]));
    assert_eq!(pair(&mine, &suite).err(), Some(SdesError::Mismatch));
    assert_eq!(chosen(&[mine], &suite).err(), Some(SdesError::Mismatch));
}

#[test]
fn a_key_never_shows_in_a_log() {
    let offered = offer(&mut SeededEntropy::new(4));
    let printed = format!("{offered:?}");
    assert!(!printed.contains("inline"), "{printed}");
}

#[test]
fn every_suite_has_keys_of_its_length() {
    let mut entropy = SeededEntropy::new(4);
    for suite in [
        "AEAD_AES_128_GCM",
        "AEAD_AES_256_GCM",
        CM,
        "AES_CM_128_HMAC_SHA1_32",
        "AES_256_CM_HMAC_SHA1_80",
        "AES_256_CM_HMAC_SHA1_32",
    ] {
        let profile = profile_named(suite).expect("known");
        let local = new_line(1, suite, profile, &mut entropy);
        let remote = new_line(1, suite, profile, &mut entropy);
        assert!(pair(&local, &remote).is_ok(), "{suite}");
    }
}
