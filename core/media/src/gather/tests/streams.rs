//! TURN over TCP and TLS: the driver connects, the gatherer frames.

use super::super::*;
use super::server::{PASSWORD, Ways};
use super::world::*;
use crate::transport::{StreamId, StreamInput};

const OTHER: &str = "192.0.2.2:5349";

fn over(transport: ServerTransport, ways: Ways) -> World {
    let config = GatherConfig {
        servers: vec![turn_over(TURN, transport, PASSWORD)],
        relays: RelayFamilies::Ipv4,
        ..GatherConfig::default()
    };
    let mut world = World::new(1, config, vec![(TURN, ways), (OTHER, Ways::default())]);
    world.loss = 100;
    world
}

fn tls() -> ServerTransport {
    ServerTransport::Tls {
        name: "turn.test".to_owned(),
    }
}

#[test]
fn packets_go_both_ways_over_tcp_and_tls() {
    for (transport, name) in [(ServerTransport::Tcp, ""), (tls(), "turn.test")] {
        let mut world = over(transport, Ways::default());
        world.add_socket(SOCKET);
        world.run(ms(1000));
        let open = format!("Open {name}");
        // Where a TCP connection seems to come from is no address of the socket.
        let story = [
            "Host 10.0.0.2:4000",
            &open,
            "Relayed 192.0.2.200:49152",
            "Done",
        ];
        assert_eq!(world.story(), story);
        world.loss = 0;
        for size in 1..=9 {
            world
                .send(PEER, &vec![size; usize::from(size)])
                .expect("sent");
            world.run(ms(300));
        }
        let sizes: Vec<usize> = world.returned.iter().map(|r| r.bytes.len()).collect();
        assert_eq!(sizes, (1..=9).collect::<Vec<_>>());
        assert_eq!(world.server().count("channel to"), 8);
        assert!(world.datagrams.is_empty());
        world.tell(Gatherer::close);
        world.run(ms(1000));
        assert_eq!(world.story().last().expect("news"), "Close");
        assert_eq!(world.server().allocations.len(), 0);
        assert!(world.gatherer.is_closed());
    }
}

#[test]
fn a_connection_that_fails_is_said() {
    let mut world = over(tls(), Ways::default());
    world.streams = Streams::Refused;
    world.add_socket(SOCKET);
    world.run(ms(1000));
    assert_eq!(
        world.story()[1..],
        ["Open turn.test", "Failed Connection", "Done"]
    );
    let mut world = over(tls(), Ways::default());
    world.streams = Streams::Nowhere;
    world.add_socket(SOCKET);
    world.run(ms(20_000));
    assert_eq!(
        world.story()[1..],
        ["Open turn.test", "Done", "Close", "Failed NoAnswer"]
    );
    assert_eq!(world.when(|o| *o == GatherOutput::Done), Some(1500));
}

#[test]
fn a_server_that_says_nothing_on_a_stream_is_given_up_in_ten_seconds() {
    let mut world = over(
        ServerTransport::Tcp,
        Ways {
            silent: true,
            ..Ways::default()
        },
    );
    world.add_socket(SOCKET);
    world.run(ms(60_000));
    let failed = world.when(|o| {
        matches!(
            o,
            GatherOutput::Failed {
                why: GatherFailure::NoAnswer,
                ..
            }
        )
    });
    assert_eq!(failed, Some(10_020));
    assert_eq!(world.story()[2..], ["Done", "Close", "Failed NoAnswer"]);
}

#[test]
fn garbage_ends_a_stream() {
    let garbage = Some(b"\xffHTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let mut world = over(
        ServerTransport::Tcp,
        Ways {
            garbage,
            ..Ways::default()
        },
    );
    world.add_socket(SOCKET);
    world.run(ms(20_000));
    assert_eq!(world.story()[2..], ["Close", "Failed Malformed", "Done"]);
}

#[test]
fn try_alternate_opens_another_stream_and_may_change_the_name() {
    for (name, then) in [
        (None, "Open turn.test"),
        (Some("other.test"), "Open other.test"),
    ] {
        let there = Ways {
            alternate: Some((at(OTHER), name)),
            ..Ways::default()
        };
        let mut world = over(tls(), there);
        world.add_socket(SOCKET);
        world.run(ms(1000));
        let story = [
            "Open turn.test",
            "Close",
            then,
            "Relayed 192.0.2.201:49152",
            "Done",
        ];
        assert_eq!(world.story()[1..], story);
        let servers: Vec<_> = world.opened.values().map(|(server, ..)| *server).collect();
        assert_eq!(servers, [at(TURN), at(OTHER)]);
    }
}

#[test]
fn a_broken_stream_loses_the_relay_and_a_new_one_is_opened() {
    let mut world = over(ServerTransport::Tcp, Ways::default());
    world.add_socket(SOCKET);
    world.run(ms(1000));
    world.close_streams();
    world.run(ms(3000));
    let story = ["Lost Connection", "Open ", "Relayed 192.0.2.200:49154"];
    assert_eq!(world.story()[4..], story);
    // Three times, with growing pauses; then no more.
    world.streams = Streams::Refused;
    world.close_streams();
    world.run(ms(120_000));
    let story = ["Lost Connection", "Open ", "Open ", "Failed Connection"];
    assert_eq!(world.story()[7..], story);
    assert_eq!(world.gatherer.poll_timeout(), None);
}

#[test]
fn an_idle_stream_is_kept_alive_once_a_minute() {
    let mut world = over(ServerTransport::Tcp, Ways::default());
    world.add_socket(SOCKET);
    world.run(ms(301_000));
    assert_eq!(world.server().count("keep-alive"), 5);
}

#[test]
fn streams_of_others_mean_nothing() {
    let mut world = over(ServerTransport::Tcp, Ways::default());
    world.add_socket(SOCKET);
    world.run(ms(1000));
    let now = world.now;
    let data = [0x40, 0, 0, 1, 7, 0, 0, 0];
    for input in [
        StreamInput::Opened,
        StreamInput::Bytes(&data),
        StreamInput::Closed,
    ] {
        assert!(
            world
                .gatherer
                .handle_stream(now, StreamId(77), input)
                .is_empty()
        );
    }
    assert_eq!(world.gatherer.candidates().len(), 2);
}

#[test]
fn a_closed_socket_closes_its_stream() {
    let mut world = over(ServerTransport::Tcp, Ways::default());
    world.add_socket(SOCKET);
    world.run(ms(1000));
    world.tell(|gatherer, now| gatherer.remove_socket(now, at(SOCKET)));
    world.run(ms(500));
    assert_eq!(world.story()[4..], ["Close", "Lost Released"]);
    assert_eq!(world.server().allocations.len(), 0);
}
