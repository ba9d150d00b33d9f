//! Try Alternate (300, RFC 8489 §10), followed a few times and never in a circle.

use std::net::SocketAddr;

use super::failure::GatherFailure;

/// Servers a server may send us on to, one after the other.
const MAX_REDIRECTS: usize = 3;

/// Where we have been.
#[derive(Debug)]
pub(super) struct Redirects {
    seen: Vec<SocketAddr>,
}

impl Redirects {
    pub(super) fn new(first: SocketAddr) -> Self {
        Self { seen: vec![first] }
    }

    /// The next server, if we may go there: somewhere new, of the same family (the transport stays the same and a
    /// socket has one family), and on this machine only if the first was.
    pub(super) fn follow(
        &mut self,
        alternate: Option<SocketAddr>,
    ) -> Result<SocketAddr, GatherFailure> {
        let next = alternate.ok_or(GatherFailure::Malformed)?;
        let first = self.seen.first().copied().unwrap_or(next);
        let fits = next.is_ipv4() == first.is_ipv4()
            && (first.ip().is_loopback() || !next.ip().is_loopback());
        if !fits || self.seen.contains(&next) || self.seen.len() > MAX_REDIRECTS {
            return Err(GatherFailure::RedirectLoop);
        }
        self.seen.push(next);
        Ok(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 3478))
    }

    #[test]
    fn three_steps_and_no_circle() {
        let mut redirects = Redirects::new(server(1));
        assert_eq!(redirects.follow(Some(server(2))), Ok(server(2)));
        assert_eq!(
            redirects.follow(Some(server(1))),
            Err(GatherFailure::RedirectLoop)
        );
        assert_eq!(redirects.follow(Some(server(3))), Ok(server(3)));
        assert_eq!(redirects.follow(Some(server(4))), Ok(server(4)));
        assert_eq!(
            redirects.follow(Some(server(5))),
            Err(GatherFailure::RedirectLoop)
        );
    }

    #[test]
    fn nobody_sends_us_to_ourselves() {
        let mut redirects = Redirects::new(server(1));
        let here = SocketAddr::from(([127, 0, 0, 1], 3478));
        let other_family = "[2001:db8::1]:3478".parse().expect("an address");
        assert_eq!(
            redirects.follow(Some(here)),
            Err(GatherFailure::RedirectLoop)
        );
        assert_eq!(
            redirects.follow(Some(other_family)),
            Err(GatherFailure::RedirectLoop)
        );
        assert_eq!(redirects.follow(None), Err(GatherFailure::Malformed));
    }
}
