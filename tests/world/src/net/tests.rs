//! The network itself: order, time, chance, and that one seed is one run.

use super::*;

const TICK: Duration = Duration::from_millis(20);

/// Sends a numbered packet every 20 ms and writes down what comes in.
struct Chatter {
    local: SocketAddr,
    to: SocketAddr,
    next: Instant,
    left: u32,
    sent: u32,
    outbox: Vec<Transmit>,
    heard: Vec<(Instant, u32)>,
}

impl Chatter {
    fn new(local: &str, to: &str, now: Instant, left: u32) -> Self {
        let [local, to] = [local, to].map(|address| address.parse().unwrap());
        Self {
            local,
            to,
            next: now,
            left,
            sent: 0,
            outbox: Vec::new(),
            heard: Vec::new(),
        }
    }
}

impl Node for Chatter {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        assert_eq!((local, from), (self.local, self.to));
        self.heard
            .push((now, u32::from_be_bytes(bytes.try_into().unwrap())));
    }

    fn handle_timeout(&mut self, now: Instant) {
        assert_eq!(now, self.next, "timers fire exactly on time");
        let bytes = self.sent.to_be_bytes().to_vec();
        self.outbox.push(Transmit {
            local: self.local,
            to: self.to,
            bytes,
        });
        self.sent += 1;
        self.left -= 1;
        self.next += TICK;
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        self.outbox.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (self.left > 0).then_some(self.next)
    }
}

fn pair(seed: u64, link: Link, packets: u32) -> (World, NodeId<Chatter>, NodeId<Chatter>) {
    let mut world = World::of_seed(seed);
    world.set_default_link(link);
    let now = world.now();
    let (a, b) = ("10.0.0.1:5060", "10.0.0.2:5060");
    let alice = world.add(
        "10.0.0.1".parse().unwrap(),
        Chatter::new(a, b, now, packets),
    );
    let bob = world.add(
        "10.0.0.2".parse().unwrap(),
        Chatter::new(b, a, now, packets),
    );
    (world, alice, bob)
}

fn numbers(world: &World, id: NodeId<Chatter>) -> Vec<u32> {
    world.node(id).heard.iter().map(|(_, n)| *n).collect()
}

#[test]
fn a_clean_link_delivers_everything_in_order_after_its_latency() {
    let (mut world, alice, bob) = pair(1, Link::clean(Duration::from_millis(70)), 50);
    let start = world.now();
    world.run_for(Duration::from_secs(2));
    assert_eq!(numbers(&world, bob), (0..50).collect::<Vec<_>>());
    assert_eq!(numbers(&world, alice).len(), 50);
    assert_eq!(
        world.node(bob).heard[0].0,
        start + Duration::from_millis(70)
    );
    assert_eq!(world.elapsed(), Duration::from_secs(2));
}

#[test]
fn loss_and_duplication_strike_about_as_often_as_asked() {
    let link = Link::default().losing(0.3).duplicating(0.1);
    let (mut world, _, bob) = pair(2, link, 2_000);
    world.run_for(Duration::from_secs(60));
    let mut heard = numbers(&world, bob);
    let total = heard.len();
    heard.dedup();
    let lost = 2_000 - heard.len();
    let twice = total - heard.len();
    assert!((500..700).contains(&lost), "{lost} of 2000 lost at 30 %");
    assert!(
        (90..190).contains(&twice),
        "{twice} of {} doubled at 10 %",
        heard.len()
    );
}

#[test]
fn jitter_delays_but_only_reordering_reorders() {
    let jitter = Link::default().jittering(Duration::from_millis(60));
    let (mut world, _, bob) = pair(3, jitter, 500);
    world.run_for(Duration::from_secs(20));
    assert!(numbers(&world, bob).is_sorted());
    let gaps: Vec<_> = world
        .node(bob)
        .heard
        .windows(2)
        .map(|w| w[1].0 - w[0].0)
        .collect();
    assert!(gaps.iter().any(|gap| *gap < TICK / 2) && gaps.iter().any(|gap| *gap > TICK * 3 / 2));

    let (mut world, _, bob) = pair(3, Link::default().reordering(0.2), 500);
    world.run_for(Duration::from_secs(20));
    let heard = numbers(&world, bob);
    assert_eq!(heard.len(), 500);
    let overtaken = heard.windows(2).filter(|w| w[1] < w[0]).count();
    assert!((20..100).contains(&overtaken), "{overtaken}");
}

#[test]
fn one_seed_is_one_run_and_another_seed_is_another() {
    let wild = Link::default()
        .losing(0.2)
        .jittering(TICK)
        .reordering(0.1)
        .duplicating(0.1);
    let run = |seed| {
        let (mut world, _, bob) = pair(seed, wild, 300);
        let start = world.now();
        world.run_for(Duration::from_secs(10));
        let heard = &world.node(bob).heard;
        heard
            .iter()
            .map(|(at, n)| (*at - start, *n))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(4), run(4));
    assert_ne!(run(4), run(5));
}

#[test]
fn an_address_taken_away_neither_sends_nor_hears() {
    let (mut world, alice, bob) = pair(6, Link::default(), 100);
    world.run_for(Duration::from_millis(1_015));
    let before = (numbers(&world, alice).len(), numbers(&world, bob).len());
    world.detach("10.0.0.2".parse().unwrap());
    world.run_for(Duration::from_secs(5));
    assert_eq!(
        (numbers(&world, alice).len(), numbers(&world, bob).len()),
        before
    );
    let lost = world
        .packets()
        .iter()
        .filter(|packet| packet.fate == Fate::Lost)
        .count();
    assert!(lost >= 49, "{lost}");
}

#[test]
fn running_until_stops_at_the_moment_the_condition_holds() {
    let (mut world, _, bob) = pair(7, Link::clean(Duration::from_millis(30)), 100);
    assert!(world.run_until(|w| w.node(bob).heard.len() == 3, Duration::from_secs(1)));
    assert_eq!(world.elapsed(), Duration::from_millis(70));
    assert!(!world.run_until(|w| w.node(bob).heard.len() > 1_000, Duration::from_secs(9)));
    assert_eq!(world.elapsed(), Duration::from_millis(9_070));
}

#[test]
fn a_link_of_its_own_overrides_the_default_in_its_direction_only() {
    let (mut world, alice, bob) = pair(8, Link::default(), 10);
    world.set_link(
        "10.0.0.1".parse().unwrap(),
        "10.0.0.2".parse().unwrap(),
        Link::dead(),
    );
    world.run_for(Duration::from_secs(1));
    assert_eq!(
        (numbers(&world, alice).len(), numbers(&world, bob).len()),
        (10, 0)
    );
}
