//! Signing in: passwords, nonces that go stale, and what RFC 8489 adds.

use super::super::*;
use super::server::{PASSWORD, Ways};
use super::world::*;

fn with(password: &str, ways: Ways) -> World {
    let config = GatherConfig {
        servers: vec![turn_over(TURN, ServerTransport::Udp, password)],
        relays: RelayFamilies::Ipv4,
        ..GatherConfig::default()
    };
    let mut world = World::new(1, config, vec![(TURN, ways)]);
    world.add_socket(SOCKET);
    world.run(ms(3000));
    world
}

#[test]
fn a_wrong_password_is_said_after_one_try() {
    let mut world = with("wrong", Ways::default());
    assert_eq!(
        world.story(),
        ["Host 10.0.0.2:4000", "Failed WrongCredentials", "Done"]
    );
    assert_eq!(world.server().log, ["401 to Allocate"; 2]);
    assert_eq!(world.when(|o| *o == GatherOutput::Done), Some(80));
}

#[test]
fn nonces_that_are_stale_at_once_end_it() {
    let nonce_life = Some(ms(0));
    let mut world = with(
        PASSWORD,
        Ways {
            nonce_life,
            ..Ways::default()
        },
    );
    assert_eq!(world.story()[1..], ["Failed StaleNonce", "Done"]);
    assert_eq!(world.server().count("438"), 4);
}

#[test]
fn what_rfc_8489_offers_is_taken() {
    let modern = Ways {
        modern: true,
        ..Ways::default()
    };
    let mut world = with(PASSWORD, modern.clone());
    assert_eq!(world.story()[2], "Relayed 192.0.2.200:49152");
    world.send(PEER, b"hello").expect("sent");
    world.run(ms(200_000));
    world.run(ms(3_000_000));
    assert_eq!(world.returned.len(), 1);
    assert!(world.gatherer.candidates().len() == 3);
    let world = with("wrong", modern);
    assert_eq!(world.story()[1..], ["Failed WrongCredentials", "Done"]);
}

#[test]
fn an_announced_algorithm_that_is_missing_was_taken_away_by_somebody() {
    let stripped = Ways {
        stripped: true,
        ..Ways::default()
    };
    let mut world = with(PASSWORD, stripped);
    assert_eq!(world.story()[1..], ["Failed Malformed", "Done"]);
    // And no weaker signature was given away.
    assert_eq!(world.server().log, ["401 to Allocate"]);
}

#[test]
fn a_nonce_gone_stale_is_renewed_in_every_kind_of_request() {
    // Every request after the first minute meets a stale nonce.
    let nonce_life = Some(ms(60_000));
    let mut world = with(
        PASSWORD,
        Ways {
            nonce_life,
            ..Ways::default()
        },
    );
    world.send(PEER, b"first").expect("sent");
    world.run(ms(500));
    for _ in 0..60 {
        world.run(ms(60_000));
        world.send(PEER, b"again").expect("sent");
    }
    world.run(ms(1000));
    let log = &world.server().log;
    for renewed in [
        "438 to Refresh",
        "438 to CreatePermission",
        "438 to ChannelBind",
    ] {
        assert!(log.iter().any(|line| line == renewed), "{renewed}: {log:?}");
    }
    assert_eq!(world.returned.len(), 61);
    assert_eq!(world.server().count("allocate"), 1);
    // And the last word as well.
    world.run(ms(90_000));
    world.tell(Gatherer::close);
    world.run(ms(5000));
    assert!(world.gatherer.is_closed());
    assert_eq!(world.server().log.last().expect("a line"), "refresh 0");
}

#[test]
fn a_secret_never_shows() {
    let config = GatherConfig {
        servers: vec![turn(TURN)],
        ..GatherConfig::default()
    };
    let shown = format!("{config:?}");
    assert!(
        !shown.contains(PASSWORD) && !shown.contains("alice"),
        "{shown}"
    );
}
