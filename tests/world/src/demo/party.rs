//! What one of the two did and left behind.

use serde_json::Value;

use super::events::{Event, Stamped, Stats};
use crate::audio::Audio;

/// How a process ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By a signal: it crashed.
    Killed,
    /// Not at all within the time it had; the demo stopped it.
    Hung,
}

/// One side of the call, as its process showed it.
#[derive(Clone, Debug)]
pub struct Party {
    /// `alice` or `bob`.
    pub name: &'static str,
    /// Its events in order.
    pub events: Vec<Stamped>,
    /// Lines of its output that are no events.
    pub unreadable: Vec<String>,
    /// How its process ended.
    pub exit: Exit,
    /// What it heard during the talk, up to the hold.
    pub heard: Option<Audio>,
    /// Its call history after the call, newest first; or why there is none.
    pub history: Result<Vec<Value>, String>,
}

impl Party {
    /// A party that has done nothing yet.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            events: Vec::new(),
            unreadable: Vec::new(),
            exit: Exit::Hung,
            heard: None,
            history: Err("not asked for".to_owned()),
        }
    }

    /// What `pick` finds first in the events.
    pub fn find<T>(&self, pick: impl FnMut(&Event) -> Option<T>) -> Option<T> {
        self.events
            .iter()
            .map(|stamped| &stamped.event)
            .find_map(pick)
    }

    /// When (wall time, ms) an event first was so.
    pub fn when(&self, mut so: impl FnMut(&Event) -> bool) -> Option<u64> {
        self.events
            .iter()
            .find(|stamped| so(&stamped.event))
            .map(|stamped| stamped.unix_ms)
    }

    /// When the call first was in the state `name`.
    pub fn when_state(&self, name: &str) -> Option<u64> {
        self.when(|event| event.is_state(name))
    }

    /// Whether the call went through `states` in this order, others between them or not.
    pub fn went_through(&self, states: &[&str]) -> bool {
        let mut wanted = states.iter().peekable();
        for stamped in &self.events {
            if wanted
                .peek()
                .is_some_and(|state| stamped.event.is_state(state))
            {
                wanted.next();
            }
        }
        wanted.peek().is_none()
    }

    /// When it first talked and when that talk was interrupted by a hold (or by the end), wall time in ms.
    pub fn talk(&self) -> Option<(u64, u64)> {
        let start = self.when_state("active")?;
        let after = self
            .events
            .iter()
            .skip_while(|stamped| !stamped.event.is_state("active"));
        let over = |event: &Event| match event {
            Event::State { state } => state != "active" && state != "reconnecting",
            Event::Ended { .. } => true,
            _ => false,
        };
        let end = after.into_iter().find(|stamped| over(&stamped.event))?;
        Some((start, end.unix_ms))
    }

    /// Its statistics, each with its wall time in ms.
    pub fn stats(&self) -> Vec<(u64, Stats)> {
        let stats = |stamped: &Stamped| match &stamped.event {
            Event::Stats(stats) => Some((stamped.unix_ms, *stats)),
            _ => None,
        };
        self.events.iter().filter_map(stats).collect()
    }
}
