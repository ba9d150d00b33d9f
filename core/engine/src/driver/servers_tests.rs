//! Servers found by name, by record, and not at all.

use std::io;
use std::sync::Arc;

use tandem_types::Pii;

use super::*;
use crate::driver::secure::Tls;
use crate::net::{NetworkId, Resolver, RootsVerifier, StaticResolver, SystemSockets};

const ACCOUNT: AccountId = AccountId(1);

fn network(resolver: impl Resolver + 'static) -> Network {
    Network {
        factory: Arc::new(SystemSockets),
        resolver: Arc::new(resolver),
        tls: Tls::new(Arc::new(RootsVerifier::system())).unwrap(),
        capture: None,
        id: NetworkId::ANY,
    }
}

fn record(priority: u16, weight: u16, port: u16, target: &str) -> SrvRecord {
    SrvRecord {
        priority,
        weight,
        port,
        target: target.to_owned(),
    }
}

async fn found(resolver: impl Resolver + 'static, service: Option<&str>) -> Vec<String> {
    let (inbox, mut inbound) = Inbox::new();
    let question = ServerQuestion {
        id: LookupId(3),
        service: service.map(|service| Pii::new(service.to_owned())),
        host: Pii::new("turn.test".to_owned()),
        port: 3478,
    };
    find(network(resolver), inbox, ACCOUNT, question).await;
    match inbound.recv().await {
        Some(Inbound::Server {
            account: ACCOUNT,
            id: LookupId(3),
            addresses,
        }) => addresses.iter().map(ToString::to_string).collect(),
        _ => panic!("no answer"),
    }
}

fn names() -> StaticResolver {
    StaticResolver::new([
        ("turn.test", "192.0.2.1".parse().unwrap()),
        ("turn.test", "2001:db8::1".parse().unwrap()),
        ("one.test", "192.0.2.11".parse().unwrap()),
        ("two.test", "192.0.2.12".parse().unwrap()),
    ])
}

#[tokio::test]
async fn a_name_has_addresses_of_both_families() {
    let both = ["192.0.2.1:3478", "[2001:db8::1]:3478"];
    assert_eq!(found(names(), None).await, both);
    // The same where records were asked for, and there are none.
    assert_eq!(found(names(), Some("_turn._udp.turn.test")).await, both);
}

#[tokio::test]
async fn records_lead_elsewhere_and_the_best_is_first() {
    let service = "_turn._udp.turn.test";
    let resolver = names()
        .with_srv(service, record(20, 0, 1000, "turn.test."))
        .with_srv(service, record(10, 1, 2000, "one.test."))
        .with_srv(service, record(10, 9, 3000, "two.test."));
    assert_eq!(
        found(resolver, Some(service)).await,
        [
            "192.0.2.12:3000",
            "192.0.2.11:2000",
            "192.0.2.1:1000",
            "[2001:db8::1]:1000"
        ]
    );
    let none = names().with_srv(service, record(0, 0, 0, "."));
    assert_eq!(found(none, Some(service)).await, [""; 0]);
}

#[tokio::test]
async fn a_name_nobody_knows_is_answered_too() {
    assert_eq!(found(StaticResolver::default(), None).await, [""; 0]);
}

/// Knows names and, like many a home router, never answers for records.
struct NoRecords(StaticResolver);

impl Resolver for NoRecords {
    fn addresses(&self, network: NetworkId, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.addresses(network, host)
    }

    fn srv(&self, _: NetworkId, _: &str) -> io::Result<Vec<SrvRecord>> {
        Err(io::ErrorKind::TimedOut.into())
    }
}

#[tokio::test]
async fn without_an_answer_for_records_the_name_has_to_do() {
    let found = found(NoRecords(names()), Some("_turn._udp.turn.test")).await;
    assert_eq!(found, ["192.0.2.1:3478", "[2001:db8::1]:3478"]);
}
