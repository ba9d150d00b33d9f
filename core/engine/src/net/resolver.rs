//! Names to addresses, asked of whoever knows the current network's name servers.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};

use super::NetworkId;

/// Looks names up. May block: the engine calls it on a blocking thread.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, best first (RFC 6724 order, where the system gives it).
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when the name does not exist, anything else when it could not be asked.
    fn addresses(&self, network: NetworkId, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn addresses(&self, _network: NetworkId, host: &str) -> io::Result<Vec<IpAddr>> {
        let mut found = Vec::new();
        for address in (host, 0).to_socket_addrs()? {
            if !found.contains(&address.ip()) {
                found.push(address.ip());
            }
        }
        if found.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        Ok(found)
    }
}

/// A fixed table: for tests, and for devices whose servers are provisioned by address.
#[derive(Clone, Debug, Default)]
pub struct StaticResolver(BTreeMap<String, Vec<IpAddr>>);

impl StaticResolver {
    /// A table of these names; they are compared without regard to case.
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a str, IpAddr)>) -> Self {
        let mut table: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (name, address) in names {
            table
                .entry(name.to_ascii_lowercase())
                .or_default()
                .push(address);
        }
        Self(table)
    }
}

impl Resolver for StaticResolver {
    fn addresses(&self, _network: NetworkId, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.0.get(&host.to_ascii_lowercase()).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl fmt::Debug for dyn Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
