//! Whatever arrives, nothing breaks.

use std::net::SocketAddr;
use std::time::Duration;

use proptest::prelude::*;
use tandem_media::Capabilities;

use crate::link::{Call, Weather, alice_address, bob_address};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_datagrams_at_all(
        packets in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..200)), 1..30)
    ) {
        let mut call = Call::up(1, Weather::default(), &Capabilities::default());
        for (rtcp, bytes) in packets {
            let mut local = bob_address();
            local.set_port(local.port() + u16::from(rtcp));
            call.bob.session.handle_datagram(call.now, local, alice_address(), &bytes);
            call.run(Duration::from_millis(7));
        }
    }

    #[test]
    fn datagrams_that_look_right_but_are_not(
        changes in prop::collection::vec((0_usize..60, any::<u8>(), 0_usize..200), 1..40)
    ) {
        let mut call = Call::up(2, Weather::default(), &Capabilities::default());
        call.run(Duration::from_millis(100));
        call.alice.session.close(call.now);
        call.collect();
        // Media and the last compound with report, description and goodbye.
        let real: Vec<Vec<u8>> = call.alice.sent.iter().map(|(_, _, b)| b.clone()).collect();
        for (n, (at, value, cut)) in changes.into_iter().enumerate() {
            let mut bytes = real[(real.len() - 1).saturating_sub(n % 3)].clone();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            bytes.truncate(bytes.len().saturating_sub(cut / 4).max(1));
            let from = SocketAddr::from(([192, 0, 2, (n % 4) as u8], 4000));
            call.bob.session.handle_datagram(call.now, bob_address(), from, &bytes);
            call.run(Duration::from_millis(20));
        }
        let (alice, bob) = (call.alice.session.stats(), call.bob.session.stats());
        prop_assert!(bob.packets_received <= alice.packets_sent + 40);
    }

    #[test]
    fn media_with_wild_numbers_and_times(
        packets in prop::collection::vec((any::<u16>(), any::<u32>(), 0_u32..3, 0_u8..128, 0_usize..400), 1..60)
    ) {
        let mut call = Call::up(3, Weather::default(), &Capabilities::default());
        for (number, stamp, ssrc, kind, length) in packets {
            let mut bytes = vec![0x80, kind];
            bytes.extend(number.to_be_bytes());
            bytes.extend(stamp.to_be_bytes());
            bytes.extend(ssrc.to_be_bytes());
            bytes.resize(12 + length, 0x5a);
            call.bob.session.handle_datagram(call.now, bob_address(), alice_address(), &bytes);
            call.run(Duration::from_millis(11));
        }
        prop_assert!(call.bob.heard().iter().all(|s| s.is_finite()));
    }
}
