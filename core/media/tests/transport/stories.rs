//! Every way between two ends, with every protection.

use tandem_media::{Protection, TransportEvent};
use tandem_types::Encryption;

use crate::link::{ALICE, BOB, Call, Plan, address, ms};

const DTLS: Protection = Protection::Dtls { feedback: true };

#[test]
fn every_way_with_every_protection_rtcp_shared_or_not_over_both_families() {
    let mut seed = 100;
    for protection in [DTLS, Protection::Sdes, Protection::Plain] {
        for (ice, rtcp_mux, ipv6) in [
            (true, true, false),
            (true, false, false),
            (true, true, true),
            (false, true, false),
            (false, false, true),
        ] {
            seed += 1;
            let plan = Plan {
                protection,
                ice,
                rtcp_mux,
                ipv6,
                ..Plan::default()
            };
            let mut call = Call::up(seed, plan);
            call.run(ms(12_000));
            call.first_rtp();
            for side in [ALICE, BOB] {
                let phone = &call.phones[side];
                assert!(!phone.failed(), "{:?}", phone.events);
                let stats = phone.session.stats();
                assert_eq!(stats.packets_lost, 0, "{plan:?}");
                assert!(stats.round_trip.is_some(), "RTCP goes both ways: {plan:?}");
                let expected = match protection {
                    Protection::Dtls { .. } => Encryption::DtlsSrtp,
                    Protection::Sdes | Protection::Opportunistic => Encryption::Sdes,
                    Protection::Plain => Encryption::None,
                };
                assert_eq!(phone.session.encryption(), Some(expected));
                assert_eq!(phone.secured().is_some(), expected != Encryption::None);
                assert!(phone.when(|e| *e == TransportEvent::Connected).is_some());
                // Nothing was lost, so nothing should have been refused either.
                let counters = phone.session.transport_counters();
                assert_eq!(counters, Default::default(), "{plan:?}");
            }
        }
    }
}

#[test]
fn a_peer_behind_a_nat_that_nobody_told_of_is_found() {
    let mut call = Call::new(200, Plan::default());
    call.nat.insert(
        address(BOB, false, 4000),
        "203.0.113.9:61000".parse().unwrap(),
    );
    let offered = call.offer();
    call.answer(&offered);
    call.talk(ms(5000));
    assert!(
        call.first_rtp().iter().all(|at| *at <= 600),
        "{:?}",
        call.first_rtp()
    );
}

#[test]
fn an_end_without_ice_gets_plain_addresses_even_from_one_that_gathered() {
    let plan = Plan {
        protection: Protection::Plain,
        ..Plan::default()
    };
    let mut call = Call::new(300, plan);
    let mut offered = call.offer();
    offered.streams[0].transport.as_mut().unwrap().ice = None;
    call.answer(&offered);
    call.talk(ms(1000));
    assert!(call.first_rtp().iter().all(|at| *at <= 100));
}
