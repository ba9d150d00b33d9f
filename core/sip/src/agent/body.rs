//! Finding the session description in a body: by itself, or among other parts (RFC 5621), as gateways send it
//! next to ISUP and softswitches next to their own data.

use crate::message::{Headers, MediaType};

/// Parts looked at.
const MAX_PARTS: usize = 16;
/// The longest boundary there is (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// The session description in `body`, whose type `headers` tell; `None` if there is none.
///
/// A body without type is taken for one, since some devices leave the type out. Parts of a kind that is not
/// known here are passed over even where they do not say `handling=optional`: hardly any does.
pub(super) fn description<'a>(headers: &Headers, body: &'a [u8]) -> Option<&'a [u8]> {
    if body.is_empty() {
        return None;
    }
    match headers.content_type() {
        Ok(None) => Some(body),
        Ok(Some(kind)) if kind.is("application/sdp") => Some(body),
        Ok(Some(kind)) if kind.kind.eq_ignore_ascii_case("multipart") => {
            let mut parts = parts(&kind, body)?;
            parts.find_map(|(headers, body)| is_description(&headers).then_some(body))
        }
        Ok(Some(_)) | Err(_) => None,
    }
}

/// Whether a part describes the session: not what was said early, or is to be shown (RFC 3959).
fn is_description(headers: &Headers) -> bool {
    let is_sdp = headers.content_type().ok().flatten();
    let is_sdp = is_sdp.is_some_and(|kind| kind.is("application/sdp"));
    let disposition = headers.content_disposition().ok().flatten();
    is_sdp && disposition.is_none_or(|disposition| disposition.is("session"))
}

/// The parts between the boundaries, each with its own header fields.
fn parts<'a>(
    kind: &MediaType,
    body: &'a [u8],
) -> Option<impl Iterator<Item = (Headers, &'a [u8])>> {
    let boundary = kind.params.text("boundary")?;
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
        return None;
    }
    let delimiter = format!("--{boundary}").into_bytes();
    let mut rest = body;
    let mut cut = move || {
        let (before, after) = split_at_delimiter(rest, &delimiter)?;
        rest = after;
        Some(before)
    };
    // What stands before the first delimiter is for nobody, what follows the last is never cut off.
    let preamble = cut();
    let parts = std::iter::from_fn(cut).take(MAX_PARTS);
    preamble.map(|_| parts.filter_map(read_part))
}

/// What stands before the next line that begins with `delimiter`, without the line break that belongs to that
/// line, and what stands behind the delimiter.
fn split_at_delimiter<'a>(bytes: &'a [u8], delimiter: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = bytes.windows(delimiter.len()).enumerate();
    let at = found
        .filter(|(_, window)| *window == delimiter)
        .map(|(at, _)| at)
        .find(|at| *at == 0 || bytes.get(at.saturating_sub(1)) == Some(&b'\n'))?;
    let (before, rest) = bytes.split_at_checked(at)?;
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    let before = before.strip_suffix(b"\r").unwrap_or(before);
    Some((before, rest.get(delimiter.len()..)?))
}

/// The header fields and the body of a part that begins right behind its delimiter.
fn read_part(part: &[u8]) -> Option<(Headers, &[u8])> {
    let mut headers = Headers::new();
    let (_, mut rest) = split_line(part)?;
    loop {
        let (line, after) = split_line(rest)?;
        rest = after;
        if line.is_empty() {
            return Some((headers, rest));
        }
        let text = std::str::from_utf8(line).ok()?;
        if let Some((name, value)) = text.split_once(':') {
            headers.try_push(name.trim(), value.trim()).ok()?;
        }
    }
}

fn split_line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(kind: &str, body: &'a str) -> Option<&'a str> {
        let mut headers = Headers::new();
        headers.push("Content-Type", kind);
        let found = description(&headers, body.as_bytes());
        found.map(|sdp| std::str::from_utf8(sdp).unwrap())
    }

    #[test]
    fn the_part_that_describes_the_session_is_found_in_any_place_and_line_ending() {
        let body = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--b\r\n\
                    Content-Type: text/plain\r\n\r\n--bye\r\n--b--\r\n";
        assert_eq!(
            found("multipart/mixed;boundary=b", body),
            Some("v=0\r\ns=-\r\n")
        );
        let bare = body.replace("\r\n", "\n");
        assert_eq!(
            found("Multipart/Mixed; boundary=\"b\"", &bare),
            Some("v=0\ns=-\n")
        );
        let early = "--b\n\nplain\n--b\nContent-Type: application/sdp\n\
                     Content-Disposition: early-session\n\nv=1\n--b\nc:application/sdp\n\nv=0\n--b--";
        assert_eq!(found("multipart/mixed;boundary=b", early), Some("v=0"));
    }

    #[test]
    fn a_body_without_description_has_none() {
        let part = "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n";
        for (kind, body) in [
            ("multipart/mixed", part),
            ("multipart/mixed;boundary=c", part),
            ("multipart/mixed;boundary=b", part),
            ("multipart/mixed;boundary=b", "--b\r\n--b--\r\n"),
            ("multipart/mixed;boundary=b", "--b"),
            ("multipart/mixed;boundary=b", ""),
            ("text/plain", "v=0\r\n"),
        ] {
            assert_eq!(found(kind, body), None, "{kind} {body}");
        }
        assert_eq!(description(&Headers::new(), b"v=0"), Some(&b"v=0"[..]));
    }
}
