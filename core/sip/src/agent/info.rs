//! Keys by INFO: what PBXs without RFC 4733 send (`application/dtmf-relay`, `application/dtmf`).

use std::time::{Duration, Instant};

use super::AgentError;
use super::core::Core;
use super::in_dialog::Kind;
use super::session::{Phase, Session};
use crate::message::{Method, Request, StatusCode};

/// How long a key counts as held where the far end does not say.
const USUAL: Duration = Duration::from_millis(160);
/// Longer than anybody holds a key.
const LONGEST: Duration = Duration::from_secs(10);

/// What an INFO gets, and the key it tells of.
///
/// Without a body it is 200 (a keep-alive of some PBXs). An Info-Package is 469: none was agreed on
/// (RFC 6086 §4.2.2). What cannot be read is 415.
pub(super) fn read(request: &Request) -> (StatusCode, Option<(char, Duration)>) {
    if request.headers.contains("Info-Package") {
        return (StatusCode::BAD_INFO_PACKAGE, None);
    }
    if request.body.is_empty() {
        return (StatusCode::OK, None);
    }
    let Ok(Some(kind)) = request.headers.content_type() else {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, None);
    };
    let text = String::from_utf8_lossy(&request.body);
    let key = if kind.is("application/dtmf-relay") {
        relay(&text)
    } else if kind.is("application/dtmf") {
        key(text.trim()).map(|digit| (digit, USUAL))
    } else {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, None);
    };
    match key {
        Some(key) => (StatusCode::OK, Some(key)),
        None => (StatusCode::BAD_REQUEST, None),
    }
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
        let relayed = |body| read(&info("application/dtmf-relay", body)).1;
        let ms = Duration::from_millis;
        assert_eq!(
            relayed("Signal=5\r\nDuration=250\r\n"),
            Some(('5', ms(250)))
        );
        assert_eq!(relayed("Signal= #\nDuration= 100"), Some(('#', ms(100))));
        assert_eq!(relayed("signal=d"), Some(('D', USUAL)));
        assert_eq!(relayed("Signal=11"), Some(('#', USUAL)));
        assert_eq!(
            relayed("Signal=1\r\nDuration=4000000000"),
            Some(('1', LONGEST))
        );
        assert_eq!(read(&info("application/dtmf", "7")).1, Some(('7', USUAL)));
    }

    #[test]
    fn what_is_no_key_is_refused_and_an_empty_info_is_fine() {
        let status = |kind, body| read(&info(kind, body)).0;
        assert_eq!(
            status("application/dtmf-relay", "Signal=x"),
            StatusCode::BAD_REQUEST
        );
        assert_eq!(status("application/dtmf", "12"), StatusCode::BAD_REQUEST);
        assert_eq!(
            status("text/plain", "5"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE
        );
        assert_eq!(status("", ""), StatusCode::OK);
        let mut package = info("", "");
        package.headers.push("Info-Package", "g.3gpp.mid-call");
        assert_eq!(read(&package).0, StatusCode::BAD_INFO_PACKAGE);
    }
}
