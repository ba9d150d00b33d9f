//! DTLS-SRTP with OpenSSL and GnuTLS at the other end, in both roles, over UDP on loopback.
//!
//! Every handshake runs with and without second copies of each datagram, over a wire that delivers
//! everything twice, and over ones that lose the n-th
//! datagram of each side. The keys that the peer says it has
//! must be ours.

mod peer;
mod wire;

use std::time::{Duration, Instant};

use peer::{Identity, Peer};
use tandem_interop::Desk;
use tandem_media::dtls::{Certificate, DtlsConfig, DtlsEvent, DtlsFailure, DtlsLink, DtlsRole};
use tandem_media::srtp::SrtpProfile;
use tandem_types::media::Fingerprint;
use wire::{Weather, Wire};

/// A handshake over a bad wire waits for the peer's own timers: 1 s and doubling.
const LIMIT: Duration = Duration::from_secs(25);
const COPIES: [bool; 2] = [false, true];

/// One handshake of ours; what came of it and how long it took.
fn handshake(
    wire: &mut Wire,
    role: DtlsRole,
    own: &Certificate,
    remote: Fingerprint,
    second_copies: bool,
) -> (DtlsLink, DtlsEvent, Duration) {
    let begin = Instant::now();
    let config = DtlsConfig {
        second_copies,
        ..DtlsConfig::default()
    };
    let mut link = DtlsLink::new(begin, role, own, &[remote], config).expect("a link");
    let event = wire.run(&mut link, LIMIT, |link| link.poll_event());
    let event = event.expect("the handshake came to no end");
    (link, event, begin.elapsed())
}

/// The peer that [`meet`] is to start: our role and how it is called.
struct Meeting<'a> {
    role: DtlsRole,
    start: &'a dyn Fn(&Wire) -> Peer,
    identity: &'a Identity,
}

/// A handshake over this wire; the keys are compared where the peer tells its own.
fn meet(meeting: &Meeting<'_>, weather: Weather, second_copies: bool) -> Duration {
    let own = Certificate::generate().expect("a certificate");
    let mut wire = Wire::new(meeting.role, weather);
    let mut peer = (meeting.start)(&wire);
    let remote = meeting.identity.fingerprint();
    let (mut link, event, took) = handshake(&mut wire, meeting.role, &own, remote, second_copies);
    let case = format!(
        "{}, {:?}, copies {second_copies}, {weather:?}",
        peer.name(),
        meeting.role
    );
    match event {
        DtlsEvent::Keys { srtp, remote } => {
            assert_eq!(srtp.profile(), peer.profile(), "{case}");
            assert_eq!(remote, meeting.identity.fingerprint());
        }
        other => panic!("{case}: {other:?}\n{}", peer.printed()),
    }
    // The peer may still miss our last flight, a client of ours the peer's, and the copies are still on their way.
    let length = peer.profile().exporter_len();
    let ours = link.export("EXTRACTOR-dtls_srtp", length).expect("keys");
    let theirs = wire.run(&mut link, LIMIT, |_| peer.is_done());
    let theirs = theirs.unwrap_or_else(|| panic!("{case}: not done\n{}", peer.printed()));
    if let Some(theirs) = theirs {
        assert_eq!(*ours, theirs, "{case}");
    }
    let complete = |link: &mut DtlsLink| link.is_complete().then_some(());
    let complete = wire.run(&mut link, LIMIT, complete);
    assert!(complete.is_some(), "{case}");
    wire.run(&mut link, Duration::from_millis(150), |_| None::<()>);
    link.close(Instant::now());
    wire.run(&mut link, Duration::from_millis(100), |_| None::<()>);
    let printed = peer.printed();
    for word in ["ERROR", "Fatal", "failed"] {
        let said = printed
            .lines()
            .find(|line| line.contains(word) && !line.contains("verification"));
        assert!(said.is_none(), "{case}: {said:?}");
    }
    took
}

/// All wires, with and without copies.
fn meet_in_all_weathers(meeting: &Meeting<'_>) {
    for weather in [Weather::Fair, Weather::Twice] {
        for copies in COPIES {
            let took = meet(meeting, weather, copies);
            println!(
                "{:?} {weather:?} copies {copies}: {} ms",
                meeting.role,
                took.as_millis()
            );
        }
    }
    for lost in [1, 2, 3, 5] {
        for copies in COPIES {
            let took = meet(meeting, Weather::Without(lost), copies);
            println!(
                "{:?} without {lost} copies {copies}: {} ms",
                meeting.role,
                took.as_millis()
            );
        }
    }
}

#[test]
fn openssl_serves() {
    let desk = Desk::new("dtls/openssl-serves");
    for (key, srtp) in [
        ("ec", SrtpProfile::AesCm128Sha1_80),
        ("rsa", SrtpProfile::AeadAes128Gcm),
    ] {
        let identity = Identity::new(&desk, key);
        meet_in_all_weathers(&Meeting {
            role: DtlsRole::Client,
            start: &|wire| Peer::openssl_server(&desk, &identity, srtp, wire),
            identity: &identity,
        });
    }
}

#[test]
fn openssl_opens() {
    let desk = Desk::new("dtls/openssl-opens");
    for (key, srtp) in [
        ("ec", SrtpProfile::AesCm128Sha1_80),
        ("rsa", SrtpProfile::AeadAes128Gcm),
    ] {
        let identity = Identity::new(&desk, key);
        meet_in_all_weathers(&Meeting {
            role: DtlsRole::Server,
            start: &|wire| Peer::openssl_client(&desk, &identity, srtp, wire),
            identity: &identity,
        });
    }
}

#[test]
fn gnutls_serves() {
    let desk = Desk::new("dtls/gnutls-serves");
    let identity = Identity::new(&desk, "ec");
    meet_in_all_weathers(&Meeting {
        role: DtlsRole::Client,
        start: &|wire| Peer::gnutls_server(&desk, &identity, wire),
        identity: &identity,
    });
}

#[test]
fn gnutls_opens() {
    let desk = Desk::new("dtls/gnutls-opens");
    for key in ["ec", "rsa"] {
        let identity = Identity::new(&desk, key);
        meet_in_all_weathers(&Meeting {
            role: DtlsRole::Server,
            start: &|wire| Peer::gnutls_client(&desk, &identity, wire),
            identity: &identity,
        });
    }
}

#[test]
fn a_peer_with_another_certificate_gets_no_keys() {
    let desk = Desk::new("dtls/wrong");
    let (shown, announced) = (Identity::new(&desk, "ec"), Identity::new(&desk, "rsa"));
    let own = Certificate::generate().expect("a certificate");
    let profile = SrtpProfile::AesCm128Sha1_80;
    for role in [DtlsRole::Client, DtlsRole::Server] {
        let mut wire = Wire::new(role, Weather::Fair);
        let peer = match role {
            DtlsRole::Client => Peer::openssl_server(&desk, &shown, profile, &wire),
            DtlsRole::Server => Peer::openssl_client(&desk, &shown, profile, &wire),
        };
        let (mut link, event, _) = handshake(&mut wire, role, &own, announced.fingerprint(), true);
        let refused = matches!(event, DtlsEvent::Failed(DtlsFailure::WrongFingerprint));
        assert!(refused, "{role:?}: {event:?}");
        wire.run(&mut link, Duration::from_millis(300), |_| None::<()>);
        let printed = peer.printed();
        assert!(
            printed.contains("alert bad certificate"),
            "{role:?}: {printed}"
        );
        assert!(link.export("EXTRACTOR-dtls_srtp", 60).is_none(), "{role:?}");
    }
}
