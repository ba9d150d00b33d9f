//! How what each of the two heard compares with what the other said.

use std::time::Duration;

use super::judge::Evidence;
use super::party::Party;
use crate::audio::Audio;
use crate::speech::{Controls, Similarity, similarity};

/// One direction of the call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hearing {
    /// What was heard against what was said.
    pub heard: Similarity,
    /// What must score low in the same measure.
    pub controls: Controls,
}

/// Both directions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// What alice heard against bob's voice.
    pub alice: Hearing,
    /// What bob heard against alice's voice.
    pub bob: Hearing,
}

impl Comparison {
    /// Compares the recordings of a call with the voices.
    pub fn of(evidence: &Evidence) -> Self {
        let Evidence {
            alice,
            bob,
            alice_voice,
            bob_voice,
            ..
        } = evidence;
        Self {
            alice: hear(bob_voice, alice, alice_voice),
            bob: hear(alice_voice, bob, bob_voice),
        }
    }

    /// The worse of both directions, each.
    pub fn controls(&self) -> Controls {
        let (alice, bob) = (self.alice.controls, self.bob.controls);
        Controls {
            silence: alice.silence.max(bob.silence),
            other_speaker: alice.other_speaker.max(bob.other_speaker),
            one_second_cut: alice.one_second_cut.max(bob.one_second_cut),
        }
    }
}

/// What `ear` heard of `said`; `other` is the voice that must not be mistaken for it.
fn hear(said: &Audio, ear: &Party, other: &Audio) -> Hearing {
    let nothing = Audio::silence(said.rate(), Duration::ZERO);
    let heard = ear.heard.as_ref().unwrap_or(&nothing);
    Hearing {
        heard: similarity(said, heard),
        controls: Controls::measure(said, heard, other),
    }
}
