//! The two requests that are made from another one: CANCEL (RFC 3261 §9.1) and the ACK of a final
//! response other than 2xx (§17.1.1.3).

use crate::message::{Method, Request, Response, name};

/// The ACK that `response` to `invite` gets inside the transaction.
pub fn ack_of(invite: &Request, response: &Response) -> Request {
    let mut ack = shadow_of(invite, Method::ACK);
    if let Some(to) = response.headers.get_raw(name::TO) {
        ack.headers.set(name::TO, to);
    }
    ack
}

/// The CANCEL of `invite`. Its Via is the INVITE's own: that is what the next hop matches.
pub fn cancel_of(invite: &Request) -> Request {
    shadow_of(invite, Method::CANCEL)
}

/// What both share with the INVITE: Request-URI, top Via, Route, From, To, Call-ID, the number of CSeq, and
/// the proofs, since neither can be challenged (§22.1).
fn shadow_of(invite: &Request, method: Method) -> Request {
    let mut shadow = Request::new(method.clone(), invite.uri.clone());
    let headers = &mut shadow.headers;
    if let Ok(via) = invite.headers.via() {
        headers.push(name::VIA, via.to_string());
    }
    headers.copy_from(&invite.headers, name::ROUTE);
    headers.push(name::MAX_FORWARDS, "70");
    for same in [name::FROM, name::TO, name::CALL_ID] {
        headers.copy_from(&invite.headers, same);
    }
    if let Ok(cseq) = invite.headers.cseq() {
        headers.push(name::CSEQ, format!("{} {method}", cseq.number));
    }
    for proof in [
        name::AUTHORIZATION,
        name::PROXY_AUTHORIZATION,
        name::USER_AGENT,
    ] {
        headers.copy_from(&invite.headers, proof);
    }
    shadow
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, StatusCode, parse_datagram};

    const INVITE: &str = "INVITE sip:bob@example.org SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKaaa;rport\r\n\
        Route: <sip:proxy.example.org;lr>\r\n\
        From: <sip:alice@example.org>;tag=1\r\n\
        To: <sip:bob@example.org>\r\n\
        Call-ID: one\r\n\
        CSeq: 7 INVITE\r\n\
        Require: timer\r\n\
        Authorization: Digest username=\"alice\"\r\n\
        Max-Forwards: 70\r\n\r\n";

    fn invite() -> Request {
        match parse_datagram(INVITE.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_cancel_repeats_what_matches_and_not_what_the_invite_required() {
        let cancel = cancel_of(&invite());
        assert_eq!(cancel.headers.via(), invite().headers.via());
        assert_eq!(cancel.headers.text("CSeq").as_deref(), Some("7 CANCEL"));
        assert!(cancel.headers.contains("Route"));
        assert!(!cancel.headers.contains("Require"));
        assert_eq!(cancel.headers.to().unwrap().tag(), None);
    }

    #[test]
    fn an_ack_has_the_to_of_the_response() {
        let response = Response::answer(&invite(), StatusCode::BUSY_HERE).with_to_tag("theirs");
        let ack = ack_of(&invite(), &response);
        assert_eq!(ack.headers.to().unwrap().tag(), Some("theirs"));
        assert_eq!(ack.headers.text("CSeq").as_deref(), Some("7 ACK"));
        assert_eq!(ack.headers.via(), invite().headers.via());
    }
}
