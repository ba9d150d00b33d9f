use std::collections::BTreeMap;

use tandem_types::SeededEntropy;

use super::super::NaptrRecord;
use super::*;

/// A name server for one test: questions by name, as `KIND name`.
#[derive(Default)]
struct Zone {
    naptr: BTreeMap<&'static str, Vec<NaptrRecord>>,
    srv: BTreeMap<&'static str, Vec<SrvRecord>>,
    addresses: BTreeMap<&'static str, Vec<IpAddr>>,
}

impl Zone {
    fn naptr(mut self, domain: &'static str, order: u16, service: &str, to: &str) -> Self {
        self.naptr.entry(domain).or_default().push(NaptrRecord {
            order,
            preference: 0,
            flags: "s".to_owned(),
            service: service.to_owned(),
            regexp: String::new(),
            replacement: to.to_owned(),
        });
        self
    }

    fn srv(mut self, name: &'static str, priority: u16, port: u16, target: &str) -> Self {
        self.srv.entry(name).or_default().push(SrvRecord {
            priority,
            weight: 0,
            port,
            target: target.to_owned(),
        });
        self
    }

    fn host(mut self, name: &'static str, address: &str) -> Self {
        let address = address.parse().unwrap();
        self.addresses.entry(name).or_default().push(address);
        self
    }

    fn answer(&self, question: &Question) -> Answer {
        match question {
            Question::Naptr(name) => {
                Answer::Naptr(self.naptr.get(name.as_str()).cloned().unwrap_or_default())
            }
            Question::Srv(name) => {
                Answer::Srv(self.srv.get(name.as_str()).cloned().unwrap_or_default())
            }
            Question::Addresses(name) => {
                let found = self.addresses.get(name.as_str());
                Answer::Addresses(found.cloned().unwrap_or_default())
            }
        }
    }

    /// The targets as `transport address`, and the questions it took.
    fn locate(
        &self,
        uri: &str,
        choice: TransportChoice,
    ) -> (Result<Vec<String>, LocateError>, u32) {
        let place = Place::of(&uri.parse().unwrap()).unwrap();
        let mut plan = Plan::new(place, choice);
        let mut entropy = SeededEntropy::new(1);
        let mut questions = 0;
        while plan.outcome().is_none() {
            let question = plan.poll_question().expect("neither done nor asking");
            questions += 1;
            let answer = self.answer(&question);
            plan.handle_answer(&question, &answer, None, &mut entropy);
        }
        let outcome = plan.outcome().cloned().unwrap();
        let words = outcome.map(|targets| {
            let words = targets
                .iter()
                .map(|target| format!("{} {}", target.transport.via_token(), target.address));
            words.collect()
        });
        (words, questions)
    }
}

const AUTO: TransportChoice = TransportChoice::Automatic;

fn only(kind: TransportKind) -> TransportChoice {
    TransportChoice::Only(kind)
}

fn targets(words: &[&str]) -> Result<Vec<String>, LocateError> {
    Ok(words.iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn an_address_asks_nobody() {
    let zone = Zone::default();
    let (found, asked) = zone.locate("sip:192.0.2.1", AUTO);
    assert_eq!((found, asked), (targets(&["UDP 192.0.2.1:5060"]), 0));
    let (found, _) = zone.locate("sips:[2001:db8::1]", AUTO);
    assert_eq!(found, targets(&["TLS [2001:db8::1]:5061"]));
    let (found, _) = zone.locate("sip:192.0.2.1:5080", only(TransportKind::Tls));
    assert_eq!(found, targets(&["TLS 192.0.2.1:5080"]));
    let (found, _) = zone.locate("sip:192.0.2.1:5061", AUTO);
    assert_eq!(found, targets(&["TLS 192.0.2.1:5061"]));
}

#[test]
fn a_port_goes_straight_to_the_addresses() {
    let zone = Zone::default()
        .srv("_sip._udp.example.org", 0, 1, "elsewhere.example.org")
        .host("example.org", "192.0.2.1")
        .host("example.org", "2001:db8::1");
    let (found, asked) = zone.locate("sip:example.org:5070", AUTO);
    let both = ["UDP 192.0.2.1:5070", "UDP [2001:db8::1]:5070"];
    assert_eq!((found, asked), (targets(&both), 1));
}

#[test]
fn naptr_orders_the_transports_and_srv_the_servers() {
    let zone = Zone::default()
        .naptr("example.org", 20, "SIP+D2U", "_sip._udp.example.org.")
        .naptr(
            "example.org",
            10,
            "SIPS+D2T",
            "_sips._tcp.edge.example.net.",
        )
        .srv("_sips._tcp.edge.example.net", 20, 5062, "two.example.net.")
        .srv("_sips._tcp.edge.example.net", 10, 5061, "one.example.net.")
        .srv("_sip._udp.example.org", 0, 5060, "one.example.net.")
        .host("one.example.net", "192.0.2.1")
        .host("two.example.net", "192.0.2.2");
    let (found, asked) = zone.locate("sip:Example.org", AUTO);
    let secure = targets(&["TLS 192.0.2.1:5061", "TLS 192.0.2.2:5062"]);
    assert_eq!(
        (found, asked),
        (secure.clone(), 5),
        "who offers TLS is met by TLS"
    );
    let (found, _) = zone.locate("sips:example.org", AUTO);
    assert_eq!(found, secure);
    let (found, _) = zone.locate("sip:example.org", only(TransportKind::Udp));
    assert_eq!(found, targets(&["UDP 192.0.2.1:5060"]));
    let plain = Zone::default()
        .naptr("example.org", 20, "SIP+D2T", "_sip._tcp.example.org.")
        .naptr("example.org", 10, "SIP+D2U", "_sip._udp.example.org.")
        .srv("_sip._udp.example.org", 0, 5060, "one.example.net.")
        .srv("_sip._tcp.example.org", 0, 5060, "one.example.net.")
        .host("one.example.net", "192.0.2.1");
    let (found, _) = plain.locate("sip:example.org", AUTO);
    assert_eq!(
        found,
        targets(&["UDP 192.0.2.1:5060", "TCP 192.0.2.1:5060"])
    );
}

#[test]
fn without_naptr_each_transport_s_srv_is_asked_for() {
    let zone = Zone::default()
        .srv("_sip._udp.example.org", 0, 5060, "sip.example.org")
        .srv("_sips._tcp.example.org", 0, 5061, "sip.example.org")
        .host("sip.example.org", "192.0.2.9");
    let (found, _) = zone.locate("sip:example.org", AUTO);
    assert_eq!(found, targets(&["TLS 192.0.2.9:5061"]));
    let (found, asked) = zone.locate("sip:example.org", only(TransportKind::Udp));
    assert_eq!((found, asked), (targets(&["UDP 192.0.2.9:5060"]), 3));
    let (found, _) = zone.locate("sip:example.org;transport=tls", AUTO);
    assert_eq!(found, targets(&["TLS 192.0.2.9:5061"]));
}

#[test]
fn without_any_record_the_host_itself_is_the_server() {
    let zone = Zone::default().host("example.org", "192.0.2.1");
    let udp = targets(&["UDP 192.0.2.1:5060"]);
    assert_eq!(zone.locate("sip:example.org", AUTO).0, udp);
    let tls = targets(&["TLS 192.0.2.1:5061"]);
    assert_eq!(zone.locate("sips:example.org", AUTO).0, tls);
    let tls_account = zone.locate("sip:example.org", only(TransportKind::Tls)).0;
    assert_eq!(tls_account, tls);
    assert_eq!(
        zone.locate("sip:nowhere.example.org", AUTO).0,
        Err(LocateError::NoAddress)
    );
}

#[test]
fn a_domain_can_say_that_it_has_no_service() {
    let zone = Zone::default()
        .srv("_sips._tcp.example.org", 0, 0, ".")
        .host("example.org", "192.0.2.1");
    let (found, _) = zone.locate("sips:example.org", AUTO);
    assert_eq!(found, Err(LocateError::NoService));
}

#[test]
fn records_without_end_are_cut() {
    let mut zone = Zone::default();
    for n in 0..200_u16 {
        let host: &'static str = Box::leak(format!("h{n}.example.org").into_boxed_str());
        zone = zone.srv("_sip._udp.example.org", n, 5060, host);
        for last in 0..20 {
            zone = zone.host(host, &format!("192.0.{n}.{last}"));
        }
    }
    let (found, asked) = zone.locate("sip:example.org", only(TransportKind::Udp));
    assert_eq!(found.unwrap().len(), MAX_TARGETS);
    assert_eq!(asked, 2 + u32::try_from(MAX_HOSTS).unwrap());
}

#[test]
fn silent_name_servers_leave_what_is_known() {
    let place = Place::of(&"sip:example.org;transport=udp".parse().unwrap()).unwrap();
    let mut plan = Plan::new(place, AUTO);
    let mut entropy = SeededEntropy::new(1);
    let asked = plan.poll_question().unwrap();
    let records = ["one.example.org", "two.example.org"].map(|target| SrvRecord {
        priority: 0,
        weight: 0,
        port: 5060,
        target: target.to_owned(),
    });
    plan.handle_answer(&asked, &Answer::Srv(records.to_vec()), None, &mut entropy);
    let one = Question::Addresses("one.example.org".to_owned());
    while plan.poll_question().is_some() {}
    let address = Answer::Addresses(vec!["192.0.2.1".parse().unwrap()]);
    plan.handle_answer(&one, &address, None, &mut entropy);
    assert!(plan.outcome().is_none(), "the other may still come");
    plan.give_up(None, &mut entropy);
    let targets = plan.outcome().unwrap().as_ref().unwrap();
    assert_eq!(targets.len(), 1);

    let place = Place::of(&"sip:example.org".parse().unwrap()).unwrap();
    let mut silent = Plan::new(place, AUTO);
    silent.give_up(None, &mut entropy);
    let nothing = silent.outcome().unwrap();
    assert_eq!(nothing, &Err(LocateError::NoAddress));
}

#[test]
fn an_answer_nobody_asked_for_changes_nothing() {
    let place = Place::of(&"sip:example.org".parse().unwrap()).unwrap();
    let mut plan = Plan::new(place, AUTO);
    let mut entropy = SeededEntropy::new(1);
    let stray = Question::Addresses("example.org".to_owned());
    let answer = Answer::Addresses(vec!["192.0.2.66".parse().unwrap()]);
    plan.handle_answer(&stray, &answer, None, &mut entropy);
    assert!(plan.outcome().is_none());
    let asked = plan.poll_question().unwrap();
    plan.handle_answer(&asked, &answer, None, &mut entropy);
    assert!(
        plan.outcome().is_none(),
        "an answer of another kind is none"
    );
}
