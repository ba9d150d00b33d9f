use std::collections::BTreeMap;

use super::candidate::CandidateType;
use super::*;
use crate::testing::origin;
use tandem_types::SeededEntropy;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn at(ip: [u8; 4], port: u16) -> SocketAddr {
    SocketAddr::from((ip, port))
}

const ALICE: [u8; 4] = [192, 0, 2, 1];
const BOB: [u8; 4] = [192, 0, 2, 2];

fn host(address: SocketAddr, component: Component) -> Candidate {
    Candidate {
        foundation: "1".to_owned(),
        component,
        priority: 2_130_706_431 - u32::from(component.number()),
        address,
        kind: CandidateType::Host,
        related: None,
        extensions: Vec::new(),
    }
}

struct Side {
    link: IceLink,
    events: Vec<(u64, IceEvent)>,
    entropy: SeededEntropy,
    sent: u64,
}

/// Two links, and a net that delays and loses.
struct Pair {
    start: Instant,
    now: Instant,
    sides: [Side; 2],
    flying: BTreeMap<(Instant, u64), (usize, Path, Vec<u8>)>,
    dice: SeededEntropy,
    one_way: Duration,
    loss_percent: u64,
    /// Local addresses that send and receive nothing any more.
    dead: Vec<SocketAddr>,
    /// What each address looks like from outside.
    nat: BTreeMap<SocketAddr, SocketAddr>,
    count: u64,
}

impl Pair {
    fn new(seed: u64, both_components: bool) -> Self {
        println!("seed {seed}");
        let start = origin();
        let side = |seed| {
            let mut entropy = SeededEntropy::new(seed);
            let config = IceConfig::default();
            Side {
                link: IceLink::new(start, config, both_components, &mut entropy).unwrap(),
                events: Vec::new(),
                entropy,
                sent: 0,
            }
        };
        Self {
            start,
            now: start,
            sides: [side(seed), side(seed + 1)],
            flying: BTreeMap::new(),
            dice: SeededEntropy::new(seed + 2),
            one_way: ms(50),
            loss_percent: 0,
            dead: Vec::new(),
            nat: BTreeMap::new(),
            count: 0,
        }
    }

    /// Both with a host candidate per component.
    fn with_hosts(seed: u64, both_components: bool) -> Self {
        let mut pair = Self::new(seed, both_components);
        for (side, ip) in pair.sides.iter_mut().zip([ALICE, BOB]) {
            side.link
                .add_local(at(ip, 4000), host(at(ip, 4000), Component::Rtp));
            if both_components {
                side.link
                    .add_local(at(ip, 4001), host(at(ip, 4001), Component::Rtcp));
            }
        }
        pair
    }

    fn agree(&mut self) {
        let [alice, bob] = [0, 1].map(|i| self.sides[i].link.description().unwrap());
        self.sides[0].link.agree(self.now, &bob, true).unwrap();
        self.sides[1].link.agree(self.now, &alice, false).unwrap();
    }

    fn collect(&mut self) {
        let (now, since) = (self.now, (self.now - self.start).as_millis() as u64);
        for index in [0, 1] {
            let side = &mut self.sides[index];
            while let Some((path, bytes)) = side.link.poll_transmit(now) {
                side.sent += 1;
                let lost = self.dice.below(100) < self.loss_percent;
                if lost || self.dead.contains(&path.local) || self.dead.contains(&path.remote) {
                    continue;
                }
                // The receiver sees the sender from outside, and is found behind its own NAT.
                let remote = *self.nat.get(&path.local).unwrap_or(&path.local);
                let inside = self
                    .nat
                    .iter()
                    .find(|(_, outside)| **outside == path.remote);
                let local = inside.map_or(path.remote, |(inside, _)| *inside);
                self.count += 1;
                let key = (now + self.one_way, self.count);
                self.flying
                    .insert(key, (1 - index, Path { local, remote }, bytes));
            }
            while let Some(event) = side.link.poll_event() {
                side.events.push((since, event));
            }
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        for _ in 0..1_000_000 {
            self.collect();
            let timers = self
                .sides
                .iter()
                .filter_map(|side| side.link.poll_timeout());
            let packet = self.flying.keys().next().map(|(at, _)| *at);
            let next = timers.chain(packet).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            if packet == Some(next) {
                let (_, (to, path, bytes)) = self.flying.pop_first().unwrap();
                self.sides[to].link.handle(self.now, path, &bytes);
            } else {
                for side in &mut self.sides {
                    if side.link.poll_timeout().is_some_and(|due| due <= self.now) {
                        side.link.handle_timeout(self.now);
                    }
                }
            }
        }
        panic!("the clock stands still");
    }

    fn when(&self, side: usize, wanted: IceEvent) -> Option<u64> {
        let events = self.sides[side].events.iter();
        events
            .filter(|(_, e)| *e == wanted)
            .map(|(at, _)| *at)
            .next()
    }

    fn connected(&self) -> [u64; 2] {
        [0, 1].map(|side| {
            let at = self.when(side, IceEvent::Connected);
            at.unwrap_or_else(|| panic!("{side}: {:?}", self.sides[side].events))
        })
    }
}

#[test]
fn two_round_trips_agree_on_a_pair_and_one_shows_it() {
    let mut pair = Pair::with_hosts(1, false);
    pair.agree();
    pair.run(ms(1000));
    let [alice, bob] = pair.connected();
    assert!(alice <= 250 && bob <= 250, "{alice} {bob}");
    for side in [0, 1] {
        assert!(pair.when(side, IceEvent::FirstPath).unwrap() <= 150);
    }
    let path = pair.sides[0].link.path(pair.now, Component::Rtp).unwrap();
    assert_eq!((path.local, path.remote), (at(ALICE, 4000), at(BOB, 4000)));
    // Once connected: a ping in two seconds each way, its answer, and the check it triggers at the peer.
    let before = pair.sides[0].sent;
    pair.run(ms(20_000));
    let sent = pair.sides[0].sent - before;
    assert!((20..=40).contains(&sent), "{sent}");
}

#[test]
fn rtcp_on_its_own_port_gets_its_own_pair_unless_it_shares() {
    let mut pair = Pair::with_hosts(2, true);
    pair.agree();
    pair.run(ms(1000));
    let rtcp = pair.sides[1].link.path(pair.now, Component::Rtcp).unwrap();
    assert_eq!((rtcp.local, rtcp.remote), (at(BOB, 4001), at(ALICE, 4001)));
    let mut pair = Pair::with_hosts(3, true);
    assert_eq!(
        pair.sides[0].link.description().unwrap().candidates.len(),
        2
    );
    pair.sides
        .iter_mut()
        .for_each(|side| side.link.share_port());
    assert_eq!(
        pair.sides[0].link.description().unwrap().candidates.len(),
        1
    );
    pair.agree();
    pair.run(ms(1000));
    assert_eq!(pair.sides[0].link.path(pair.now, Component::Rtcp), None);
    pair.connected();
}

#[test]
fn a_peer_known_only_by_its_checks_is_found_as_fast() {
    let mut pair = Pair::with_hosts(4, false);
    pair.nat.insert(at(BOB, 4000), at([203, 0, 113, 9], 61_000));
    let mut bob = pair.sides[1].link.description().unwrap();
    bob.candidates.clear();
    let alice = pair.sides[0].link.description().unwrap();
    pair.sides[0].link.agree(pair.now, &bob, true).unwrap();
    pair.sides[1].link.agree(pair.now, &alice, false).unwrap();
    pair.run(ms(1000));
    let [alice, bob] = pair.connected();
    assert!(alice <= 300 && bob <= 300, "{alice} {bob}");
    let path = pair.sides[0].link.path(pair.now, Component::Rtp).unwrap();
    assert_eq!(path.remote, at([203, 0, 113, 9], 61_000));
}

#[test]
fn both_controlling_or_both_controlled_sort_it_out() {
    for (seed, both) in [(5, true), (6, false), (7, true), (8, false)] {
        let mut pair = Pair::with_hosts(seed, false);
        let [alice, bob] = [0, 1].map(|i| pair.sides[i].link.description().unwrap());
        pair.sides[0].link.agree(pair.now, &bob, both).unwrap();
        pair.sides[1].link.agree(pair.now, &alice, both).unwrap();
        pair.run(ms(1500));
        let times = pair.connected();
        assert!(times.iter().all(|at| *at <= 600), "{both}: {times:?}");
        let roles = [0, 1].map(|i| pair.sides[i].link.role().unwrap());
        assert_ne!(roles[0], roles[1]);
    }
}

#[test]
fn checks_that_overtake_the_signalling_are_kept() {
    let mut pair = Pair::with_hosts(9, false);
    let [alice, bob] = [0, 1].map(|i| pair.sides[i].link.description().unwrap());
    pair.sides[1].link.agree(pair.now, &alice, false).unwrap();
    pair.run(ms(500));
    assert_eq!(pair.sides[0].link.refused, 0);
    pair.sides[0].link.agree(pair.now, &bob, true).unwrap();
    pair.run(ms(1000));
    let [alice, bob] = pair.connected();
    assert!(alice <= 750 && bob <= 750, "{alice} {bob}");
}

#[test]
fn who_forgot_an_end_is_silent_until_another_one_answers_the_same_description() {
    let mut pair = Pair::with_hosts(90, false);
    let told = pair.sides[0].link.description().unwrap();
    let mut other = pair.sides[1].link.description().unwrap();
    other.username_fragment = "other".to_owned();
    pair.sides[0].link.agree(pair.now, &other, true).unwrap();
    pair.run(ms(200));
    let bob = pair.sides[1].link.description().unwrap();
    assert!(pair.sides[0].link.is_of_other_end(&bob));
    assert_eq!(
        pair.sides[0].link.expects(&bob),
        Err(IceFault::NoGeneration)
    );
    pair.sides[0].link.wait_anew(pair.now).unwrap();
    let sent = pair.sides[0].sent;
    pair.run(ms(60_000));
    assert_eq!((pair.sides[0].sent, sent > 0), (sent, true));
    assert_eq!(pair.sides[0].link.poll_timeout(), None);
    assert_eq!(pair.sides[0].events, []);
    assert_eq!(pair.sides[0].link.description(), Some(told));
    assert!(!pair.sides[0].link.is_of_other_end(&bob));
    pair.agree();
    pair.run(ms(1000));
    pair.connected();
}

#[test]
fn the_next_generation_takes_over_and_the_first_is_closed_after_media_came() {
    let mut pair = Pair::with_hosts(10, false);
    pair.agree();
    pair.run(ms(1000));
    let old = pair.sides[0].link.path(pair.now, Component::Rtp).unwrap();
    let restarted = pair.now;
    // Alice has a second network.
    let mobile = at([198, 51, 100, 4], 7000);
    pair.sides[0]
        .link
        .add_local(mobile, host(mobile, Component::Rtp));
    for side in &mut pair.sides {
        side.link.restart(pair.now, &mut side.entropy).unwrap();
    }
    pair.sides[0].link.remove_local(pair.now, mobile);
    pair.sides[0]
        .link
        .add_local(mobile, host(mobile, Component::Rtp));
    assert_eq!(pair.sides[0].link.path(pair.now, Component::Rtp), Some(old));
    let offer = pair.sides[0].link.description().unwrap();
    assert!(pair.sides[1].link.is_restarted_by(&offer));
    pair.agree();
    pair.run(ms(1000));
    for side in [0, 1] {
        let switched = pair.when(side, IceEvent::Switched).unwrap();
        let took = switched - (restarted - pair.start).as_millis() as u64;
        assert!(took <= 300, "{took}");
        assert_eq!(pair.when(side, IceEvent::RestartNeeded), None);
    }
    for index in [0, 1] {
        let side = &mut pair.sides[index];
        assert_eq!(side.link.generations.len(), 2);
        let path = side.link.path(pair.now, Component::Rtp).unwrap();
        side.link.heard(pair.now, path, Pulse::Media);
    }
    pair.run(ms(1100));
    assert!(
        pair.sides
            .iter()
            .all(|side| side.link.generations.len() == 1)
    );
}

#[test]
fn a_dead_path_is_noticed_within_two_seconds_and_said_once() {
    let mut pair = Pair::with_hosts(11, false);
    pair.agree();
    pair.run(ms(1000));
    let path = pair.sides[0].link.path(pair.now, Component::Rtp).unwrap();
    for _ in 0..100 {
        pair.run(ms(20));
        pair.sides[0].link.heard(pair.now, path, Pulse::Media);
    }
    let died = (pair.now - pair.start).as_millis() as u64;
    pair.dead.push(path.local);
    pair.run(ms(6000));
    let lost = |event: &&(u64, IceEvent)| matches!(event.1, IceEvent::Lost { .. });
    let said: Vec<_> = pair.sides[0].events.iter().filter(lost).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].0 - died <= 2000, "{}", said[0].0 - died);
    assert_eq!(pair.when(0, IceEvent::RestartNeeded), Some(said[0].0));
    // It comes back by itself when the network does.
    pair.dead.clear();
    pair.run(ms(1000));
    assert!(pair.when(0, IceEvent::Back).is_some());
}

#[test]
fn a_forged_request_changes_nothing_and_is_not_answered() {
    use rtc_ice::attributes::control::AttrControlling;
    use rtc_ice::attributes::use_candidate::UseCandidateAttr;
    use rtc_stun::attributes::ATTR_USERNAME;
    use rtc_stun::integrity::MessageIntegrity;
    use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
    use rtc_stun::textattrs::Username;

    let mut pair = Pair::with_hosts(12, false);
    pair.agree();
    let [alice, bob] = [0, 1].map(|i| pair.sides[i].link.description().unwrap());
    let provider = rtc_crypto::default_provider().unwrap();
    let name = format!("{}:{}", alice.username_fragment, bob.username_fragment);
    let build = |password: Option<&str>, after: Vec<Box<dyn Setter>>| {
        let mut setters: Vec<Box<dyn Setter + '_>> = vec![
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(Username::new(ATTR_USERNAME, name.clone())),
            Box::new(AttrControlling(u64::MAX)),
        ];
        if let Some(password) = password {
            setters.push(Box::new(
                MessageIntegrity::new_short_term_integrity_with_provider(
                    password.to_owned(),
                    provider.crypto(),
                ),
            ));
        }
        setters.extend(after.into_iter().map(|s| -> Box<dyn Setter + '_> { s }));
        let mut message = Message::new();
        message.build(&setters).unwrap();
        message.raw
    };
    let path = Path {
        local: at(ALICE, 4000),
        remote: at(BOB, 4000),
    };
    let stranger = Path {
        local: at(ALICE, 4000),
        remote: at([203, 0, 113, 66], 6666),
    };
    let link = &mut pair.sides[0].link;
    while link.poll_transmit(pair.now + ms(100)).is_some() {}
    for forged in [
        build(None, vec![]),
        build(Some("guessed password, too short"), vec![]),
    ] {
        for path in [path, stranger] {
            assert!(!link.handle(pair.now, path, &forged));
        }
    }
    assert_eq!((link.refused, link.role()), (4, Some(true)));
    assert!(!link.knows(stranger));
    assert_eq!(link.poll_transmit(pair.now + ms(1)), None);
    // What was appended to an authentic request on its way does not count.
    let authentic = build(Some(alice.password.reveal()), vec![]);
    let check = Check::parse(&authentic).unwrap();
    assert!(!check.nominates);
    let appended = build(
        Some(alice.password.reveal()),
        vec![Box::<UseCandidateAttr>::default()],
    );
    let check = Check::parse(&appended).unwrap();
    assert!(!check.nominates);
    let taken = check
        .authentic(alice.password.reveal(), provider.crypto())
        .unwrap();
    assert_eq!(taken.len(), authentic.len());
    pair.run(ms(1000));
    pair.connected();
}

#[test]
fn at_thirty_percent_loss_everybody_connects() {
    let mut times = Vec::new();
    for seed in 0..100 {
        let mut pair = Pair::with_hosts(1000 + seed * 3, false);
        pair.loss_percent = 30;
        pair.agree();
        pair.run(ms(5000));
        times.extend(pair.connected());
    }
    times.sort_unstable();
    println!(
        "median {} p95 {} max {}",
        times[100], times[190], times[199]
    );
    assert!(times[190] <= 700, "{times:?}");
}

#[test]
fn the_peers_ipv4_address_is_reached_through_the_translator() {
    let mut entropy = SeededEntropy::new(13);
    let config = IceConfig {
        nat64: Some(Nat64Prefix::WELL_KNOWN),
        ..IceConfig::default()
    };
    let start = origin();
    let mut link = IceLink::new(start, config, false, &mut entropy).unwrap();
    let own: SocketAddr = "[2001:db8::7]:4000".parse().unwrap();
    link.add_local(own, host(own, Component::Rtp));
    let remote = IceDescription {
        username_fragment: "abcd".to_owned(),
        password: Pii::new("0123456789012345678901".to_owned()),
        candidates: vec!["1 1 udp 2130706431 198.51.100.7 4000 typ host".to_owned()],
        lite: true,
        ..IceDescription::default()
    };
    link.agree(start, &remote, false).unwrap();
    // A lite peer never controls, whoever offered.
    assert_eq!(link.role(), Some(true));
    let (path, _) = link.poll_transmit(start).unwrap();
    assert_eq!(
        path.remote,
        "[64:ff9b::c633:6407]:4000".parse::<SocketAddr>().unwrap()
    );
}

#[test]
fn credentials_and_generations_that_do_not_fit_are_refused() {
    let mut pair = Pair::with_hosts(14, false);
    pair.agree();
    let mut bob = pair.sides[1].link.description().unwrap();
    bob.username_fragment.push('x');
    let alice = &mut pair.sides[0].link;
    assert_eq!(
        alice.agree(pair.now, &bob, true),
        Err(IceFault::NoGeneration)
    );
    bob.username_fragment = String::new();
    assert_eq!(
        alice.agree(pair.now, &bob, true),
        Err(IceFault::Credentials)
    );
}

#[test]
fn a_lite_peer_only_answers_and_we_lead_though_it_offered() {
    use rtc_stun::fingerprint::FINGERPRINT;
    use rtc_stun::integrity::MessageIntegrity;
    use rtc_stun::message::{BINDING_SUCCESS, Message};
    use rtc_stun::xoraddr::XorMappedAddress;

    let start = origin();
    let mut entropy = SeededEntropy::new(15);
    let mut link = IceLink::new(start, IceConfig::default(), false, &mut entropy).unwrap();
    let own = at(ALICE, 4000);
    link.add_local(own, host(own, Component::Rtp));
    let password = "0123456789012345678901";
    let remote = IceDescription {
        username_fragment: "lite".to_owned(),
        password: Pii::new(password.to_owned()),
        candidates: vec!["1 1 udp 2130706431 198.51.100.7 4000 typ host".to_owned()],
        lite: true,
        ..IceDescription::default()
    };
    link.agree(start, &remote, false).unwrap();
    let provider = rtc_crypto::default_provider().unwrap();
    let mut nominated = false;
    for step in 0..20 {
        let now = start + ms(step * 20);
        link.handle_timeout(now);
        while let Some((path, bytes)) = link.poll_transmit(now) {
            let check = Check::parse(&bytes).unwrap();
            assert_eq!(check.class, Class::Request);
            assert_eq!(check.fragments().unwrap().0, "lite");
            nominated |= check.nominates;
            let raw = check.authentic(password, provider.crypto()).unwrap();
            let mut request = Message {
                raw,
                ..Message::default()
            };
            request.decode().unwrap();
            let mut answer = Message::new();
            let integrity = MessageIntegrity::new_short_term_integrity_with_provider(
                password.to_owned(),
                provider.crypto(),
            );
            let (ip, port) = (own.ip(), own.port());
            let built = answer.build(&[
                Box::new(request),
                Box::new(BINDING_SUCCESS),
                Box::new(XorMappedAddress { ip, port }),
                Box::new(integrity),
                Box::new(FINGERPRINT),
            ]);
            built.unwrap();
            assert!(link.handle(now, path, &answer.raw));
        }
    }
    assert!(nominated);
    let events: Vec<_> = std::iter::from_fn(|| link.poll_event()).collect();
    assert_eq!(events, [IceEvent::FirstPath, IceEvent::Connected]);
    let path = link.path(start + ms(400), Component::Rtp).unwrap();
    assert_eq!(path.remote, at([198, 51, 100, 7], 4000));
}
