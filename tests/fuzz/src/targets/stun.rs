//! STUN from strangers: read, offered to an ICE agent and to a gatherer that expect somebody else's.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tandem_media::fuzzing::Way;
use tandem_media::gather::{StunMessage, parse_channel_data};
use tandem_types::SeededEntropy;

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "stun",
    about: "STUN messages: read, and refused by an agent that cannot authenticate them",
    seeds: &[],
    dictionary: None,
    longest: 1500,
    budget: Budget {
        memory: (256 << 10, 64),
        work: (1 << 20, 512),
    },
    check,
};

const HERE: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 4000));
const STRANGER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 66), 66));

/// The start of virtual time.
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

fn check(input: &[u8]) {
    let now = origin();
    if let Ok(message) = StunMessage::parse(input) {
        let _ = (message.class(), message.transaction(), message.error_code());
        let _ = (message.lifetime(), message.mapped_address());
        let _ = message.alternate_server();
    }
    if let Some((channel, payload)) = parse_channel_data(input) {
        assert!((0x4000..=0x4fff).contains(&channel) && payload.len() + 4 <= input.len());
    }
    let mut entropy = SeededEntropy::new(1);
    let mut ours = Way::new(now, HERE, &mut entropy).expect("an agent");
    let theirs = Way::new(now, STRANGER, &mut entropy).expect("an agent");
    let said = theirs.description().expect("a description");
    assert!(ours.agree(now, &said, true));
    // Nobody who does not know the password is believed, or makes us say more than silence would.
    ours.handle(now, STRANGER, input);
    let later = now + Duration::from_millis(1);
    ours.handle_timeout(later);
    assert!(!ours.is_open(later), "a stranger opened a path");
    let mut sent = 0;
    while let Some(datagram) = ours.poll_transmit(later) {
        sent += datagram.len();
    }
    assert!(sent <= 400, "{sent} bytes were sent");
}
