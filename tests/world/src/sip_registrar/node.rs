//! The registrar in a virtual network, over UDP.

use std::net::SocketAddr;
use std::time::Instant;

use super::flow::Transport;
use super::{Output, Registrar};
use crate::net::{Node, Transmit};

/// A [`Registrar`] as a [`Node`].
#[derive(Debug)]
pub struct RegistrarNode {
    /// The registrar, for faults and questions.
    pub registrar: Registrar,
}

impl Node for RegistrarNode {
    fn handle_datagram(&mut self, now: Instant, local: SocketAddr, from: SocketAddr, bytes: &[u8]) {
        if local == self.registrar.local() {
            self.registrar.handle_datagram(now, from, bytes);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.registrar.handle_timeout(now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        loop {
            match self.registrar.poll_output()? {
                Output::Send { flow, bytes } if flow.transport == Transport::Udp => {
                    let local = self.registrar.local();
                    return Some(Transmit {
                        local,
                        to: flow.remote,
                        bytes,
                    });
                }
                // The network has no connections: whoever asked for one waits in vain, as behind a firewall.
                Output::Send { .. } | Output::Close { .. } => {}
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.registrar.poll_timeout()
    }
}
