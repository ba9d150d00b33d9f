//! Names to addresses and servers, asked of whoever knows the current network's name servers.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};

pub use tandem_sip::locate::{NaptrRecord, SrvRecord};

use super::NetworkId;

/// Looks names up. May block: the engine calls it on a blocking thread.
///
/// Only addresses are needed to sign in: a platform that cannot ask for SRV and NAPTR records leaves those
/// out, and a server is then found by its host name alone.
pub trait Resolver: Send + Sync {
    /// The addresses of `host`, best first (RFC 6724 order, where the system gives it).
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] when the name does not exist, anything else when it could not be asked.
    fn addresses(&self, network: NetworkId, host: &str) -> io::Result<Vec<IpAddr>>;

    /// The SRV records of `service`, such as `_sips._tcp.example.org` (RFC 2782), in any order; empty where
    /// there are none.
    ///
    /// # Errors
    /// When nobody could be asked.
    fn srv(&self, _network: NetworkId, _service: &str) -> io::Result<Vec<SrvRecord>> {
        Ok(Vec::new())
    }

    /// The NAPTR records of `domain` (RFC 3403), in any order; empty where there are none.
    ///
    /// # Errors
    /// When nobody could be asked.
    fn naptr(&self, _network: NetworkId, _domain: &str) -> io::Result<Vec<NaptrRecord>> {
        Ok(Vec::new())
    }
}

/// The system's resolver: host names as every program of the machine sees them (with its hosts file), SRV
/// and NAPTR from the name servers of its configuration, which is read anew each time, as networks change.
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

    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    fn srv(&self, _network: NetworkId, service: &str) -> io::Result<Vec<SrvRecord>> {
        super::records::srv(service)
    }

    #[cfg(not(any(target_os = "android", target_os = "ios")))]
    fn naptr(&self, _network: NetworkId, domain: &str) -> io::Result<Vec<NaptrRecord>> {
        super::records::naptr(domain)
    }
}

/// A fixed table: for tests, and for devices whose servers are provisioned by address.
#[derive(Clone, Debug, Default)]
pub struct StaticResolver {
    hosts: BTreeMap<String, Vec<IpAddr>>,
    services: BTreeMap<String, Vec<SrvRecord>>,
    domains: BTreeMap<String, Vec<NaptrRecord>>,
}

impl StaticResolver {
    /// A table of these names; they are compared without regard to case.
    pub fn new<'a>(names: impl IntoIterator<Item = (&'a str, IpAddr)>) -> Self {
        let mut hosts: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (name, address) in names {
            hosts
                .entry(name.to_ascii_lowercase())
                .or_default()
                .push(address);
        }
        Self {
            hosts,
            ..Self::default()
        }
    }

    /// With one more SRV record of `service`.
    #[must_use]
    pub fn with_srv(mut self, service: &str, record: SrvRecord) -> Self {
        let records = self.services.entry(service.to_ascii_lowercase());
        records.or_default().push(record);
        self
    }

    /// With one more NAPTR record of `domain`.
    #[must_use]
    pub fn with_naptr(mut self, domain: &str, record: NaptrRecord) -> Self {
        let records = self.domains.entry(domain.to_ascii_lowercase());
        records.or_default().push(record);
        self
    }
}

impl Resolver for StaticResolver {
    fn addresses(&self, _network: NetworkId, host: &str) -> io::Result<Vec<IpAddr>> {
        let found = self.hosts.get(&host.to_ascii_lowercase()).cloned();
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn srv(&self, _network: NetworkId, service: &str) -> io::Result<Vec<SrvRecord>> {
        let found = self.services.get(&service.to_ascii_lowercase());
        Ok(found.cloned().unwrap_or_default())
    }

    fn naptr(&self, _network: NetworkId, domain: &str) -> io::Result<Vec<NaptrRecord>> {
        let found = self.domains.get(&domain.to_ascii_lowercase());
        Ok(found.cloned().unwrap_or_default())
    }
}

impl fmt::Debug for dyn Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}
