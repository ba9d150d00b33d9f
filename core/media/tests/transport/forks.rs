//! An offer that several devices answer: who answers early is not always who takes the call.

use tandem_media::negotiate::{accept, accept_plain, answer};
use tandem_media::{Negotiated, Protection, StartError, TransportEvent, TransportFailure};
use tandem_types::{Direction, Encryption, MediaDescription};

use crate::link::{ALICE, BOB, Call, Plan, address, capabilities, ms};

/// What Alice makes of the answer of another device: of that kind, at an address where nobody is.
fn other_device(seed: u64, offered: &MediaDescription, plan: Plan) -> Negotiated {
    let mut device = Call::new(seed, plan);
    let local = device.phones[BOB].session.local_transport().unwrap();
    let caps = capabilities(&plan);
    let both = Direction::SendRecv;
    if plan.protection == Protection::Plain {
        let plain = device.offer();
        let (mut answered, _) = answer(&plain, &caps, &local, both, None).unwrap();
        let transport = answered.streams[0].transport.as_mut().unwrap();
        (transport.rtp, transport.ice) = (address(8, false, 4000), None);
        return accept_plain(offered, &answered).unwrap();
    }
    let (mut answered, _) = answer(offered, &caps, &local, both, None).unwrap();
    let transport = answered.streams[0].transport.as_mut().unwrap();
    transport.rtp = address(8, false, 4000);
    match &mut transport.ice {
        Some(ice) if plan.ice => ice.candidates.clear(),
        ice => *ice = None,
    }
    accept(offered, &answered, None).unwrap()
}

fn answers_early(call: &mut Call, terms: &Negotiated) {
    let alice = &mut call.phones[ALICE];
    alice.session.update(call.now, terms.clone()).unwrap();
    alice.terms = Some(terms.clone());
    call.run(ms(300));
}

fn connected(call: &Call) -> usize {
    let events = call.phones[ALICE].events.iter();
    let of = |event: &TransportEvent| *event == TransportEvent::Connected;
    events.filter(|(_, event)| of(event)).count()
}

fn talks_encrypted(call: &mut Call) {
    call.talk(ms(5000));
    call.first_rtp();
    for side in [ALICE, BOB] {
        let phone = &call.phones[side];
        assert!(!phone.failed(), "{:?}", phone.events);
        assert_eq!(phone.session.encryption(), Some(Encryption::DtlsSrtp));
    }
}

#[test]
fn an_early_answer_without_ice_takes_it_from_no_other_fork() {
    for (seed, protection) in [(70, Plan::default().protection), (71, Protection::Plain)] {
        let mut call = Call::new(seed, Plan::default());
        let offered = call.offer();
        let plan = Plan {
            ice: false,
            protection,
            ..Plan::default()
        };
        let early = other_device(seed + 100, &offered, plan);
        answers_early(&mut call, &early);
        assert_eq!(connected(&call), 1, "it is sent to where it says");
        assert!(call.phones[ALICE].session.is_connected());
        call.answer(&offered);
        assert!(!call.phones[ALICE].session.is_connected(), "nothing yet");
        call.phones[ALICE].session.settle();
        talks_encrypted(&mut call);
        assert_eq!(connected(&call), 2);
    }
}

#[test]
fn an_early_answer_with_ice_takes_it_from_no_other_fork() {
    let mut call = Call::new(74, Plan::default());
    let offered = call.offer();
    let early = other_device(174, &offered, Plan::default());
    answers_early(&mut call, &early);
    call.answer(&offered);
    call.phones[ALICE].session.settle();
    talks_encrypted(&mut call);
    assert_eq!(connected(&call), 1);
}

#[test]
fn a_fork_that_answers_again_is_turned_back_to() {
    let mut call = Call::new(72, Plan::default());
    let offered = call.offer();
    call.answer(&offered);
    call.run(ms(500));
    assert!(call.phones[ALICE].session.is_connected());
    let other = other_device(172, &offered, Plan::default());
    answers_early(&mut call, &other);
    assert!(!call.phones[ALICE].session.is_connected());
    assert_eq!(call.phones[ALICE].session.encryption(), None);
    let last = call.phones[BOB].said.clone();
    let terms = accept(&offered, &last, Some(&other)).unwrap();
    call.phones[ALICE].session.update(call.now, terms).unwrap();
    call.run(ms(1000));
    assert!(call.phones[ALICE].session.is_connected());
}

#[test]
fn a_fork_that_shares_the_rtp_port_takes_no_rtcp_port_from_another() {
    let mut call = Call::new(73, Plan::default());
    let offered = call.offer();
    let early = other_device(173, &offered, Plan::default());
    assert!(early.rtcp_mux);
    answers_early(&mut call, &early);
    call.plan.rtcp_mux = false;
    call.answer(&offered);
    call.phones[ALICE].session.settle();
    assert_eq!(
        call.phones[ALICE]
            .terms
            .as_ref()
            .map(|terms| terms.rtcp_mux),
        Some(false)
    );
    call.run(ms(12_000));
    for phone in &call.phones {
        assert!(phone.session.stats().round_trip.is_some(), "no RTCP");
    }
}

#[test]
fn a_forged_answer_to_an_accepted_call_brings_no_other_ice_and_changes_nothing() {
    let mut call = Call::new(75, Plan::default());
    let offered = call.offer();
    call.answer(&offered);
    call.phones[ALICE].session.settle();
    talks_encrypted(&mut call);
    let forged = other_device(175, &offered, Plan::default());
    let refused = call.phones[ALICE].session.update(call.now, forged);
    let Err(StartError::Transport(TransportFailure::Ice(fault))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(fault, tandem_media::IceFault::NoGeneration);
    let heard = |call: &Call| [ALICE, BOB].map(|side| received(call, side));
    let before = heard(&call);
    call.run(ms(1000));
    for (before, after) in before.into_iter().zip(heard(&call)) {
        assert!(after > before + 40, "{before} {after}");
    }
    let alice = &call.phones[ALICE].session;
    assert_eq!(alice.encryption(), Some(Encryption::DtlsSrtp));
}

fn received(call: &Call, side: usize) -> u64 {
    call.phones[side].session.stats().packets_received
}

#[test]
fn a_call_placed_again_begins_with_nothing_that_others_were_told() {
    let mut call = Call::new(76, Plan::default());
    let first = call.offer();
    let early = other_device(176, &first, Plan::default());
    answers_early(&mut call, &early);
    let alice = &mut call.phones[ALICE];
    alice.session.start_over(call.now).unwrap();
    alice.terms = None;
    assert_eq!(alice.session.encryption(), None);
    let second = call.offer();
    let ice = |offer: &MediaDescription| {
        let transport = offer.streams[0].transport.clone().unwrap();
        (transport.ice.unwrap(), transport.security)
    };
    let ((before, keys), (after, new_keys)) = (ice(&first), ice(&second));
    assert_ne!(before.username_fragment, after.username_fragment);
    assert_ne!(before.password, after.password);
    assert_eq!(before.candidates, after.candidates);
    assert_ne!(keys, new_keys, "the same association");
    call.answer(&second);
    call.phones[ALICE].session.settle();
    talks_encrypted(&mut call);
    assert_eq!(connected(&call), 1);
}
