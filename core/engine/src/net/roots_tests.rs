use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose, SanType,
    date_time_ymd,
};

use super::*;

/// An authority of this test, as PEM, and a certificate of it.
fn issued(names: Vec<SanType>, change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, Vec<u8>) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = names;
    change(&mut params);
    let server = params.signed_by(&KeyPair::generate().unwrap(), &authority);
    (authority.pem().into_bytes(), server.unwrap().der().to_vec())
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(Ia5String::try_from(name).unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(Ia5String::try_from(name).unwrap())
}

/// What a phone that trusts the authority says of the certificate.
fn judged(names: Vec<SanType>, asked: &str) -> Result<(), CertificateError> {
    let (authority, server) = issued(names, |_| {});
    let verifier = RootsVerifier::new(&Roots::Pem(authority)).unwrap();
    verifier.verify(asked, &[server])
}

const WRONG: Result<(), CertificateError> = Err(CertificateError::WrongName);

#[test]
fn a_name_counts_letter_for_letter() {
    assert_eq!(
        judged(vec![dns("sip.example.org")], "SIP.example.org"),
        Ok(())
    );
    assert_eq!(judged(vec![dns("sip.example.org")], "example.org"), WRONG);
    let wildcard = judged(vec![dns("*.example.org")], "sip.example.org");
    assert_eq!(wildcard, WRONG, "RFC 5922 §7.2");
    assert_eq!(judged(Vec::new(), "example.org"), WRONG, "no common name");
}

#[test]
fn a_sip_uri_takes_the_place_of_dns_names() {
    let both = || vec![uri("sip:example.org"), dns("sip.example.org")];
    assert_eq!(judged(both(), "example.org"), Ok(()));
    assert_eq!(judged(both(), "sip.example.org"), WRONG, "RFC 5922 §7.1");
    let other = vec![uri("https://example.net/"), dns("example.org")];
    assert_eq!(judged(other, "example.org"), Ok(()));
    assert_eq!(
        judged(vec![uri("sip:bob@example.org")], "example.org"),
        WRONG
    );
}

#[test]
fn an_address_is_named_as_an_address() {
    let ip = "192.0.2.7".parse().unwrap();
    assert_eq!(judged(vec![SanType::IpAddress(ip)], "192.0.2.7"), Ok(()));
    assert_eq!(judged(vec![dns("192.0.2.7")], "192.0.2.7"), WRONG);
    let six = "2001:db8::7".parse().unwrap();
    assert_eq!(judged(vec![SanType::IpAddress(six)], "2001:db8::7"), Ok(()));
}

#[test]
fn time_and_issuer_are_told_apart() {
    let names = || vec![dns("example.org")];
    let (authority, old) = issued(names(), |params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let verifier = RootsVerifier::new(&Roots::Pem(authority)).unwrap();
    let expired = verifier.verify("example.org", &[old]);
    assert_eq!(expired, Err(CertificateError::Expired));
    let (_, stranger) = issued(names(), |_| {});
    let untrusted = Err(CertificateError::Untrusted);
    assert_eq!(
        verifier.verify("example.org", std::slice::from_ref(&stranger)),
        untrusted
    );
    let system = RootsVerifier::system();
    assert_eq!(system.verify("example.org", &[stranger]), untrusted);
    assert_eq!(verifier.verify("example.org", &[]), untrusted);
    assert_eq!(
        verifier.verify("example.org", &[vec![0x30, 0x03]]),
        untrusted
    );
}

#[test]
fn a_server_that_signed_for_itself_is_trusted_where_it_was_given() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["pbx.example.org".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let own = params.self_signed(&key).unwrap();
    let verifier = RootsVerifier::new(&Roots::Pem(own.pem().into_bytes())).unwrap();
    let chain = [own.der().to_vec()];
    assert_eq!(verifier.verify("pbx.example.org", &chain), Ok(()));
    let other = verifier.verify("other.example.org", &chain);
    assert_eq!(other, Err(CertificateError::WrongName));
}

#[test]
fn a_file_without_certificates_is_refused() {
    for bad in [&b""[..], b"hello", b"-----BEGIN CERTIFICATE-----\nx"] {
        assert!(RootsVerifier::new(&Roots::Pem(bad.to_vec())).is_err());
    }
}
