//! One look-up from its questions to its targets.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use tandem_types::Entropy;

use super::records::{host_name, in_order, services};
use super::{Answer, LocateError, Place, Question, SrvRecord, Target, TransportChoice};
use crate::message::Host;
use crate::transaction::TransportKind;

/// Services asked for: more than there are transports, for domains with a name of their own for each.
const MAX_SERVICES: usize = 6;
/// Hosts whose addresses are asked for.
const MAX_HOSTS: usize = 16;
/// Addresses taken of one host.
const MAX_ADDRESSES: usize = 8;
/// Targets of one look-up.
const MAX_TARGETS: usize = 32;

/// A look-up under way. See the [module](super) for its steps.
#[derive(Clone, Debug)]
pub struct Plan {
    place: Place,
    choice: TransportChoice,
    /// What has to be asked.
    to_ask: VecDeque<Question>,
    /// What was asked and is not answered.
    asked: Vec<Question>,
    step: Step,
}

#[derive(Clone, Debug)]
enum Step {
    Naptr,
    Services(Vec<Service>),
    Hosts(Vec<Spot>),
    Done(Result<Vec<Target>, LocateError>),
}

/// A service whose SRV records are looked up.
#[derive(Clone, Debug)]
struct Service {
    transport: TransportKind,
    name: String,
    records: Option<Vec<SrvRecord>>,
}

/// A port of a host whose addresses are looked up.
#[derive(Clone, Debug)]
struct Spot {
    transport: TransportKind,
    host: String,
    port: u16,
    addresses: Option<Vec<IpAddr>>,
}

impl Plan {
    /// The way to `place`. It may need no question at all.
    pub fn new(place: Place, choice: TransportChoice) -> Self {
        let mut plan = Self {
            to_ask: VecDeque::new(),
            asked: Vec::new(),
            step: Step::Done(Err(LocateError::NoAddress)),
            place,
            choice,
        };
        plan.begin();
        plan
    }

    fn begin(&mut self) {
        let transport = self.place.settled(self.choice);
        let name = match &self.place.host {
            Host::Name(name) => name,
            Host::V4(_) | Host::V6(_) => {
                let port = self.place.port.unwrap_or(transport.default_port());
                let ip = self.place.host.ip().into_iter();
                let host = &self.place.host;
                let found = ip.map(|ip| self.target(transport, SocketAddr::new(ip, port), host));
                self.step = Step::Done(Ok(found.collect()));
                return;
            }
        };
        let Some(name) = host_name(name) else {
            return;
        };
        if self.place.port.is_some() {
            self.ask_host();
            return;
        }
        match self.place.transport {
            // §4.1: who names the transport has no need of NAPTR.
            Some(said) => self.ask_services(vec![(said, said.srv_name(&name))]),
            None => {
                self.to_ask.push_back(Question::Naptr(name));
                self.step = Step::Naptr;
            }
        }
    }

    /// The next question to ask; each is asked once.
    pub fn poll_question(&mut self) -> Option<Question> {
        let question = self.to_ask.pop_front()?;
        self.asked.push(question.clone());
        Some(question)
    }

    /// Takes an answer; one nobody waits for is ignored. `current` is the target in use, if there is one.
    pub fn handle_answer(
        &mut self,
        question: &Question,
        answer: &Answer,
        current: Option<&Target>,
        entropy: &mut dyn Entropy,
    ) {
        let Some(at) = self.asked.iter().position(|asked| asked == question) else {
            return;
        };
        match (question, answer) {
            (Question::Naptr(_), Answer::Naptr(records)) => {
                self.asked.swap_remove(at);
                let wanted = self.place.transports(self.choice);
                let mut found = services(records.clone(), wanted);
                if found.is_empty()
                    && let Question::Naptr(name) = question
                {
                    let named = wanted.iter().map(|kind| (*kind, kind.srv_name(name)));
                    found = named.collect();
                }
                self.ask_services(found);
            }
            (Question::Srv(name), Answer::Srv(records)) => {
                self.asked.swap_remove(at);
                self.take_srv(name, records, current, entropy);
            }
            (Question::Addresses(host), Answer::Addresses(addresses)) => {
                self.asked.swap_remove(at);
                self.take_addresses(host, addresses);
            }
            (Question::Naptr(_) | Question::Srv(_) | Question::Addresses(_), _) => {}
        }
    }

    /// Counts every open question as answered with nothing: the name servers are silent.
    pub fn give_up(&mut self, current: Option<&Target>, entropy: &mut dyn Entropy) {
        // Only what is still unknown is left out; each step that opens is closed in turn.
        const STEPS: usize = 3;
        for _ in 0..STEPS {
            while self.poll_question().is_some() {}
            for question in self.asked.clone() {
                let nothing = match &question {
                    Question::Naptr(_) => Answer::Naptr(Vec::new()),
                    Question::Srv(_) => Answer::Srv(Vec::new()),
                    Question::Addresses(_) => Answer::Addresses(Vec::new()),
                };
                self.handle_answer(&question, &nothing, current, entropy);
            }
        }
    }

    /// What came of it, once nothing is left to ask: at least one target, best first.
    pub fn outcome(&self) -> Option<&Result<Vec<Target>, LocateError>> {
        match &self.step {
            Step::Done(outcome) => Some(outcome),
            Step::Naptr | Step::Services(_) | Step::Hosts(_) => None,
        }
    }

    fn target(&self, transport: TransportKind, address: SocketAddr, host: &Host) -> Target {
        Target {
            transport,
            address,
            host: host.clone(),
            name: self.place.host.clone(),
        }
    }

    fn ask_services(&mut self, found: Vec<(TransportKind, String)>) {
        let services = found.into_iter().take(MAX_SERVICES);
        let services: Vec<Service> = services
            .map(|(transport, name)| Service {
                transport,
                name,
                records: None,
            })
            .collect();
        let names = services.iter().map(|service| &service.name);
        self.to_ask = unique(names).map(Question::Srv).collect();
        self.step = Step::Services(services);
    }

    fn take_srv(
        &mut self,
        name: &str,
        records: &[SrvRecord],
        current: Option<&Target>,
        entropy: &mut dyn Entropy,
    ) {
        let Step::Services(services) = &mut self.step else {
            return;
        };
        for service in services.iter_mut().filter(|service| service.name == name) {
            service.records = Some(records.to_vec());
        }
        if services.iter().any(|service| service.records.is_none()) {
            return;
        }
        let services = std::mem::take(services);
        let mut denied = false;
        let mut spots = Vec::new();
        for service in services {
            let records = service.records.unwrap_or_default();
            denied |= records.iter().any(|record| record.target == ".");
            let transport = service.transport;
            let in_use = |record: &SrvRecord| {
                let host = host_name(&record.target).map(Host::Name);
                current.is_some_and(|target| {
                    let same = target.transport == transport && Some(&target.host) == host.as_ref();
                    same && target.address.port() == record.port
                })
            };
            for record in in_order(records, in_use, entropy) {
                if let Some(host) = host_name(&record.target).filter(|_| record.port != 0) {
                    spots.push(Spot {
                        transport,
                        host,
                        port: record.port,
                        addresses: None,
                    });
                }
            }
        }
        if spots.is_empty() {
            if denied {
                self.step = Step::Done(Err(LocateError::NoService));
            } else {
                self.ask_host();
            }
            return;
        }
        // Whoever breaks the encrypted way must not win the one in the clear.
        if spots.iter().any(|spot| spot.transport.is_secure()) {
            spots.retain(|spot| spot.transport.is_secure());
        }
        spots.truncate(MAX_HOSTS);
        self.ask_addresses(spots);
    }

    /// The URI's own host, by its addresses alone.
    fn ask_host(&mut self) {
        let transport = self.place.settled(self.choice);
        let Host::Name(name) = &self.place.host else {
            return;
        };
        let spot = Spot {
            transport,
            host: name.to_ascii_lowercase(),
            port: self.place.port.unwrap_or(transport.default_port()),
            addresses: None,
        };
        self.ask_addresses(vec![spot]);
    }

    fn ask_addresses(&mut self, spots: Vec<Spot>) {
        let hosts = spots.iter().map(|spot| &spot.host);
        self.to_ask = unique(hosts).map(Question::Addresses).collect();
        self.step = Step::Hosts(spots);
    }

    fn take_addresses(&mut self, host: &str, addresses: &[IpAddr]) {
        let Step::Hosts(spots) = &mut self.step else {
            return;
        };
        for spot in spots.iter_mut().filter(|spot| spot.host == host) {
            let some = addresses.iter().take(MAX_ADDRESSES);
            spot.addresses = Some(some.copied().collect());
        }
        if spots.iter().any(|spot| spot.addresses.is_none()) {
            return;
        }
        let spots = std::mem::take(spots);
        let mut targets: Vec<Target> = Vec::new();
        for spot in spots {
            let host = Host::Name(spot.host);
            for ip in spot.addresses.unwrap_or_default() {
                let address = SocketAddr::new(ip, spot.port);
                let target = self.target(spot.transport, address, &host);
                let known = |one: &Target| one.hop() == target.hop();
                if targets.len() < MAX_TARGETS && !targets.iter().any(known) {
                    targets.push(target);
                }
            }
        }
        self.step = Step::Done(if targets.is_empty() {
            Err(LocateError::NoAddress)
        } else {
            Ok(targets)
        });
    }
}

/// Each name once, in its first place.
fn unique<'a>(names: impl Iterator<Item = &'a String>) -> impl Iterator<Item = String> {
    let mut seen: Vec<String> = Vec::new();
    for name in names {
        if !seen.contains(name) {
            seen.push(name.clone());
        }
    }
    seen.into_iter()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
