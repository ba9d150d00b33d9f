//! A small town in virtual time: a registrar, and people who call each other through it.
//!
//! ```
//! use std::time::Duration;
//! use tandem_world::town::Town;
//!
//! let mut town = Town::new(7);
//! let [alice, bob] = town.people(["alice", "bob"]);
//! town.sign_in([alice, bob]);
//! town.calls(alice, "bob");
//! assert!(town.until(|town| town.phone(bob).ringing().is_some()));
//! town.answers(bob);
//! assert!(town.until(|town| town.phone(alice).is_active() && town.phone(bob).is_active()));
//! ```

use std::net::IpAddr;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tandem_engine::phone::IceConfig;
use tandem_engine::{CallConfig, Command};
use tandem_media::Capabilities;
use tandem_types::media::MediaSecurity;
use tandem_types::{CallId, Entropy};

use crate::handset::{Handset, Setup};
use crate::net::{Link, NodeId, World};
use crate::sip_registrar::{Config, Registrar, RegistrarNode};
use crate::stranger::Stranger;

/// A person of the town, by their phone.
pub type Person = NodeId<Handset>;

/// How long a story waits for what should happen.
const PATIENCE: Duration = Duration::from_secs(120);
const REGISTRAR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// The town. Everybody's password is `secret-` and their name.
pub struct Town {
    /// The network, for links and captures.
    pub world: World,
    registrar: NodeId<RegistrarNode>,
    next_ip: u8,
}

impl Town {
    /// A town with 20 ms between any two of its houses; prints its seed.
    pub fn new(seed: u64) -> Self {
        Self::with_registrar(seed, |_| {})
    }

    /// The same with a registrar that behaves otherwise.
    pub fn with_registrar(seed: u64, change: impl FnOnce(&mut Config)) -> Self {
        let mut world = World::new(seed);
        world.set_default_link(Link::clean(Duration::from_millis(20)));
        let names = ["alice", "bob", "carol"];
        let passwords = names.map(|name| format!("secret-{name}"));
        let mut users: Vec<(&str, &str)> = names
            .into_iter()
            .zip(passwords.iter().map(String::as_str))
            .collect();
        users.push(("mallory", "not what she types"));
        let mut config = Config::with_users(&users);
        change(&mut config);
        let seed = world.fork_entropy().next_u64();
        let registrar = Registrar::new(config, SocketAddr::new(REGISTRAR, 5060), world.now(), seed);
        let registrar = world.add(REGISTRAR, RegistrarNode { registrar });
        Self {
            world,
            registrar,
            next_ip: 10,
        }
    }

    /// People with a phone each; nobody is signed in yet.
    pub fn people<const N: usize>(&mut self, names: [&str; N]) -> [Person; N] {
        names.map(|name| self.person(name, |_| {}))
    }

    /// One person whose phone is set up otherwise.
    pub fn person(&mut self, name: &str, change: impl FnOnce(&mut Setup)) -> Person {
        let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.next_ip));
        self.next_ip += 1;
        let mut setup = Setup {
            ip,
            address: format!("sip:{name}@{REGISTRAR}"),
            registrar: Some(REGISTRAR.to_string()),
            password: Some(format!("secret-{name}")),
            call: CallConfig::default(),
            media: Capabilities::default(),
            media_security: MediaSecurity::PlainAllowed,
            ice: IceConfig::default(),
            servers: Some(Vec::new()),
            dtls: true,
            // A voice of one's own, so that an ear knows whom it hears.
            voice: 300.0 + 100.0 * f32::from(self.next_ip),
        };
        change(&mut setup);
        let handset = Handset::new(setup, self.world.now(), self.world.fork_entropy());
        self.world.add(ip, handset)
    }

    /// A device of another make, which the story scripts.
    pub fn stranger(&mut self) -> NodeId<Stranger> {
        let ip = IpAddr::V4(Ipv4Addr::new(10, 0, 0, self.next_ip));
        self.next_ip += 1;
        self.world.add(ip, Stranger::new(ip))
    }

    /// Everybody signs in, and is.
    pub fn sign_in<const N: usize>(&mut self, people: [Person; N]) {
        for person in people {
            let now = self.world.now();
            self.world.node_mut(person).register(now);
        }
        let all = |town: &Self| {
            people
                .iter()
                .all(|person| town.phone(*person).is_registered())
        };
        assert!(self.until(all), "not everybody could sign in");
    }

    /// A person's phone.
    pub fn phone(&self, person: Person) -> &Handset {
        self.world.node(person)
    }

    /// The server, for its faults.
    pub fn registrar(&mut self) -> &mut Registrar {
        &mut self.world.node_mut(self.registrar).registrar
    }

    /// The server is gone, or back.
    pub fn server_is_up(&mut self, up: bool) {
        if up {
            self.world.attach(self.registrar, REGISTRAR);
        } else {
            self.world.detach(REGISTRAR);
        }
    }

    /// One person calls a name, or an address.
    pub fn calls(&mut self, person: Person, target: &str) -> CallId {
        let now = self.world.now();
        self.world.node_mut(person).calls(now, target)
    }

    /// The call that rings is answered.
    pub fn answers(&mut self, person: Person) -> CallId {
        let now = self.world.now();
        self.world.node_mut(person).answers(now)
    }

    /// Something is done with a person's one call.
    pub fn does(&mut self, person: Person, command: Command) {
        let now = self.world.now();
        self.world.node_mut(person).does(now, command);
    }

    /// Somebody's phone, or its network, is gone from one moment to the next.
    pub fn vanishes(&mut self, person: Person) {
        let ip = self.phone(person).ip();
        self.world.detach(ip);
    }

    /// `caller` calls `callee` by `name`, who answers; both can talk when it returns.
    pub fn connected(&mut self, caller: Person, callee: Person, name: &str) {
        self.calls(caller, name);
        assert!(
            self.until(|town| town.phone(callee).ringing().is_some()),
            "it never rang"
        );
        self.answers(callee);
        let both = |town: &Self| town.phone(caller).is_active() && town.phone(callee).is_active();
        assert!(self.until(both), "they never could talk");
    }

    /// Lets time pass.
    pub fn wait(&mut self, time: Duration) {
        self.world.run_for(time);
    }

    /// Lets time pass until something is so. False if it never was.
    pub fn until(&mut self, mut so: impl FnMut(&Self) -> bool) -> bool {
        // The world runs on its own nodes; step it so that the question can be about the whole town.
        let end = self.world.elapsed() + PATIENCE;
        loop {
            if so(self) {
                return true;
            }
            if self.world.elapsed() >= end {
                return false;
            }
            self.world.run_for(Duration::from_millis(5));
        }
    }
}
