//! How the two sides come to terms.

use tandem_media::negotiate::{accept, answer, offer, reoffer};
use tandem_media::{AudioCodec, Capabilities, LocalTransport, Protection};
use tandem_types::{Direction, MediaDescription};

use crate::link::{Call, Weather, alice_address, bob_address};

fn local(rtp: std::net::SocketAddr) -> LocalTransport {
    LocalTransport::plain(rtp, std::net::SocketAddr::new(rtp.ip(), rtp.port() + 1))
}

fn first_offer(capabilities: &Capabilities) -> MediaDescription {
    offer(
        capabilities,
        &local(alice_address()),
        Protection::Plain,
        Direction::SendRecv,
    )
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
        let offered = first_offer(capabilities);
        call.alice.session.listen(call.now, &offered);
        call.answer_with(&offered, Direction::SendRecv);
        call
    }

    /// Alice offers again, from now on in `direction`.
    pub fn reoffer(&mut self, capabilities: &Capabilities, direction: Direction) {
        let before = first_offer(&Capabilities::default());
        let offered = reoffer(
            &before,
            capabilities,
            &local(alice_address()),
            None,
            direction,
        );
        self.answer_with(&offered, Direction::SendRecv);
    }

    fn answer_with(&mut self, offered: &MediaDescription, wish: Direction) {
        let bob = Capabilities::default();
        let (answered, terms) = answer(offered, &bob, &local(bob_address()), wish, None).unwrap();
        self.bob.session.update(self.now, terms).unwrap();
        let terms = accept(offered, &answered, None).unwrap();
        self.alice.session.update(self.now, terms).unwrap();
    }
}
