//! A phone for the tests of this room.

use std::time::Instant;

use tandem_media::io::{NullSink, Silence};
use tandem_sip::agent::LocalAddresses;
use tandem_sip::transaction::TransportKind;
use tandem_types::{AccountId, CallId, Entropy, Pii, SeededEntropy};

use super::{Audio, Phone, PhoneConfig, SipAccount};
use crate::{CallConfig, UnixMillis};

/// Its account.
pub(super) const ACCOUNT: AccountId = AccountId(1);

/// A phone with an account that has not signed in yet.
pub(super) fn phone(now: Instant) -> Phone {
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
    let mut account = SipAccount::direct("192.0.2.1:5060".parse().unwrap(), TransportKind::Udp);
    account.registrar = Some(Pii::new("192.0.2.9".to_owned()));
    let local = LocalAddresses {
        udp: "192.0.2.1:5060".parse().ok(),
        ..LocalAddresses::default()
    };
    phone.add_account(ACCOUNT, &account, local).unwrap();
    phone
}

/// A phone that calls somebody.
pub(super) fn calling(now: Instant) -> (Phone, CallId) {
    let mut phone = phone(now);
    let audio = Audio {
        source: Box::new(Silence),
        sink: Box::new(NullSink),
    };
    let call = phone.place_call(now, ACCOUNT, "bob", audio).unwrap();
    (phone, call)
}
