//! DTLS from strangers: records, handshake messages in pieces, and both ends of an association.

use std::sync::OnceLock;
use std::time::Instant;

use tandem_media::fuzzing::dtls::{
    Certificate, Cookie, DtlsConfig, DtlsEvent, DtlsLink, DtlsRole, fuzzing,
};

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "dtls",
    about: "DTLS records: checked, put together, and refused by both ends of an association",
    seeds: &[],
    dictionary: None,
    longest: 4096,
    budget: Budget {
        memory: (512 << 10, 128),
        work: (4 << 20, 4096),
    },
    check,
};

/// What both ends are made of once: a key takes longer than a run.
fn made() -> &'static (Instant, Certificate) {
    static MADE: OnceLock<(Instant, Certificate)> = OnceLock::new();
    MADE.get_or_init(|| {
        let certificate = Certificate::generate().expect("a certificate");
        (Instant::now(), certificate)
    })
}

/// Datagrams, each with two bytes of length before it.
fn check(input: &[u8]) {
    for as_client in [true, false] {
        let messages = fuzzing::reassemble(as_client, input);
        assert!(messages <= input.len(), "{messages} messages");
    }
    let (now, certificate) = made();
    for role in [DtlsRole::Client, DtlsRole::Server] {
        let announced = [certificate.fingerprint()];
        let config = DtlsConfig {
            // Odd ones meet a server that has announced a cookie, and a client that brings it.
            cookie: (input.len() % 2 == 1).then(|| Cookie::own("fuzz")),
            ..DtlsConfig::default()
        };
        let link = DtlsLink::new(*now, role, certificate, &announced, config);
        let mut link = link.expect("a link");
        let own = sent(&mut link);
        for datagram in datagrams(input) {
            assert!(fuzzing::check_records(datagram) <= datagram.len() / 13);
            link.handle(*now, datagram);
        }
        let answered = sent(&mut link);
        assert!(
            answered <= 2 * input.len() + 2 * own + 1024,
            "{role:?}: {answered} bytes to {}",
            input.len()
        );
        while let Some(event) = link.poll_event() {
            let believed = matches!(event, DtlsEvent::Keys { .. });
            assert!(!believed, "{role:?}: a stranger has keys");
        }
        assert!(
            link.poll_timeout().is_none_or(|at| at > *now),
            "no time to wait"
        );
    }
}

fn sent(link: &mut DtlsLink) -> usize {
    std::iter::from_fn(|| link.poll_transmit())
        .map(|datagram| datagram.len())
        .sum()
}

fn datagrams(mut input: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let ([high, low], rest) = input.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (datagram, rest) = rest.split_at(length);
        input = rest;
        Some(datagram)
    })
}
