//! How the two sides come to terms.

use tandem_media::negotiate::{accept, answer, offer, receivable_formats, reoffer};
use tandem_media::{AudioCodec, Capabilities, LocalTransport};
use tandem_types::{Direction, MediaDescription};

use crate::link::{Call, Weather, alice_address, bob_address};

fn local(rtp: std::net::SocketAddr) -> LocalTransport {
    LocalTransport {
        rtp,
        rtcp: std::net::SocketAddr::new(rtp.ip(), rtp.port() + 1),
    }
}

pub fn only(codec: AudioCodec) -> Capabilities {
    Capabilities {
        codecs: vec![codec],
        ..Capabilities::default()
    }
}

impl Call {
    /// A call that is up: Alice offered `capabilities`, Bob took what he knows of them.
    pub fn up(seed: u64, weather: Weather, capabilities: &Capabilities) -> Self {
        let mut call = Self::new(seed, weather);
        let offered = offer(capabilities, local(alice_address()), Direction::SendRecv);
        call.alice
            .session
            .listen(call.now, receivable_formats(&offered));
        call.answer_with(&offered, Direction::SendRecv);
        call
    }

    /// Alice offers again, from now on in `direction`.
    pub fn reoffer(&mut self, capabilities: &Capabilities, direction: Direction) {
        let before = offer(
            &Capabilities::default(),
            local(alice_address()),
            Direction::SendRecv,
        );
        let offered = reoffer(&before, capabilities, local(alice_address()), direction);
        self.answer_with(&offered, Direction::SendRecv);
    }

    fn answer_with(&mut self, offered: &MediaDescription, wish: Direction) {
        let bob = Capabilities::default();
        let (answered, terms) = answer(offered, &bob, local(bob_address()), wish).unwrap();
        self.bob.session.update(self.now, terms).unwrap();
        let terms = accept(offered, &answered).unwrap();
        self.alice.session.update(self.now, terms).unwrap();
    }
}
