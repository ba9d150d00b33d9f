//! The client side: which challenge to answer, with which nonce and count, and when to give up.

use std::collections::BTreeMap;

use tandem_types::{Entropy, Pii};

use super::params::Params;
use super::{Challenge, Credentials, DigestError, DigestRequest, Proof};

/// Realms remembered per account; the one longest unused goes first.
const MAX_REALMS: usize = 8;
/// How often one realm may call a fresh nonce stale within one request.
const MAX_STALE: u8 = 2;
/// How many challenged responses one request survives: several proxies, a server, and a stale nonce each.
const MAX_ROUNDS: u8 = 8;
/// Bytes of randomness in a client nonce.
const CNONCE_BYTES: usize = 16;

/// Who challenged: each has its own headers, and the same realm of both is two spaces (RFC 3261 §22).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Challenger {
    /// A proxy on the way: 407.
    Proxy,
    /// The server or user agent itself: 401.
    Server,
}

impl Challenger {
    /// Who speaks through a response of that status; `None` if it is no challenge.
    pub const fn of_status(status: u16) -> Option<Self> {
        match status {
            401 => Some(Self::Server),
            407 => Some(Self::Proxy),
            _ => None,
        }
    }

    /// The header that holds the challenge.
    pub const fn challenge_header(self) -> &'static str {
        match self {
            Self::Proxy => "Proxy-Authenticate",
            Self::Server => "WWW-Authenticate",
        }
    }

    /// The header that holds the proof.
    pub const fn proof_header(self) -> &'static str {
        match self {
            Self::Proxy => "Proxy-Authorization",
            Self::Server => "Authorization",
        }
    }

    /// The header in which the other side proves itself in turn (RFC 7616 §3.5).
    pub const fn info_header(self) -> &'static str {
        match self {
            Self::Proxy => "Proxy-Authentication-Info",
            Self::Server => "Authentication-Info",
        }
    }
}

/// One header to put into a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthHeader {
    /// `Authorization` or `Proxy-Authorization`.
    pub name: &'static str,
    /// Its value, on one line.
    pub value: Pii<String>,
}

/// What happened so far to one request as the app sees it, over all its retries.
///
/// A new request starts with a new chain. An ACK or CANCEL needs none: it repeats the headers of its INVITE
/// (RFC 3261 §22.1).
#[derive(Clone, Debug, Default)]
pub struct AuthChain {
    rounds: u8,
    /// In the order in which the realms first asked.
    links: Vec<Link>,
}

#[derive(Clone, Debug)]
struct Link {
    challenger: Challenger,
    realm: Pii<String>,
    /// The proof that went out last, once the headers were built.
    proof: Option<Proof>,
    /// Whether that proof used a nonce from before this request.
    from_cache: bool,
    stale: u8,
}

/// The client side of Digest for one account.
///
/// It remembers the nonce of each realm, so that most requests are never challenged.
#[derive(Debug)]
pub struct Authenticator {
    credentials: Credentials,
    spaces: BTreeMap<(Challenger, Pii<String>), Space>,
    /// Counts uses, to know which space is the oldest.
    clock: u64,
}

#[derive(Clone, Debug)]
struct Space {
    challenge: Challenge,
    nonce_count: u32,
    /// Kept only for `-sess`, whose key is made of the first client nonce (RFC 7616 §3.4.2).
    session_cnonce: Option<String>,
    last_used: u64,
}

impl Authenticator {
    /// An authenticator that knows no server yet.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            spaces: BTreeMap::new(),
            clock: 0,
        }
    }

    /// The headers for a request that nobody challenged yet: one for each remembered realm; none if there
    /// is none, or if a value cannot be written.
    pub fn preemptive(
        &mut self,
        chain: &mut AuthChain,
        request: &DigestRequest<'_>,
        entropy: &mut dyn Entropy,
    ) -> Vec<AuthHeader> {
        for (challenger, realm) in self.spaces.keys() {
            if chain.position(*challenger, realm).is_none() {
                chain
                    .links
                    .push(Link::new(*challenger, realm.clone(), true));
            }
        }
        self.headers(chain, request, entropy).unwrap_or_default()
    }

    /// Answers the challenges of one 401 or 407.
    ///
    /// The result is *all* headers the retried request carries: they replace every `Authorization` and
    /// `Proxy-Authorization` of the request before, and include the proofs for servers further up the path
    /// that were satisfied already.
    ///
    /// Of several challenges for one realm the strongest is answered, SHA-256 and SHA-512-256 counting the
    /// same, and the topmost of equals (RFC 8760 §2.4).
    pub fn answer(
        &mut self,
        chain: &mut AuthChain,
        challenger: Challenger,
        challenges: &[Challenge],
        request: &DigestRequest<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<AuthHeader>, DigestError> {
        chain.rounds = chain.rounds.saturating_add(1);
        if chain.rounds > MAX_ROUNDS {
            return Err(DigestError::TooManyRounds);
        }
        if challenges.is_empty() {
            return Err(DigestError::NoUsableChallenge);
        }
        let best = best_by_realm(challenges);
        let mut served = false;
        for challenge in best.into_iter().take(MAX_REALMS) {
            if !self.credentials.serve(challenge.realm.reveal()) {
                continue;
            }
            if let Err(error) = chain.admit(challenger, challenge) {
                self.spaces.remove(&(challenger, challenge.realm.clone()));
                return Err(error);
            }
            self.remember(challenger, challenge);
            served = true;
        }
        if !served {
            return Err(DigestError::ForeignRealm);
        }
        self.headers(chain, request, entropy)
    }

    /// Takes the `Authentication-Info` (or `Proxy-Authentication-Info`) of a response to a request of
    /// `chain`: checks `rspauth` where there is one and keeps `nextnonce`. `body` is the response's.
    pub fn handle_info(
        &mut self,
        chain: &AuthChain,
        challenger: Challenger,
        value: &str,
        body: &[u8],
    ) -> Result<(), DigestError> {
        let params = Params::parse(value)?;
        let cnonce = params.get("cnonce");
        let link = chain.links.iter().find(|link| {
            let proof = link.proof.as_ref();
            link.challenger == challenger
                && proof.is_some_and(|p| cnonce.is_none() || p.cnonce.as_deref() == cnonce)
        });
        let Some((link, proof)) = link.and_then(|l| l.proof.as_ref().map(|proof| (l, proof)))
        else {
            return Err(DigestError::ServerNotProven);
        };
        if let Some(said) = params.get("rspauth") {
            let (name, word) = (self.credentials.username(), self.credentials.password());
            let expected = proof.expected_rspauth(name, word, body);
            if !said.eq_ignore_ascii_case(&expected) {
                return Err(DigestError::ServerNotProven);
            }
        }
        if let Some(next) = params.get("nextnonce").filter(|next| !next.is_empty()) {
            self.replace_nonce(&(challenger, link.realm.clone()), next);
        }
        Ok(())
    }

    /// Forgets every nonce, as after a change of network or server.
    pub fn forget(&mut self) {
        self.spaces.clear();
    }

    fn replace_nonce(&mut self, key: &(Challenger, Pii<String>), next: &str) {
        match self.spaces.get_mut(key) {
            // Servers disagree on whether the session key outlives its nonce: ask for a new challenge.
            Some(space) if space.session_cnonce.is_some() => drop(self.spaces.remove(key)),
            Some(space) => {
                next.clone_into(&mut space.challenge.nonce);
                space.nonce_count = 0;
            }
            None => {}
        }
    }

    fn remember(&mut self, challenger: Challenger, challenge: &Challenge) {
        let key = (challenger, challenge.realm.clone());
        self.clock = self.clock.saturating_add(1);
        // The same nonce again, as when two requests were challenged at once: its count goes on.
        let kept = self.spaces.remove(&key).filter(|space| {
            space.challenge.nonce == challenge.nonce
                && space.challenge.algorithm == challenge.algorithm
        });
        let (nonce_count, session_cnonce) =
            kept.map_or((0, None), |space| (space.nonce_count, space.session_cnonce));
        if self.spaces.len() >= MAX_REALMS {
            let oldest = self.spaces.iter().min_by_key(|(_, space)| space.last_used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.spaces.remove(&oldest);
            }
        }
        let challenge = challenge.clone();
        let last_used = self.clock;
        self.spaces.insert(
            key,
            Space {
                challenge,
                nonce_count,
                session_cnonce,
                last_used,
            },
        );
    }

    /// The proofs of every realm in the chain, each with the next count of its nonce.
    fn headers(
        &mut self,
        chain: &mut AuthChain,
        request: &DigestRequest<'_>,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<AuthHeader>, DigestError> {
        if [request.method, request.uri]
            .iter()
            .any(|text| text.chars().any(char::is_control))
        {
            return Err(DigestError::UnsafeValue);
        }
        let mut headers = Vec::new();
        for link in &mut chain.links {
            let key = (link.challenger, link.realm.clone());
            let Some(space) = self.spaces.get_mut(&key) else {
                continue;
            };
            let Some(nonce_count) = space.nonce_count.checked_add(1) else {
                self.spaces.remove(&key);
                continue;
            };
            self.clock = self.clock.saturating_add(1);
            space.last_used = self.clock;
            space.nonce_count = nonce_count;
            let fresh = entropy.hex(CNONCE_BYTES);
            let cnonce = match space.challenge.effective_algorithm().session {
                true => space.session_cnonce.get_or_insert(fresh).clone(),
                false => fresh,
            };
            let proof = Proof::compute(
                &space.challenge,
                &self.credentials,
                request,
                &cnonce,
                nonce_count,
            );
            let value = Pii::new(proof.to_header()?);
            headers.push(AuthHeader {
                name: link.challenger.proof_header(),
                value,
            });
            link.proof = Some(proof);
        }
        Ok(headers)
    }
}

impl AuthChain {
    fn position(&self, challenger: Challenger, realm: &Pii<String>) -> Option<usize> {
        self.links
            .iter()
            .position(|link| link.challenger == challenger && link.realm == *realm)
    }

    /// Whether `challenge` may be answered within this chain, and remembers that it will be.
    fn admit(&mut self, challenger: Challenger, challenge: &Challenge) -> Result<(), DigestError> {
        let realm = &challenge.realm;
        let known = self.position(challenger, realm);
        let Some(link) = known.and_then(|position| self.links.get_mut(position)) else {
            self.links.push(Link::new(challenger, realm.clone(), false));
            return Ok(());
        };
        if link.from_cache || link.proof.is_none() {
            // A remembered nonce that no longer works says nothing of the password, and not every server
            // says `stale` then.
            link.from_cache = false;
            return Ok(());
        }
        if !challenge.stale {
            return Err(DigestError::Rejected {
                realm: challenge.realm.clone(),
            });
        }
        link.stale = link.stale.saturating_add(1);
        if link.stale > MAX_STALE {
            return Err(DigestError::StaleLoop);
        }
        Ok(())
    }
}

impl Link {
    const fn new(challenger: Challenger, realm: Pii<String>, from_cache: bool) -> Self {
        Self {
            challenger,
            realm,
            proof: None,
            from_cache,
            stale: 0,
        }
    }
}

/// The challenge to answer for each realm, in the order of the realms' first appearance.
fn best_by_realm(challenges: &[Challenge]) -> Vec<&Challenge> {
    let mut best: Vec<&Challenge> = Vec::new();
    for challenge in challenges {
        match best.iter_mut().find(|known| known.realm == challenge.realm) {
            None => best.push(challenge),
            Some(known) => {
                let strength = |c: &Challenge| c.effective_algorithm().hash.strength();
                if strength(challenge) > strength(known) {
                    *known = challenge;
                }
            }
        }
    }
    best
}
