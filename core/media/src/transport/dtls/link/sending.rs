//! What an association sends: flights, again and in second copies, under record numbers that only go up.

use std::time::Instant;

use super::{DtlsLink, LinkState, MAX_OUTGOING, PEER};
use crate::transport::dtls::inbox::Heard;
use crate::transport::dtls::record::{Record, check_records, renumber, verify_request_cookie};

impl DtlsLink {
    /// Sends the flight again. One in the clear is sent as it was, under new record numbers; one with an encrypted
    /// Finished has to be written anew by the endpoint, which does that seven times.
    pub(super) fn retransmit(&mut self, now: Instant) {
        self.retransmission.again(now);
        let clear = |datagram: &Vec<u8>| {
            let records = check_records(datagram);
            let mut records = records.iter();
            records.all(|record| !matches!(record, Record::Protected { .. }))
        };
        if !self.retransmission.endpoint_is_spent()
            && !self.flight.iter().all(clear)
            && let Some(due) = self.endpoint.poll_timeout(&PEER)
            && self.endpoint.handle_timeout(PEER, due.max(now)).is_ok()
        {
            let flight = self.send(now);
            if !flight.is_empty() {
                self.flight = flight;
                return;
            }
        }
        for mut datagram in self.flight.clone() {
            let first = first_number(&datagram);
            let step = self.numbering.next.saturating_sub(first);
            if let Some(highest) = renumber(&mut datagram, step) {
                let step = highest
                    .saturating_add(1)
                    .saturating_sub(self.numbering.next);
                self.numbering.next = self.numbering.next.saturating_add(step);
                self.numbering.offset = self.numbering.offset.saturating_add(step);
            }
            self.transmit(now, datagram);
        }
    }

    /// Sends what the endpoint has written; if that is a new flight, its timer begins.
    pub(super) fn send_flight(&mut self, now: Instant) {
        let flight = self.send(now);
        let Some(first) = flight.first() else {
            return;
        };
        if let Some(cookie) = verify_request_cookie(first) {
            // The request for the cookie is repeated when the hello is, never by itself (RFC 6347 §4.2.1).
            self.inbox.expect_cookie(cookie);
            self.retransmission.stop();
        } else if self.state == LinkState::Handshaking {
            self.retransmission.start(now);
        }
        self.flight = flight;
    }

    /// Sends what the endpoint has written and returns it.
    pub(super) fn send(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let mut datagram = transmit.message.to_vec();
            // The endpoint asks for the cookie of a client that has already shown it.
            let is_asked = matches!(self.inbox.heard(), Heard::Nothing | Heard::Greeted);
            if !is_asked && verify_request_cookie(&datagram).is_some() {
                continue;
            }
            if let Some(highest) = renumber(&mut datagram, self.numbering.offset) {
                self.numbering.next = self.numbering.next.max(highest.saturating_add(1));
            }
            sent.push(datagram.clone());
            self.transmit(now, datagram);
        }
        sent
    }

    fn transmit(&mut self, now: Instant, datagram: Vec<u8>) {
        if self.config.second_copies {
            self.copies.push(now, &datagram);
        }
        self.push_outgoing(datagram);
    }

    pub(super) fn push_outgoing(&mut self, datagram: Vec<u8>) {
        if self.outgoing.len() < MAX_OUTGOING {
            self.outgoing.push_back(datagram);
        }
    }

    /// Drops what the endpoint has written.
    pub(super) fn discard(&mut self) {
        while self.endpoint.poll_transmit().is_some() {}
    }
}

/// The number of a datagram's first record.
fn first_number(datagram: &[u8]) -> u64 {
    match datagram {
        [_, _, _, _, _, a, b, c, d, e, f, ..] => u64::from_be_bytes([0, 0, *a, *b, *c, *d, *e, *f]),
        _ => 0,
    }
}
