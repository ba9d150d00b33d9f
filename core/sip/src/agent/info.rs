//! INFO: keys, as PBXs without RFC 4733 send them (`application/dtmf-relay`, `application/dtmf`), and candidates
//! that come after their description (RFC 8840).

use std::time::{Duration, Instant};

use tandem_types::media::IceUpdate;

use super::core::Core;
use super::in_dialog::Kind;
use super::session::{Phase, Session};
use super::{AgentError, Event};
use crate::message::{Method, Request, StatusCode};
use crate::sdp::parse_fragment;
use crate::transaction::ServerId;

/// The one package this side takes (RFC 6086 §5.2.3, RFC 8840 §10): both the package's name and the option tag
/// that says it is understood.
pub(super) const TRICKLE: &str = "trickle-ice";
/// The Recv-Info header (RFC 6086 §5.2.3).
pub(super) const RECV_INFO: &str = "Recv-Info";
const INFO_PACKAGE: &str = "Info-Package";
/// What [`parse_fragment`] reads.
pub(super) const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// How long a key counts as held where the far end does not say.
const USUAL: Duration = Duration::from_millis(160);
/// Longer than anybody holds a key.
const LONGEST: Duration = Duration::from_secs(10);

/// What an INFO tells.
#[derive(Debug, Eq, PartialEq)]
enum News {
    /// Nothing: a keep-alive of some PBXs.
    None,
    Key(char, Duration),
    Candidates(Vec<IceUpdate>),
}

/// What an INFO tells, or the status that refuses it.
///
/// A package that was not agreed on is 469 (RFC 6086 §4.2.2), a body that cannot be read 400, and one of a kind
/// that is not known 415.
fn read(request: &Request) -> Result<News, StatusCode> {
    if let Some(package) = request.headers.text(INFO_PACKAGE) {
        let name = package.split(';').next().unwrap_or_default().trim();
        if !name.eq_ignore_ascii_case(TRICKLE) {
            return Err(StatusCode::BAD_INFO_PACKAGE);
        }
        return trickled(request).map(News::Candidates);
    }
    if request.body.is_empty() {
        return Ok(News::None);
    }
    let text = String::from_utf8_lossy(&request.body);
    let key = if is_of(request, "application/dtmf-relay") {
        relay(&text)
    } else if is_of(request, "application/dtmf") {
        key(text.trim()).map(|digit| (digit, USUAL))
    } else {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    };
    let (digit, duration) = key.ok_or(StatusCode::BAD_REQUEST)?;
    Ok(News::Key(digit, duration))
}

fn trickled(request: &Request) -> Result<Vec<IceUpdate>, StatusCode> {
    if !is_of(request, FRAGMENT) {
        return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
    parse_fragment(&request.body).map_err(|_| StatusCode::BAD_REQUEST)
}

fn is_of(request: &Request, kind: &str) -> bool {
    let own = request.headers.content_type().ok().flatten();
    own.is_some_and(|own| own.is(kind))
}

/// `Signal=5` and `Duration=160`, in any order, with or without spaces.
fn relay(text: &str) -> Option<(char, Duration)> {
    let mut digit = None;
    let mut duration = USUAL;
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), value.trim());
        if name.eq_ignore_ascii_case("Signal") {
            digit = key(value);
        } else if name.eq_ignore_ascii_case("Duration")
            && let Ok(milliseconds) = value.parse()
        {
            duration = Duration::from_millis(milliseconds).min(LONGEST);
        }
    }
    digit.map(|digit| (digit, duration))
}

/// One key; 10 and 11 are `*` and `#` to some senders.
fn key(text: &str) -> Option<char> {
    match text {
        "10" => Some('*'),
        "11" => Some('#'),
        _ => {
            let mut chars = text.chars();
            let digit = chars.next().filter(|_| chars.next().is_none())?;
            is_key(digit.to_ascii_uppercase()).then(|| digit.to_ascii_uppercase())
        }
    }
}

const fn is_key(digit: char) -> bool {
    matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D')
}

impl Session {
    pub(super) fn on_info(
        &self,
        core: &mut Core,
        now: Instant,
        server: ServerId,
        request: &Request,
    ) {
        let session = self.id;
        let news = read(request);
        let status = news
            .as_ref()
            .map_or_else(|status| *status, |_| StatusCode::OK);
        self.reply(core, now, server, request, status);
        match news {
            Ok(News::Key(digit, duration)) => core.tell(Event::Dtmf {
                session,
                digit,
                duration,
            }),
            Ok(News::Candidates(updates)) => core.tell(Event::Candidates { session, updates }),
            Ok(News::None) | Err(_) => {}
        }
    }

    /// Tells the far end of a key by INFO.
    pub(super) fn send_key(
        &mut self,
        core: &mut Core,
        now: Instant,
        digit: char,
        duration: Duration,
    ) -> Result<(), AgentError> {
        let digit = digit.to_ascii_uppercase();
        if !is_key(digit) {
            return Err(AgentError::NotAKey);
        }
        if self.phase != Phase::Active {
            return Err(AgentError::WrongState);
        }
        let Some(dialog) = &mut self.dialog else {
            return Err(AgentError::WrongState);
        };
        let mut info = dialog.request(Method::INFO);
        let held = duration.min(LONGEST).as_millis();
        let body = format!("Signal={digit}\r\nDuration={held}\r\n");
        info.request.set_body("application/dtmf-relay", body);
        self.send_inside(core, now, Kind::Info, info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Uri;

    fn info(kind: &str, body: &str) -> Request {
        let uri: Uri = "sip:bob@example.org".parse().unwrap();
        let mut request = Request::new(Method::INFO, uri);
        if !body.is_empty() {
            request.set_body(kind, body);
        }
        request
    }

    #[test]
    fn keys_in_the_forms_that_pbxs_write() {
        let relayed = |body| read(&info("application/dtmf-relay", body));
        let key = |digit, duration| Ok(News::Key(digit, duration));
        let ms = Duration::from_millis;
        assert_eq!(relayed("Signal=5\r\nDuration=250\r\n"), key('5', ms(250)));
        assert_eq!(relayed("Signal= #\nDuration= 100"), key('#', ms(100)));
        assert_eq!(relayed("signal=d"), key('D', USUAL));
        assert_eq!(relayed("Signal=11"), key('#', USUAL));
        assert_eq!(
            relayed("Signal=1\r\nDuration=4000000000"),
            key('1', LONGEST)
        );
        assert_eq!(read(&info("application/dtmf", "7")), key('7', USUAL));
    }

    #[test]
    fn what_is_no_key_is_refused_and_an_empty_info_is_fine() {
        let refused = |kind, body| read(&info(kind, body)).err();
        assert_eq!(
            refused("application/dtmf-relay", "Signal=x"),
            Some(StatusCode::BAD_REQUEST)
        );
        assert_eq!(
            refused("application/dtmf", "12"),
            Some(StatusCode::BAD_REQUEST)
        );
        assert_eq!(
            refused("text/plain", "5"),
            Some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        );
        assert_eq!(read(&info("", "")), Ok(News::None));
    }

    #[test]
    fn of_packages_only_trickled_candidates_are_taken() {
        let package = |name: &str, kind: &str, body: &str| {
            let mut request = info(kind, body);
            request.headers.push(INFO_PACKAGE, name);
            read(&request)
        };
        let fragment = "a=ice-ufrag:8hhY\r\na=ice-pwd:YH75Fviy6338Vbrhrlp8Yh\r\nm=audio 9 RTP/AVP 0\r\n\
                        a=mid:1\r\na=candidate:1 1 UDP 1658497328 192.0.2.100 5000 typ host\r\n";
        let Ok(News::Candidates(updates)) = package("Trickle-ICE;x=1", FRAGMENT, fragment) else {
            panic!("candidates");
        };
        let [update] = &updates[..] else {
            panic!("one stream");
        };
        assert_eq!(update.username_fragment.as_deref(), Some("8hhY"));
        assert_eq!(update.candidates.len(), 1);
        assert_eq!(
            package("g.3gpp.mid-call", FRAGMENT, fragment),
            Err(StatusCode::BAD_INFO_PACKAGE)
        );
        assert_eq!(
            package(TRICKLE, "application/sdp", fragment),
            Err(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        );
        assert_eq!(
            package(TRICKLE, FRAGMENT, "nonsense"),
            Err(StatusCode::BAD_REQUEST)
        );
    }
}
