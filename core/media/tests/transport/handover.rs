//! From one network to another in the middle of a call.

use tandem_media::TransportEvent;

use crate::link::{ALICE, BOB, Call, Plan, address, ms};

fn lost_packets(call: &Call) -> [u64; 2] {
    [ALICE, BOB].map(|side| call.phones[side].session.stats().packets_lost)
}

#[test]
fn with_both_networks_up_no_packet_is_lost() {
    for (seed, new_one_way) in [(1, 20), (2, 50), (3, 120), (4, 50), (5, 20), (6, 120)] {
        let mut call = Call::up(500 + seed, Plan::default());
        call.run(ms(3000));
        let mobile = "198.51.100.4:7000".parse().unwrap();
        call.slow.insert(mobile, new_one_way);
        call.add_socket(ALICE, mobile, 1);
        let wifi = call.phones[ALICE].sockets[0];
        call.phones[ALICE].session.leave_socket(wifi);
        call.restart(ALICE);
        call.run(ms(400 + 4 * new_one_way));
        for side in [ALICE, BOB] {
            let phone = &call.phones[side];
            let changed = phone.when(|e| *e == TransportEvent::PathChanged);
            assert!(changed.is_some(), "{:?}", phone.events);
        }
        call.run(ms(3000));
        // The old one goes now, and nobody notices.
        call.dead.insert(address(ALICE, false, 4000));
        call.phones[ALICE].session.remove_socket(call.now, wifi);
        call.run(ms(5000));
        assert_eq!(lost_packets(&call), [0, 0], "one way {new_one_way}");
        for side in [ALICE, BOB] {
            let phone = &call.phones[side];
            let lost = phone.when(|e| matches!(e, TransportEvent::PathLost { .. }));
            assert_eq!(lost, None, "{:?}", phone.events);
            assert!(phone.session.stats().packets_received > 500);
        }
    }
}

#[test]
fn a_dead_path_is_told_within_two_seconds_and_a_restart_over_another_repairs_it() {
    let mut call = Call::up(600, Plan::default());
    call.run(ms(3000));
    let died = call.elapsed();
    call.dead.insert(address(ALICE, false, 4000));
    call.run_until(ms(4000), |call| {
        let lost = |e: &TransportEvent| matches!(e, TransportEvent::PathLost { .. });
        call.phones.iter().all(|p| p.when(lost).is_some())
    });
    for phone in &call.phones {
        let lost = phone
            .when(|e| matches!(e, TransportEvent::PathLost { .. }))
            .unwrap();
        assert!(lost - died <= 2000, "{} ms", lost - died);
        assert!(
            phone
                .when(|e| *e == TransportEvent::RestartNeeded)
                .is_some()
        );
    }
    let other = "198.51.100.4:7000".parse().unwrap();
    call.add_socket(ALICE, other, 0);
    call.restart(ALICE);
    let before = [ALICE, BOB].map(|side| call.phones[side].session.stats().packets_received);
    call.run(ms(1000));
    for side in [ALICE, BOB] {
        let phone = &call.phones[side];
        assert!(
            phone.when(|e| *e == TransportEvent::PathBack).is_some(),
            "{:?}",
            phone.events
        );
        assert!(phone.session.stats().packets_received > before[side] + 20);
        assert!(!phone.failed());
    }
}

#[test]
fn the_handover_itself_takes_little_more_than_two_round_trips() {
    let mut times = Vec::new();
    for seed in 0..6 {
        let plan = Plan {
            jitter_ms: 10,
            loss_percent: 10,
            ..Plan::default()
        };
        let mut call = Call::up(700 + seed, plan);
        call.run(ms(3000));
        let began = call.elapsed();
        call.add_socket(BOB, "198.51.100.4:7000".parse().unwrap(), 1);
        let wifi = call.phones[BOB].sockets[0];
        call.phones[BOB].session.leave_socket(wifi);
        call.restart(BOB);
        call.run(ms(3000));
        for phone in &call.phones {
            let changed = phone.when(|e| *e == TransportEvent::PathChanged).unwrap();
            times.push(changed - began);
            assert!(!phone.failed());
        }
    }
    times.sort_unstable();
    println!(
        "handover at 10 % loss: median {} max {} ms",
        times[6], times[11]
    );
    assert!(times[6] <= 300 && times[11] <= 800, "{times:?}");
}
