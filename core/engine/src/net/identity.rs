//! Whom a certificate names, for SIP (RFC 5922 §7).
//!
//! * A `sip:` URI without user in subjectAltName names a domain; where there is one, DNS names do not count
//!   (§7.1).
//! * A DNS name must be the server's, letter for letter: a wildcard matches nothing (§7.2). An operator with a
//!   wildcard certificate needs one with the name of the domain beside it.
//! * An IP address is named by an address in subjectAltName, never by text.
//! * The common name of the subject counts for nothing, as everywhere by now.

use std::net::IpAddr;

use rustls::pki_types::ServerName;
use webpki::EndEntityCert;

/// Whether the certificate is for `name`, a DNS name or an IP address.
pub(super) fn is_named(certificate: &EndEntityCert<'_>, name: &str) -> bool {
    if let Ok(ip) = name.parse::<IpAddr>() {
        let ip = ServerName::IpAddress(ip.into());
        return certificate.verify_is_valid_for_subject_name(&ip).is_ok();
    }
    let name = plain(name);
    let mut domains = certificate.valid_uri_names().filter_map(sip_domain);
    if let Some(first) = domains.next() {
        return plain(first) == name || domains.any(|domain| plain(domain) == name);
    }
    let mut hosts = certificate.valid_dns_names();
    hosts.any(|host| !host.contains('*') && plain(host) == name)
}

/// The domain of a `sip:` URI that names one, and nothing else.
fn sip_domain(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    let is_domain = scheme.eq_ignore_ascii_case("sip") && !rest.contains('@');
    let host = rest.split([';', '?', ':']).next()?;
    (is_domain && !host.is_empty()).then_some(host)
}

/// Comparable: lower case, without the dot at the end.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sip_uri_without_user_names_a_domain() {
        assert_eq!(sip_domain("sip:example.org"), Some("example.org"));
        assert_eq!(sip_domain("SIP:example.org;lr"), Some("example.org"));
        for other in [
            "sips:example.org",
            "sip:bob@example.org",
            "https://x",
            "sip:",
        ] {
            assert_eq!(sip_domain(other), None, "{other}");
        }
    }
}
