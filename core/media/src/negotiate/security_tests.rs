//! Who protects what, and how: policies, roles, keys and ICE between two sides.

use proptest::prelude::*;
use tandem_types::Pii;
use tandem_types::media::{DtlsRole, DtlsSetup, Fingerprint, IceDescription, SdesKey};

use super::*;

const SUITES: [&str; 2] = ["AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80"];

fn key(tag: u32, suite: &str, params: &str) -> SdesKey {
    SdesKey {
        tag,
        suite: suite.to_owned(),
        key_params: Pii::new(params.to_owned()),
    }
}

fn ice(name: &str, candidate: &str) -> IceDescription {
    IceDescription {
        username_fragment: name.to_owned(),
        password: Pii::new("0123456789012345678901".to_owned()),
        candidates: vec![candidate.to_owned()],
        ..IceDescription::default()
    }
}

/// Somebody at that machine who can do everything.
fn at(host: u8) -> LocalTransport {
    let rtp = SocketAddr::from(([192, 0, 2, host], 4000));
    LocalTransport {
        ice: Some(ice(
            "abcd",
            &format!("1 1 UDP 1 192.0.2.{host} 4000 typ host"),
        )),
        fingerprint: Some(Fingerprint {
            hash: "sha-256".to_owned(),
            bytes: vec![host; 32],
        }),
        sdes: vec![
            key(1, SUITES[0], "inline:local1"),
            key(2, SUITES[1], "inline:local2"),
        ],
        ..LocalTransport::plain(rtp, SocketAddr::from(([192, 0, 2, host], 4001)))
    }
}

fn asks(security: MediaSecurity, signalling_is_secure: bool) -> Capabilities {
    Capabilities {
        security,
        signalling_is_secure,
        ..Capabilities::default()
    }
}

fn offered(protection: Protection) -> MediaDescription {
    let anything = Capabilities::default();
    offer(&anything, &at(1), protection, Direction::SendRecv)
}

fn transport(media: &mut MediaDescription) -> &mut TransportDescription {
    media.streams[0].transport.as_mut().unwrap()
}

fn answered(
    offer: &MediaDescription,
    capabilities: &Capabilities,
    current: Option<&Negotiated>,
) -> Result<(MediaDescription, Negotiated), NegotiateError> {
    answer(offer, capabilities, &at(2), Direction::SendRecv, current)
}

/// Both sides' terms.
fn agreed(protection: Protection) -> (MediaDescription, Negotiated, Negotiated) {
    let offered = offered(protection);
    let (answer, theirs) = answered(&offered, &Capabilities::default(), None).unwrap();
    let ours = accept(&offered, &answer, None).unwrap();
    (answer, ours, theirs)
}

fn role(terms: &Negotiated) -> DtlsRole {
    match terms.security {
        AgreedSecurity::Dtls { role, .. } => role,
        _ => panic!("{:?}", terms.security),
    }
}

#[test]
fn a_policy_is_one_offer_and_one_more() {
    use Protection::{Opportunistic, Plain, Sdes};
    let dtls = |feedback| Protection::Dtls { feedback };
    let nothing = LocalTransport::plain(at(1).rtp, at(1).rtcp);
    for (policy, over_tls, over_udp, without_keys) in [
        (
            MediaSecurity::Required,
            vec![dtls(true), Sdes],
            vec![dtls(true), dtls(false)],
            vec![],
        ),
        (
            MediaSecurity::Preferred,
            vec![dtls(true), Opportunistic],
            vec![dtls(true), Plain],
            vec![Plain],
        ),
        (
            MediaSecurity::PlainAllowed,
            vec![Plain, dtls(true)],
            vec![Plain, dtls(true)],
            vec![Plain],
        ),
    ] {
        assert_eq!(protections(&asks(policy, true), &at(1)), over_tls);
        assert_eq!(protections(&asks(policy, false), &at(1)), over_udp);
        assert_eq!(protections(&asks(policy, true), &nothing), without_keys);
    }
}

#[test]
fn who_answers_opens_dtls_and_both_see_it_so() {
    let (answer, ours, theirs) = agreed(Protection::Dtls { feedback: true });
    assert_eq!(role(&theirs), DtlsRole::Client);
    assert_eq!(role(&ours), DtlsRole::Server);
    assert!(ours.feedback && theirs.feedback);
    let own = answer.streams[0].transport.as_ref().unwrap();
    let Security::Dtls { setup, tls_id, .. } = &own.security else {
        panic!("{own:?}")
    };
    assert_eq!((*setup, tls_id), (DtlsSetup::Active, &None));
    let ice = (ours.ice.unwrap(), theirs.ice.unwrap());
    assert!(ice.0.controlling && !ice.1.controlling && !ice.0.restarted);
}

#[test]
fn a_later_offer_of_either_side_keeps_the_association_and_the_leader() {
    let (_, ours, theirs) = agreed(Protection::Dtls { feedback: true });
    let first = offered(Protection::Dtls { feedback: true });
    let anything = Capabilities::default();
    // Ours again.
    let hold = reoffer(&first, &anything, &at(1), Some(&ours), Direction::SendOnly);
    let (answer, held) = answered(&hold, &anything, Some(&theirs)).unwrap();
    assert!(held.security.keeps_association(&theirs.security));
    let again = accept(&hold, &answer, Some(&ours)).unwrap();
    assert!(again.security.keeps_association(&ours.security));
    // Theirs, also when it was written while ours was on its way.
    let back = reoffer(
        &answer,
        &anything,
        &at(2),
        Some(&theirs),
        Direction::SendRecv,
    );
    let taken = super::answer(&back, &anything, &at(1), Direction::SendRecv, Some(&ours));
    let (said, taken) = taken.unwrap();
    assert!(taken.security.keeps_association(&ours.security));
    assert!(taken.ice.unwrap().controlling, "who led goes on leading");
    let theirs_again = accept(&back, &said, Some(&theirs)).unwrap();
    assert!(theirs_again.security.keeps_association(&theirs.security));
    assert!(!theirs_again.ice.unwrap().controlling);
}

#[test]
fn another_certificate_or_another_name_is_another_association() {
    let (_, _, theirs) = agreed(Protection::Dtls { feedback: true });
    let mut other = offered(Protection::Dtls { feedback: true });
    if let Security::Dtls { fingerprints, .. } = &mut transport(&mut other).security {
        fingerprints[0].bytes[0] ^= 1;
    }
    let (_, terms) = answered(&other, &Capabilities::default(), Some(&theirs)).unwrap();
    assert!(!terms.security.keeps_association(&theirs.security));
    let mut named = offered(Protection::Dtls { feedback: true });
    if let Security::Dtls { tls_id, .. } = &mut transport(&mut named).security {
        *tls_id = Some("another-one-of-twenty".to_owned());
    }
    let (_, terms) = answered(&named, &Capabilities::default(), Some(&theirs)).unwrap();
    assert!(!terms.security.keeps_association(&theirs.security));
}

#[test]
fn a_hold_that_lets_the_association_wait_is_answered_in_kind() {
    let (_, _, theirs) = agreed(Protection::Dtls { feedback: true });
    let mut held = offered(Protection::Dtls { feedback: true });
    if let Security::Dtls { setup, .. } = &mut transport(&mut held).security {
        *setup = DtlsSetup::HoldConn;
    }
    let (mut said, terms) = answered(&held, &Capabilities::default(), Some(&theirs)).unwrap();
    assert!(terms.security.keeps_association(&theirs.security));
    assert!(matches!(
        transport(&mut said).security,
        Security::Dtls {
            setup: DtlsSetup::HoldConn,
            ..
        }
    ));
    // There is nothing to wait at the start.
    let error = answered(&held, &Capabilities::default(), None).unwrap_err();
    assert_eq!(
        error,
        NegotiateError::UnsupportedSecurity(Encryption::DtlsSrtp)
    );
}

#[test]
fn keys_in_the_signalling_are_answered_under_the_tag_of_the_first_that_is_known() {
    let mut sdes = offered(Protection::Sdes);
    transport(&mut sdes).security = Security::Sdes {
        keys: vec![
            key(7, "F8_128_HMAC_SHA1_80", "inline:a"),
            key(8, SUITES[1], "inline:b KDR=1"),
            key(9, SUITES[1], "inline:c WSH=64 -UNKNOWN"),
            key(10, SUITES[0], "inline:d"),
        ],
    };
    let (mut said, terms) = answered(&sdes, &Capabilities::default(), None).unwrap();
    let own = key(9, SUITES[1], "inline:local2");
    assert_eq!(
        terms.security,
        AgreedSecurity::Sdes {
            local: own.clone(),
            remote: key(9, SUITES[1], "inline:c WSH=64 -UNKNOWN"),
        }
    );
    assert_eq!(
        transport(&mut said).security,
        Security::Sdes { keys: vec![own] }
    );
    let (_, ours, theirs) = agreed(Protection::Sdes);
    let (AgreedSecurity::Sdes { local, .. }, AgreedSecurity::Sdes { remote, .. }) =
        (&ours.security, &theirs.security)
    else {
        panic!("{ours:?}")
    };
    assert_eq!(local, remote);
    // An answer for a line that was never offered.
    let offered = offered(Protection::Sdes);
    let (mut said, _) = answered(&offered, &Capabilities::default(), None).unwrap();
    transport(&mut said).security = Security::Sdes {
        keys: vec![key(5, SUITES[0], "inline:x")],
    };
    assert_eq!(accept(&offered, &said, None), Err(NegotiateError::BadKeys));
}

#[test]
fn a_policy_forbids_what_can_be_read_on_the_way() {
    let required = |secure| asks(MediaSecurity::Required, secure);
    let refused = NegotiateError::EncryptionRequired;
    let try_with = |protection, capabilities| {
        answered(&offered(protection), &capabilities, None).map(|(_, terms)| terms.encryption())
    };
    assert_eq!(try_with(Protection::Plain, required(true)), Err(refused));
    assert_eq!(try_with(Protection::Sdes, required(false)), Err(refused));
    assert_eq!(
        try_with(Protection::Opportunistic, required(false)),
        Err(refused)
    );
    assert_eq!(
        try_with(Protection::Opportunistic, required(true)),
        Ok(Encryption::Sdes)
    );
    let dtls = Protection::Dtls { feedback: false };
    assert_eq!(try_with(dtls, required(false)), Ok(Encryption::DtlsSrtp));
    for policy in [MediaSecurity::Preferred, MediaSecurity::PlainAllowed] {
        let capabilities = asks(policy, false);
        assert_eq!(
            try_with(Protection::Plain, capabilities.clone()),
            Ok(Encryption::None)
        );
        assert_eq!(
            try_with(Protection::Opportunistic, capabilities),
            Ok(Encryption::Sdes)
        );
    }
}

#[test]
fn of_the_same_sound_twice_the_better_protected_is_taken() {
    let mut both = offered(Protection::Plain);
    both.streams
        .extend(offered(Protection::Dtls { feedback: true }).streams);
    both.streams.extend(offered(Protection::Sdes).streams);
    let (said, terms) = answered(&both, &Capabilities::default(), None).unwrap();
    assert_eq!(terms.encryption(), Encryption::DtlsSrtp);
    let live: Vec<bool> = said.streams.iter().map(|s| s.transport.is_some()).collect();
    assert_eq!(live, [false, true, false]);
}

#[test]
fn a_plain_answer_counts_only_where_plain_was_offered() {
    let (mut plain, _) =
        answered(&offered(Protection::Plain), &Capabilities::default(), None).unwrap();
    for (protection, expected) in [
        (Protection::Plain, Ok(Encryption::None)),
        (Protection::Opportunistic, Ok(Encryption::None)),
        (Protection::Sdes, Err(NegotiateError::NotEncrypted)),
        (
            Protection::Dtls { feedback: true },
            Err(NegotiateError::NotEncrypted),
        ),
    ] {
        let terms = accept(&offered(protection), &plain, None);
        assert_eq!(terms.map(|terms| terms.encryption()), expected);
    }
    // Nobody offered keys: a stranger's are not used.
    let unasked = transport(&mut plain);
    unasked.security = Security::Sdes { keys: at(2).sdes };
    unasked.opportunistic = true;
    let terms = accept(&offered(Protection::Plain), &plain, None).unwrap();
    assert_eq!(terms.encryption(), Encryption::None);
}

#[test]
fn what_protects_a_call_is_not_taken_away_by_a_later_offer() {
    let later = |before, after, policy, secure| {
        let (_, _, theirs) = agreed(before);
        let offered = offered(after);
        let capabilities = asks(policy, secure);
        answered(&offered, &capabilities, Some(&theirs)).map(|(_, terms)| terms.encryption())
    };
    let dtls = Protection::Dtls { feedback: true };
    for policy in [MediaSecurity::Preferred, MediaSecurity::PlainAllowed] {
        for secure in [false, true] {
            for before in [dtls, Protection::Sdes] {
                let plain = later(before, Protection::Plain, policy, secure);
                assert_eq!(plain, Err(NegotiateError::Weaker), "{before:?}");
            }
            let better = later(Protection::Plain, dtls, policy, secure);
            assert_eq!(better, Ok(Encryption::DtlsSrtp));
        }
        let keys = |secure| later(dtls, Protection::Sdes, policy, secure);
        assert_eq!(keys(false), Err(NegotiateError::Weaker));
        assert_eq!(keys(true), Ok(Encryption::Sdes));
    }
}

#[test]
fn a_fingerprint_that_proves_nothing_is_none() {
    for (hash, length) in [("md5", 16), ("sha-256", 8), ("sha-3", 32)] {
        let mut weak = offered(Protection::Dtls { feedback: true });
        if let Security::Dtls { fingerprints, .. } = &mut transport(&mut weak).security {
            fingerprints[0] = Fingerprint {
                hash: hash.to_owned(),
                bytes: vec![1; length],
            };
        }
        let error = answered(&weak, &Capabilities::default(), None).unwrap_err();
        assert_eq!(
            error,
            NegotiateError::UnsupportedSecurity(Encryption::DtlsSrtp),
            "{hash}"
        );
    }
}

#[test]
fn candidates_that_do_not_fit_the_default_address_mean_no_ice() {
    let mut moved = offered(Protection::Plain);
    // A server that is reached over another address than its interface has.
    transport(&mut moved).rtp = SocketAddr::from(([127, 0, 0, 4], 4000));
    let (mut said, terms) = answered(&moved, &Capabilities::default(), None).unwrap();
    assert_eq!(terms.ice, None);
    assert!(transport(&mut said).ice.is_none() && transport(&mut said).ice_mismatch);
    assert_eq!(terms.remote_rtp, SocketAddr::from(([127, 0, 0, 4], 4000)));
    // Where the address says nothing there is no contradiction.
    for nothing in ["0.0.0.0:4000", "192.0.2.99:9"] {
        let mut trickled = offered(Protection::Plain);
        transport(&mut trickled).rtp = nothing.parse().unwrap();
        let (mut said, terms) = answered(&trickled, &Capabilities::default(), None).unwrap();
        assert!(terms.ice.is_some() && !transport(&mut said).ice_mismatch);
        assert_eq!(terms.direction, Direction::SendRecv);
    }
    // Who does no ICE says nothing of it.
    let none = LocalTransport { ice: None, ..at(2) };
    let taken = answer(
        &moved,
        &Capabilities::default(),
        &none,
        Direction::SendRecv,
        None,
    );
    let (mut said, _) = taken.unwrap();
    assert!(!transport(&mut said).ice_mismatch);
}

#[test]
fn new_credentials_restart_ice_and_a_lite_peer_never_leads() {
    let (_, _, theirs) = agreed(Protection::Plain);
    let same = offered(Protection::Plain);
    assert!(!restarts_ice(&same, &theirs));
    let mut restarted = same;
    transport(&mut restarted).ice = Some(ice("new1", "1 1 UDP 1 192.0.2.1 4000 typ host"));
    assert!(restarts_ice(&restarted, &theirs));
    let (_, terms) = answered(&restarted, &Capabilities::default(), Some(&theirs)).unwrap();
    assert!(terms.ice.unwrap().restarted);
    let mut lite = offered(Protection::Plain);
    if let Some(ice) = &mut transport(&mut lite).ice {
        ice.lite = true;
    }
    let (_, terms) = answered(&lite, &Capabilities::default(), None).unwrap();
    assert!(terms.ice.unwrap().controlling);
}

#[test]
fn the_group_of_an_answer_is_what_is_carried() {
    let mut bundled = offered(Protection::Dtls { feedback: true });
    bundled.streams[0].mid = Some("0".to_owned());
    let mut video = bundled.streams[0].clone();
    video.kind = StreamKind::Known(MediaKind::Video);
    video.mid = Some("1".to_owned());
    bundled.streams.insert(0, video);
    bundled.bundles = vec![vec!["1".to_owned(), "0".to_owned()]];
    let (said, terms) = answered(&bundled, &Capabilities::default(), None).unwrap();
    assert_eq!(said.bundles, [["0"]]);
    let later = reoffer(
        &said,
        &Capabilities::default(),
        &at(2),
        Some(&terms),
        Direction::SendOnly,
    );
    assert_eq!(later.bundles, [["0"]]);
}

#[test]
fn a_single_port_has_to_be_shared() {
    let one = LocalTransport {
        rtcp: at(1).rtp,
        ..at(1)
    };
    let anything = Capabilities::default();
    let mut offered = offer(&anything, &one, Protection::Plain, Direction::SendRecv);
    assert!(transport(&mut offered).rtcp_mux_only);
    let own = Capabilities {
        rtcp_mux: false,
        ..Capabilities::default()
    };
    let (mut said, terms) = answered(&offered, &own, None).unwrap();
    assert!(terms.rtcp_mux && transport(&mut said).rtcp_mux);
    assert!(!transport(&mut said).rtcp_mux_only, "only offers say so");
}

#[test]
fn a_refused_protection_is_offered_otherwise_in_the_same_place() {
    let first = offered(Protection::Dtls { feedback: true });
    let both = Direction::SendRecv;
    let anything = Capabilities::default();
    let again = offer_again(&first, &anything, &at(1), Protection::Plain, both);
    assert_eq!(again.streams.len(), 1);
    assert_eq!(again.streams[0].codecs, first.streams[0].codecs);
    let own = again.streams[0].transport.as_ref().unwrap();
    assert!(own.security == Security::Plain && !own.feedback);
}

fn any_policy() -> impl Strategy<Value = Capabilities> {
    (
        proptest::sample::select(MediaSecurity::ALL.to_vec()),
        any::<bool>(),
    )
        .prop_map(|(policy, secure)| asks(policy, secure))
}

fn any_keys(host: u8) -> impl Strategy<Value = LocalTransport> {
    any::<[bool; 3]>().prop_map(move |[dtls, sdes, with_ice]| {
        let all = at(host);
        LocalTransport {
            fingerprint: all.fingerprint.filter(|_| dtls),
            sdes: if sdes { all.sdes } else { Vec::new() },
            ice: all.ice.filter(|_| with_ice),
            ..LocalTransport::plain(all.rtp, all.rtcp)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever two sides ask for and have: a call both agree on is protected as both policies want, with
    /// matching keys and opposite roles; and nobody is asked more than twice.
    #[test]
    fn two_sides_agree_or_refuse_but_never_misunderstand(
        (mut caller, mut callee) in (any_policy(), any_policy()),
        (alice, bob) in (any_keys(1), any_keys(2)),
        secure in any::<bool>(),
    ) {
        caller.signalling_is_secure = secure;
        callee.signalling_is_secure = secure;
        let both = Direction::SendRecv;
        let tries = protections(&caller, &alice);
        prop_assert!(tries.len() <= 2);
        for protection in tries {
            let offered = offer(&caller, &alice, protection, both);
            let Ok((said, theirs)) = answer(&offered, &callee, &bob, both, None) else { continue };
            let ours = accept(&offered, &said, None).unwrap();
            prop_assert_eq!(ours.encryption(), theirs.encryption());
            prop_assert_eq!(ours.ice.is_some(), theirs.ice.is_some());
            for policy in [&caller, &callee] {
                let hidden = match ours.encryption() {
                    Encryption::DtlsSrtp => true,
                    Encryption::Sdes => secure,
                    _ => false,
                };
                prop_assert!(hidden || policy.security != MediaSecurity::Required);
            }
            match (&ours.security, &theirs.security) {
                (AgreedSecurity::Plain, AgreedSecurity::Plain) => {}
                (AgreedSecurity::Sdes { local, remote }, AgreedSecurity::Sdes { local: l, remote: r }) => {
                    prop_assert_eq!((local, remote), (r, l));
                }
                (AgreedSecurity::Dtls { role, .. }, AgreedSecurity::Dtls { role: other, .. }) => {
                    prop_assert_eq!(*role, other.reversed());
                }
                (ours, theirs) => prop_assert!(false, "{ours:?} {theirs:?}"),
            }
        }
    }
}
