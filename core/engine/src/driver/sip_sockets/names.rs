//! Names: those the agent looks up step by step, and those of hops inside a dialog, by their addresses alone.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use tandem_sip::agent::Transmit;
use tandem_sip::locate::{Answer, Question};
use tandem_sip::message::Host;
use tandem_sip::transaction::{Hop, TransportError};

use super::SipSockets;
use crate::driver::inbox::Inbound;
use crate::net::{NetworkId, Resolver};

/// How long a name keeps the address it was found to have. A request, its repeats, its CANCEL and its ACK
/// must meet the same server of several (RFC 3263 §4), and a call is not to wait for a look-up at each step.
const NAME_LIFETIME: Duration = Duration::from_secs(60);
/// Names remembered at one time.
const MAX_NAMES: usize = 64;
/// How long name servers may take to answer one question.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks a resolver; no records where it fails. Blocks.
pub(in crate::driver) fn ask(
    resolver: &dyn Resolver,
    network: NetworkId,
    question: &Question,
) -> Answer {
    match question {
        Question::Naptr(name) => Answer::Naptr(resolver.naptr(network, name).unwrap_or_default()),
        Question::Srv(name) => Answer::Srv(resolver.srv(network, name).unwrap_or_default()),
        Question::Addresses(name) => {
            Answer::Addresses(resolver.addresses(network, name).unwrap_or_default())
        }
    }
}

impl SipSockets {
    /// Asks the name servers for the agent.
    pub(in crate::driver) fn locate(&mut self, question: Question) {
        let (account, inbox, network) = (self.account, self.inbox.clone(), self.network.clone());
        self.spawn(async move {
            let asked = question.clone();
            let asking =
                tokio::task::spawn_blocking(move || ask(&*network.resolver, network.id, &asked));
            let answer = match tokio::time::timeout(PATIENCE, asking).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) | Err(_) => match &question {
                    Question::Naptr(_) => Answer::Naptr(Vec::new()),
                    Question::Srv(_) => Answer::Srv(Vec::new()),
                    Question::Addresses(_) => Answer::Addresses(Vec::new()),
                },
            };
            let answered = Inbound::Answered {
                account,
                question,
                answer,
            };
            inbox.put(answered).await;
        });
    }

    /// The address of a host, or the name it must be looked up by.
    pub(super) fn ip_of(&self, host: &Host) -> Result<IpAddr, String> {
        let name = match host {
            Host::V4(ip) => return Ok(IpAddr::V4(*ip)),
            Host::V6(ip) => return Ok(IpAddr::V6(*ip)),
            Host::Name(name) => name.to_ascii_lowercase(),
        };
        match self.names.get(&name) {
            Some((ip, until)) if *until > Instant::now() => Ok(*ip),
            Some(_) | None => Err(name),
        }
    }

    /// A look-up is done: what waited for it goes, or has failed.
    pub(in crate::driver) fn resolved(&mut self, now: Instant, name: String, ip: Option<IpAddr>) {
        let waiting = self.resolving.remove(&name).unwrap_or_default();
        let Some(ip) = ip else {
            for (_, transmit) in waiting {
                self.failed(transmit.id, TransportError::Unresolved);
            }
            return;
        };
        self.names.retain(|_, (_, until)| *until > now);
        if self.names.len() < MAX_NAMES {
            self.names.insert(name, (ip, now + NAME_LIFETIME));
        }
        for (hop, transmit) in waiting {
            self.send_to(hop, ip, transmit);
        }
    }

    pub(super) fn resolve(&mut self, name: String, hop: Hop, transmit: Transmit) {
        let waiting = self.resolving.entry(name.clone()).or_default();
        waiting.push((hop, transmit));
        if waiting.len() > 1 {
            return;
        }
        let (account, inbox, network) = (self.account, self.inbox.clone(), self.network.clone());
        let ours = self.local.ip();
        self.spawn(async move {
            let (resolver, asked) = (network.resolver.clone(), name.clone());
            let found =
                tokio::task::spawn_blocking(move || resolver.addresses(network.id, &asked)).await;
            let addresses = found.ok().and_then(Result::ok).unwrap_or_default();
            // The socket speaks one family.
            let reachable = |ip: &IpAddr| ip.is_ipv4() == ours.is_ipv4();
            let ip = addresses.into_iter().find(reachable);
            inbox.put(Inbound::Resolved { account, name, ip }).await;
        });
    }
}
