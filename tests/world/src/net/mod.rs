//! A network in virtual time: sans-IO nodes, lossy links, one clock that jumps to whatever comes next.
//!
//! ```
//! use std::time::Duration;
//! use tandem_world::net::{Link, World};
//!
//! let mut world = World::new(7); // prints its seed
//! world.set_default_link(Link::clean(Duration::from_millis(50)).losing(0.1));
//! // let alice = world.add("10.0.0.1".parse()?, Phone::new(…));
//! // world.node_mut(alice).call("sip:bob@…");
//! // assert!(world.run_until(|w| w.node(alice).is_talking(), Duration::from_secs(5)));
//! world.run_for(Duration::from_secs(1));
//! assert_eq!(world.elapsed(), Duration::from_secs(1));
//! ```

mod link;
mod packet;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tandem_types::{Entropy, SeededEntropy};

use link::Flow;
pub use link::Link;
pub use packet::{Fate, Packet};

/// Steps at one instant after which a node counts as spinning.
const SPIN_LIMIT: u32 = 10_000;

/// A sans-IO participant: told the time, polled for what it sends.
pub trait Node: Any {
    /// A datagram to its address `local` came in.
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, bytes: &[u8]);
    /// The time of [`Node::poll_timeout`] has come.
    fn handle_timeout(&mut self, now: Instant);
    /// The next datagram to send, until there is none.
    fn poll_transmit(&mut self) -> Option<Transmit>;
    /// When the node wants [`Node::handle_timeout`].
    fn poll_timeout(&self) -> Option<Instant>;
}

/// A datagram a node sends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transmit {
    /// The node's own address.
    pub local: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// Its payload.
    pub bytes: Vec<u8>,
}

/// Names a node of a [`World`] and remembers its type.
pub struct NodeId<N> {
    index: usize,
    node: PhantomData<fn() -> N>,
}

impl<N> Clone for NodeId<N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for NodeId<N> {}

impl<N> fmt::Debug for NodeId<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.index)
    }
}

/// The network, its nodes and the time.
pub struct World {
    seed: u64,
    entropy: SeededEntropy,
    start: Instant,
    now: Instant,
    nodes: Vec<Box<dyn Node>>,
    owners: BTreeMap<IpAddr, usize>,
    default_link: Link,
    links: BTreeMap<(IpAddr, IpAddr), Link>,
    flows: BTreeMap<(IpAddr, IpAddr), Flow>,
    // Ordered by arrival, then by the order of sending: two runs of one seed are the same run.
    in_flight: BTreeMap<(Instant, u64), Transmit>,
    sequence: u64,
    packets: Vec<Packet>,
}

impl World {
    /// A world that prints `seed`. Setting `TANDEM_SEED` in the environment overrides it, to repeat a failure.
    pub fn new(seed: u64) -> Self {
        let wanted = std::env::var("TANDEM_SEED").ok();
        let seed = wanted.and_then(|seed| seed.parse().ok()).unwrap_or(seed);
        Self::of_seed(seed)
    }

    fn of_seed(seed: u64) -> Self {
        println!("world seed {seed} (TANDEM_SEED={seed} repeats this run)");
        let start = Instant::now();
        Self {
            seed,
            entropy: SeededEntropy::new(seed),
            start,
            now: start,
            nodes: Vec::new(),
            owners: BTreeMap::new(),
            default_link: Link::default(),
            links: BTreeMap::new(),
            flows: BTreeMap::new(),
            in_flight: BTreeMap::new(),
            sequence: 0,
            packets: Vec::new(),
        }
    }

    /// The seed everything random here comes from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Randomness for a node, of its own so that nodes do not disturb each other's.
    pub fn fork_entropy(&mut self) -> SeededEntropy {
        SeededEntropy::new(self.entropy.next_u64())
    }

    /// The virtual time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// How long this world has existed, in its own time.
    pub fn elapsed(&self) -> Duration {
        self.now.duration_since(self.start)
    }

    /// Adds a node that owns all ports of `ip`.
    ///
    /// # Panics
    /// If the address is taken.
    pub fn add<N: Node>(&mut self, ip: IpAddr, node: N) -> NodeId<N> {
        let id = NodeId {
            index: self.nodes.len(),
            node: PhantomData,
        };
        self.nodes.push(Box::new(node));
        self.attach(id, ip);
        id
    }

    /// Gives a node one more address, as when a phone finds a second network.
    ///
    /// # Panics
    /// If the address is taken.
    pub fn attach<N: Node>(&mut self, id: NodeId<N>, ip: IpAddr) {
        assert!(self.owners.insert(ip, id.index).is_none(), "{ip} is taken");
    }

    /// Takes an address away: what is on its way to it, or sent from it, is lost.
    pub fn detach(&mut self, ip: IpAddr) {
        self.owners.remove(&ip);
    }

    /// A node, to look at.
    ///
    /// # Panics
    /// If the id comes from another world.
    pub fn node<N: Node>(&self, id: NodeId<N>) -> &N {
        let node: &dyn Any = self.nodes[id.index].as_ref();
        node.downcast_ref().expect("an id of this world")
    }

    /// A node, to act on; what it sends leaves with the next run.
    ///
    /// # Panics
    /// If the id comes from another world.
    pub fn node_mut<N: Node>(&mut self, id: NodeId<N>) -> &mut N {
        let node: &mut dyn Any = self.nodes[id.index].as_mut();
        node.downcast_mut().expect("an id of this world")
    }

    /// What every path without a link of its own is like.
    pub fn set_default_link(&mut self, link: Link) {
        self.default_link = link;
    }

    /// What the path from `from` to `to` is like, from now on and in this direction.
    pub fn set_link(&mut self, from: IpAddr, to: IpAddr, link: Link) {
        self.links.insert((from, to), link);
    }

    /// The same for both directions.
    pub fn set_links(&mut self, a: IpAddr, b: IpAddr, link: Link) {
        self.set_link(a, b, link);
        self.set_link(b, a, link);
    }

    /// Every packet sent so far, in order, and what became of it.
    pub fn packets(&self) -> &[Packet] {
        &self.packets
    }

    /// Lets `duration` pass.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.now + duration;
        let done = self.run(end, |_| false);
        debug_assert!(!done);
    }

    /// Lets time pass until `condition` holds, at most `limit`; whether it does.
    #[must_use = "a condition that never came true is a failure"]
    pub fn run_until(&mut self, condition: impl FnMut(&mut Self) -> bool, limit: Duration) -> bool {
        let end = self.now + limit;
        self.run(end, condition)
    }

    fn run(&mut self, end: Instant, mut condition: impl FnMut(&mut Self) -> bool) -> bool {
        let mut steps_here = 0;
        loop {
            self.collect();
            if condition(self) {
                return true;
            }
            // The condition may have acted on a node.
            self.collect();
            let next = self.next_event().filter(|next| *next <= end);
            let Some(next) = next else {
                self.now = end;
                return false;
            };
            steps_here = if next > self.now { 0 } else { steps_here + 1 };
            assert!(
                steps_here < SPIN_LIMIT,
                "seed {}: a node spins at {:?} without time passing",
                self.seed,
                self.elapsed()
            );
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn next_event(&self) -> Option<Instant> {
        let arrival = self.in_flight.keys().next().map(|(at, _)| *at);
        let timers = self.nodes.iter().filter_map(|node| node.poll_timeout());
        timers.chain(arrival).min()
    }

    /// Delivers one packet that is due, or, when none is, fires every timer that is.
    fn step(&mut self) {
        let now = self.now;
        if let Some(entry) = self.in_flight.first_entry().filter(|e| e.key().0 <= now) {
            let Transmit {
                local: from,
                to,
                bytes,
            } = entry.remove();
            if let Some(owner) = self.owners.get(&to.ip()) {
                self.nodes[*owner].handle_datagram(now, to, from, &bytes);
            }
            return;
        }
        for node in &mut self.nodes {
            if node.poll_timeout().is_some_and(|due| due <= now) {
                node.handle_timeout(now);
            }
        }
    }

    /// Puts what the nodes want to send on its way.
    fn collect(&mut self) {
        for index in 0..self.nodes.len() {
            while let Some(transmit) = self.nodes[index].poll_transmit() {
                self.send(index, transmit);
            }
        }
    }

    fn send(&mut self, sender: usize, transmit: Transmit) {
        let path = (transmit.local.ip(), transmit.to.ip());
        let link = self.links.get(&path).unwrap_or(&self.default_link);
        let flow = self.flows.entry(path).or_default();
        let mut arrivals = flow.arrivals(link, transmit.bytes.len(), self.now, &mut self.entropy);
        if self.owners.get(&path.0) != Some(&sender) {
            arrivals.clear();
        }
        self.packets.push(Packet {
            at: self.elapsed(),
            from: transmit.local,
            to: transmit.to,
            bytes: transmit.bytes.clone(),
            fate: Fate::of(
                arrivals
                    .iter()
                    .map(|at| at.duration_since(self.start))
                    .collect(),
            ),
        });
        for arrival in arrivals {
            self.sequence += 1;
            self.in_flight
                .insert((arrival, self.sequence), transmit.clone());
        }
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("elapsed", &self.elapsed())
            .field("nodes", &self.nodes.len())
            .field("in_flight", &self.in_flight.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
