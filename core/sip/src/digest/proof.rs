//! What a client answers (`Authorization`, `Proxy-Authorization`; RFC 7616 §3.4) and how it is computed.

use tandem_types::Pii;

use super::algorithm::Algorithm;
use super::params::{Params, Writer, parse_schemes};
use super::{Challenge, Credentials, DigestError};

/// The request that a proof is for.
#[derive(Clone, Copy, Debug)]
pub struct DigestRequest<'a> {
    /// Its method, as on the wire.
    pub method: &'a str,
    /// Its Request-URI, as on the wire.
    pub uri: &'a str,
    /// Its body; hashed for `auth-int`.
    pub body: &'a [u8],
}

/// What a proof protects (RFC 7616 §3.3 `qop`).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Qop {
    /// Method and URI.
    Auth,
    /// Method, URI and body.
    AuthInt,
}

impl Qop {
    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }
}

/// The parameters of one `Authorization` or `Proxy-Authorization`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// The user's name, or its hash.
    pub username: Pii<String>,
    /// Whether `username` is a hash (RFC 7616 §3.4.4).
    pub userhash: bool,
    /// The realm of the challenge.
    pub realm: Pii<String>,
    /// The nonce of the challenge.
    pub nonce: String,
    /// The Request-URI.
    pub uri: Pii<String>,
    /// The hash that proves the password, in lower-case hex. Whoever has it can try passwords in peace, so
    /// it is never logged.
    pub response: Pii<String>,
    /// As in the challenge.
    pub algorithm: Option<Algorithm>,
    /// As in the challenge.
    pub opaque: Option<String>,
    /// The client's nonce; `-sess` needs it even without `qop`.
    pub cnonce: Option<String>,
    /// What is protected, and how often this nonce was used, this time included.
    pub qop: Option<(Qop, u32)>,
}

impl Proof {
    /// The proof of `credentials` for `request`, with the given client nonce and count.
    pub fn compute(
        challenge: &Challenge,
        credentials: &Credentials,
        request: &DigestRequest<'_>,
        cnonce: &str,
        nonce_count: u32,
    ) -> Self {
        let algorithm = challenge.effective_algorithm();
        let realm = challenge.realm.reveal();
        let qop = challenge.qop.choose();
        let mut proof = Self {
            username: Pii::new(match challenge.userhash {
                true => user_hash(algorithm, credentials.username(), realm),
                false => credentials.username().to_owned(),
            }),
            userhash: challenge.userhash,
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: Pii::new(request.uri.to_owned()),
            response: Pii::default(),
            algorithm: challenge.algorithm,
            opaque: challenge.opaque.clone(),
            cnonce: (qop.is_some() || algorithm.session).then(|| cnonce.to_owned()),
            qop: qop.map(|qop| (qop, nonce_count)),
        };
        let (name, word) = (credentials.username(), credentials.password());
        proof.response = Pii::new(proof.expected(name, word, request.method, request.body));
        proof
    }

    /// The response these parameters must have if the user `username` has that password.
    pub(super) fn expected(
        &self,
        username: &str,
        password: &str,
        method: &str,
        body: &[u8],
    ) -> String {
        self.digest(username, password, method.as_bytes(), body)
    }

    /// The `rspauth` a server must send (RFC 7616 §3.5): as the response, without a method.
    pub(super) fn expected_rspauth(&self, username: &str, password: &str, body: &[u8]) -> String {
        self.digest(username, password, b"", body)
    }

    /// Reads a header value.
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let schemes = parse_schemes(text)?;
        let [scheme] = schemes.as_slice() else {
            return Err(DigestError::Malformed("not exactly one proof"));
        };
        if !scheme.scheme.eq_ignore_ascii_case("Digest") {
            return Err(DigestError::UnsupportedScheme);
        }
        let params = &scheme.params;
        let text = |name| params.get(name).map(str::to_owned);
        let must = |name, missing| text(name).ok_or(DigestError::Malformed(missing));
        let algorithm = match params.get("algorithm") {
            None => None,
            Some(name) => Some(Algorithm::from_name(name).ok_or(DigestError::NoUsableChallenge)?),
        };
        Ok(Self {
            username: Pii::new(must("username", "no username")?),
            userhash: params
                .get("userhash")
                .is_some_and(|v| v.eq_ignore_ascii_case("true")),
            realm: Pii::new(must("realm", "no realm")?),
            nonce: must("nonce", "no nonce")?,
            uri: Pii::new(must("uri", "no uri")?),
            response: Pii::new(must("response", "no response")?.to_ascii_lowercase()),
            algorithm,
            opaque: text("opaque"),
            cnonce: text("cnonce"),
            qop: parse_qop(params)?,
        })
    }

    /// The header's value.
    pub fn to_header(&self) -> Result<String, DigestError> {
        let mut writer = Writer::new("Digest");
        writer
            .quoted("username", self.username.reveal())?
            .quoted("realm", self.realm.reveal())?
            .quoted("nonce", &self.nonce)?
            .quoted("uri", self.uri.reveal())?
            .quoted("response", self.response.reveal())?;
        if let Some(algorithm) = self.algorithm {
            writer.token("algorithm", algorithm);
        }
        if let Some(cnonce) = &self.cnonce {
            writer.quoted("cnonce", cnonce)?;
        }
        if let Some(opaque) = &self.opaque {
            writer.quoted("opaque", opaque)?;
        }
        if let Some((qop, count)) = self.qop {
            writer
                .token("qop", qop)
                .token("nc", format_args!("{count:08x}"));
        }
        if self.userhash {
            writer.token("userhash", "true");
        }
        Ok(writer.finish())
    }

    fn digest(&self, username: &str, password: &str, method: &[u8], body: &[u8]) -> String {
        let algorithm = self.algorithm.unwrap_or(Algorithm::MD5);
        let hash = algorithm.hash;
        let nonce = self.nonce.as_bytes();
        let cnonce = self.cnonce.as_deref().unwrap_or_default().as_bytes();
        let uri = self.uri.reveal().as_bytes();

        let mut key = hash.hex(&[
            username.as_bytes(),
            self.realm.reveal().as_bytes(),
            password.as_bytes(),
        ]);
        if algorithm.session {
            key = hash.hex(&[key.as_bytes(), nonce, cnonce]);
        }
        let key = key.as_bytes();
        let subject = match self.qop {
            Some((Qop::AuthInt, _)) => hash.hex(&[method, uri, hash.hex(&[body]).as_bytes()]),
            Some((Qop::Auth, _)) | None => hash.hex(&[method, uri]),
        };
        let subject = subject.as_bytes();
        match self.qop {
            Some((qop, count)) => {
                let count = format!("{count:08x}");
                hash.hex(&[
                    key,
                    nonce,
                    count.as_bytes(),
                    cnonce,
                    qop.name().as_bytes(),
                    subject,
                ])
            }
            None => hash.hex(&[key, nonce, subject]),
        }
    }
}

/// The hash that stands for a user's name (RFC 7616 §3.4.4).
pub(super) fn user_hash(algorithm: Algorithm, username: &str, realm: &str) -> String {
    algorithm.hash.hex(&[username.as_bytes(), realm.as_bytes()])
}

fn parse_qop(params: &Params) -> Result<Option<(Qop, u32)>, DigestError> {
    let qop = match params.get("qop") {
        None => return Ok(None),
        Some(name) if name.eq_ignore_ascii_case("auth") => Qop::Auth,
        Some(name) if name.eq_ignore_ascii_case("auth-int") => Qop::AuthInt,
        Some(_) => return Err(DigestError::Malformed("unknown qop")),
    };
    if params.get("cnonce").is_none() {
        return Err(DigestError::Malformed("qop without cnonce"));
    }
    let count = params
        .get("nc")
        .ok_or(DigestError::Malformed("qop without nc"))?;
    let is_count = count.len() == 8 && count.bytes().all(|b| b.is_ascii_hexdigit());
    match (is_count, u32::from_str_radix(count, 16)) {
        (true, Ok(count)) => Ok(Some((qop, count))),
        (_, _) => Err(DigestError::Malformed("nc is not eight hex digits")),
    }
}
