//! Far ends that protect the sound otherwise than was asked, or otherwise than before.

use std::time::Duration;

use tandem_engine::{CallState, Command};
use tandem_types::media::MediaSecurity;
use tandem_types::{Encryption, EndReason};
use tandem_world::net::NodeId;
use tandem_world::stranger::Stranger;
use tandem_world::town::{Person, Town};

/// A moment for messages to cross the town.
const MOMENT: Duration = Duration::from_millis(50);
/// A key in the signalling, as a far end offers it.
const CRYPTO: &str = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 \
    inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n";
const FINGERPRINT: &str = "a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
    10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n";
const OTHER_FINGERPRINT: &str = "a=fingerprint:sha-256 FF:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:\
    10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n";

/// A description of the device, told otherwise.
type Retold = fn(&str) -> String;

fn with_keys(plain: &str) -> String {
    plain.replace("RTP/AVP", "RTP/SAVP") + CRYPTO
}

fn with_dtls(plain: &str, fingerprint: &str) -> String {
    let dtls = plain.replace("RTP/AVP", "UDP/TLS/RTP/SAVPF");
    format!("{dtls}a=setup:active\r\n{fingerprint}")
}

/// Alice, whose account asks for that, and a device beside her.
fn town(seed: u64, policy: MediaSecurity) -> (Town, Person, NodeId<Stranger>) {
    let mut town = Town::new(seed);
    let alice = town.person("alice", |setup| {
        setup.registrar = None;
        setup.media_security = policy;
    });
    let stranger = town.stranger();
    (town, alice, stranger)
}

fn sdp(town: &Town, stranger: NodeId<Stranger>) -> String {
    town.world.node(stranger).sdp("sendrecv")
}

/// The device has called alice with this SDP, and the two talk.
fn called(town: &mut Town, alice: Person, stranger: NodeId<Stranger>, sdp: &str) {
    let to = town.phone(alice).ip();
    town.world.node_mut(stranger).invite(to, Some(sdp));
    assert!(town.until(|town| town.phone(alice).ringing().is_some()));
    town.answers(alice);
    town.wait(MOMENT);
    let caller = town.world.node_mut(stranger);
    caller.take_response(200).expect("a 200");
    caller.request("ACK", None);
    assert!(town.until(|town| town.phone(alice).is_active()));
}

/// Alice has called the device, which answered with this SDP.
fn calls(
    town: &mut Town,
    alice: Person,
    stranger: NodeId<Stranger>,
    answer: impl Fn(&str) -> String,
) {
    let name = town.world.node(stranger).name.clone();
    town.calls(alice, name.trim_matches(['<', '>']));
    town.wait(MOMENT);
    let device = town.world.node_mut(stranger);
    let invite = device.take("INVITE").expect("an INVITE");
    let answer = answer(&device.sdp("sendrecv"));
    device.reply(&invite, "200 OK", Some(&answer));
    town.wait(MOMENT);
}

/// What the screen says of the call's protection.
fn shown(town: &Town, person: Person) -> Encryption {
    let picture = town.phone(person).history().last();
    picture.expect("a call").encryption
}

/// The device's next offer: the final answer to it.
fn offers(town: &mut Town, stranger: NodeId<Stranger>, sdp: &str) -> Option<u16> {
    let device = town.world.node_mut(stranger);
    device.request("INVITE", Some(sdp));
    town.wait(MOMENT);
    let device = town.world.node_mut(stranger);
    let status = [200, 488]
        .into_iter()
        .find(|status| device.take_response(*status).is_some());
    device.request("ACK", None);
    town.wait(MOMENT);
    status
}

#[test]
fn a_call_with_keys_does_not_become_plain_whatever_the_account_would_have_taken_at_first() {
    for policy in [MediaSecurity::PlainAllowed, MediaSecurity::Preferred] {
        let (mut town, alice, stranger) = town(1, policy);
        let plain = sdp(&town, stranger);
        called(&mut town, alice, stranger, &with_keys(&plain));
        assert_eq!(shown(&town, alice), Encryption::Sdes);
        let plain = sdp(&town, stranger);
        assert_eq!(offers(&mut town, stranger, &plain), Some(488));
        assert!(town.phone(alice).is_active(), "the call goes on");
        assert_eq!(shown(&town, alice), Encryption::Sdes);
        let now = town.world.now();
        let before = town.phone(alice).heard().len();
        assert!(before > 0);
        // Plain sound is not played either.
        let at = (town.phone(alice).ip(), 20_000).into();
        town.world.node_mut(stranger).speak(now, Some(at));
        town.wait(Duration::from_secs(1));
        let heard = town.phone(alice).heard();
        assert!(
            heard[before..].iter().all(|sample| *sample == 0.0),
            "plain sound was played"
        );
        town.does(alice, Command::HangUp);
        assert!(town.until(|town| town.phone(alice).end().is_some()));
    }
}

#[test]
fn other_keys_in_a_later_offer_are_taken() {
    let (mut town, alice, stranger) = town(2, MediaSecurity::Preferred);
    let plain = sdp(&town, stranger);
    called(&mut town, alice, stranger, &with_keys(&plain));
    let other = with_keys(&sdp(&town, stranger)).replace("inline:WVN", "inline:AAA");
    assert_eq!(offers(&mut town, stranger, &other), Some(200));
    assert!(town.phone(alice).is_active());
    assert_eq!(shown(&town, alice), Encryption::Sdes);
}

#[test]
fn a_call_under_dtls_becomes_neither_plain_nor_one_with_keys_that_everybody_reads() {
    for policy in MediaSecurity::ALL {
        if policy == MediaSecurity::PlainAllowed {
            continue;
        }
        let (mut town, alice, stranger) = town(3, policy);
        let dtls = |sdp: &str| with_dtls(sdp, FINGERPRINT);
        calls(&mut town, alice, stranger, dtls);
        assert_eq!(shown(&town, alice), Encryption::DtlsSrtp);
        let ways: [Retold; 2] = [str::to_owned, with_keys];
        for weaker in ways {
            let weaker = weaker(&sdp(&town, stranger));
            assert_eq!(
                offers(&mut town, stranger, &weaker),
                Some(488),
                "{policy:?}"
            );
        }
        assert_eq!(shown(&town, alice), Encryption::DtlsSrtp);
        assert_eq!(town.phone(alice).end(), None);
        assert_eq!(
            town.world.node_mut(stranger).heard(),
            0,
            "nothing left in the clear"
        );
    }
}

/// Another device takes over, a transfer in a PBX: its keys are agreed on anew, in the same call. Whether they are
/// those of who was compared is told by the phrase, which goes.
#[test]
fn another_fingerprint_is_another_agreement_and_no_sound_goes_out_before_it() {
    let (mut town, alice, stranger) = town(4, MediaSecurity::Required);
    calls(&mut town, alice, stranger, |sdp| {
        with_dtls(sdp, FINGERPRINT)
    });
    let moved = with_dtls(&sdp(&town, stranger), OTHER_FINGERPRINT);
    assert_eq!(offers(&mut town, stranger, &moved), Some(200));
    assert_eq!(town.phone(alice).end(), None);
    assert_eq!(town.world.node_mut(stranger).heard(), 0);
    // Nobody there holds that key: no call with somebody else instead.
    assert!(town.until(|town| town.phone(alice).end().is_some()));
    assert_eq!(town.phone(alice).end(), Some(EndReason::NetworkLost));
}

#[test]
fn an_answer_in_a_way_that_was_not_offered_ends_the_call() {
    // Keys for DTLS, DTLS for plain, keys for plain.
    let cases: [(MediaSecurity, Retold); 4] = [
        (MediaSecurity::Required, with_keys),
        (MediaSecurity::Preferred, with_keys),
        (MediaSecurity::PlainAllowed, with_keys),
        (MediaSecurity::PlainAllowed, |sdp| {
            with_dtls(sdp, FINGERPRINT)
        }),
    ];
    for (policy, answer) in cases {
        let (mut town, alice, stranger) = town(5, policy);
        calls(&mut town, alice, stranger, answer);
        let device = town.world.node_mut(stranger);
        assert!(device.take("ACK").is_some(), "{policy:?}");
        assert!(device.take("BYE").is_some(), "{policy:?}");
        assert!(device.take("INVITE").is_none(), "{policy:?}: it rang again");
        assert_eq!(town.phone(alice).end(), Some(EndReason::MediaIncompatible));
        town.wait(Duration::from_secs(1));
        assert_eq!(town.world.node_mut(stranger).heard(), 0);
    }
}

/// A hold of ours that is answered in plain: the far end has left the encryption, and nobody would hear anything.
#[test]
fn a_plain_answer_to_a_later_offer_of_an_encrypted_call_ends_it() {
    let (mut town, alice, stranger) = town(6, MediaSecurity::Preferred);
    let keys = with_keys(&sdp(&town, stranger));
    called(&mut town, alice, stranger, &keys);
    town.does(alice, Command::Hold);
    town.wait(MOMENT);
    let device = town.world.node_mut(stranger);
    let hold = device.take("INVITE").expect("a hold");
    assert!(hold.body().contains("RTP/SAVP"), "{}", hold.body());
    let plain = device.sdp("recvonly");
    device.reply(&hold, "200 OK", Some(&plain));
    town.wait(MOMENT);
    assert!(town.world.node_mut(stranger).take("BYE").is_some());
    assert_eq!(town.phone(alice).end(), Some(EndReason::EncryptionRequired));
    assert!(!matches!(
        town.phone(alice).state(),
        Some(CallState::Held { .. })
    ));
}
