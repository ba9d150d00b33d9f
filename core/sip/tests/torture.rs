//! The torture messages of RFC 4475 and RFC 5118: what this element does with each, and why.
//!
//! The element is a user agent that serves the usual methods and REGISTER, so that a registrar's messages are
//! judged as messages and not for their method.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test's helpers fail the test"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use tandem_sip::message::{
    Capabilities, Frame, Limits, Message, Method, ParseError, StreamDecoder, Verdict,
    parse_datagram, screen,
};

const METHODS: &[Method] = &[
    Method::BYE,
    Method::INFO,
    Method::INVITE,
    Method::MESSAGE,
    Method::OPTIONS,
    Method::REGISTER,
];

const ELEMENT: Capabilities<'static> = Capabilities {
    methods: METHODS,
    extensions: &["100rel", "timer"],
    schemes: &["sip", "sips", "tel"],
    bodies: &["application/sdp", "multipart/mixed"],
};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Does {
    Accept,
    Answer(u16),
    Drop,
}

/// File, section, what the element does, why.
type Row = (&'static str, &'static str, Does, &'static str);

use Does::{Accept, Answer, Drop};

#[rustfmt::skip]
const RFC_4475: [Row; 50] = [
    ("wsinv",      "3.1.1.1",  Accept,      "folding, odd case, white space and unknown parts are all legal"),
    ("intmeth",    "3.1.1.2",  Answer(501), "legal to the last character; the method is one nobody here serves (RFC 3261 §21.5.2)"),
    ("esc01",      "3.1.1.3",  Accept,      "escapes in the user part and header names are legal"),
    ("escnull",    "3.1.1.4",  Accept,      "an escaped null byte is a character like any other"),
    ("esc02",      "3.1.1.5",  Answer(501), "% is a token character: RE%47IST%45R is not REGISTER but a method nobody serves"),
    ("lwsdisp",    "3.1.1.6",  Accept,      "a display name may touch the bracket"),
    ("longreq",    "3.1.1.7",  Accept,      "nothing limits the length of a field but the message's"),
    ("dblreq",     "3.1.1.8",  Accept,      "what follows Content-Length in a datagram is dropped (RFC 3261 §18.3)"),
    ("semiuri",    "3.1.1.9",  Accept,      "the semicolon belongs to the user part"),
    ("transports", "3.1.1.10", Accept,      "unknown transports are legal in Via"),
    ("mpart01",    "3.1.1.11", Accept,      "a multipart body with binary parts"),
    ("unreason",   "3.1.1.12", Accept,      "a phrase may hold any UTF-8"),
    ("noreason",   "3.1.1.13", Accept,      "a phrase may be empty"),
    ("badinv01",   "3.1.2.1",  Answer(400), "empty parameters in Via and Contact"),
    ("clerr",      "3.1.2.2",  Answer(400), "the datagram ends before its body (RFC 3261 §18.3)"),
    ("ncl",        "3.1.2.3",  Answer(400), "a negative Content-Length"),
    ("scalar02",   "3.1.2.4",  Answer(400), "CSeq beyond 2^31, Max-Forwards beyond 255"),
    ("scalarlg",   "3.1.2.5",  Drop,        "the same in a response, which cannot be answered"),
    ("quotbal",    "3.1.2.6",  Answer(400), "nobody can say where the display name of To ends"),
    ("ltgtruri",   "3.1.2.7",  Answer(400), "a Request-URI has no brackets"),
    ("lwsruri",    "3.1.2.8",  Answer(400), "white space inside the Request-URI"),
    ("lwsstart",   "3.1.2.9",  Answer(400), "more than one space in the Request-Line; 400 is one of two allowed ways"),
    ("trws",       "3.1.2.10", Answer(400), "a space after the version; 400 is one of two allowed ways"),
    ("escruri",    "3.1.2.11", Answer(400), "header fields in the Request-URI; 400 is one of two allowed ways"),
    ("baddate",    "3.1.2.12", Accept,      "a Date in EST is wrong, and nobody here reads Date"),
    ("regbadct",   "3.1.2.13", Answer(400), "a Contact with ? needs brackets; guessing would be allowed too"),
    ("badaspec",   "3.1.2.14", Answer(400), "white space between bracket and URI in To; ignoring it would be allowed too"),
    ("baddn",      "3.1.2.15", Answer(400), "an unquoted comma in From's display name (and the file has no blank line)"),
    ("badvers",    "3.1.2.16", Answer(505), "SIP/7.0"),
    ("mismatch01", "3.1.2.17", Answer(400), "CSeq names another method"),
    ("mismatch02", "3.1.2.18", Answer(501), "the same, and the method is unknown: 501 serves the future better than 400"),
    ("bigcode",    "3.1.2.19", Drop,        "4294967301 is no status, not even 5 by overflow"),
    ("badbranch",  "3.2.1",    Accept,      "a branch of nothing but the cookie is one of RFC 2543: matching falls back"),
    ("insuf",      "3.3.1",    Answer(400), "no From, To and Call-ID"),
    ("unkscm",     "3.3.2",    Answer(416), "a Request-URI of a scheme nobody knows"),
    ("novelsc",    "3.3.3",    Answer(416), "a Request-URI of a scheme that is known, but not for SIP"),
    ("unksm2",     "3.3.4",    Accept,      "unknown schemes in To, From and Contact are the registrar's matter"),
    ("bext01",     "3.3.5",    Answer(420), "unknown option tags in Require; Proxy-Require is for proxies"),
    ("invut",      "3.3.6",    Answer(415), "a body nobody here reads"),
    ("regaut01",   "3.3.7",    Accept,      "an unknown Authorization scheme is as good as none: the registrar challenges"),
    ("multi01",    "3.3.8",    Answer(400), "fields that may stand once stand twice"),
    ("mcl01",      "3.3.9",    Answer(400), "two Content-Lengths that disagree"),
    ("bcast",      "3.3.10",   Drop,        "two Vias: this response was for somebody else (RFC 3261 §8.1.3.3, §18.1.2)"),
    ("zeromf",     "3.3.11",   Accept,      "Max-Forwards ends at proxies; the one it is for answers"),
    ("cparam01",   "3.3.12",   Accept,      "an unknown Contact parameter"),
    ("cparam02",   "3.3.13",   Accept,      "an unknown parameter of Contact's URI"),
    ("regescrt",   "3.3.14",   Accept,      "header fields in Contact's URI, in brackets as they must be"),
    ("sdp01",      "3.3.15",   Answer(406), "the caller takes no kind of answer that could be given"),
    ("inv2543",    "3.4.1",    Accept,      "RFC 2543: no branch, no tag, no Max-Forwards, no Content-Length"),
    ("test",       "-",        Drop,        "no version in the first line, and no Via to answer by"),
];

#[rustfmt::skip]
const RFC_5118: [Row; 12] = [
    ("ipv6-good",                   "4.1",  Accept,      "IPv6 in brackets"),
    ("ipv6-bad",                    "4.2",  Answer(400), "IPv6 without brackets in the Request-URI"),
    ("port-ambiguous",              "4.3",  Accept,      "5070 is the last group of the address: there is no port"),
    ("port-unambiguous",            "4.4",  Accept,      "5070 is the port"),
    ("via-received-param-with-delim", "4.5", Accept,     "received with brackets, as many wrote it"),
    ("via-received-param-no-delim", "4.5",  Accept,      "received without brackets, as the grammar has it"),
    ("ipv6-in-sdp",                 "4.6",  Accept,      "IPv6 in a body is not this layer's"),
    ("mult-ip-in-header",           "4.7",  Accept,      "IPv4 and IPv6 in one message"),
    ("mult-ip-in-sdp",              "4.8",  Accept,      "the same in a body"),
    ("ipv4-mapped-ipv6",            "4.9",  Accept,      "IPv4-mapped addresses"),
    ("ipv6-bug-abnf-3-colons",      "4.10", Accept,      "::: came out of a bug of the grammar in RFC 3261: be lenient"),
    ("ipv6-correct-abnf-2-colons",  "4.10", Accept,      "the same address written right"),
];

fn folder(name: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../../tests/fixtures/sip").join(name)
}

fn read(folder_name: &str, name: &str) -> Vec<u8> {
    std::fs::read(folder(folder_name).join(format!("{name}.dat"))).unwrap()
}

/// A message of RFC 5118 as it would be sent. The archive has bare LF, no blank line after the messages of
/// §4.10, and in the three messages with a body a Content-Length that no way of counting gives.
fn mended(archived: &[u8], line_end: &str) -> Vec<u8> {
    let text = String::from_utf8(archived.to_vec()).unwrap();
    let (head, body) = text.split_once("\n\n").unwrap_or((text.trim_end(), ""));
    let body = body.replace('\n', line_end);
    let mut sent = String::new();
    for line in head.lines() {
        let line = match line.split_once(": ") {
            Some(("Content-Length", _)) => format!("Content-Length: {}", body.len()),
            _ => line.to_owned(),
        };
        sent.extend([&line, line_end]);
    }
    sent.extend([line_end, &body]);
    sent.into_bytes()
}

fn does(bytes: &[u8]) -> Does {
    match parse_datagram(bytes) {
        Err(ParseError::Drop(_)) => Drop,
        Err(ParseError::Answer { response, .. }) => Answer(response.status.code()),
        Ok(message) => match screen(&message, &ELEMENT) {
            Verdict::Accept => Accept,
            Verdict::Answer(response) => Answer(response.status.code()),
            Verdict::Drop(_) => Drop,
        },
    }
}

#[test]
fn every_message_of_rfc_4475_gets_what_it_deserves() {
    for (file, section, expected, why) in RFC_4475 {
        assert_eq!(
            does(&read("rfc4475", file)),
            expected,
            "{file} (§{section}): {why}"
        );
    }
}

#[test]
fn every_message_of_rfc_5118_gets_what_it_deserves_with_either_line_end() {
    for (file, section, expected, why) in RFC_5118 {
        let archived = read("rfc5118", file);
        for line_end in ["\r\n", "\n"] {
            let sent = mended(&archived, line_end);
            assert_eq!(
                does(&sent),
                expected,
                "{file} {line_end:?} (§{section}): {why}"
            );
            if let Ok(message) = parse_datagram(&sent) {
                assert_eq!(message.to_bytes(), sent, "{file} {line_end:?}");
            }
        }
    }
}

#[test]
fn no_message_of_the_archives_was_left_out() {
    for (name, rows) in [("rfc4475", &RFC_4475[..]), ("rfc5118", &RFC_5118[..])] {
        let stem = |entry: std::io::Result<std::fs::DirEntry>| {
            entry
                .unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_string_lossy()
                .into_owned()
        };
        let files: BTreeSet<String> = std::fs::read_dir(folder(name)).unwrap().map(stem).collect();
        let rows: BTreeSet<String> = rows.iter().map(|row| row.0.to_owned()).collect();
        assert_eq!(files, rows);
    }
}

#[test]
fn whatever_is_read_is_printed_as_it_came() {
    for (file, ..) in RFC_4475 {
        let bytes = read("rfc4475", file);
        let Ok(message) = parse_datagram(&bytes) else {
            continue;
        };
        let printed = message.to_bytes_verbatim();
        // Only what stands after the body is gone.
        assert_eq!(bytes.get(..printed.len()), Some(&printed[..]), "{file}");
        let rest = &bytes[printed.len()..];
        assert!(rest.is_empty() || file == "dblreq", "{file}");
    }
}

#[test]
fn answers_to_broken_requests_can_be_matched_by_who_asked() {
    for (file, _, expected, _) in RFC_4475 {
        let Answer(status) = expected else { continue };
        let bytes = read("rfc4475", file);
        let response = match parse_datagram(&bytes) {
            Err(error) => error.response().unwrap().clone(),
            Ok(message) => match screen(&message, &ELEMENT) {
                Verdict::Answer(response) => *response,
                verdict => panic!("{file}: {verdict:?}"),
            },
        };
        let again = parse_datagram(&response.to_bytes()).unwrap();
        let Message::Response(again) = again else {
            panic!("{file}: not a response")
        };
        assert_eq!(again.status.code(), status, "{file}");
        assert!(
            again.headers.contains("Via") && again.headers.contains("CSeq"),
            "{file}"
        );
        if let Ok(to) = again.headers.to() {
            assert!(
                to.tag().is_some(),
                "{file}: an answer other than 100 has a tag on To"
            );
        }
    }
}

#[test]
fn refusals_say_what_would_have_been_accepted() {
    let answer = |file: &str| {
        let message = parse_datagram(&read("rfc4475", file)).unwrap();
        match screen(&message, &ELEMENT) {
            Verdict::Answer(response) => *response,
            verdict => panic!("{file}: {verdict:?}"),
        }
    };
    assert_eq!(
        answer("bext01").headers.unsupported().unwrap(),
        ["nothingSupportsThis", "nothingSupportsThisEither"]
    );
    assert_eq!(
        answer("invut").headers.text("Accept").as_deref(),
        Some("application/sdp, multipart/mixed")
    );
    assert_eq!(
        answer("mismatch02").headers.allow().unwrap().unwrap(),
        METHODS
    );
    assert!(
        answer("quotbal").reason().contains("To:"),
        "{}",
        answer("quotbal").reason()
    );
}

#[test]
fn the_short_tortuous_invite_is_understood() {
    let Message::Request(invite) = parse_datagram(&read("rfc4475", "wsinv")).unwrap() else {
        panic!("a request");
    };
    let headers = &invite.headers;
    assert_eq!(invite.method, Method::INVITE);
    assert!(
        invite
            .uri
            .as_sip()
            .unwrap()
            .parameters()
            .contains("unknownparam")
    );
    assert_eq!(headers.to().unwrap().tag(), Some("1918181833n"));
    let from = headers.from().unwrap();
    assert_eq!(from.display.as_deref(), Some("J Rosenberg \\\""));
    assert_eq!(from.tag(), Some("98asjd8"));
    assert_eq!(headers.max_forwards(), Ok(Some(68)));
    assert_eq!(headers.cseq().unwrap().to_string(), "9 INVITE");
    let branches: Vec<_> = headers
        .vias()
        .unwrap()
        .iter()
        .map(|via| via.branch().unwrap().to_owned())
        .collect();
    assert_eq!(branches, ["390skdjuw", "z9hG4bK9ikj8", "z9hG4bK30239"]);
    assert_eq!(headers.routes().unwrap().len(), 1);
    let contacts = headers.contacts().unwrap().into_list();
    assert_eq!(contacts[0].display.as_deref(), Some("Quoted string \"\""));
    assert_eq!(contacts[0].q_thousandths(), 330);
    assert_eq!(invite.body.len(), 150);
}

#[test]
fn names_and_characters_are_kept() {
    let message = parse_datagram(&read("rfc4475", "esc02")).unwrap();
    let contacts = message.headers().contacts().unwrap().into_list();
    assert_eq!(contacts.len(), 2, "C%6Fntact is not Contact");

    let message = parse_datagram(&read("rfc4475", "unreason")).unwrap();
    let Message::Response(response) = message else {
        panic!("a response")
    };
    assert!(
        response
            .reason()
            .starts_with("= 2**3 * 5**2 но сто девяносто девять")
    );

    let Message::Request(request) = parse_datagram(&read("rfc4475", "semiuri")).unwrap() else {
        panic!("a request");
    };
    let uri = request.uri.as_sip().unwrap();
    assert_eq!(uri.user_text().as_deref(), Some("user;par=u@example.net"));
    assert!(uri.parameters().is_empty());
}

#[test]
fn a_stream_is_cut_off_where_its_framing_breaks_and_only_there() {
    for (file, ..) in RFC_4475 {
        let bytes = read("rfc4475", file);
        let mut decoder = StreamDecoder::new(Limits::default());
        decoder.push(&bytes);
        let first = decoder.next();
        let closes = matches!(&first, Some(Err(error)) if error.close);
        let waits = first.is_none();
        assert_eq!(
            closes,
            matches!(file, "ncl" | "mcl01" | "inv2543"),
            "{file}: {first:?}"
        );
        assert_eq!(
            waits,
            matches!(file, "clerr" | "baddn"),
            "{file}: {first:?}"
        );
        if file == "dblreq" {
            let frames = std::iter::from_fn(|| decoder.next());
            let messages = frames
                .filter(|frame| matches!(frame, Ok(Frame::Message(_))))
                .count();
            assert_eq!(messages, 1, "on a stream the second request is a request");
        }
    }
}
