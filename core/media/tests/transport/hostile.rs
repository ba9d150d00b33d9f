//! Strangers who know the ports.

use tandem_media::TransportEvent;
use tandem_types::{Entropy, SeededEntropy};

use crate::link::{ALICE, BOB, Call, Plan, ms};

/// A datagram that looks like STUN, DTLS or RTP and is none of the peer's.
pub fn junk(dice: &mut SeededEntropy) -> Vec<u8> {
    let mut body = vec![0; 20 + dice.below(120) as usize];
    dice.fill(&mut body);
    let length = (body.len() - 20) as u16 & !3;
    match dice.below(8) {
        0 | 1 => {
            // A Binding request, or success, with a cookie and garbage for attributes.
            body.truncate(20 + usize::from(length));
            body[..2].copy_from_slice(&[dice.below(2) as u8, 1]);
            body[2..4].copy_from_slice(&length.to_be_bytes());
            body[4..8].copy_from_slice(&0x2112_a442_u32.to_be_bytes());
        }
        2 | 3 => {
            // A DTLS handshake record of epoch 0: hello, or any other message.
            let length = (body.len() - 13) as u16;
            let kind = [1, 2, 3, 11, 14, 16, 20][dice.below(7) as usize];
            body[..5].copy_from_slice(&[22, 0xfe, 0xfd, 0, 0]);
            body[11..13].copy_from_slice(&length.to_be_bytes());
            body[13] = kind;
        }
        // A fatal alert.
        4 => {
            body = [
                &[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2][..],
                &[40],
            ]
            .concat();
        }
        // A change of cipher, and what comes after it.
        5 => body = [&[20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1][..], &[1]].concat(),
        6 => body[..2].copy_from_slice(&[0x80, 0]),
        _ => body[..2].copy_from_slice(&[0x80, 200]),
    }
    body
}

#[test]
fn calls_come_up_whatever_strangers_send() {
    let seeds = std::env::var("TANDEM_SEEDS")
        .ok()
        .and_then(|s| s.parse().ok());
    for seed in 0..seeds.unwrap_or(30) {
        let plan = Plan {
            junk: true,
            ..Plan::default()
        };
        let mut call = Call::up(20_000 + seed, plan);
        call.talk(ms(30_000));
        call.first_rtp();
        call.run(ms(300));
        for side in [ALICE, BOB] {
            let phone = &call.phones[side];
            assert!(!phone.failed(), "{:?}", phone.events);
            let counters = phone.session.transport_counters();
            assert!(counters.unauthentic + counters.foreign + counters.malformed > 50);
            assert_eq!(phone.session.stats().packets_lost, 0);
            let changed = |e: &TransportEvent| *e == TransportEvent::PathChanged;
            assert_eq!(phone.when(changed), None);
        }
    }
}
