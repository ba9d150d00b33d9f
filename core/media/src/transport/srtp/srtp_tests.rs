//! Vectors, replay, strangers, and packets that are not what they seem.

use rtc_crypto::{HmacAlgorithm, StreamCipherAlgorithm, default_provider};
use tandem_types::{Entropy, SeededEntropy};

use super::*;

const PROFILES: [SrtpProfile; 6] = [
    SrtpProfile::AeadAes128Gcm,
    SrtpProfile::AeadAes256Gcm,
    SrtpProfile::AesCm128Sha1_80,
    SrtpProfile::AesCm128Sha1_32,
    SrtpProfile::AesCm256Sha1_80,
    SrtpProfile::AesCm256Sha1_32,
];
/// A receiver report of one source, without blocks.
const REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 9];

fn key(profile: SrtpProfile, fill: u8) -> MasterKey {
    MasterKey::new(
        vec![fill; profile.key_len()],
        vec![fill ^ 1; profile.salt_len()],
    )
}

/// Two ends that understand each other.
fn ends(profile: SrtpProfile) -> (SrtpPair, SrtpPair) {
    let (one, two) = (key(profile, 3), key(profile, 5));
    let here = SrtpPair::new(profile, &one, &two).expect("right lengths");
    let there = SrtpPair::new(profile, &two, &one).expect("right lengths");
    (here, there)
}

fn rtp(sequence: u16, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0x80, 96];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 1, 0]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(*b"twenty ms of sound");
    packet
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).expect("ascii");
        u8::from_str_radix(text, 16).expect("hex")
    };
    digits.chunks(2).map(pair).collect()
}

/// The packet that the reference implementation's self-test seals.
fn reference_packet() -> Vec<u8> {
    [hex("800f1234 decafbad cafebabe"), vec![0xab; 16]].concat()
}

#[test]
fn sealed_packets_equal_the_reference_implementations() {
    let cases = [
        (
            SrtpProfile::AesCm128Sha1_80,
            "e1f97a0d3e018be0d64fa32c06de4139",
            "0ec675ad498afeebb6960b3aabe6",
            "4e55dc4ce79978d88ca4d215949d2402 b78d6acc99ea179b8dbb",
        ),
        (
            SrtpProfile::AeadAes128Gcm,
            "000102030405060708090a0b0c0d0e0f",
            "a0a1a2a3a4a5a6a7a8a9aaab",
            "c5002ede04cfdd2eb91159e0880aa06e d2976826f796b201df3131a127e8a392",
        ),
    ];
    for (profile, key, salt, sealed) in cases {
        let local = MasterKey::new(hex(key), hex(salt));
        let remote = self::key(profile, 1);
        let mut pair = SrtpPair::new(profile, &local, &remote).expect("right lengths");
        let expected = [&reference_packet()[..12], &hex(sealed)].concat();
        assert_eq!(
            pair.protect_rtp(&reference_packet()),
            Ok(expected),
            "{profile:?}"
        );
        let mut back = SrtpPair::new(profile, &remote, &local).expect("right lengths");
        let sealed = [&reference_packet()[..12], &hex(sealed)].concat();
        assert_eq!(back.unprotect_rtp(&sealed), Ok(reference_packet()));
    }
}

/// The session keys that RFC 3711 appendix B.3 derives, used by hand as §4.1.1 and §4.2.1 say, give what the
/// pair gives that has the appendix' master key.
#[test]
fn session_keys_are_those_of_appendix_b3() {
    let master = MasterKey::new(
        hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
        hex("0EC675AD498AFEEBB6960B3AABE6"),
    );
    let cipher_key = hex("C61E7A93744F39EE10734AFE3FF7A087");
    let cipher_salt = hex("30CBBC08863D8C85D49DB34A9AE1");
    let auth_key = hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4");

    let packet = rtp(0x1234, 0x0bad_cafe);
    let mut block = [cipher_salt, vec![0, 0]].concat();
    for (to, from) in block[4..8].iter_mut().zip(0x0bad_cafe_u32.to_be_bytes()) {
        *to ^= from;
    }
    for (to, from) in block[12..14].iter_mut().zip([0x12, 0x34]) {
        *to ^= from;
    }
    let provider = default_provider().expect("a provider");
    let crypto = provider.crypto();
    let mut expected = packet.clone();
    crypto
        .new_stream_cipher(StreamCipherAlgorithm::Aes128Ctr, &cipher_key)
        .and_then(|mut cipher| cipher.apply_keystream(&block, &mut expected[12..]))
        .expect("encrypted");
    let mut tag = [0; 20];
    crypto
        .new_hmac(HmacAlgorithm::Sha1, &auth_key)
        .and_then(|mut mac| mac.sign(&[&expected, &[0; 4]], &mut tag))
        .expect("signed");
    expected.extend(&tag[..10]);

    let profile = SrtpProfile::AesCm128Sha1_80;
    let mut pair = SrtpPair::new(profile, &master, &key(profile, 1)).expect("right lengths");
    assert_eq!(pair.protect_rtp(&packet), Ok(expected));
}

#[test]
fn every_profile_carries_media_and_control() {
    for profile in PROFILES {
        let (mut here, mut there) = ends(profile);
        for sequence in [1, 2, 3] {
            let sealed = here.protect_rtp(&rtp(sequence, 9)).expect("sealed");
            assert_eq!(
                there.unprotect_rtp(&sealed),
                Ok(rtp(sequence, 9)),
                "{profile:?}"
            );
            let sealed = here.protect_rtcp(&REPORT).expect("sealed");
            assert_ne!(sealed.len(), REPORT.len());
            assert_eq!(
                there.unprotect_rtcp(&sealed),
                Ok(REPORT.to_vec()),
                "{profile:?}"
            );
        }
    }
}

#[test]
fn a_packet_counts_once_in_any_order_within_the_window() {
    for profile in PROFILES {
        let (mut here, mut there) = ends(profile);
        let sealed: Vec<_> = (0..300)
            .map(|n| here.protect_rtp(&rtp(n, 9)).expect("sealed"))
            .collect();
        for n in [0_usize, 3, 1, 2, 200] {
            assert!(there.unprotect_rtp(&sealed[n]).is_ok(), "{n}");
            assert_eq!(there.unprotect_rtp(&sealed[n]), Err(SrtpError::Replayed));
        }
        assert!(there.unprotect_rtp(&sealed[100]).is_ok(), "100 late");
        assert_eq!(
            there.unprotect_rtp(&sealed[72]),
            Err(SrtpError::Replayed),
            "128 late"
        );
        let report = here.protect_rtcp(&REPORT).expect("sealed");
        assert!(there.unprotect_rtcp(&report).is_ok());
        assert_eq!(there.unprotect_rtcp(&report), Err(SrtpError::Replayed));
    }
}

#[test]
fn numbers_roll_over_also_where_packets_are_lost_and_late() {
    for profile in [SrtpProfile::AeadAes128Gcm, SrtpProfile::AesCm128Sha1_80] {
        let (mut here, mut there) = ends(profile);
        let numbers = (65_000_u32..66_036)
            .chain(98_000..98_300)
            .chain(130_900..131_600);
        let mut late = None;
        for number in numbers {
            let packet = rtp(u16::try_from(number % 65_536).expect("16 bits"), 9);
            let sealed = here.protect_rtp(&packet).expect("sealed");
            match number % 7 {
                // Lost.
                0 => {}
                1 => late = Some((sealed, packet)),
                _ => {
                    assert_eq!(there.unprotect_rtp(&sealed), Ok(packet), "{number}");
                    if let Some((sealed, packet)) = late.take() {
                        assert_eq!(there.unprotect_rtp(&sealed), Ok(packet), "late {number}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_forged_first_packet_does_not_shut_out_the_source() {
    for profile in PROFILES {
        let (mut here, mut there) = ends(profile);
        // Far ahead of the real numbers: believed, it would make every real packet too old.
        let mut forged = rtp(20_000, 9);
        forged.extend([0; 16]);
        assert_eq!(there.unprotect_rtp(&forged), Err(SrtpError::Forged));
        let mut forged = REPORT.to_vec();
        forged.extend([0; 30]);
        // The E bit where this profile has it, a far index behind it.
        for at in [forged.len() - 14, forged.len() - 4] {
            forged[at] = 0xc0;
        }
        assert_eq!(
            there.unprotect_rtcp(&forged),
            Err(SrtpError::Forged),
            "{profile:?}"
        );
        let sealed = here.protect_rtp(&rtp(1, 9)).expect("sealed");
        assert_eq!(there.unprotect_rtp(&sealed), Ok(rtp(1, 9)), "{profile:?}");
        let sealed = here.protect_rtcp(&REPORT).expect("sealed");
        assert_eq!(
            there.unprotect_rtcp(&sealed),
            Ok(REPORT.to_vec()),
            "{profile:?}"
        );
    }
}

#[test]
fn invented_sources_are_refused_and_real_ones_still_admitted() {
    let (mut here, mut there) = ends(SrtpProfile::AesCm128Sha1_80);
    for ssrc in 0..1000 {
        let mut forged = rtp(1, ssrc);
        forged.extend([0; 10]);
        assert_eq!(there.unprotect_rtp(&forged), Err(SrtpError::Forged));
    }
    for ssrc in 2000..2010 {
        let sealed = here.protect_rtp(&rtp(1, ssrc)).expect("sealed");
        assert_eq!(there.unprotect_rtp(&sealed), Ok(rtp(1, ssrc)));
    }
}

#[test]
fn control_without_encryption_is_refused() {
    for profile in PROFILES {
        let (mut here, mut there) = ends(profile);
        let mut sealed = here.protect_rtcp(&REPORT).expect("sealed");
        // Anybody can write this much: a report, and an index without the E bit.
        let mut forged = REPORT.to_vec();
        forged.extend([0; 30]);
        assert_eq!(
            there.unprotect_rtcp(&forged),
            Err(SrtpError::Unencrypted),
            "{profile:?}"
        );
        // And a real one with the bit cleared on its way.
        let at = match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => sealed.len() - 4,
            _ => sealed.len() - 14,
        };
        sealed[at] &= 0x7f;
        assert_eq!(
            there.unprotect_rtcp(&sealed),
            Err(SrtpError::Unencrypted),
            "{profile:?}"
        );
    }
}

#[test]
fn the_payload_begins_where_the_header_says() {
    // An extension of one-byte form with padding between its elements and an unknown id, two contributors.
    let header = hex(
        "92 60 0001 00000100 00000009 0000000a 0000000b bede 0003 00 00 10ff 00 00 f0 aa 51 0102 00",
    );
    let packet = [header.clone(), b"sound".to_vec()].concat();
    for profile in PROFILES {
        let (mut here, mut there) = ends(profile);
        let sealed = here.protect_rtp(&packet).expect("sealed");
        assert_eq!(sealed[..header.len()], header, "{profile:?}");
        assert_ne!(sealed[header.len()..header.len() + 5], *b"sound");
        assert_eq!(
            there.unprotect_rtp(&sealed),
            Ok(packet.clone()),
            "{profile:?}"
        );
    }
}

#[test]
fn damaged_and_cut_packets_are_errors_and_change_nothing() {
    let mut entropy = SeededEntropy::new(11);
    for profile in PROFILES {
        let (mut here, mut there) = ends(profile);
        let media = here.protect_rtp(&rtp(1, 9)).expect("sealed");
        let control = here.protect_rtcp(&REPORT).expect("sealed");
        for length in 0..media.len() {
            assert!(there.unprotect_rtp(&media[..length]).is_err());
        }
        for length in 0..control.len() {
            assert!(there.unprotect_rtcp(&control[..length]).is_err());
        }
        for packet in [&media, &control] {
            for bit in 0..packet.len() * 8 {
                let mut damaged = packet.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(there.unprotect_rtp(&damaged).is_err(), "{profile:?} {bit}");
                assert!(there.unprotect_rtcp(&damaged).is_err(), "{profile:?} {bit}");
            }
        }
        for _ in 0..2000 {
            let size = usize::try_from(entropy.below(80)).expect("small");
            let mut noise = vec![0; size];
            entropy.fill(&mut noise);
            if let Some(first) = noise.first_mut() {
                *first = *first & 0x3f | 0x80;
            }
            assert!(there.unprotect_rtp(&noise).is_err());
            assert!(there.unprotect_rtcp(&noise).is_err());
            let _ = here.protect_rtp(&noise);
            let _ = here.protect_rtcp(&noise);
        }
        assert_eq!(there.unprotect_rtp(&media), Ok(rtp(1, 9)));
        assert_eq!(there.unprotect_rtcp(&control), Ok(REPORT.to_vec()));
    }
}

#[test]
fn exporter_bytes_are_split_as_rfc_5764_says() {
    let profile = SrtpProfile::AeadAes128Gcm;
    let material: Vec<u8> = (0..56).collect();
    let mut client = SrtpPair::from_exporter(profile, &material, true).expect("56 bytes");
    let mut server = SrtpPair::from_exporter(profile, &material, false).expect("56 bytes");
    // Client key, server key, client salt, server salt.
    let local = MasterKey::new((0..16).collect(), (32..44).collect());
    let remote = MasterKey::new((16..32).collect(), (44..56).collect());
    let mut by_hand = SrtpPair::new(profile, &local, &remote).expect("right lengths");
    let sealed = client.protect_rtp(&rtp(1, 9));
    assert_eq!(sealed, by_hand.protect_rtp(&rtp(1, 9)));
    assert_eq!(
        server.unprotect_rtp(&sealed.expect("sealed")),
        Ok(rtp(1, 9))
    );
    let short = SrtpPair::from_exporter(profile, &material[..55], true);
    assert_eq!(short.err(), Some(SrtpError::KeyLength));
}

#[test]
fn early_packets_are_few_and_the_newest() {
    let mut early = EarlyPackets::default();
    for number in 0..40_u8 {
        early.push(number, &[number]);
    }
    early.push(40, &[0; 4000]);
    assert_eq!(early.len(), 32);
    let kept: Vec<_> = early.drain().collect();
    assert_eq!(kept.first(), Some(&(8, vec![8])));
    assert_eq!(kept.last(), Some(&(39, vec![39])));
    assert!(early.is_empty());
}

#[test]
fn a_pair_can_move_to_another_thread_and_keeps_its_keys_to_itself() {
    fn movable<T: Send>(_: &T) {}
    let (here, _) = ends(SrtpProfile::AeadAes128Gcm);
    movable(&here);
    assert!(!format!("{here:?} {:?}", key(SrtpProfile::AeadAes128Gcm, 3)).contains("[3,"));
}
