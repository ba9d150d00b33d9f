//! SIP messages in datagrams: reading, every typed view, screening, and printing.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use tandem_sip::message::{
    Capabilities, Headers, Message, Method, ParseError, Response, Uri, Verdict, parse_datagram,
    screen,
};

use crate::{Budget, Target};

pub(super) const TARGET: Target = Target {
    name: "sip-message",
    about: "a SIP message in a datagram: read, viewed, screened, printed, read again",
    seeds: &["tests/fixtures/sip"],
    dictionary: Some("sip"),
    longest: 4096,
    budget: Budget {
        memory: (64 << 10, 64),
        work: (256 << 10, 1024),
    },
    check,
};

const MAY: Capabilities<'static> = Capabilities {
    methods: &[Method::INVITE, Method::BYE, Method::OPTIONS],
    extensions: &["replaces"],
    schemes: &["sip", "tel"],
    bodies: &["application/sdp"],
};

/// What an answer may add to its question: status line, tags, Allow and the like.
const ANSWER_ADDS: usize = 1024;

fn check(input: &[u8]) {
    match parse_datagram(input) {
        Ok(message) => sound(input, &message),
        Err(error) => refused(input, &error),
    }
}

fn sound(input: &[u8], message: &Message) {
    reads_back(message);
    views(message.headers());
    if let Message::Request(request) = message {
        uri_reads_back(&request.uri);
    }
    match screen(message, &MAY) {
        Verdict::Answer(response) => small_answer(input, &response),
        Verdict::Accept | Verdict::Drop(_) => {}
    }
    assert!(
        format!("{message:?}").len() < 65536,
        "a message is shown by names and sizes"
    );
}

fn refused(input: &[u8], error: &ParseError) {
    let _ = (error.to_string(), error.fault());
    if let Some(response) = error.response() {
        small_answer(input, response);
    }
}

/// Bytes, message, bytes, message: the second message is the first, and a corrected length stays correct.
pub(super) fn reads_back(message: &Message) {
    let verbatim = message.to_bytes_verbatim();
    assert_eq!(
        parse_datagram(&verbatim).as_ref(),
        Ok(message),
        "what was read is not what was printed"
    );
    let printed = message.to_bytes();
    let again = parse_datagram(&printed).expect("what we print can be read");
    assert_eq!(again.body(), message.body());
    assert_eq!(again.to_bytes(), printed, "printing settles");
}

fn small_answer(input: &[u8], response: &Response) {
    let bytes = response.to_bytes();
    assert!(
        bytes.len() <= input.len() + ANSWER_ADDS,
        "an answer of {} bytes to {}",
        bytes.len(),
        input.len()
    );
    let message = parse_datagram(&bytes).expect("our answer can be read");
    reads_back(&message);
}

/// Every view, used or not, must come to a result, and one that can be printed must read back.
fn views(headers: &Headers) {
    if let Ok(via) = headers.via() {
        again(&via);
        let _ = (via.received(), via.rport(), via.ttl(), via.maddr());
        let mut stamped = via;
        stamped.stamp("192.0.2.1:5060".parse().expect("an address"));
        again(&stamped);
    }
    let _ = headers.vias();
    for address in [headers.from(), headers.to()].into_iter().flatten() {
        again(&address);
        let _ = (address.tag(), address.expires(), address.q_thousandths());
    }
    let lists = [
        headers.contacts().map(|contacts| contacts.into_list()),
        headers.routes(),
        headers.record_routes(),
        headers.service_routes(),
        headers.path(),
        headers.asserted_identities(),
    ];
    for address in lists.into_iter().flatten().flatten() {
        again(&address);
        uri_reads_back(&address.uri);
    }
    for address in [headers.refer_to(), headers.referred_by()] {
        if let Ok(Some(address)) = address {
            again(&address);
        }
    }
    if let Ok(cseq) = headers.cseq() {
        again(&cseq);
    }
    if let Ok(Some(kind)) = headers.content_type() {
        again(&kind);
    }
    for value in [
        headers.content_disposition(),
        headers.event(),
        headers.subscription_state(),
    ] {
        if let Ok(Some(value)) = value {
            again(&value);
        }
    }
    headers.reasons().into_iter().flatten().for_each(|reason| {
        again(&reason);
        let _ = (reason.cause(), reason.text());
    });
    headers
        .warnings()
        .into_iter()
        .flatten()
        .for_each(|warning| again(&warning));
    let _ = (
        headers.call_id(),
        headers.max_forwards(),
        headers.content_length(),
    );
    let _ = (
        headers.expires(),
        headers.min_expires(),
        headers.retry_after(),
        headers.flow_timer(),
    );
    let _ = (
        headers.content_encodings(),
        headers.accept(),
        headers.allow(),
    );
    let _ = (
        headers.supported(),
        headers.require(),
        headers.proxy_require(),
        headers.unsupported(),
    );
    let _ = (headers.www_authenticate(), headers.proxy_authenticate());
    let _ = (headers.authorization(), headers.proxy_authorization());
}

/// A value that was read, printed and read again is the same; or it was not printed as it came (control
/// characters of a name become blanks), and then it is the same from there on.
pub(super) fn again<T: Display + Debug + FromStr + PartialEq>(value: &T) {
    let printed = value.to_string();
    let Ok(read) = printed.parse::<T>() else {
        panic!("printed as {printed:?}, which cannot be read");
    };
    if read != *value {
        let settled = read.to_string();
        assert_eq!(settled.parse().ok(), Some(read), "printed as {settled:?}");
        assert_eq!(settled, printed, "printing does not settle");
    }
}

pub(super) fn uri_reads_back(uri: &Uri) {
    again(uri);
    assert!(
        uri.equivalent(uri),
        "a URI is not equivalent to itself: {uri}"
    );
}
