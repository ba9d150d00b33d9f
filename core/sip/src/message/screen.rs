//! Whether an element may act on a message, or how it answers instead (RFC 3261 §8.2, §18.1.2, RFC 4475).

use super::{
    Header, HeaderError, HeaderFault, Headers, Message, Method, Request, Response, StatusCode,
    SyntaxError, Uri, name, wire,
};

/// What an element can do, as far as a message shows whether it is enough.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities<'a> {
    /// The methods it serves, for Allow. ACK and CANCEL are always among them.
    pub methods: &'a [Method],
    /// The option tags it knows (RFC 3261 §8.2.2.3).
    pub extensions: &'a [&'a str],
    /// The URI schemes it can be asked for, in lower case.
    pub schemes: &'a [&'a str],
    /// The bodies it reads, such as `application/sdp`, for Accept.
    pub bodies: &'a [&'a str],
}

/// What to do with a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Act on it.
    Accept,
    /// Send this and forget the request. To has a tag that repeats for a retransmission. Where the request's
    /// Via cannot be read, the answer goes back to where the request came from.
    Answer(Box<Response>),
    /// Forget it.
    Drop(DropReason),
}

/// Why a message is forgotten without a word.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// A request that nobody could be answered about.
    #[error("the request has no Via")]
    NoVia,
    /// An ACK, which is never answered (RFC 3261 §17).
    #[error("an ACK that would be answered {0} if it could be")]
    Ack(StatusCode),
    /// A response for several hops came to a user agent (RFC 3261 §8.1.3.3).
    #[error("the response has more than one Via")]
    SeveralVias,
    /// A response whose header fields cannot be read.
    #[error("the response cannot be read: {0}")]
    Response(#[from] HeaderError),
}

/// What to do with a message that came in. `may` is what this element can do.
///
/// It looks at what every request shows: version, method, the mandatory fields, URI scheme, extensions and
/// body. Whether the request makes sense in its dialog, and who may send it, is for others to say.
pub fn screen(message: &Message, may: &Capabilities<'_>) -> Verdict {
    match message {
        Message::Request(request) => screen_request(request, may),
        Message::Response(response) => screen_response(response),
    }
}

/// [`screen`] for a request.
pub fn screen_request(request: &Request, may: &Capabilities<'_>) -> Verdict {
    if !request.headers.contains(name::VIA) {
        return Verdict::Drop(DropReason::NoVia);
    }
    match refusal(request, may) {
        None => Verdict::Accept,
        Some(refusal) if request.method == Method::ACK => {
            Verdict::Drop(DropReason::Ack(refusal.status))
        }
        Some(refusal) => {
            let response = Response::answer(request, refusal.status).with_stateless_to_tag();
            let mut response = match refusal.header {
                Some(error) => {
                    let phrase = refusal.status.default_reason();
                    response.with_reason(&format!("{phrase} - {error}"))
                }
                None => response,
            };
            response.headers.extend(refusal.fields);
            Verdict::Answer(Box::new(response))
        }
    }
}

/// [`screen`] for a response, at the user agent that sent the request.
pub fn screen_response(response: &Response) -> Verdict {
    match readable_response(&response.headers) {
        Ok(1) => Verdict::Accept,
        Ok(_) => Verdict::Drop(DropReason::SeveralVias),
        Err(error) => Verdict::Drop(error.into()),
    }
}

struct Refusal {
    status: StatusCode,
    /// What the phrase names.
    header: Option<HeaderError>,
    /// What the status asks for: Allow, Unsupported, Accept.
    fields: Vec<Header>,
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self {
            status,
            header: None,
            fields: Vec::new(),
        }
    }
}

impl From<HeaderError> for Refusal {
    fn from(error: HeaderError) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            header: Some(error),
            fields: Vec::new(),
        }
    }
}

impl Refusal {
    fn with(status: StatusCode, name: &'static str, values: &[&str]) -> Self {
        let fields = vec![Header::new(name, values.join(", "))];
        Self {
            status,
            header: None,
            fields,
        }
    }
}

/// The first thing wrong, in the order of RFC 3261 §8.2.
fn refusal(request: &Request, may: &Capabilities<'_>) -> Option<Refusal> {
    let checks = [
        check_method,
        check_fields,
        check_target,
        check_extensions,
        check_body,
    ];
    checks.iter().find_map(|check| check(request, may).err())
}

fn check_method(request: &Request, may: &Capabilities<'_>) -> Result<(), Refusal> {
    if !request.version().eq_ignore_ascii_case(wire::VERSION) {
        return Err(StatusCode::VERSION_NOT_SUPPORTED.into());
    }
    let method = &request.method;
    if *method == Method::ACK || *method == Method::CANCEL || may.methods.contains(method) {
        return Ok(());
    }
    // RFC 3261 §8.2.1 knows 405 for what is recognised and not served, §21.5.2 501 for the unrecognised.
    let status = match method.is_known() {
        true => StatusCode::METHOD_NOT_ALLOWED,
        false => StatusCode::NOT_IMPLEMENTED,
    };
    let methods: Vec<&str> = may.methods.iter().map(Method::as_str).collect();
    Err(Refusal::with(status, name::ALLOW, &methods))
}

/// Whatever anybody will want to read later can be read (RFC 3261 §8.1.1, §7.3.1).
fn check_fields(request: &Request, _: &Capabilities<'_>) -> Result<(), Refusal> {
    let headers = &request.headers;
    headers.vias()?;
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    if headers.cseq()?.method != request.method {
        let fault = HeaderFault::Syntax(SyntaxError::MethodMismatch);
        return Err(HeaderError {
            name: name::CSEQ,
            fault,
        }
        .into());
    }
    headers.max_forwards()?;
    headers.contacts()?;
    headers.routes()?;
    headers.record_routes()?;
    headers.content_type()?;
    Ok(())
}

fn check_target(request: &Request, may: &Capabilities<'_>) -> Result<(), Refusal> {
    if !may.schemes.contains(&request.uri.scheme()) {
        return Err(StatusCode::UNSUPPORTED_URI_SCHEME.into());
    }
    match &request.uri {
        // Header fields are for making a request, not for its Request-URI (§19.1.1, RFC 4475 §3.1.2.11).
        Uri::Sip(uri) if uri.headers().next().is_some() => Err(StatusCode::BAD_REQUEST.into()),
        Uri::Sip(_) | Uri::Tel(_) | Uri::Other(_) => Ok(()),
    }
}

/// RFC 3261 §8.2.2.3. What is for proxies to know is none of ours.
fn check_extensions(request: &Request, may: &Capabilities<'_>) -> Result<(), Refusal> {
    if request.method == Method::ACK || request.method == Method::CANCEL {
        return Ok(());
    }
    let required = request.headers.require()?;
    let known = |tag: &&str| {
        may.extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(tag))
    };
    let unknown: Vec<&str> = required
        .iter()
        .map(String::as_str)
        .filter(|t| !known(t))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(Refusal::with(
        StatusCode::BAD_EXTENSION,
        name::UNSUPPORTED,
        &unknown,
    ))
}

/// RFC 3261 §8.2.3, and §21.4.7 for an answer the caller could not read.
fn check_body(request: &Request, may: &Capabilities<'_>) -> Result<(), Refusal> {
    if request.method == Method::ACK || request.method == Method::CANCEL {
        return Ok(());
    }
    let headers = &request.headers;
    let disposition = headers.content_disposition()?;
    let handling = disposition
        .as_ref()
        .and_then(|value| value.params.get("handling"));
    let optional = handling.is_some_and(|handling| handling.eq_ignore_ascii_case("optional"));
    if !request.body.is_empty() && !optional {
        let readable = headers
            .content_type()?
            .is_none_or(|content| may.bodies.iter().any(|body| content.is(body)));
        if !readable {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::with(status, name::ACCEPT, may.bodies));
        }
        if !headers.content_encodings()?.is_empty() {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(Refusal::with(status, "Accept-Encoding", &["identity"]));
        }
    }
    let negotiates = request.method == Method::INVITE || request.method == Method::UPDATE;
    if negotiates && let Some(accepted) = headers.accept()? {
        let useful = |body: &&str| accepted.iter().any(|accepted| accepted.covers(body));
        if !accepted.is_empty() && !may.bodies.iter().any(useful) {
            return Err(Refusal::with(
                StatusCode::NOT_ACCEPTABLE,
                name::ACCEPT,
                may.bodies,
            ));
        }
    }
    Ok(())
}

/// How many hops a response still has to go, ours included.
fn readable_response(headers: &Headers) -> Result<usize, HeaderError> {
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    headers.cseq()?;
    Ok(headers.vias()?.len())
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
