//! What is asked of DNS and what it says: records of strangers, taken with care.

use std::fmt;
use std::net::IpAddr;

use tandem_types::Entropy;

use crate::transaction::TransportKind;

/// Records read of one answer; what is beyond was put there to keep us busy.
pub(super) const MAX_RECORDS: usize = 32;
/// The longest name DNS has (RFC 1035 §2.3.4), as text.
const MAX_NAME: usize = 253;

/// Something only DNS knows. Names are in lower case. `Debug` keeps them to itself.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Question {
    /// NAPTR records of a domain (RFC 3403).
    Naptr(String),
    /// SRV records of a service, such as `_sips._tcp.example.org` (RFC 2782).
    Srv(String),
    /// A and AAAA records of a host, best first.
    Addresses(String),
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Naptr(_) => "Naptr([personal])",
            Self::Srv(_) => "Srv([personal])",
            Self::Addresses(_) => "Addresses([personal])",
        })
    }
}

/// What DNS said. Empty: there is none, or nobody could be asked.
#[derive(Clone, Eq, PartialEq)]
pub enum Answer {
    /// To [`Question::Naptr`].
    Naptr(Vec<NaptrRecord>),
    /// To [`Question::Srv`].
    Srv(Vec<SrvRecord>),
    /// To [`Question::Addresses`].
    Addresses(Vec<IpAddr>),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Naptr(records) => write!(f, "Naptr({})", records.len()),
            Self::Srv(records) => write!(f, "Srv({})", records.len()),
            Self::Addresses(addresses) => write!(f, "Addresses({})", addresses.len()),
        }
    }
}

/// A NAPTR record (RFC 3403 §4.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NaptrRecord {
    /// Lower first; a client must not go on to a higher one that serves the same.
    pub order: u16,
    /// Lower first among equals.
    pub preference: u16,
    /// `S`: the replacement has SRV records.
    pub flags: String,
    /// `SIP+D2U`, `SIP+D2T`, `SIPS+D2T`.
    pub service: String,
    /// A substitution; SIP uses none (RFC 3263 §4.1).
    pub regexp: String,
    /// The name to look up next.
    pub replacement: String,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SrvRecord {
    /// Lower first.
    pub priority: u16,
    /// Share of the requests among those of one priority.
    pub weight: u16,
    /// Port of the service.
    pub port: u16,
    /// Host that offers it; `.`: nobody does.
    pub target: String,
}

impl TransportKind {
    /// The SRV name of this transport at `domain` (RFC 3263 §4.1).
    pub(super) fn srv_name(self, domain: &str) -> String {
        let service = match self {
            Self::Udp => "_sip._udp",
            Self::Tcp => "_sip._tcp",
            Self::Tls => "_sips._tcp",
        };
        format!("{service}.{domain}")
    }

    fn of_naptr(service: &str) -> Option<Self> {
        let named = |name: &str| service.eq_ignore_ascii_case(name);
        if named("SIPS+D2T") {
            Some(Self::Tls)
        } else if named("SIP+D2T") {
            Some(Self::Tcp)
        } else if named("SIP+D2U") {
            Some(Self::Udp)
        } else {
            None
        }
    }
}

/// The services NAPTR records name, best first, of those that are wanted.
pub(super) fn services(
    mut records: Vec<NaptrRecord>,
    wanted: &[TransportKind],
) -> Vec<(TransportKind, String)> {
    records.truncate(MAX_RECORDS);
    records.sort_by_key(|record| (record.order, record.preference));
    let usable = records.iter().filter_map(|record| {
        // Only terminal records: SIP has no use for chains of them, and a chain can be a loop.
        let terminal = record.flags.eq_ignore_ascii_case("s") && record.regexp.is_empty();
        let transport = TransportKind::of_naptr(&record.service);
        let transport = transport.filter(|kind| terminal && wanted.contains(kind))?;
        Some((transport, host_name(&record.replacement)?))
    });
    let mut found: Vec<(TransportKind, String)> = Vec::new();
    for service in usable {
        if !found.contains(&service) {
            found.push(service);
        }
    }
    found
}

/// SRV records in the order in which they are tried: by priority, and by weight among equals (RFC 2782).
/// Where `current` is among the equals it comes first: a phone that is registered with one server of several
/// stays with it.
pub(super) fn in_order(
    mut records: Vec<SrvRecord>,
    current: impl Fn(&SrvRecord) -> bool,
    entropy: &mut dyn Entropy,
) -> Vec<SrvRecord> {
    records.truncate(MAX_RECORDS);
    // Weight 0 first, as the RFC's draw wants it.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(first) = records.first() {
        let priority = first.priority;
        let equals = records.iter().take_while(|one| one.priority == priority);
        let stays = equals.clone().position(&current);
        let at = stays.unwrap_or_else(|| {
            let sum: u64 = equals.clone().map(|one| u64::from(one.weight)).sum();
            let mut draw = entropy.below(sum.saturating_add(1));
            let drawn = equals.clone().position(|one| {
                let weight = u64::from(one.weight);
                let hit = draw <= weight;
                draw = draw.saturating_sub(weight);
                hit
            });
            drawn.unwrap_or(0)
        });
        ordered.push(records.remove(at));
    }
    ordered
}

/// `name` as a host name in lower case without its last dot; `None` for what no host is called.
pub(super) fn host_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let fits = !name.is_empty() && name.len() <= MAX_NAME && !name.contains("..");
    (fits && name.bytes().all(legal)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use tandem_types::SeededEntropy;

    use super::*;

    fn srv(priority: u16, weight: u16, target: &str) -> SrvRecord {
        SrvRecord {
            priority,
            weight,
            port: 5060,
            target: target.to_owned(),
        }
    }

    #[test]
    fn weights_share_the_first_place_as_they_say() {
        let mut entropy = SeededEntropy::new(7);
        let records = vec![srv(1, 1, "small"), srv(1, 3, "big"), srv(0, 0, "first")];
        let mut big = 0;
        for _ in 0..4_000 {
            let ordered = in_order(records.clone(), |_| false, &mut entropy);
            assert_eq!(ordered[0].target, "first");
            assert_eq!(ordered.len(), 3);
            big += u32::from(ordered[1].target == "big");
        }
        // The draw of RFC 2782 is from 0 to the sum, so the smallest has two of five chances.
        assert!((2_300..=2_500).contains(&big), "{big} of 4000");
    }

    #[test]
    fn the_server_in_use_stays_first_among_its_equals_only() {
        let records = vec![srv(2, 9, "a"), srv(2, 0, "mine"), srv(1, 0, "better")];
        for seed in 0..50 {
            let mut entropy = SeededEntropy::new(seed);
            let mine = |record: &SrvRecord| record.target == "mine";
            let ordered = in_order(records.clone(), mine, &mut entropy);
            let names: Vec<&str> = ordered.iter().map(|one| one.target.as_str()).collect();
            assert_eq!(names, ["better", "mine", "a"], "seed {seed}");
        }
    }

    #[test]
    fn naptr_services_are_ordered_and_strange_ones_left_out() {
        let naptr =
            |order, preference, flags: &str, service: &str, replacement: &str| NaptrRecord {
                order,
                preference,
                flags: flags.to_owned(),
                service: service.to_owned(),
                regexp: String::new(),
                replacement: replacement.to_owned(),
            };
        let records = vec![
            naptr(20, 1, "s", "SIP+D2U", "_sip._udp.example.org."),
            naptr(10, 9, "S", "sip+d2t", "_sip._tcp.example.org"),
            naptr(10, 5, "s", "SIPS+D2T", "_sips._tcp.example.org"),
            naptr(1, 1, "u", "E2U+sip", "."),
            naptr(1, 1, "", "SIP+D2T", "loop.example.org"),
            naptr(1, 1, "s", "SIP+D2T", "no host name"),
        ];
        let all = [TransportKind::Udp, TransportKind::Tcp, TransportKind::Tls];
        let found = services(records.clone(), &all);
        let transports: Vec<TransportKind> = found.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(
            transports,
            [TransportKind::Tls, TransportKind::Tcp, TransportKind::Udp]
        );
        let secure = services(records, &[TransportKind::Tls]);
        assert_eq!(secure.len(), 1, "nothing else for sips:");
    }

    #[test]
    fn what_no_host_is_called_is_no_name() {
        assert_eq!(
            host_name("SIP.Example.org."),
            Some("sip.example.org".to_owned())
        );
        for bad in [
            "",
            ".",
            "a..b",
            "a b",
            "a\r\nb",
            "ä.example",
            &"a".repeat(254),
        ] {
            assert_eq!(host_name(bad), None, "{bad}");
        }
    }
}
