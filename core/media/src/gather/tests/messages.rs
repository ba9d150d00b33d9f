//! Reading STUN strictly.

use proptest::prelude::*;
use rtc_stun::attributes::{ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::message::{BINDING_SUCCESS, Message, Setter};

use super::super::credentials::Credentials;
use super::super::*;
use super::world::at;
use tandem_types::Pii;

/// RFC 5769 §2.2: a response with IPv4 mapped address, integrity (password "VOkJxbRl1RmTxUk/WvJxBt") and fingerprint.
const RFC_5769_IPV4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3: the same with IPv6.
const RFC_5769_IPV6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
/// RFC 5769 §2.4: a long-term request of user "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}", password "TheMatrIX".
const RFC_5769_LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b900000015001c662f2f3439396b39353464364f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: u8| (at as char).to_digit(16).expect("hex") as u8;
    let pairs = hex.as_bytes().chunks(2);
    pairs
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

#[test]
fn the_vectors_of_rfc_5769_are_read() {
    let read = StunMessage::parse(&bytes(RFC_5769_IPV4)).expect("STUN");
    assert_eq!(read.class(), StunClass::Success);
    assert_eq!(read.mapped_address(), Some(at("192.0.2.1:32853")));
    let read = StunMessage::parse(&bytes(RFC_5769_IPV6)).expect("STUN");
    let mapped = at("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
    assert_eq!(read.mapped_address(), Some(mapped));
    let mut broken = bytes(RFC_5769_IPV4);
    *broken.last_mut().expect("a byte") ^= 1;
    assert_eq!(
        StunMessage::parse(&broken).expect_err("broken"),
        StunError::Fingerprint
    );
}

#[test]
fn the_long_term_vector_of_rfc_5769_is_verified() {
    let read = StunMessage::parse(&bytes(RFC_5769_LONG_TERM)).expect("STUN");
    let name = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}".to_owned();
    let knows = |password: &str| {
        let mut credentials =
            Credentials::new(Pii::new(name.clone()), Pii::new(password.to_owned()));
        // It carries realm and nonce, as a challenge does.
        assert_eq!(credentials.learn(&read), Ok(true));
        credentials.verify(&read)
    };
    assert!(knows("TheMatrIX"));
    assert!(!knows("TheMatrIx"));
}

#[test]
fn what_follows_the_integrity_is_not_believed() {
    let mut message = Message::new();
    message.typ = BINDING_SUCCESS;
    message.write_header();
    message.add(rtc_stun::attributes::ATTR_MESSAGE_INTEGRITY, &[7; 20]);
    message.add(ATTR_XORMAPPED_ADDRESS, &[0, 1, 0, 0x50, 1, 2, 3, 4]);
    FINGERPRINT.add_to(&mut message).expect("fits");
    let read = StunMessage::parse(&message.raw).expect("STUN");
    assert_eq!(read.value(ATTR_XORMAPPED_ADDRESS), None);
    assert_eq!(read.mapped_address(), None);
}

#[test]
fn addresses_nobody_can_send_to_are_none() {
    let with = |value: &[u8]| {
        let mut message = Message::new();
        message.typ = BINDING_SUCCESS;
        message.write_header();
        message.add(rtc_stun::attributes::ATTR_MAPPED_ADDRESS, value);
        StunMessage::parse(&message.raw)
            .expect("STUN")
            .mapped_address()
    };
    assert_eq!(with(&[0, 1, 0, 80, 192, 0, 2, 1]), Some(at("192.0.2.1:80")));
    for value in [
        &[0, 1, 0, 0, 192, 0, 2, 1][..],
        &[0, 1, 0, 80, 0, 0, 0, 0],
        &[0, 1, 0, 80, 224, 0, 0, 1],
        &[0, 3, 0, 80, 192, 0, 2, 1],
        &[0, 1, 0, 80, 192, 0, 2],
        &[0, 1, 0, 80, 192, 0, 2, 1, 1],
        &[0, 2, 0, 80, 192, 0, 2, 1],
        &[0, 2],
        &[],
    ] {
        assert_eq!(with(value), None, "{value:?}");
    }
}

#[test]
fn lengths_and_counts_have_limits() {
    let binding = |length: u16, body: &[u8]| {
        [
            &[1, 1][..],
            &length.to_be_bytes(),
            &[0x21, 0x12, 0xa4, 0x42],
            &[7; 12],
            body,
        ]
        .concat()
    };
    assert!(StunMessage::parse(&binding(0, &[])).is_ok());
    let error = |bytes: Vec<u8>| StunMessage::parse(&bytes).expect_err("refused");
    assert_eq!(error(Vec::new()), StunError::Header);
    assert_eq!(error(binding(4, &[])), StunError::Header);
    assert_eq!(error(binding(0, &[0; 4])), StunError::Header);
    assert_eq!(error(binding(2, &[0; 2])), StunError::Header);
    assert_eq!(error(binding(4, &[0, 1, 0, 1])), StunError::Attributes);
    assert_eq!(
        error(binding(8, &[0, 1, 0xff, 0xff, 0, 0, 0, 0])),
        StunError::Attributes
    );
    assert_eq!(error(binding(33 * 4, &[0; 33 * 4])), StunError::Attributes);
    assert_eq!(error(binding(8000, &[0; 8000])), StunError::TooLong);
    assert!(StunMessage::parse(&binding(32 * 4, &[0; 32 * 4])).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_do_harm(noise in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..80, to in any::<u8>()) {
        let _ = StunMessage::parse(&noise);
        let _ = parse_channel_data(&noise);
        let _ = TurnFraming::default().push(&noise);
        let mut changed = bytes(RFC_5769_IPV4);
        let at = at % changed.len();
        let is_same = changed[at] == to;
        changed[at] = to;
        match StunMessage::parse(&changed) {
            Ok(read) => {
                let _ = (read.error_code(), read.lifetime(), read.alternate_server());
                let _ = read.addresses(ATTR_XOR_RELAYED_ADDRESS).count();
                // The fingerprint covers all, unless a changed length or kind hides it.
                let is_value = (8..20).contains(&at) || (40..48).contains(&at);
                prop_assert!(is_same || !is_value);
            }
            Err(_) => prop_assert!(!is_same),
        }
    }
}
