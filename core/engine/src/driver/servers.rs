//! Looking STUN and TURN servers up: by their SRV records (RFC 8489 §8.1, RFC 8656 §6), else by name and port.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tandem_media::NAT64_DISCOVERY_NAME;
use tandem_types::AccountId;
use tokio::task::spawn_blocking;

use super::inbox::{Inbound, Inbox};
use super::sip_sockets::Network;
use crate::net::SrvRecord;
use crate::phone::{LookupId, ServerQuestion};

/// How long name servers may take. Whoever waits for a call waits less, and uses what was known before.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long records may take that most servers do not have, while the name itself is long known.
const PATIENCE_FOR_RECORDS: Duration = Duration::from_secs(3);
/// Servers looked up of one service.
const MAX_TARGETS: usize = 4;

/// Looks a server up, and says where it is.
pub(super) async fn find(
    network: Network,
    inbox: Inbox,
    account: AccountId,
    question: ServerQuestion,
) {
    let looking = tokio::time::timeout(PATIENCE, look_up(&network, &question));
    let addresses = looking.await.unwrap_or_default();
    let found = Inbound::Server {
        account,
        id: question.id,
        addresses,
    };
    inbox.put(found).await;
}

/// Looks for the network's NAT64 (RFC 7050 §3), and says what was found.
pub(super) async fn find_translator(
    network: Network,
    inbox: Inbox,
    account: AccountId,
    id: LookupId,
) {
    let asking = addresses(network, NAT64_DISCOVERY_NAME.to_owned());
    let found = tokio::time::timeout(PATIENCE, asking).await;
    let records = found.unwrap_or_default().into_iter();
    let six = records.filter_map(|ip| match ip {
        IpAddr::V4(_) => None,
        IpAddr::V6(ip) => Some(ip),
    });
    let records = six.collect();
    let found = Inbound::Translator {
        account,
        id,
        records,
    };
    inbox.put(found).await;
}

async fn look_up(network: &Network, question: &ServerQuestion) -> Vec<SocketAddr> {
    // Asked at once: a name server that never answers for records must not hold up the rest.
    let host = tokio::spawn(addresses(network.clone(), question.host.reveal().clone()));
    if let Some(service) = &question.service {
        let records = records(network, service.reveal().clone());
        let records = tokio::time::timeout(PATIENCE_FOR_RECORDS, records).await;
        let records = records.unwrap_or_default();
        if !records.is_empty() {
            return at_targets(network, records).await;
        }
    }
    let port = question.port;
    let found = host.await.unwrap_or_default();
    found
        .into_iter()
        .map(|ip| SocketAddr::new(ip, port))
        .collect()
}

/// The addresses of all that a service's records name. The one that means that there is none (RFC 2782, a target
/// of `.`) has no address.
async fn at_targets(network: &Network, mut records: Vec<SrvRecord>) -> Vec<SocketAddr> {
    records.sort_by_key(|record| (record.priority, Reverse(record.weight)));
    let mut found = Vec::new();
    for record in records.into_iter().take(MAX_TARGETS) {
        let target = record.target.trim_end_matches('.').to_owned();
        if target.is_empty() {
            continue;
        }
        let ips = addresses(network.clone(), target).await;
        found.extend(ips.into_iter().map(|ip| SocketAddr::new(ip, record.port)));
    }
    found
}

async fn records(network: &Network, service: String) -> Vec<SrvRecord> {
    let (resolver, id) = (network.resolver.clone(), network.id);
    let asking = spawn_blocking(move || resolver.srv(id, &service));
    asking.await.ok().and_then(Result::ok).unwrap_or_default()
}

async fn addresses(network: Network, host: String) -> Vec<IpAddr> {
    let asking = spawn_blocking(move || network.resolver.addresses(network.id, &host));
    asking.await.ok().and_then(Result::ok).unwrap_or_default()
}

#[cfg(test)]
#[path = "servers_tests.rs"]
mod tests;
