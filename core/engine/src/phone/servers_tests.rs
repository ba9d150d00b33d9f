//! Servers asked for, found, and waited for no longer than a call can.

use tandem_media::io::{NullSink, Silence};
use tandem_sip::agent::LocalAddresses;
use tandem_sip::transaction::TransportKind;
use tandem_types::media::MediaSecurity;
use tandem_types::{CallId, EndReason, Entropy, SeededEntropy};

use super::*;
use crate::phone::{Audio, IceConfig, IceServer, MediaPorts, PhoneConfig, SipAccount};
use crate::{CallConfig, CallState, Event, UnixMillis};

const ACCOUNT: AccountId = AccountId(1);
/// What the first look-up of a phone is known by.
const FIRST: LookupId = LookupId(0);

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A phone whose account names these servers, and calls directly.
fn phone(now: Instant, servers: Vec<IceServer>, relay: RelayUse) -> Phone {
    phone_at(now, "192.0.2.1:5060", servers, relay)
}

fn phone_at(now: Instant, own: &str, servers: Vec<IceServer>, relay: RelayUse) -> Phone {
    let config = PhoneConfig {
        call: CallConfig::default(),
        media: tandem_media::Capabilities::default(),
        user_agent: String::new(),
        instance_id: String::new(),
        max_calls: 2,
        dtls: true,
    };
    let fresh = || -> Box<dyn Entropy> { Box::new(SeededEntropy::new(1)) };
    let mut phone = Phone::new(config, fresh, now, UnixMillis(0));
    add_account(&mut phone, own, servers, relay);
    phone
}

fn add_account(phone: &mut Phone, own: &str, servers: Vec<IceServer>, relay: RelayUse) {
    let mut account = SipAccount::direct(address(own), TransportKind::Udp);
    account.ice = IceConfig { servers, relay };
    account.media_security = MediaSecurity::PlainAllowed;
    let local = LocalAddresses {
        udp: Some(address(own)),
        ..LocalAddresses::default()
    };
    phone.add_account(ACCOUNT, &account, local).unwrap();
}

fn turn(url: &str) -> IceServer {
    IceServer::turn(url, "alice", "secret")
}

/// Calls somebody; the sockets are open.
fn call(phone: &mut Phone, now: Instant) -> CallId {
    call_from(phone, now, &["192.0.2.1"])
}

fn call_from(phone: &mut Phone, now: Instant, own: &[&str]) -> CallId {
    let audio = Audio {
        source: Box::new(Silence),
        sink: Box::new(NullSink),
    };
    let call = phone.place_call(now, ACCOUNT, "sip:192.0.2.9", audio);
    let call = call.unwrap();
    let at = |ip: &&str, port| SocketAddr::new(ip.parse().unwrap(), port);
    let ports = own.iter().map(|ip| MediaPorts {
        rtp: at(ip, 40_000),
        rtcp: at(ip, 40_001),
    });
    let ports: Vec<MediaPorts> = ports.collect();
    phone.handle_media_opened(now, &call, &ports);
    call
}

/// What a phone wants done.
#[derive(Debug, Default)]
struct Wants {
    questions: Vec<ServerQuestion>,
    /// Who is sent something from the media sockets.
    asked: Vec<SocketAddr>,
    invite: Option<String>,
    ended: Option<EndReason>,
}

fn wants(phone: &mut Phone) -> Wants {
    let mut wants = Wants::default();
    while let Some(output) = phone.poll_output() {
        match output {
            Output::FindServer { question, .. } => wants.questions.push(question),
            Output::Media { datagram, .. } => wants.asked.push(datagram.to),
            Output::Sip { transmit, .. } if transmit.bytes.starts_with(b"INVITE") => {
                wants.invite = Some(String::from_utf8(transmit.bytes).unwrap());
            }
            Output::Event(Event::Call(call)) => {
                if let CallState::Ended(reason) = call.state {
                    wants.ended = Some(reason);
                }
            }
            _ => {}
        }
    }
    wants
}

/// Lets the time pass, as the phone asks to be woken.
fn pass(phone: &mut Phone, from: Instant, time: Duration) -> Wants {
    let mut all = wants(phone);
    while let Some(at) = phone.poll_timeout().filter(|at| *at <= from + time) {
        phone.handle_timeout(at);
        let next = wants(phone);
        all.questions.extend(next.questions);
        all.asked.extend(next.asked);
        all.invite = all.invite.or(next.invite);
        all.ended = all.ended.or(next.ended);
    }
    all
}

#[test]
fn an_account_asks_for_its_servers_before_anybody_calls() {
    let now = Instant::now();
    let servers = vec![
        turn("turn:192.0.2.5"),
        turn("turns:turn.test"),
        IceServer::stun("stun:stun.test:1000"),
    ];
    let mut phone = phone(now, servers, RelayUse::WhenNeeded);
    let question = |id, service: Option<&str>, host: &str, port| ServerQuestion {
        id: LookupId(id),
        service: service.map(|service| Pii::new(service.to_owned())),
        host: Pii::new(host.to_owned()),
        port,
    };
    assert_eq!(
        wants(&mut phone).questions,
        [
            question(0, Some("_turns._tcp.turn.test"), "turn.test", 5349),
            question(1, None, "stun.test", 1000),
        ]
    );
}

#[test]
fn a_call_asks_the_servers_that_were_found_and_looks_old_ones_up_beside_it() {
    let now = Instant::now();
    let servers = vec![turn("turn:turn.test"), turn("turn:192.0.2.5")];
    let mut phone = phone(now, servers, RelayUse::WhenNeeded);
    assert_eq!(wants(&mut phone).questions.len(), 1);
    let (bad, good) = (address("224.0.0.1:3478"), address("192.0.2.6:3478"));
    phone.handle_server(now, ACCOUNT, FIRST, &[bad, good]);
    let later = now + LIFETIME;
    call(&mut phone, later);
    let wanted = pass(&mut phone, later, Duration::from_millis(400));
    assert_eq!(wanted.questions.len(), 1, "it is five minutes old");
    let asked: std::collections::BTreeSet<SocketAddr> = wanted.asked.into_iter().collect();
    assert_eq!(
        asked.into_iter().collect::<Vec<_>>(),
        [address("192.0.2.5:3478"), good]
    );
    // Nobody answers; the call goes without them, and with ICE although the account does not ask for encryption.
    let invite = pass(&mut phone, later, Duration::from_secs(2)).invite;
    let invite = invite.expect("an INVITE");
    assert!(invite.contains("a=candidate:"), "{invite}");
    assert!(invite.contains("c=IN IP4 192.0.2.1\r\n"), "{invite}");
    assert!(invite.contains("RTP/AVP "), "{invite}");
}

#[test]
fn a_call_waits_for_a_name_and_not_for_ever() {
    let now = Instant::now();
    let mut phone = phone(now, vec![turn("turn:turn.test")], RelayUse::WhenNeeded);
    call(&mut phone, now);
    let soon = Duration::from_millis(100);
    let wanted = pass(&mut phone, now, soon);
    assert_eq!((wanted.asked, wanted.invite), (vec![], None));
    let server = address("192.0.2.6:3478");
    phone.handle_server(now + soon, ACCOUNT, FIRST, &[server]);
    assert!(wants(&mut phone).asked.contains(&server));

    let mut phone = self::phone(now, vec![turn("turn:turn.test")], RelayUse::WhenNeeded);
    call(&mut phone, now);
    let wanted = pass(&mut phone, now, gather::DEFAULT_DEADLINE);
    assert!(wanted.asked.is_empty(), "{wanted:?}");
    assert!(wanted.invite.is_some(), "it waits for names too long");
    // Nor is anything to be had of an answer that comes now.
    phone.handle_server(now + soon, ACCOUNT, FIRST, &[server]);
    assert!(wants(&mut phone).asked.is_empty());
}

#[test]
fn a_server_that_is_not_found_is_asked_for_again() {
    let now = Instant::now();
    let mut phone = phone(now, vec![turn("turn:turn.test")], RelayUse::WhenNeeded);
    assert_eq!(wants(&mut phone).questions.len(), 1);
    phone.handle_server(now, ACCOUNT, FIRST, &[]);
    phone.register(now + AGAIN / 2, ACCOUNT).unwrap();
    assert_eq!(wants(&mut phone).questions.len(), 0);
    phone.register(now + AGAIN, ACCOUNT).unwrap();
    assert_eq!(wants(&mut phone).questions.len(), 1);
}

#[test]
fn who_is_always_relayed_is_not_heard_of_where_nobody_relays() {
    let now = Instant::now();
    let servers = vec![turn("turn:192.0.2.5"), IceServer::stun("stun:192.0.2.7")];
    let mut phone = phone(now, servers, RelayUse::Always);
    call(&mut phone, now);
    let wanted = pass(&mut phone, now, Duration::from_secs(30));
    let own = address("192.0.2.5:3478");
    assert!(wanted.asked.contains(&own), "the server is not asked");
    assert!(wanted.asked.iter().all(|to| *to == own), "{wanted:?}");
    assert_eq!(wanted.ended, Some(EndReason::NoRelay));
    assert_eq!(wanted.invite, None);
}

#[test]
fn a_relay_over_a_stream_is_asked_for_by_name() {
    let now = Instant::now();
    let mut phone = phone(now, vec![turn("turns:turn.test")], RelayUse::Always);
    phone.handle_server(now, ACCOUNT, FIRST, &[address("192.0.2.6:5349")]);
    let _ = wants(&mut phone);
    let call = call(&mut phone, now);
    let mut opened = Vec::new();
    let mut at = now;
    loop {
        while let Some(output) = phone.poll_output() {
            if let Output::MediaStream { command, .. } = output
                && let tandem_media::StreamCommand::Open {
                    id,
                    server,
                    tls_name,
                    ..
                } = command
            {
                assert_eq!(server, address("192.0.2.6:5349"));
                assert_eq!(tls_name.as_deref(), Some("turn.test"));
                opened.push(id);
            }
        }
        match phone.poll_timeout() {
            Some(next) if next <= now + Duration::from_millis(500) => at = next,
            _ => break,
        }
        phone.handle_timeout(at);
    }
    assert_eq!(opened.len(), 2, "one for each component");
    // Both break: nothing is waited for, but a relay might still come.
    for id in opened {
        let closed = tandem_media::StreamInput::Closed;
        phone.handle_media_stream(at, &call, id, closed);
    }
    let wanted = pass(&mut phone, at, Duration::from_secs(30));
    assert_eq!(wanted.ended, Some(EndReason::NoRelay));
    assert_eq!((wanted.asked, wanted.invite), (vec![], None));
}

#[test]
fn on_a_network_with_ipv6_alone_a_server_by_its_ipv4_address_is_reached_through_the_translator() {
    let now = Instant::now();
    let servers = || vec![turn("turn:192.0.2.5")];
    let mut phone = phone_at(now, "[2001:db8::1]:5060", servers(), RelayUse::WhenNeeded);
    let asked = translator_asked_for(&mut phone).expect("nobody asks for a translator");
    let record = "64:ff9b::c000:aa".parse().unwrap();
    phone.handle_translator(now, ACCOUNT, asked, &[record]);
    call_from(&mut phone, now, &["2001:db8::1"]);
    let asked = pass(&mut phone, now, Duration::from_millis(300)).asked;
    let translated = address("[64:ff9b::c000:205]:3478");
    assert!(!asked.is_empty() && asked.iter().all(|to| *to == translated));

    // Where IPv4 is spoken there is nothing to translate.
    let mut phone = self::phone(now, servers(), RelayUse::WhenNeeded);
    assert_eq!(translator_asked_for(&mut phone), None);
}

/// By what the phone asks for its network's translator.
fn translator_asked_for(phone: &mut Phone) -> Option<LookupId> {
    let mut asked = None;
    while let Some(output) = phone.poll_output() {
        if let Output::FindTranslator { account, id } = output {
            assert_eq!(account, ACCOUNT);
            asked = Some(id);
        }
    }
    asked
}

#[test]
fn what_is_found_late_about_an_accounts_old_servers_is_not_taken_for_its_new_ones() {
    let now = Instant::now();
    let mut phone = phone(now, vec![turn("turn:old.test")], RelayUse::WhenNeeded);
    let old = wants(&mut phone).questions.remove(0).id;
    phone.remove_account(now, ACCOUNT);
    let servers = vec![turn("turn:new.test")];
    add_account(&mut phone, "192.0.2.1:5060", servers, RelayUse::WhenNeeded);
    let new = wants(&mut phone).questions.remove(0).id;
    call(&mut phone, now);
    let (wrong, right) = (address("192.0.2.6:3478"), address("192.0.2.7:3478"));
    phone.handle_server(now, ACCOUNT, old, &[wrong]);
    let asked = wants(&mut phone).asked;
    assert!(asked.is_empty(), "the old server is asked: {asked:?}");
    phone.handle_server(now, ACCOUNT, new, &[right]);
    phone.handle_server(now, ACCOUNT, old, &[wrong]);
    let asked = pass(&mut phone, now, Duration::from_millis(300)).asked;
    assert!(!asked.is_empty() && asked.iter().all(|to| *to == right));
}

#[test]
fn the_translator_of_a_network_that_was_left_is_not_taken_for_one_here() {
    let now = Instant::now();
    let own = "[2001:db8::1]:5060";
    let servers = || vec![turn("turn:192.0.2.5")];
    let mut phone = phone_at(now, own, servers(), RelayUse::WhenNeeded);
    let old = translator_asked_for(&mut phone).unwrap();
    phone.remove_account(now, ACCOUNT);
    add_account(&mut phone, own, servers(), RelayUse::WhenNeeded);
    let new = translator_asked_for(&mut phone).unwrap();
    let here = ["64:ff9b::c000:aa".parse().unwrap()];
    let there = ["2001:db8:64::c000:aa".parse().unwrap()];
    for (id, records) in [(old, &there), (new, &here), (old, &there)] {
        phone.handle_translator(now, ACCOUNT, id, records);
    }
    call_from(&mut phone, now, &["2001:db8::1"]);
    let asked = pass(&mut phone, now, Duration::from_millis(300)).asked;
    let translated = address("[64:ff9b::c000:205]:3478");
    assert!(!asked.is_empty() && asked.iter().all(|to| *to == translated));
}

#[test]
fn every_address_of_the_device_is_offered_and_the_own_one_first() {
    let now = Instant::now();
    let mut phone = phone(now, vec![turn("turn:192.0.2.5")], RelayUse::WhenNeeded);
    let own = ["192.0.2.1", "2001:db8::1", "198.51.100.1"];
    call_from(&mut phone, now, &own);
    let invite = pass(&mut phone, now, Duration::from_secs(2)).invite;
    let invite = invite.expect("an INVITE");
    let mut candidates: Vec<(u32, &str)> = invite
        .lines()
        .filter_map(|line| line.strip_prefix("a=candidate:"))
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|words| words.get(1) == Some(&"1"))
        .map(|words| (words[3].parse().unwrap(), words[4]))
        .collect();
    candidates.sort_unstable();
    let by_preference: Vec<&str> = candidates.iter().rev().map(|(_, ip)| *ip).collect();
    assert_eq!(by_preference, own);
    // Who has no ICE most likely has the family that is spoken with the server.
    assert!(invite.contains("c=IN IP4 192.0.2.1\r\n"), "{invite}");
}
