//! What holds for every message: no input panics or grows without bound, what is read is printed as it came,
//! a stream is read the same however it is cut, and what is built is read back as it was meant.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's helpers fail the test"
)]

use std::path::PathBuf;

use proptest::prelude::*;
use tandem_sip::message::{
    CSeq, Capabilities, Contacts, Frame, FrameError, Host, Limits, Message, Method, NameAddr,
    Params, Request, Response, SipUri, StatusCode, StreamDecoder, Uri, Via, name, parse_datagram,
    screen,
};

/// Asks every view: none may panic, whatever the field holds.
fn read_everything(message: &Message) {
    let headers = message.headers();
    let _ = (
        headers.via(),
        headers.vias(),
        headers.from(),
        headers.to(),
        headers.call_id(),
    );
    let _ = (
        headers.cseq(),
        headers.max_forwards(),
        headers.content_length(),
        headers.contacts(),
    );
    let _ = (
        headers.routes(),
        headers.record_routes(),
        headers.service_routes(),
        headers.path(),
    );
    let _ = (
        headers.asserted_identities(),
        headers.refer_to(),
        headers.referred_by(),
    );
    let _ = (
        headers.expires(),
        headers.min_expires(),
        headers.retry_after(),
        headers.flow_timer(),
    );
    let _ = (
        headers.www_authenticate(),
        headers.proxy_authenticate(),
        headers.authorization(),
    );
    let _ = (
        headers.content_type(),
        headers.content_encodings(),
        headers.content_disposition(),
    );
    let _ = (
        headers.accept(),
        headers.allow(),
        headers.supported(),
        headers.require(),
    );
    let _ = (
        headers.proxy_require(),
        headers.unsupported(),
        headers.reasons(),
        headers.reason(),
    );
    let _ = (
        headers.warnings(),
        headers.event(),
        headers.subscription_state(),
    );
    let _ = (
        headers.session_expires(),
        headers.min_se(),
        headers.rseq(),
        headers.rack(),
    );
    let _ = (headers.product(), format!("{message:?}"));
    if let Message::Request(request) = message {
        let _ = request.uri.equivalent(&request.uri);
    }
    let may = Capabilities {
        methods: Method::KNOWN,
        extensions: &["100rel"],
        schemes: &["sip", "sips", "tel"],
        bodies: &["application/sdp"],
    };
    let _ = screen(message, &may);
}

/// Everything that must hold for one datagram.
fn check_datagram(bytes: &[u8]) {
    match parse_datagram(bytes) {
        Ok(message) => {
            let start = bytes
                .iter()
                .take_while(|b| matches!(b, b'\r' | b'\n'))
                .count();
            let printed = message.to_bytes_verbatim();
            assert_eq!(bytes.get(start..start + printed.len()), Some(&printed[..]));
            assert_eq!(parse_datagram(&printed).as_ref(), Ok(&message));
            let framed = parse_datagram(&message.to_bytes()).unwrap();
            assert_eq!(framed.body(), message.body());
            read_everything(&message);
        }
        Err(error) => {
            if let Some(response) = error.response() {
                assert!(parse_datagram(&response.to_bytes()).is_ok());
            }
        }
    }
}

fn frames(chunks: &[&[u8]]) -> Vec<Result<Frame, FrameError>> {
    let limits = Limits {
        head: 2048,
        body: 512,
        headers: 40,
    };
    let mut decoder = StreamDecoder::new(limits);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(frame) = decoder.next() {
            frames.push(frame);
        }
        assert!(
            decoder.buffered() <= limits.head + limits.body,
            "{}",
            decoder.buffered()
        );
    }
    frames
}

fn check_stream(bytes: &[u8], cuts: &[usize]) {
    let whole = frames(&[bytes]);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    let chunks: Vec<&[u8]> = cuts
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect();
    assert_eq!(frames(&chunks), whole);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(frames(&single), whole);
}

fn corpus() -> Vec<(String, Vec<u8>)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/sip");
    let mut corpus = Vec::new();
    for folder in ["rfc4475", "rfc5118"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            corpus.push((name, std::fs::read(&path).unwrap()));
        }
    }
    corpus.sort();
    corpus
}

/// SplitMix64: the mutations are the same in every run.
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }
}

fn mutate(bytes: &mut Vec<u8>, other: &[u8], seeded: &mut Seeded) {
    const TELLING: &[u8] = b"\r\n\t :;,<>\"\\()[]@?=&%/*0z\0\x80\xff";
    for _ in 0..=seeded.below(4) {
        let at = seeded.below(bytes.len() + 1);
        let end = (at + seeded.below(12)).min(bytes.len());
        match seeded.below(5) {
            0 => bytes.insert(at, TELLING[seeded.below(TELLING.len())]),
            1 => drop(bytes.drain(at..end)),
            2 if at < bytes.len() => bytes[at] = TELLING[seeded.below(TELLING.len())],
            3 => {
                let again = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, again));
            }
            _ => {
                let from = seeded.below(other.len());
                let until = (from + seeded.below(40)).min(other.len());
                drop(bytes.splice(at..end, other[from..until].iter().copied()));
            }
        }
    }
}

#[test]
fn mutated_torture_messages_break_nothing() {
    const ROUNDS: usize = 120;
    let corpus = corpus();
    let mut seeded = Seeded(0x7a6e_6465_6d21);
    for (name, original) in &corpus {
        for round in 0..ROUNDS {
            let mut bytes = original.clone();
            let other = &corpus[seeded.below(corpus.len())].1;
            mutate(&mut bytes, other, &mut seeded);
            let checked = std::panic::catch_unwind(|| {
                check_datagram(&bytes);
                if round % 8 == 0 {
                    check_stream(&bytes, &[round, bytes.len() / 2]);
                }
            });
            let shown = String::from_utf8_lossy(&bytes);
            assert!(checked.is_ok(), "{name}, round {round}:\n{shown}");
        }
    }
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,12}"
}

fn line_end() -> impl Strategy<Value = &'static str> {
    prop_oneof![9 => Just("\r\n"), 1 => Just("\n")]
}

/// A message such as a peer might send: mostly right, with parts that are not.
fn wire_message() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        (token(), "(sip|tel|urn):[ -~]{1,20}").prop_map(|(m, u)| format!("{m} {u} SIP/2.0")),
        (token(), "sip:[a-z;=@.0-9]{1,20}").prop_map(|(m, u)| format!("{m} {u} SIP/2.0")),
        "SIP/2\\.0 [1-7][0-9]{2}( [ -~é]{0,20})?",
        "[ -~]{0,40}",
    ];
    let field = prop_oneof![
        "(Via|v): SIP/2\\.0/(UDP|TCP) [a-z0-9.:]{1,12}(;branch=z9hG4bK[a-z0-9]{0,6})?",
        "(From|To|t|f|Contact|m|Route) ?:[ -~é]{0,40}",
        "(From|To|Contact): \"[^\"\\\\\r\n]{0,9}\" ?<sip:[a-z0-9@.]{1,15}>(;[a-z]{1,3}=[a-z0-9]{1,3}){0,3}",
        "(Call-ID|CSeq|Allow|Accept|Warning|Reason|Retry-After): ?[ -~]{0,30}",
        "(Content-Length|l): ?[0-9]{1,2}",
        "[A-Za-z-]{1,12}[ \t]?:[ -~\u{80}-\u{2000}]{0,30}(\r\n[ \t][ -~]{0,10}){0,2}",
        "[ -~]{1,20}",
    ];
    let fields = prop::collection::vec(field, 0..8);
    let body = prop::collection::vec(any::<u8>(), 0..40);
    (first, fields, body, line_end()).prop_map(|(first, fields, body, end)| {
        let mut bytes = format!("{first}\r\n").into_bytes();
        for field in fields {
            bytes.extend_from_slice(field.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        let head = String::from_utf8(bytes).unwrap().replace("\r\n", end);
        [head.as_bytes(), &body].concat()
    })
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,8}\\.example".prop_map(Host::Name),
        any::<[u8; 4]>().prop_map(|octets| Host::V4(octets.into())),
        any::<[u8; 16]>().prop_map(|octets| Host::V6(octets.into())),
    ]
}

fn sip_uri() -> impl Strategy<Value = SipUri> {
    (
        any::<bool>(),
        ".{0,8}",
        host(),
        any::<Option<u16>>(),
        any::<Option<String>>(),
    )
        .prop_map(|(secure, user, host, port, value)| {
            let uri = SipUri::new(host)
                .with_secure(secure)
                .with_user(&user)
                .with_port(port);
            let value = value.filter(|value| !value.is_empty());
            uri.with_parameter("x-a", value.as_deref())
                .with_parameter("lr", None)
        })
}

fn name_addr() -> impl Strategy<Value = NameAddr> {
    (sip_uri(), "[^\\p{C}]{0,12}", token())
        .prop_map(|(uri, display, tag)| NameAddr::new(uri).with_display(&display).with_tag(&tag))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_message_or_a_typed_error(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        check_datagram(&bytes);
        check_stream(&bytes, &[bytes.len() / 3]);
    }

    #[test]
    fn what_is_read_is_printed_as_it_came(bytes in wire_message()) {
        check_datagram(&bytes);
    }

    #[test]
    fn a_stream_is_read_the_same_however_it_is_cut(
        messages in prop::collection::vec(wire_message(), 0..4),
        keep_alives in prop::collection::vec(0..4_usize, 4),
        cuts in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let mut bytes = Vec::new();
        for (message, keep_alives) in messages.iter().zip(keep_alives) {
            bytes.extend_from_slice(message);
            bytes.extend_from_slice("\r\n".repeat(keep_alives).as_bytes());
        }
        check_stream(&bytes, &cuts);
    }

    #[test]
    fn uris_built_are_uris_read(uri in sip_uri()) {
        let read: Uri = uri.to_string().parse().unwrap();
        prop_assert_eq!(&read, &Uri::Sip(uri.clone()));
        prop_assert!(read.equivalent(&Uri::Sip(uri)));
    }

    #[test]
    fn uris_of_any_text_print_as_written(text in "(sips?|tel|urn|SIP):[!-~]{0,30}") {
        if let Ok(uri) = text.parse::<Uri>() {
            prop_assert_eq!(uri.to_string(), text);
            prop_assert!(uri.equivalent(&uri));
        }
    }

    #[test]
    fn addresses_and_hops_built_are_read(
        address in name_addr(),
        (host, port, branch) in (host(), any::<Option<u16>>(), token()),
        value in ".{1,12}",
    ) {
        let address = address.with_param("x-b", Some(&value));
        let read: NameAddr = address.to_string().parse().unwrap();
        prop_assert_eq!(read, address);
        let mut via = Via::new("TLS", host, port, &branch);
        via.params.set("x-c", Some(&value));
        prop_assert_eq!(via.to_string().parse(), Ok(via));
    }

    #[test]
    fn requests_built_are_requests_read_and_answered(
        (method, uri, to, from) in (token(), sip_uri(), name_addr(), name_addr()),
        (number, status) in (0..1_u32 << 31, 100..700_u16),
        subject in any::<Vec<u8>>(),
        body in any::<Vec<u8>>(),
    ) {
        let method: Method = method.parse().unwrap();
        let mut request = Request::new(method.clone(), uri);
        request.headers.push(name::VIA, Via::new("UDP", Host::V4([192, 0, 2, 1].into()), None, "z9hG4bKx").to_string());
        request.headers.push(name::FROM, from.to_string());
        request.headers.push(name::TO, to.to_string());
        request.headers.push(name::CALL_ID, "c");
        request.headers.push(name::CSEQ, CSeq { number, method: method.clone() }.to_string());
        request.headers.push(name::CONTACT, format!("{to}, {from}"));
        request.headers.push(name::SUBJECT, &subject);
        request.body = body.clone();
        let Ok(Message::Request(read)) = parse_datagram(&request.to_bytes()) else {
            panic!("not read back");
        };
        prop_assert_eq!(&read.uri, &request.uri);
        prop_assert_eq!(&read.body, &body);
        prop_assert_eq!(read.headers.len(), request.headers.len() + 1);
        prop_assert_eq!(read.headers.cseq(), Ok(CSeq { number, method }));
        let contacts = Contacts::List(vec![to.clone(), from]);
        prop_assert_eq!(read.headers.contacts(), Ok(contacts));

        let answer = Response::answer(&read, StatusCode::new(status).unwrap()).with_to_tag("other");
        let Ok(Message::Response(answered)) = parse_datagram(&answer.to_bytes()) else {
            panic!("not read back");
        };
        prop_assert_eq!(answered.status.code(), status);
        prop_assert_eq!(answered.headers.to(), Ok(to));
        prop_assert_eq!(answered.headers.get_raw(name::VIA), request.headers.get_raw(name::VIA));
    }

    #[test]
    fn parameters_of_any_text_read_back(values in prop::collection::vec(any::<Option<String>>(), 3)) {
        let names = ["a", "b", "c"];
        let mut params = Params::new();
        for (name, value) in names.into_iter().zip(&values) {
            params.set(name, value.as_deref());
        }
        let address = NameAddr { params, ..NameAddr::new(SipUri::new("h".parse().unwrap())) };
        let read: NameAddr = address.to_string().parse().unwrap();
        prop_assert_eq!(read, address);
    }
}
