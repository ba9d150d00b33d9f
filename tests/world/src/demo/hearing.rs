//! How what each of the two heard compares with what the other said.

use std::time::Duration;

use super::judge::Evidence;
use super::party::Party;
use crate::audio::Audio;
use crate::speech::{Controls, Similarity, similarity};
use crate::voices;

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
    let stranger = (said == other).then(|| stranger_to(said));
    let other = stranger.as_ref().unwrap_or(other);
    Hearing {
        heard: similarity(said, heard),
        controls: Controls::measure(said, heard, other),
    }
}

/// A committed voice that is not `said`: where both were given the same file, the other one is no control.
fn stranger_to(said: &Audio) -> Audio {
    let bob = voices::bob();
    if *said == bob { voices::alice() } else { bob }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_say_the_same_are_still_told_from_a_stranger() {
        let bob = voices::bob();
        let ear = Party {
            heard: Some(bob.clone()),
            ..Party::new("alice")
        };
        let Hearing { heard, controls } = hear(&bob, &ear, &bob);
        assert!(
            heard.score > 0.99 && controls.other_speaker < 0.6,
            "{heard:?} {controls:?}"
        );
    }
}
