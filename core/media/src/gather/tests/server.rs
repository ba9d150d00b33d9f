//! A small STUN and TURN server for the tests: RFC 8656 as far as a client can tell, with faults on request.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc_crypto::RTCCryptoProvider;
use rtc_crypto::providers::RingProvider;
use rtc_crypto::{HashAlgorithm, HmacAlgorithm};
use rtc_stun::attributes::*;
use rtc_stun::error_code::ErrorCode;
use rtc_stun::error_code::ErrorCodeAttribute;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::*;
use rtc_stun::xoraddr::XorMappedAddress;

pub(super) const REALM: &str = "turn.test";
pub(super) const USER: &str = "alice";
pub(super) const PASSWORD: &str = "secret-alice";

/// What the server is to do wrong, or differently.
#[derive(Clone, Debug, Default)]
pub(super) struct Ways {
    /// It takes everything and answers nothing.
    pub(super) silent: bool,
    /// It answers everything with these bytes.
    pub(super) garbage: Option<Vec<u8>>,
    /// 300 to every allocation (or Binding), with the name if there is one.
    pub(super) alternate: Option<(SocketAddr, Option<&'static str>)>,
    /// It allocates for everybody.
    pub(super) open: bool,
    /// A nonce is stale after this.
    pub(super) nonce_life: Option<Duration>,
    /// The next answers to these methods are these errors.
    pub(super) errors: Vec<(Method, u16)>,
    /// Errors carry no MESSAGE-INTEGRITY.
    pub(super) signs_no_errors: bool,
    /// Success answers are signed with another key.
    pub(super) wrong_signature: bool,
    /// Peers it does not relay to.
    pub(super) forbidden: BTreeSet<IpAddr>,
    pub(super) no_ipv4: bool,
    pub(super) no_ipv6: bool,
    /// Security features of RFC 8489.
    pub(super) modern: bool,
    /// It announces features and leaves PASSWORD-ALGORITHMS out, as somebody on the way may.
    pub(super) stripped: bool,
    /// Lifetime granted, at most.
    pub(super) lifetime: Option<u32>,
    /// It says 400 where RFC 8656 has 437, as coturn does to permissions and channels.
    pub(super) vague: bool,
    /// Only MAPPED-ADDRESS, as RFC 3489 had it.
    pub(super) classic: bool,
}

#[derive(Debug)]
pub(super) struct Allocation {
    pub(super) relayed: Vec<SocketAddr>,
    pub(super) until: Instant,
    pub(super) permissions: BTreeMap<IpAddr, Instant>,
    pub(super) channels: BTreeMap<u16, (SocketAddr, Instant)>,
    tid: TransactionId,
}

/// What the server sends.
#[derive(Debug)]
pub(super) enum Out {
    Client(SocketAddr, Vec<u8>),
    Peer {
        relayed: SocketAddr,
        peer: SocketAddr,
        bytes: Vec<u8>,
    },
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) ways: Ways,
    pub(super) allocations: BTreeMap<SocketAddr, Allocation>,
    /// What was done, one line each.
    pub(super) log: Vec<String>,
    nonce: (u32, Option<Instant>),
    next_port: u16,
    crypto: RingProvider,
}

impl Server {
    pub(super) fn new(address: SocketAddr, ways: Ways) -> Self {
        Self {
            address,
            ways,
            allocations: BTreeMap::new(),
            log: Vec::new(),
            nonce: (1, None),
            next_port: 49_152,
            crypto: RingProvider::new(),
        }
    }

    pub(super) fn count(&self, what: &str) -> usize {
        self.log
            .iter()
            .filter(|line| line.starts_with(what))
            .count()
    }

    /// From a client (its address as seen here; for streams any address that stands for it).
    pub(super) fn handle(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) -> Vec<Out> {
        self.allocations.retain(|_, a| a.until > now);
        if self.ways.silent {
            return Vec::new();
        }
        if let Some(garbage) = &self.ways.garbage {
            return vec![Out::Client(client, garbage.clone())];
        }
        if bytes[0] >> 6 == 1 {
            return self.channel_data(now, client, bytes);
        }
        let mut request = Message::new();
        request
            .unmarshal_binary(bytes)
            .expect("the client sends STUN");
        assert_eq!(
            bytes.len(),
            20 + request.length as usize,
            "in whole messages"
        );
        if request.typ.class == CLASS_INDICATION {
            return self.indication(now, client, &request);
        }
        let Some(answer) = self.answer(now, client, &mut request) else {
            return Vec::new();
        };
        vec![Out::Client(client, answer)]
    }

    /// From a peer, to a relayed address: what the client gets.
    pub(super) fn handle_peer(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        relayed: SocketAddr,
        bytes: &[u8],
    ) -> Option<Out> {
        let mut all = self.allocations.iter();
        let (client, allocation) = all.find(|(_, a)| a.relayed.contains(&relayed))?;
        if allocation
            .permissions
            .get(&peer.ip())
            .is_none_or(|until| *until <= now)
        {
            self.log.push(format!("drop from {peer}"));
            return None;
        }
        let mut channels = allocation.channels.iter();
        let channel = channels.find(|(_, (to, until))| *to == peer && *until > now);
        let message = match channel {
            Some((number, _)) => {
                let mut message = number.to_be_bytes().to_vec();
                message.extend((bytes.len() as u16).to_be_bytes());
                message.extend(bytes);
                // As a stream needs it; a datagram may have it.
                message.resize(message.len().next_multiple_of(4), 0);
                message
            }
            None => {
                let mut message = typed(METHOD_DATA, CLASS_INDICATION, TransactionId([9; 12]));
                xor(peer)
                    .add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS)
                    .expect("fits");
                message.add(ATTR_DATA, bytes);
                message.raw
            }
        };
        Some(Out::Client(*client, message))
    }

    fn channel_data(&mut self, now: Instant, client: SocketAddr, bytes: &[u8]) -> Vec<Out> {
        let number = u16::from_be_bytes([bytes[0], bytes[1]]);
        let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
        let Some(allocation) = self.allocations.get(&client) else {
            return Vec::new();
        };
        let bound = allocation
            .channels
            .get(&number)
            .filter(|(_, until)| *until > now);
        let Some((peer, _)) = bound.copied() else {
            self.log.push(format!("drop channel {number:#x}"));
            return Vec::new();
        };
        self.relay(now, client, peer, &bytes[4..4 + length], "channel")
    }

    fn indication(&mut self, now: Instant, client: SocketAddr, message: &Message) -> Vec<Out> {
        if message.typ.method != METHOD_SEND {
            self.log.push("keep-alive".to_owned());
            return Vec::new();
        }
        let peer = read_xor(message, ATTR_XOR_PEER_ADDRESS);
        let data = message.get(ATTR_DATA).expect("data");
        self.relay(now, client, peer, &data, "send")
    }

    fn relay(
        &mut self,
        now: Instant,
        client: SocketAddr,
        peer: SocketAddr,
        bytes: &[u8],
        how: &str,
    ) -> Vec<Out> {
        let Some(allocation) = self.allocations.get(&client) else {
            return Vec::new();
        };
        let permission = allocation.permissions.get(&peer.ip());
        if permission.is_none_or(|until| *until <= now) {
            self.log.push(format!("drop to {peer}"));
            return Vec::new();
        }
        let mut relayed = allocation.relayed.iter();
        let relayed = *relayed
            .find(|r| r.is_ipv4() == peer.is_ipv4())
            .expect("a family");
        self.log.push(format!("{how} to {peer}"));
        let bytes = bytes.to_vec();
        vec![Out::Peer {
            relayed,
            peer,
            bytes,
        }]
    }

    fn answer(&mut self, now: Instant, client: SocketAddr, m: &mut Message) -> Option<Vec<u8>> {
        let method = m.typ.method;
        if let Some((alternate, name)) = self.ways.alternate
            && [METHOD_ALLOCATE, METHOD_BINDING].contains(&method)
        {
            self.log.push("redirect".to_owned());
            let mut answer = self.error(m, 300, false);
            let mut value = vec![0, if alternate.is_ipv4() { 1 } else { 2 }];
            value.extend(alternate.port().to_be_bytes());
            match alternate.ip() {
                IpAddr::V4(ip) => value.extend(ip.octets()),
                IpAddr::V6(ip) => value.extend(ip.octets()),
            }
            answer.add(ATTR_ALTERNATE_SERVER, &value);
            if let Some(name) = name {
                answer.add(ATTR_ALTERNATE_DOMAIN, name.as_bytes());
            }
            return Some(answer.raw);
        }
        if method == METHOD_BINDING {
            self.log.push("binding".to_owned());
            if let Some(code) = self.planned_error(method) {
                return Some(self.error(m, code, false).raw);
            }
            let mut answer = typed(method, CLASS_SUCCESS_RESPONSE, m.transaction_id);
            self.add_mapped(&mut answer, client);
            return Some(answer.raw);
        }
        if !self.ways.open
            && let Err(code) = self.authenticate(now, m)
        {
            self.log.push(format!("{code} to {method}"));
            let mut answer = self.error(m, code, false);
            answer.add(ATTR_REALM, REALM.as_bytes());
            answer.add(ATTR_NONCE, self.nonce(now).as_bytes());
            if self.ways.modern && !self.ways.stripped {
                // An unknown one first, with parameters; then MD5 and SHA-256.
                let offered = [0, 9, 0, 2, 7, 7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0];
                answer.add(ATTR_PASSWORD_ALGORITHMS, &offered);
            }
            return Some(answer.raw);
        }
        if let Some(code) = self.planned_error(method) {
            self.log.push(format!("{code} to {method}"));
            return Some(self.error(m, code, true).raw);
        }
        let done = match method {
            METHOD_ALLOCATE => self.allocate(now, client, m),
            METHOD_REFRESH => self.refresh(now, client, m),
            METHOD_CREATE_PERMISSION => self.permit(now, client, m),
            METHOD_CHANNEL_BIND => self.bind(now, client, m),
            other => panic!("{other}"),
        };
        Some(match done {
            Ok(mut answer) => {
                self.sign(&mut answer, self.ways.wrong_signature);
                answer.raw
            }
            Err(code) => {
                self.log.push(format!("{code} to {method}"));
                self.error(m, code, true).raw
            }
        })
    }

    fn planned_error(&mut self, method: Method) -> Option<u16> {
        let at = self.ways.errors.iter().position(|(of, _)| *of == method)?;
        Some(self.ways.errors.remove(at).1)
    }

    fn allocate(&mut self, now: Instant, client: SocketAddr, m: &Message) -> Result<Message, u16> {
        assert_eq!(
            m.get(ATTR_REQUESTED_TRANSPORT).expect("a transport"),
            [17, 0, 0, 0]
        );
        if let Some(old) = self.allocations.get(&client)
            && old.tid != m.transaction_id
        {
            return Err(437);
        }
        let additional = m.get(AttrType(0x8000)).is_ok();
        let only_ipv6 = m.get(ATTR_REQUESTED_ADDRESS_FAMILY).is_ok();
        let (v4, v6) = (!only_ipv6, only_ipv6 || additional);
        let mut relayed = Vec::new();
        if v4 && !self.ways.no_ipv4 {
            relayed.push(SocketAddr::new(self.relay_ip(true), self.next_port));
        } else if v4 {
            return Err(440);
        }
        if v6 && !self.ways.no_ipv6 {
            relayed.push(SocketAddr::new(self.relay_ip(false), self.next_port));
        } else if only_ipv6 {
            return Err(440);
        }
        if !self.allocations.contains_key(&client) {
            self.next_port += 2;
            self.log.push(format!("allocate {}", relayed.len()));
            let allocation = Allocation {
                relayed,
                until: now + self.lifetime(m),
                permissions: BTreeMap::new(),
                channels: BTreeMap::new(),
                tid: m.transaction_id,
            };
            self.allocations.insert(client, allocation);
        }
        let mut answer = typed(METHOD_ALLOCATE, CLASS_SUCCESS_RESPONSE, m.transaction_id);
        for relayed in &self.allocations[&client].relayed {
            xor(*relayed)
                .add_to_as(&mut answer, ATTR_XOR_RELAYED_ADDRESS)
                .expect("fits");
        }
        self.add_mapped(&mut answer, client);
        let lifetime = self.lifetime(m).as_secs() as u32;
        answer.add(ATTR_LIFETIME, &lifetime.to_be_bytes());
        Ok(answer)
    }

    /// `192.0.2.200` for the server at `192.0.2.1`, and so on.
    fn relay_ip(&self, ipv4: bool) -> IpAddr {
        let last = match self.address.ip() {
            IpAddr::V4(ip) => ip.octets()[3],
            IpAddr::V6(_) => 1,
        };
        let ipv6 = format!("2001:db8::{}", 199 + u16::from(last));
        if ipv4 {
            IpAddr::from([192, 0, 2, 199 + last])
        } else {
            ipv6.parse().expect("an IP")
        }
    }

    fn refresh(&mut self, now: Instant, client: SocketAddr, m: &Message) -> Result<Message, u16> {
        let lifetime = self.lifetime(m);
        let mut answer = typed(METHOD_REFRESH, CLASS_SUCCESS_RESPONSE, m.transaction_id);
        answer.add(ATTR_LIFETIME, &(lifetime.as_secs() as u32).to_be_bytes());
        self.log.push(format!("refresh {}", lifetime.as_secs()));
        let allocation = self.allocations.get_mut(&client).ok_or(437_u16)?;
        allocation.until = now + lifetime;
        self.allocations.retain(|_, a| a.until > now);
        Ok(answer)
    }

    fn permit(&mut self, now: Instant, client: SocketAddr, m: &Message) -> Result<Message, u16> {
        let unknown = if self.ways.vague { 400_u16 } else { 437 };
        let allocation = self.allocations.get_mut(&client).ok_or(unknown)?;
        let peers: Vec<IpAddr> = read_all_xor(m, ATTR_XOR_PEER_ADDRESS);
        if peers.iter().any(|peer| self.ways.forbidden.contains(peer)) {
            return Err(403);
        }
        for peer in &peers {
            allocation
                .permissions
                .insert(*peer, now + Duration::from_secs(300));
        }
        self.log.push(format!("permit {}", peers.len()));
        Ok(typed(
            METHOD_CREATE_PERMISSION,
            CLASS_SUCCESS_RESPONSE,
            m.transaction_id,
        ))
    }

    fn bind(&mut self, now: Instant, client: SocketAddr, m: &Message) -> Result<Message, u16> {
        let unknown = if self.ways.vague { 400_u16 } else { 437 };
        let allocation = self.allocations.get_mut(&client).ok_or(unknown)?;
        let peer = read_xor(m, ATTR_XOR_PEER_ADDRESS);
        let number = m.get(ATTR_CHANNEL_NUMBER).expect("a channel");
        let number = u16::from_be_bytes([number[0], number[1]]);
        assert!((0x4000..=0x4fff).contains(&number));
        let taken = allocation
            .channels
            .iter()
            .any(|(n, (p, until))| *until > now && (*n == number) != (*p == peer));
        if taken {
            return Err(400);
        }
        allocation
            .channels
            .insert(number, (peer, now + Duration::from_secs(600)));
        allocation
            .permissions
            .insert(peer.ip(), now + Duration::from_secs(300));
        self.log.push(format!("bind {number:#x}"));
        Ok(typed(
            METHOD_CHANNEL_BIND,
            CLASS_SUCCESS_RESPONSE,
            m.transaction_id,
        ))
    }

    fn lifetime(&self, m: &Message) -> Duration {
        let wanted = m
            .get(ATTR_LIFETIME)
            .map_or(600, |v| u32::from_be_bytes([v[0], v[1], v[2], v[3]]));
        let granted = wanted.min(self.ways.lifetime.unwrap_or(600));
        Duration::from_secs(u64::from(granted))
    }

    fn nonce(&mut self, now: Instant) -> String {
        let (number, since) = &mut self.nonce;
        let life = self.ways.nonce_life.unwrap_or(Duration::MAX);
        let is_stale = since.is_some_and(|since| now.duration_since(since) >= life);
        if is_stale {
            *number += 1;
        }
        if is_stale || since.is_none() {
            *since = Some(now);
        }
        let features = match (self.ways.modern, self.ways.stripped) {
            // Bits 0 and 1 of 24, in base64.
            (true, _) => "obMatJos2wAAA",
            (false, true) => "obMatJos2gAAA",
            (false, false) => "",
        };
        format!("{features}nonce-{number}")
    }

    /// The server's secrets were changed, or it began anew.
    pub(super) fn forget_nonces(&mut self) {
        self.nonce = (self.nonce.0 + 1, None);
    }

    fn authenticate(&mut self, now: Instant, m: &mut Message) -> Result<(), u16> {
        let modern = self.ways.modern;
        let integrity = if modern {
            ATTR_MESSAGE_INTEGRITY_SHA256
        } else {
            ATTR_MESSAGE_INTEGRITY
        };
        if !m.contains(integrity) {
            return Err(401);
        }
        if m.get(ATTR_NONCE).expect("a nonce") != self.nonce(now).as_bytes() {
            return Err(438);
        }
        assert_eq!(m.get(ATTR_REALM).expect("a realm"), REALM.as_bytes());
        if !modern {
            let user = m.get(ATTR_USERNAME).expect("a user name");
            let checked = MessageIntegrity::check(m, &self.key(), self.crypto.crypto());
            return (user == USER.as_bytes() && checked.is_ok())
                .then_some(())
                .ok_or(401);
        }
        assert!(!m.contains(ATTR_USERNAME), "the name stays hidden");
        let hash = self.hash(&format!("{USER}:{REALM}"));
        let named = m.get(ATTR_USER_HASH).expect("a hash") == hash;
        assert_eq!(
            m.get(ATTR_PASSWORD_ALGORITHM).expect("an algorithm"),
            [0, 2, 0, 0]
        );
        // Integrity is the last attribute: 4 + 32 bytes.
        let covered = &m.raw[..m.raw.len() - 36];
        let tag = m.get(integrity).expect("integrity");
        let mac = self
            .crypto
            .crypto()
            .new_hmac(HmacAlgorithm::Sha256, &self.key());
        let signed = mac.expect("HMAC").verify(&[covered], &tag);
        (named && signed.is_ok()).then_some(()).ok_or(401)
    }

    fn sign(&self, answer: &mut Message, wrongly: bool) {
        if self.ways.open {
            return;
        }
        let key = if wrongly { vec![7; 16] } else { self.key() };
        if self.ways.modern {
            answer.length += 36;
            answer.write_length();
            let mut tag = vec![0; 32];
            let mac = self.crypto.crypto().new_hmac(HmacAlgorithm::Sha256, &key);
            mac.expect("HMAC")
                .sign(&[&answer.raw], &mut tag)
                .expect("signed");
            answer.length -= 36;
            answer.add(ATTR_MESSAGE_INTEGRITY_SHA256, &tag);
        } else {
            let integrity =
                MessageIntegrity::new_raw_integrity_with_provider(key, self.crypto.crypto());
            integrity.add_to(answer).expect("signed");
        }
    }

    fn key(&self) -> Vec<u8> {
        let text = format!("{USER}:{REALM}:{PASSWORD}");
        if self.ways.modern {
            return self.hash(&text);
        }
        let hashed = self
            .crypto
            .crypto()
            .hash(HashAlgorithm::Md5, text.as_bytes());
        hashed.expect("MD5")
    }

    fn hash(&self, text: &str) -> Vec<u8> {
        let hashed = self
            .crypto
            .crypto()
            .hash(HashAlgorithm::Sha256, text.as_bytes());
        hashed.expect("SHA-256")
    }

    fn error(&self, request: &Message, code: u16, signed: bool) -> Message {
        let mut answer = typed(
            request.typ.method,
            CLASS_ERROR_RESPONSE,
            request.transaction_id,
        );
        let code = ErrorCodeAttribute {
            code: ErrorCode(code),
            reason: b"as told".to_vec(),
        };
        code.add_to(&mut answer).expect("fits");
        if signed && !self.ways.signs_no_errors {
            self.sign(&mut answer, false);
        }
        answer
    }

    fn add_mapped(&self, answer: &mut Message, client: SocketAddr) {
        if self.ways.classic {
            let IpAddr::V4(ip) = client.ip() else {
                panic!("IPv4 it was");
            };
            let value = [&[0, 1][..], &client.port().to_be_bytes(), &ip.octets()].concat();
            answer.add(ATTR_MAPPED_ADDRESS, &value);
        } else {
            xor(client).add_to(answer).expect("fits");
        }
    }
}

fn typed(method: Method, class: MessageClass, id: TransactionId) -> Message {
    let mut message = Message::new();
    message.typ = MessageType::new(method, class);
    message.transaction_id = id;
    message.write_header();
    message
}

fn xor(address: SocketAddr) -> XorMappedAddress {
    XorMappedAddress {
        ip: address.ip(),
        port: address.port(),
    }
}

fn read_xor(message: &Message, kind: AttrType) -> SocketAddr {
    let mut address = XorMappedAddress::default();
    address.get_from_as(message, kind).expect("an address");
    SocketAddr::new(address.ip, address.port)
}

fn read_all_xor(message: &Message, kind: AttrType) -> Vec<IpAddr> {
    let these = message.attributes.0.iter().filter(|a| a.typ == kind);
    let read = these.map(|attribute| {
        let mut one = typed(METHOD_BINDING, CLASS_REQUEST, message.transaction_id);
        one.add(kind, &attribute.value);
        read_xor(&one, kind).ip()
    });
    read.collect()
}
