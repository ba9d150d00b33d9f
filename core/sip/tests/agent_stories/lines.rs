//! TCP connections that break at the wrong moment, lead nowhere, or are held by strangers.

use std::net::SocketAddr;

use tandem_sip::agent::{ConnectionId, Hop, Output, SessionId, TransportKind, UserAgent};
use tandem_sip::message::{Request, Response, StatusCode};
use tandem_types::{Direction, SeededEntropy};

use crate::net::{Net, Node, config, media, ms, secs};
use crate::scripted::{requests, with_sdp};

fn server_at() -> SocketAddr {
    "192.0.2.60:5060".parse().unwrap()
}

/// A call over TCP through a server, answered with that Contact.
fn talk(contact: &str) -> (Net, Node, SessionId, Request) {
    let mut net = Net::new(90);
    net.listen(server_at());
    let mut config = config("alice", 1, TransportKind::Tcp);
    config.registrar = Some("sip:192.0.2.60".parse().unwrap());
    let alice = net.add(config);
    let uri = "sip:carol@example.org".parse().unwrap();
    let offer = media(4000, Direction::SendRecv);
    let id = net
        .act(alice, |agent, now| agent.invite(now, &uri, Some(offer)))
        .unwrap();
    net.run_for(ms(100));
    let invite = net.request("INVITE").unwrap();
    let ok = Response::answer(&invite, StatusCode::OK).with_to_tag("carol");
    let ok = with_sdp(ok.with_header("Contact", contact), 7000);
    let line = net.line().unwrap();
    net.write(line, &ok.to_bytes());
    net.run_for(secs(1));
    (net, alice, id, invite)
}

#[test]
fn where_the_contact_cannot_be_reached_the_connection_of_the_call_serves() {
    let (mut net, alice, id, _) = talk("<sip:carol@10.0.0.9:5060;transport=tcp>");
    assert_eq!(requests(&net, "ACK").len(), 1);
    net.act(alice, |agent, now| agent.hang_up(now, id, None))
        .unwrap();
    net.run_for(secs(1));
    assert!(!requests(&net, "BYE").is_empty());
}

#[test]
fn a_bye_that_is_lost_with_its_connection_takes_another() {
    let (mut net, alice, id, _) = talk("<sip:carol@192.0.2.60:5060;transport=tcp>");
    let first = net.line().unwrap();
    net.mail.clear();
    net.act(alice, |agent, now| agent.hang_up(now, id, None))
        .unwrap();
    net.hang_up_line(first);
    net.run_for(secs(1));
    let byes = requests(&net, "BYE");
    assert_eq!(byes.len(), 1, "over a new connection");
    assert_ne!(net.line().unwrap(), first);
    // That one breaks as well: enough is enough.
    let second = net.line().unwrap();
    net.hang_up_line(second);
    net.run_for(secs(1));
    assert_eq!(requests(&net, "BYE").len(), 1);
    assert!(net.agent(alice).is_idle());
}

/// The connections the agent closes.
fn closed(agent: &mut UserAgent) -> Vec<ConnectionId> {
    let outputs = std::iter::from_fn(|| agent.poll_output());
    let close = outputs.filter_map(|output| match output {
        Output::CloseConnection(id) => Some(id),
        Output::Transmit(_) | Output::Withdraw(_) | Output::Locate(_) | Output::Event(_) => None,
    });
    close.collect()
}

#[test]
fn strangers_who_hold_connections_open_keep_nobody_out() {
    let config = config("alice", 1, TransportKind::Tcp);
    let local = config.local.tcp.unwrap();
    let now = Net::new(91).now;
    let mut agent = UserAgent::new(config, Box::new(SeededEntropy::new(9)));
    let mut held = 0_usize;
    for n in 0..500_u16 {
        let remote = SocketAddr::from(([203, 0, 113, 5], 1000 + n));
        agent.handle_connected(now, ConnectionId(u64::from(n)), local, remote, None);
        held = held + 1 - closed(&mut agent).len();
        assert!(held <= 32, "{held}");
    }
    let hop = Hop::at(server_at(), TransportKind::Tcp);
    let own = ConnectionId(1000);
    agent.handle_connected(now, own, local, server_at(), Some(hop));
    assert_eq!(closed(&mut agent), []);
    // One that says something useful stays when silent ones must go.
    let speaker = ConnectionId(1001);
    let remote = SocketAddr::from(([192, 0, 2, 7], 40_000));
    agent.handle_connected(now, speaker, local, remote, None);
    let options = b"OPTIONS sip:alice@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.7;branch=z9hG4bKo\r\n\
        From: <sip:b@192.0.2.7>;tag=1\r\nTo: <sip:alice@192.0.2.1>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\n\r\n";
    agent.handle_stream(now, speaker, options);
    closed(&mut agent);
    for n in 2000..2100_u16 {
        let remote = SocketAddr::from(([203, 0, 113, 5], n));
        agent.handle_connected(now, ConnectionId(u64::from(n)), local, remote, None);
        assert!(!closed(&mut agent).contains(&speaker));
    }
}
