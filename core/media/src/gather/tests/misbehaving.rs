//! Servers that never answer, answer nonsense, or are somebody else.

use super::super::*;
use super::server::Ways;
use super::world::*;
use rtc_stun::attributes::ATTR_XORMAPPED_ADDRESS;
use rtc_stun::message::{
    CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_BINDING, Message, MessageType, Setter,
    TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;
use tandem_types::{Entropy, SeededEntropy};

#[test]
fn a_turn_server_that_never_answers_holds_up_nobody_longer_than_the_deadline() {
    let mut world = World::with_turn(Ways {
        silent: true,
        ..Ways::default()
    });
    world.run(ms(60_000));
    assert_eq!(
        world.story(),
        ["Host 10.0.0.2:4000", "Done", "Failed NoAnswer"]
    );
    assert_eq!(world.when(|o| *o == GatherOutput::Done), Some(1500));
    assert_eq!(world.gatherer.poll_timeout(), None);
}

#[test]
fn garbage_is_as_good_as_silence() {
    let half_a_header = vec![1, 3, 0, 8, 0x21, 0x12];
    for garbage in [
        half_a_header,
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0; 1200],
        vec![0x40; 3],
        Vec::new(),
    ] {
        let mut world = World::with_turn(Ways {
            garbage: Some(garbage),
            ..Ways::default()
        });
        world.run(ms(60_000));
        assert_eq!(
            world.story(),
            ["Host 10.0.0.2:4000", "Done", "Failed NoAnswer"]
        );
    }
}

#[test]
fn an_answer_with_a_wrong_signature_never_came() {
    let mut world = World::with_turn(Ways {
        wrong_signature: true,
        ..Ways::default()
    });
    world.run(ms(60_000));
    assert_eq!(world.story()[1..], ["Done", "Failed NoAnswer"]);
}

#[test]
fn a_signed_answer_beats_a_forged_error() {
    let mut world = World::with_turn(Ways::default());
    // The signed request is on the wire; who sees it answers first, unsigned.
    world.run(ms(40));
    let (_, _, request) = world.datagrams.last().expect("a request").clone();
    let mut forged = Message::new();
    forged.unmarshal_binary(&request).expect("STUN");
    let id = forged.transaction_id;
    let mut forged = Message::new();
    forged.typ = MessageType::new(METHOD_ALLOCATE, rtc_stun::message::CLASS_ERROR_RESPONSE);
    forged.transaction_id = id;
    forged.write_header();
    forged.add(rtc_stun::attributes::ATTR_ERROR_CODE, &[0, 0, 4, 3]);
    world.delay = ms(1);
    world.forge(TURN, forged.raw);
    world.delay = ms(20);
    world.run(ms(1000));
    assert!(
        world
            .story()
            .contains(&"Relayed 192.0.2.200:49152".to_owned()),
        "{:?}",
        world.story()
    );
}

#[test]
fn an_answer_must_come_from_the_server_to_the_socket_with_the_right_id() {
    let config = GatherConfig {
        servers: vec![stun("192.0.2.11:3478")],
        ..GatherConfig::default()
    };
    let mut world = World::new(
        1,
        config,
        vec![(
            "192.0.2.11:3478",
            Ways {
                silent: true,
                ..Ways::default()
            },
        )],
    );
    world.add_socket(SOCKET);
    let (_, _, request) = world.datagrams[0].clone();
    let answer = |id: TransactionId| {
        let mut answer = Message::new();
        answer.typ = MessageType::new(METHOD_BINDING, CLASS_SUCCESS_RESPONSE);
        answer.transaction_id = id;
        answer.write_header();
        let mapped = XorMappedAddress {
            ip: at("203.0.113.66:1").ip(),
            port: 66,
        };
        mapped.add_to(&mut answer).expect("fits");
        assert!(answer.contains(ATTR_XORMAPPED_ADDRESS));
        answer.raw
    };
    let id = TransactionId(request[8..20].try_into().expect("an id"));
    let mut handle = |local: &str, from: &str, bytes: Vec<u8>| {
        world
            .gatherer
            .handle_datagram(world.now, at(local), at(from), &bytes)
    };
    assert_eq!(handle(SOCKET, "192.0.2.66:3478", answer(id)), Handled::No);
    assert_eq!(
        handle("10.0.0.2:4001", "192.0.2.11:3478", answer(id)),
        Handled::No
    );
    assert_eq!(
        handle(SOCKET, "192.0.2.11:3478", answer(TransactionId([7; 12]))),
        Handled::No
    );
    assert_eq!(handle(SOCKET, "192.0.2.11:3478", answer(id)), Handled::Yes);
    // Only once.
    assert_eq!(handle(SOCKET, "192.0.2.11:3478", answer(id)), Handled::No);
    world.tell(|_, _| {});
    assert_eq!(world.story()[1], "ServerReflexive 203.0.113.66:66");
}

#[test]
fn noise_from_the_servers_address_changes_nothing() {
    for seed in 0..50 {
        let mut world = World::with_turn(Ways::default());
        let mut dice = SeededEntropy::new(seed);
        for _ in 0..300 {
            let mut noise = vec![0; dice.below(80) as usize];
            dice.fill(&mut noise);
            // What looks like a header leads further.
            if noise.len() >= 20 && dice.below(2) == 0 {
                noise[0] = [0, 1, 0x40][dice.below(3) as usize];
                let length = (noise.len() - 20) / 4 * 4;
                noise.truncate(20 + length);
                noise[2..4].copy_from_slice(&(length as u16).to_be_bytes());
                noise[4..8].copy_from_slice(&[0x21, 0x12, 0xa4, 0x42]);
            }
            world.forge(TURN, noise);
            world.run(ms(2));
        }
        world.run(ms(1000));
        assert_eq!(
            world.story()[1..],
            [
                "ServerReflexive 203.0.113.7:14000",
                "Relayed 192.0.2.200:49152",
                "Done"
            ],
            "seed {seed}"
        );
        assert!(world.returned.is_empty(), "seed {seed}");
    }
}

#[test]
fn media_and_checks_are_left_alone() {
    let mut world = World::with_turn(Ways::default());
    world.run(ms(500));
    let now = world.now;
    let rtp = [0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7, 7];
    let mut check = Message::new();
    check.typ = MessageType::new(METHOD_BINDING, rtc_stun::message::CLASS_REQUEST);
    check.write_header();
    for from in [PEER, TURN] {
        for bytes in [&rtp[..], &check.raw] {
            let handled = world
                .gatherer
                .handle_datagram(now, at(SOCKET), at(from), bytes);
            assert_eq!(handled, Handled::No, "{from}");
        }
    }
}
