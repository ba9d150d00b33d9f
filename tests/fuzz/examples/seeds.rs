//! Writes the seeds that are no text: `cargo run -p tandem-fuzz --example seeds`.

use std::fs;
use std::path::Path;
use std::time::Instant;

use tandem_media::fuzzing::dtls::{Certificate, Cookie, DtlsConfig, DtlsLink, DtlsRole};

fn main() -> std::io::Result<()> {
    for (name, bytes) in rtp() {
        write("rtp", name, &bytes)?;
    }
    for (name, bytes) in stun() {
        write("stun", name, &bytes)?;
        // A stream of it and of channel data, to be cut into pieces of eight bytes.
        let channel = [0x40, 0x01, 0, 3, 7, 7, 7, 0];
        write(
            "turn-framing",
            name,
            &[&[7][..], &bytes, &channel, &bytes].concat(),
        )?;
    }
    for (name, bytes) in dtls() {
        write("dtls", name, &bytes)?;
    }
    write("dtls", "hello-with-cookie", &bold_hello())?;
    Ok(())
}

fn write(target: &str, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}

/// Sequence number, timestamp and source of the packets below.
const MEDIA: [u8; 10] = [0, 1, 0, 0, 0, 160, 1, 2, 3, 4];

fn rtp() -> Vec<(&'static str, Vec<u8>)> {
    let one_byte = [0xbe, 0xde, 0, 1, 0x10, 0x80, 0, 0];
    let two_bytes = [0x10, 0, 0, 1, 1, 2, 7, 7];
    let report_block = [
        5, 6, 7, 8, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    let name = [
        0x81, 202, 0, 3, 1, 2, 3, 4, 1, 4, b'a', b'b', b'c', b'd', 0, 0,
    ];
    let goodbye = [0x81, 203, 0, 1, 1, 2, 3, 4];
    let sender = [&[0x81, 200, 0, 12, 1, 2, 3, 4][..], &[0; 20], &report_block].concat();
    vec![
        ("pcmu", [&[0x80, 0], &MEDIA[..], &[0xff; 20]].concat()),
        (
            "extension-and-padding",
            [
                &[0xb1, 0x6f],
                &MEDIA[..],
                &[9; 4],
                &one_byte,
                &[1, 2, 3, 0, 2],
            ]
            .concat(),
        ),
        (
            "two-byte-extension",
            [&[0x90, 0xe5], &MEDIA[..], &two_bytes, &[5, 10, 0, 160]].concat(),
        ),
        ("reports", [&sender[..], &name, &goodbye].concat()),
        ("receiver-report", vec![0x80, 201, 0, 1, 1, 2, 3, 4]),
        ("feedback", vec![0x81, 206, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]),
    ]
}

/// The messages of RFC 5769 are not among them: they belong to the tests of whoever authenticates.
fn stun() -> Vec<(&'static str, Vec<u8>)> {
    let message = |kind: u16, attributes: &[(u16, &[u8])]| {
        let mut body = Vec::new();
        for (kind, value) in attributes {
            body.extend(kind.to_be_bytes());
            body.extend((value.len() as u16).to_be_bytes());
            body.extend(*value);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        let head = [kind.to_be_bytes(), (body.len() as u16).to_be_bytes()].concat();
        [&head[..], &[0x21, 0x12, 0xa4, 0x42], b"transaction!", &body].concat()
    };
    let integrity = (0x0008, &[7_u8; 20][..]);
    let fingerprint = (0x8028, &[1_u8, 2, 3, 4][..]);
    let priority = (0x0024, &[0x6e, 0, 1, 0xff][..]);
    let mapped = [0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
    vec![
        (
            "check",
            message(
                0x0001,
                &[
                    (0x0006, b"evtj:h6vY"),
                    priority,
                    (0x802a, &[1, 2, 3, 4, 5, 6, 7, 8]),
                    (0x0025, b""),
                    integrity,
                    fingerprint,
                ],
            ),
        ),
        (
            "success",
            message(0x0101, &[(0x0020, &mapped), integrity, fingerprint]),
        ),
        (
            "unauthorized",
            message(
                0x0113,
                &[
                    (0x0009, b"\0\0\x04\x01Unauthorized"),
                    (0x0014, b"example.org"),
                    (0x0015, b"obMatJos2AAAAnonce"),
                ],
            ),
        ),
        (
            "allocated",
            message(
                0x0103,
                &[
                    (0x0016, &mapped),
                    (0x0020, &mapped),
                    (0x000d, &[0, 0, 2, 0x58]),
                    integrity,
                ],
            ),
        ),
        (
            "try-alternate",
            message(0x0113, &[(0x0009, b"\0\0\x03\0Try"), (0x8023, &mapped)]),
        ),
        (
            "data",
            message(0x0017, &[(0x0012, &mapped), (0x0013, b"sound")]),
        ),
    ]
}

/// What both ends of a handshake say, each datagram with its length before it.
/// What a client says that knows the cookie of the target's servers, which take it when the input's length is odd.
fn bold_hello() -> Vec<u8> {
    let certificate = Certificate::generate().expect("a certificate");
    let config = DtlsConfig {
        cookie: Some(Cookie::own("fuzz")),
        ..DtlsConfig::default()
    };
    let prints = [certificate.fingerprint()];
    let link = DtlsLink::new(
        Instant::now(),
        DtlsRole::Client,
        &certificate,
        &prints,
        config,
    );
    let hello = link.expect("a link").poll_transmit().expect("a hello");
    let mut seed = [&(hello.len() as u16).to_be_bytes()[..], &hello].concat();
    if seed.len() % 2 == 0 {
        seed.push(0);
    }
    seed
}

fn dtls() -> Vec<(&'static str, Vec<u8>)> {
    let now = Instant::now();
    let certificates = [0, 1].map(|_| Certificate::generate().expect("a certificate"));
    let prints = certificates.each_ref().map(|own| [own.fingerprint()]);
    let roles = [DtlsRole::Client, DtlsRole::Server];
    let mut ends = [0, 1].map(|end: usize| {
        let (own, peer) = (&certificates[end], &prints[1 - end]);
        DtlsLink::new(now, roles[end], own, peer, DtlsConfig::default()).expect("a link")
    });
    let mut said = [Vec::new(), Vec::new()];
    for end in [0, 1].into_iter().cycle().take(12) {
        while let Some(datagram) = ends[end].poll_transmit() {
            said[end].extend((datagram.len() as u16).to_be_bytes());
            said[end].extend(&datagram);
            ends[1 - end].handle(now, &datagram);
        }
    }
    assert!(ends.iter().all(DtlsLink::is_complete), "no handshake");
    let [client, server] = said;
    let hello = usize::from(u16::from_be_bytes([client[0], client[1]])) + 2;
    let alert = [&[0, 15, 21, 254, 253][..], &[0; 7], &[1, 0, 2, 2, 40]].concat();
    vec![
        ("hello", client[..hello].to_vec()),
        ("client", client),
        ("server", server),
        ("alert", alert),
    ]
}
