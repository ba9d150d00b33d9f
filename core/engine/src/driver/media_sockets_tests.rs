//! Sockets at several addresses, as far as there are any.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::*;
use crate::driver::secure::Tls;
use crate::net::{NetworkId, RootsVerifier, StaticResolver, SystemSockets};

fn network() -> Network {
    Network {
        factory: Arc::new(SystemSockets),
        resolver: Arc::new(StaticResolver::default()),
        tls: Tls::new(Arc::new(RootsVerifier::system())).unwrap(),
        capture: None,
        id: NetworkId::ANY,
    }
}

fn at(ip: impl Into<IpAddr>) -> LocalAddress {
    LocalAddress {
        network: NetworkId::ANY,
        ip: ip.into(),
    }
}

fn call() -> CallId {
    CallId::random(&mut crate::OsEntropy)
}

#[tokio::test]
async fn a_packet_leaves_from_the_address_it_is_meant_to_and_from_no_other() {
    let (inbox, mut inbound) = Inbox::new();
    let addresses = [at(Ipv4Addr::LOCALHOST), at(Ipv4Addr::new(127, 0, 0, 2))];
    let sockets = MediaSockets::open(&call(), &network(), &inbox, &addresses).unwrap();
    let [first, second] = sockets.ports() else {
        panic!("{:?}", sockets.ports());
    };
    for (from, to) in [(first.rtcp, second.rtp), (second.rtcp, first.rtcp)] {
        let bytes = b"packet".to_vec();
        sockets.send(&Datagram { from, to, bytes });
        let next = tokio::time::timeout(Duration::from_secs(20), inbound.recv());
        match next.await.expect("it arrives") {
            Some(Inbound::Media {
                local,
                from: sender,
                ..
            }) => {
                assert_eq!((local, sender), (to, from));
            }
            _ => panic!("something else"),
        }
    }
    // An address that is no socket's, such as a relayed one that was lost.
    let nobody = Datagram {
        from: "192.0.2.9:4000".parse().unwrap(),
        to: first.rtp,
        bytes: b"packet".to_vec(),
    };
    sockets.send(&nobody);
    let waits = tokio::time::timeout(Duration::from_millis(100), inbound.recv());
    assert!(waits.await.is_err(), "it was sent from another socket");
}

#[tokio::test]
async fn an_address_that_is_none_is_left_out_unless_it_is_the_own_one() {
    let (inbox, _inbound) = Inbox::new();
    let (good, bad) = (
        at(Ipv4Addr::LOCALHOST),
        at(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 7)),
    );
    let open = |addresses: &[LocalAddress]| {
        let opened = MediaSockets::open(&call(), &network(), &inbox, addresses);
        opened.map(|sockets| sockets.ports().len())
    };
    assert_eq!(open(&[good, bad]).unwrap(), 1);
    assert!(open(&[bad, good]).is_err());
    let many: Vec<LocalAddress> = (1..=9).map(|n| at(Ipv4Addr::new(127, 0, 0, n))).collect();
    assert_eq!(open(&many).unwrap(), MAX_ADDRESSES);
}
