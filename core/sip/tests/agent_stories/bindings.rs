//! What the server holds for the account: exactly one way to this phone, whatever happens to its address.

use tandem_sip::agent::{LocalAddresses, TransportKind, UserAgent};

use crate::net::{Net, secs};
use crate::registering::{Registrar, account, news, registered, server_at, start};

fn bound(registrar: &Registrar) -> Vec<String> {
    let uris = registrar.bindings.iter();
    uris.map(|binding| binding.uri.to_string()).collect()
}

#[test]
fn a_network_that_comes_back_with_the_same_address_does_not_remove_the_binding() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.serve(&mut net, alice, secs(1));
    let local = net.agent(alice).config().local;
    net.act(alice, |agent, now| {
        agent.handle_local_address_change(now, local);
    });
    registrar.serve(&mut net, alice, secs(1));
    assert_eq!(bound(&registrar), ["sip:alice@192.0.2.1:5060"]);
}

#[test]
fn an_old_contact_is_removed_by_its_uri_alone() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.sees = Some("203.0.113.9:31000".parse().unwrap());
    registrar.serve(&mut net, alice, secs(2));
    let (_, last) = registrar.asked.last().unwrap();
    let contacts = last.headers.contacts().unwrap().into_list();
    let [stays, goes] = contacts.as_slice() else {
        panic!("{contacts:?}");
    };
    assert!(stays.params.contains("+sip.instance"));
    assert_eq!(goes.expires(), Some(0));
    assert!(
        !goes.params.contains("+sip.instance") && !goes.params.contains("reg-id"),
        "a registrar that goes by the instance would remove the new one"
    );
}

#[test]
fn a_registrar_that_goes_by_the_flow_is_not_asked_to_remove_anything() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.extra = vec![("Require", "outbound")];
    registrar.sees = Some("203.0.113.9:31000".parse().unwrap());
    registrar.serve(&mut net, alice, secs(2));
    let (_, last) = registrar.asked.last().unwrap();
    assert_eq!(last.headers.contacts().unwrap().into_list().len(), 1);
}

#[test]
fn on_tcp_without_a_listener_the_contact_becomes_the_connection() {
    let mut account = account();
    account.transport = TransportKind::Tcp.into();
    account.local = LocalAddresses {
        udp: Some("192.0.2.1:5060".parse().unwrap()),
        ..LocalAddresses::default()
    };
    let mut net = Net::new(53);
    net.listen(server_at());
    let alice = net.add(account);
    let mut registrar = Registrar::new(&net);
    net.act(alice, UserAgent::register);
    net.run_for(secs(1));
    // The server sees the very address the connection has: no NAT, and yet not the one first given.
    registrar.sees = net.line_from();
    registrar.serve(&mut net, alice, secs(1));
    let seen = registrar.sees.unwrap();
    assert_eq!(
        bound(&registrar),
        [format!("sip:alice@{seen};transport=tcp")]
    );
    // Another connection: the binding to the broken one goes.
    let first = net.line().unwrap();
    net.hang_up_line(first);
    net.run_for(secs(1));
    registrar.sees = net.line_from();
    registrar.serve(&mut net, alice, secs(1));
    let second = registrar.sees.unwrap();
    assert_ne!(seen, second);
    assert_eq!(
        bound(&registrar),
        [format!("sip:alice@{second};transport=tcp")]
    );
}

#[test]
fn a_server_that_grants_nothing_is_not_stormed() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.expires = 0;
    registrar.serve(&mut net, alice, secs(60));
    assert!(registrar.asked.len() <= 14, "{}", registrar.asked.len());
}

#[test]
fn signing_out_while_the_server_is_away_for_a_moment_still_removes_the_binding() {
    let (mut net, alice, mut registrar) = start(account());
    registrar.serve(&mut net, alice, secs(1));
    registrar.mood = Some((503, vec![("Retry-After", "60")]));
    registrar.serve(&mut net, alice, secs(570));
    assert_eq!(registrar.bindings.len(), 1);
    registrar.mood = None;
    assert_eq!(news(&mut net, alice).first(), Some(&registered(600)));
    net.act(alice, UserAgent::unregister);
    registrar.serve(&mut net, alice, secs(2));
    assert_eq!(registrar.bindings.len(), 0);
}
