//! What the name servers of a story know.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tandem_sip::agent::{Answer, NaptrRecord, Question, SrvRecord};

#[derive(Default)]
pub struct Zone {
    naptr: BTreeMap<String, Vec<NaptrRecord>>,
    srv: BTreeMap<String, Vec<SrvRecord>>,
    hosts: BTreeMap<String, Vec<IpAddr>>,
    /// How many questions were asked.
    pub asked: usize,
}

impl Zone {
    pub fn naptr(&mut self, domain: &str, order: u16, service: &str, replacement: &str) {
        let records = self.naptr.entry(domain.to_owned()).or_default();
        records.push(NaptrRecord {
            order,
            preference: 0,
            flags: "s".to_owned(),
            service: service.to_owned(),
            regexp: String::new(),
            replacement: replacement.to_owned(),
        });
    }

    pub fn srv(&mut self, name: &str, priority: u16, port: u16, target: &str) {
        let records = self.srv.entry(name.to_owned()).or_default();
        records.push(SrvRecord {
            priority,
            weight: 0,
            port,
            target: target.to_owned(),
        });
    }

    pub fn host(&mut self, name: &str, address: &str) {
        let address = address.parse().unwrap();
        self.hosts.entry(name.to_owned()).or_default().push(address);
    }

    pub fn answer(&mut self, question: &Question) -> Answer {
        self.asked += 1;
        match question {
            Question::Naptr(name) => Answer::Naptr(of(&self.naptr, name)),
            Question::Srv(name) => Answer::Srv(of(&self.srv, name)),
            Question::Addresses(name) => Answer::Addresses(of(&self.hosts, name)),
        }
    }
}

fn of<T: Clone>(records: &BTreeMap<String, Vec<T>>, name: &str) -> Vec<T> {
    records.get(name).cloned().unwrap_or_default()
}
