//! Handshakes over bad wires and among strangers.

use std::time::Duration;

use tandem_types::{Entropy, SeededEntropy};

use super::wire_tests::{DELAY, Outcome, Town, Weather, certificate, config, link, now};
use super::*;
use crate::transport::srtp::EarlyPackets;

const LIMIT: Duration = Duration::from_secs(30);
/// Seeds of one variant in the normal run.
const SEEDS: u64 = 100;

/// Something that is not part of the handshake: noise, records of no use, alerts, broken pieces.
pub(super) fn junk(entropy: &mut SeededEntropy) -> Vec<u8> {
    let size = usize::try_from(entropy.below(60)).unwrap_or(0);
    let mut body = vec![0; size];
    entropy.fill(&mut body);
    let kind = 20 + u8::try_from(entropy.below(5)).unwrap_or(0);
    let epoch = u8::try_from(entropy.below(3)).unwrap_or(0);
    match entropy.below(6) {
        0 => body,
        // A good header and any body.
        1 => record(kind, epoch, entropy.next_u64(), &body),
        // A fatal alert, a close_notify.
        2 => record(21, epoch, entropy.next_u64(), &[2, 40]),
        3 => record(21, epoch, entropy.next_u64(), &[1, 0]),
        // A change of cipher at any time.
        4 => record(20, 0, entropy.next_u64(), &[1]),
        // A handshake message that nobody awaits: any type that is not the next, far numbers, broken bounds.
        _ => {
            let kind = *[0_u8, 4, 20, 22, 23, 67, 255]
                .get(usize::try_from(entropy.below(7)).unwrap_or(0))
                .expect("one of seven");
            let sequence = u8::try_from(entropy.below(9)).unwrap_or(0);
            let length = u8::try_from(size).unwrap_or(0);
            let mut message = vec![kind, 0, 0, length, 0, sequence, 0, 0, 0, 0, 0, length];
            message.extend(&body);
            record(22, 0, entropy.next_u64(), &message)
        }
    }
}

pub(super) fn record(kind: u8, epoch: u8, number: u64, body: &[u8]) -> Vec<u8> {
    let [_, _, number @ ..] = number.to_be_bytes();
    let length = u16::try_from(body.len()).expect("short");
    let mut record = vec![kind, 0xfe, 0xfd, 0, epoch];
    record.extend(number);
    record.extend(length.to_be_bytes());
    record.extend(body);
    record
}

/// Median, 95th percentile and longest of the times.
fn figures(mut times: Vec<Duration>) -> (u128, u128, u128) {
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_millis();
    (at(50), at(95), at(100))
}

/// A cookie that both ends know.
fn announced(second_copies: bool) -> DtlsConfig {
    DtlsConfig {
        cookie: Some(Cookie::own("a name of the server's")),
        ..config(second_copies)
    }
}

/// Runs all seeds; every one must connect.
fn all_connect(name: &str, weather: Weather, config: DtlsConfig) -> (u128, u128, u128) {
    let times = (0..SEEDS).map(|seed| {
        let mut town = Town::new(seed, weather, config);
        let outcome = town.run(LIMIT);
        let took = outcome.took;
        let complete = |event: &Option<DtlsEvent>| matches!(event, Some(DtlsEvent::Keys { .. }));
        assert!(
            complete(&outcome.client) && complete(&outcome.server),
            "{name}, seed {seed}: client {:?}, server {:?}",
            outcome.client,
            outcome.server
        );
        took
    });
    let figures = figures(times.collect());
    println!(
        "{name}: median {} p95 {} max {} ms",
        figures.0, figures.1, figures.2
    );
    figures
}

#[test]
fn on_a_good_wire_the_server_has_keys_with_the_clients_last_flight_and_the_client_sooner() {
    let configs = [false, true].map(|copies| [(config(copies), 5), (announced(copies), 3)]);
    for (config, delays) in configs.into_iter().flatten() {
        let mut town = Town::new(1, Weather::default(), config);
        town.run_for((delays - 1) * DELAY);
        assert!(town.client.export("EXTRACTOR-dtls_srtp", 60).is_some());
        assert!(town.server.export("EXTRACTOR-dtls_srtp", 60).is_none());
        assert!(!town.client.is_complete());
        let outcome = town.run(LIMIT);
        println!("{delays} delays: {} bytes", outcome.bytes);
        assert_eq!(outcome.took, delays * DELAY);
        town.run_for(DELAY);
        assert!(town.client.is_complete() && town.server.is_complete());
        let (mut client, mut server) = outcome.pairs();
        assert_eq!(client.profile(), SrtpProfile::AeadAes128Gcm);
        let packet = [&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9][..], b"sound"].concat();
        let sealed = client.protect_rtp(&packet).expect("sealed");
        assert_eq!(server.unprotect_rtp(&sealed), Ok(packet.clone()));
        let sealed = server.protect_rtp(&packet).expect("sealed");
        assert_eq!(client.unprotect_rtp(&sealed), Ok(packet));
    }
}

#[test]
fn handshakes_complete_on_every_wire() {
    for (loss, jitter) in [(0, 0), (0, 40), (10, 10), (10, 40), (30, 10), (30, 40)] {
        for copies in [true, false] {
            for config in [config(copies), announced(copies)] {
                let cookie = config.cookie.map_or("asked for", |_| "announced");
                let name =
                    format!("loss {loss} %, jitter {jitter} ms, copies {copies}, cookie {cookie}");
                let weather = Weather {
                    loss,
                    jitter,
                    ..Weather::default()
                };
                let (_, p95, _) = all_connect(&name, weather, config);
                if loss == 30 && copies {
                    assert!(p95 <= 1200, "{name}: {p95} ms");
                }
            }
        }
    }
}

#[test]
fn handshakes_complete_where_datagrams_come_twice_and_in_disorder() {
    let weather = Weather {
        loss: 10,
        jitter: 120,
        twice: 50,
        ..Weather::default()
    };
    all_connect("disorder", weather, config(true));
    all_connect("disorder without copies", weather, config(false));
    all_connect("disorder, cookie announced", weather, announced(true));
}

#[test]
fn handshakes_complete_under_other_peoples_records() {
    // Five a second would be a nuisance; here it is one every 5 ms, to both ends, all the time.
    let weather = Weather {
        junk: 20,
        jitter: 5,
        ..Weather::default()
    };
    all_connect("junk", weather, config(true));
    all_connect("junk, cookie announced", weather, announced(true));
    let weather = Weather {
        loss: 10,
        ..weather
    };
    all_connect("junk and loss", weather, config(false));
    all_connect("junk and loss, cookie announced", weather, announced(false));
}

/// How both ends end when the client expects `of_server` and the server `of_client`.
fn with_fingerprints(of_server: bool, of_client: bool) -> (Town, Outcome) {
    let (mine, theirs, other) = (certificate(), certificate(), certificate());
    let right = |right: bool, print: &Certificate| {
        [if right {
            print.fingerprint()
        } else {
            other.fingerprint()
        }]
    };
    let config = DtlsConfig {
        patience: Duration::from_secs(10),
        ..DtlsConfig::default()
    };
    let client = link(DtlsRole::Client, &mine, &right(of_server, &theirs), config);
    let server = link(DtlsRole::Server, &theirs, &right(of_client, &mine), config);
    let mut town = Town::of(1, Weather::default(), client, server);
    let outcome = town.run(LIMIT);
    (town, outcome)
}

#[test]
fn a_wrong_fingerprint_gives_nobody_keys() {
    let (_, outcome) = with_fingerprints(false, true);
    assert!(
        matches!(
            outcome.client,
            Some(DtlsEvent::Failed(DtlsFailure::WrongFingerprint))
        ),
        "{:?}",
        outcome.client
    );
    // The alert in the clear is only a hint, so the server waits a little before it believes it.
    assert!(
        matches!(
            outcome.server,
            Some(DtlsEvent::Failed(DtlsFailure::Refused(42)))
        ),
        "{:?}",
        outcome.server
    );
}

#[test]
fn a_client_that_the_server_refuses_loses_the_keys_it_had() {
    let (mut town, outcome) = with_fingerprints(true, false);
    let refused = |event: &Option<DtlsEvent>, why: DtlsFailure| match event {
        Some(DtlsEvent::Failed(failure)) => *failure == why,
        Some(DtlsEvent::Keys { .. } | DtlsEvent::Closed) | None => false,
    };
    let server = &outcome.server;
    assert!(refused(server, DtlsFailure::WrongFingerprint), "{server:?}");
    // It had shown who it is.
    assert!(matches!(outcome.client, Some(DtlsEvent::Keys { .. })));
    assert!(town.client.export("EXTRACTOR-dtls_srtp", 60).is_some());
    town.run_for(Duration::from_secs(5));
    let client = town.client.poll_event();
    assert!(refused(&client, DtlsFailure::Refused(42)), "{client:?}");
    assert!(town.client.export("EXTRACTOR-dtls_srtp", 60).is_none());
}

#[test]
fn silence_has_an_end() {
    let weather = Weather {
        loss: 100,
        ..Weather::default()
    };
    for config in [config(true), announced(true)] {
        let mut town = Town::new(1, weather, config);
        let outcome = town.run(Duration::from_secs(60));
        for event in [outcome.client, outcome.server] {
            let silent = matches!(event, Some(DtlsEvent::Failed(DtlsFailure::NoAnswer)));
            assert!(silent, "{event:?}");
        }
        assert_eq!(outcome.took, LIMIT);
        assert!(outcome.datagrams < 80, "{} datagrams", outcome.datagrams);
    }
}

#[test]
fn a_peer_that_comes_late_is_heard() {
    // The first ten seconds of the client's hellos go nowhere.
    let (mine, theirs) = (certificate(), certificate());
    let client = link(
        DtlsRole::Client,
        &mine,
        &[theirs.fingerprint()],
        config(true),
    );
    let server = link(
        DtlsRole::Server,
        &theirs,
        &[mine.fingerprint()],
        config(true),
    );
    let mut town = Town::of(
        1,
        Weather {
            loss: 100,
            ..Weather::default()
        },
        client,
        server,
    );
    town.run(Duration::from_secs(10));
    let late = town.now - town.start;
    town.set_weather(Weather::default());
    let outcome = town.run(LIMIT);
    let took = outcome.took - late;
    assert!(took <= Duration::from_millis(1400), "{took:?}");
    outcome.pairs();
}

#[test]
fn a_lost_last_flight_is_sent_again_when_the_peer_asks() {
    let mut town = Town::new(1, Weather::default(), config(false));
    // Client Finished arrives after 250 ms, the server's answer is lost for two seconds.
    while !town.server.is_complete() {
        town.run_for(Duration::from_millis(1));
    }
    town.set_weather(Weather {
        loss: 100,
        ..Weather::default()
    });
    town.drop_all();
    town.run_for(Duration::from_secs(2));
    assert!(!town.client.is_complete());
    town.set_weather(Weather::default());
    town.run_for(Duration::from_millis(1400));
    assert!(town.client.is_complete());
}

#[test]
fn a_strangers_first_hello_does_not_take_the_clients_place() {
    // The stranger's hello is a real one, of another call, from the same address.
    let mut other = stranger(config(false));
    let hello = other.poll_transmit().expect("a hello");
    let (mine, theirs) = (certificate(), certificate());
    let mut server = link(
        DtlsRole::Server,
        &theirs,
        &[mine.fingerprint()],
        config(true),
    );
    let client = link(
        DtlsRole::Client,
        &mine,
        &[theirs.fingerprint()],
        config(true),
    );
    server.handle(now(), &hello);
    // What it is told comes before the client listens.
    server.handle_timeout(now() + Duration::from_millis(40));
    while server.poll_transmit().is_some() {}
    let outcome = Town::of(1, Weather::default(), client, server).run(LIMIT);
    assert!(outcome.took < Duration::from_secs(4), "{:?}", outcome.took);
    outcome.pairs();
}

/// A link that may be either end, with other certificates than anybody expects.
fn stranger(config: DtlsConfig) -> DtlsLink {
    link(
        DtlsRole::Client,
        &certificate(),
        &[certificate().fingerprint()],
        config,
    )
}

#[test]
fn a_server_that_announced_a_cookie_asks_whoever_does_not_bring_it() {
    let (mine, theirs) = (certificate(), certificate());
    let prints = [theirs.fingerprint()];
    let client = link(DtlsRole::Client, &mine, &prints, config(true));
    let prints = [mine.fingerprint()];
    let server = link(DtlsRole::Server, &theirs, &prints, announced(true));
    let outcome = Town::of(1, Weather::default(), client, server).run(LIMIT);
    assert_eq!(outcome.took, 5 * DELAY);
    outcome.pairs();
}

/// Whoever passes the descriptions on may end ICE at one side, where no cookie is then expected.
#[test]
fn a_client_whose_cookie_nobody_expects_is_asked_for_one_in_the_end() {
    for loss in [0, 10] {
        let (mine, theirs) = (certificate(), certificate());
        let prints = [theirs.fingerprint()];
        let client = link(DtlsRole::Client, &mine, &prints, announced(true));
        let prints = [mine.fingerprint()];
        let server = link(DtlsRole::Server, &theirs, &prints, config(true));
        let weather = Weather {
            loss,
            ..Weather::default()
        };
        let outcome = Town::of(1, weather, client, server).run(LIMIT);
        assert!(outcome.took < Duration::from_secs(5), "{:?}", outcome.took);
        outcome.pairs();
    }
}

#[test]
fn a_cookie_that_was_not_announced_is_not_taken() {
    let other = DtlsConfig {
        cookie: Some(Cookie::own("another name")),
        ..config(false)
    };
    let hello = stranger(other).poll_transmit().expect("a hello");
    for config in [config(false), announced(false)] {
        let prints = [certificate().fingerprint()];
        let mut server = link(DtlsRole::Server, &certificate(), &prints, config);
        server.handle(now(), &hello);
        assert!(server.poll_transmit().is_none());
    }
}

#[test]
fn a_strangers_hello_does_not_keep_out_a_client_with_the_announced_cookie() {
    let hello = stranger(config(false)).poll_transmit().expect("a hello");
    let mut town = Town::new(1, Weather::default(), announced(true));
    town.server.handle(now(), &hello);
    while town.server.poll_transmit().is_some() {}
    let outcome = town.run(LIMIT);
    assert!(outcome.took < Duration::from_secs(3), "{:?}", outcome.took);
    outcome.pairs();
}

#[test]
fn closing_is_told_and_repeated_alerts_are_not_answered() {
    let mut town = Town::new(1, Weather::default(), config(true));
    town.run(LIMIT).pairs();
    town.run_for(DELAY);
    town.client.close(town.now);
    town.run_for(Duration::from_millis(200));
    assert!(matches!(town.server.poll_event(), Some(DtlsEvent::Closed)));
    let farewell = town.run_for(Duration::from_secs(5));
    assert!(farewell <= 2, "{farewell} datagrams after the farewell");
}

#[test]
fn complete_links_ignore_what_anybody_can_write() {
    let mut town = Town::new(1, Weather::default(), config(false));
    town.run(LIMIT).pairs();
    town.run_for(DELAY);
    let mut entropy = SeededEntropy::new(3);
    for _ in 0..2000 {
        let junk = junk(&mut entropy);
        town.client.handle(town.now, &junk);
        town.server.handle(town.now, &junk);
    }
    assert!(town.client.is_complete() && town.server.is_complete());
    assert!(town.client.poll_transmit().is_none() && town.server.poll_transmit().is_none());
    assert_eq!(town.client.poll_timeout(), None);
}

#[test]
fn both_ends_export_the_same() {
    let mut town = Town::new(1, Weather::default(), config(true));
    assert_eq!(town.client.export("EXTRACTOR-dtls_srtp", 60), None);
    town.run(LIMIT).pairs();
    let one = town
        .client
        .export("EXTRACTOR-dtls_srtp", 60)
        .expect("complete");
    assert_eq!(Some(one), town.server.export("EXTRACTOR-dtls_srtp", 60));
}

#[test]
fn media_that_overtakes_the_last_flight_waits_for_the_keys() {
    let mut town = Town::new(1, Weather::default(), config(false));
    let mut client = loop {
        town.run_for(Duration::from_millis(1));
        if let Some(DtlsEvent::Keys { srtp, .. }) = town.client.poll_event() {
            break srtp;
        }
    };
    let mut early = EarlyPackets::default();
    for number in 0..3 {
        let packet = [0x80, 0, 0, number, 0, 0, 0, 0, 0, 0, 0, 9, 1, 2, 3];
        early.push((), &client.protect_rtp(&packet).expect("sealed"));
    }
    assert!(town.server.poll_event().is_none());
    town.run_for(DELAY);
    let Some(DtlsEvent::Keys {
        srtp: mut server, ..
    }) = town.server.poll_event()
    else {
        panic!("no keys");
    };
    let opened = early
        .drain()
        .filter(|(_, packet)| server.unprotect_rtp(packet).is_ok());
    assert_eq!(opened.count(), 3);
}
