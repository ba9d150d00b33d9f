//! One call from its first event to its last, with the steps of `--do` carried out on the way.

use std::collections::VecDeque;
use std::future::pending;
use std::time::{Duration, Instant};

use tandem_engine::phone::Audio;
use tandem_engine::{
    CallSnapshot, CallState, Command, Engine, Event, EventStream, SafetyPhrase, Trust,
};
use tandem_types::{CallId, EndReason};

use crate::exit::Exit;
use crate::report::Report;
use crate::script::{Script, ScriptError, Step};
use crate::{Failure, keyboard, signals};

/// How long a hold, a resume or a key may take before the script goes on without it.
const STEP_LIMIT: Duration = Duration::from_secs(10);

/// What to do with a call.
pub struct Follow {
    call: CallId,
    steps: VecDeque<Step>,
    /// Let an incoming call ring this long before it is answered or refused.
    pub ring_first: Option<Duration>,
    /// Answer with this sound.
    pub answer_with: Option<Audio>,
    /// Do this instead of answering.
    pub on_ring: Option<Command>,
    /// Hang up after this long.
    pub max_duration: Option<Duration>,
}

impl Follow {
    /// Follows `call` and carries `script` out once it is up.
    pub fn new(call: CallId, script: &Script) -> Self {
        Self {
            call,
            steps: script.0.iter().cloned().collect(),
            ring_first: None,
            answer_with: None,
            on_ring: None,
            max_duration: None,
        }
    }
}

/// How it ended.
pub struct End {
    pub reason: EndReason,
    pub was_accepted: bool,
    /// Somebody wants the program to end.
    pub stopping: bool,
}

/// What a step waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Awaited {
    Active,
    Held,
    Played,
    Keys(usize),
    Phrase,
    End,
    Time,
}

struct Progress<'a> {
    engine: &'a Engine,
    report: &'a Report,
    task: Follow,
    awaited: Option<Awaited>,
    until: Option<Instant>,
    answer_at: Option<Instant>,
    hang_up_at: Option<Instant>,
    running: bool,
    was_accepted: bool,
    active: bool,
    held: bool,
    played: bool,
    /// State and microphone, as last reported.
    shown: Option<(&'static str, bool)>,
    /// The safety phrase and what came of it, as last reported.
    phrase: Option<SafetyPhrase>,
    trust: Trust,
}

/// Follows a call to its end.
pub async fn follow(
    engine: &Engine,
    events: &mut EventStream,
    task: Follow,
    report: &Report,
) -> Result<End, Failure> {
    keyboard::forget().await;
    let now = Instant::now();
    let mut progress = Progress {
        engine,
        report,
        answer_at: task.ring_first.map(|after| now + after),
        task,
        awaited: None,
        until: None,
        hang_up_at: None,
        running: false,
        was_accepted: false,
        active: false,
        held: false,
        played: false,
        shown: None,
        phrase: None,
        trust: Trust::default(),
    };
    let mut stopping = false;
    loop {
        let wake = [progress.until, progress.answer_at, progress.hang_up_at];
        let wake = wake.into_iter().flatten().min();
        let sleep = async {
            match wake {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        tokio::select! {
            event = events.next() => {
                let Some(event) = event else {
                    return Err(Failure::new(Exit::Internal, "the engine stopped"));
                };
                if let Some(reason) = progress.take(event) {
                    return Ok(End {
                        reason,
                        was_accepted: progress.was_accepted,
                        stopping,
                    });
                }
            }
            () = sleep => progress.time_passed().await?,
            line = keyboard::line() => progress.typed(&line).await,
            () = signals::stop(), if !stopping => {
                stopping = true;
                progress.give_up().await;
            }
        }
        progress.go_on().await;
    }
}

impl Progress<'_> {
    /// Why the call ended, once it has.
    fn take(&mut self, event: Event) -> Option<EndReason> {
        if self.is_news(&event) {
            self.report.event(&event, &self.task.call);
        }
        match event {
            Event::Call(call) if call.id == self.task.call => {
                self.tell_protection(&call);
                if let CallState::Ended(reason) = call.state {
                    return Some(reason);
                }
                if call.accepted.is_some() && !self.was_accepted {
                    self.was_accepted = true;
                    self.hang_up_at = self.task.max_duration.map(|limit| Instant::now() + limit);
                }
                self.active = matches!(call.state, CallState::Active { .. });
                self.held = matches!(call.state, CallState::Held { .. });
                self.running |= self.active || self.held;
            }
            Event::Played { call } if call == self.task.call => self.played = true,
            Event::DtmfSent { call, .. } if call == self.task.call => {
                if let Some(Awaited::Keys(left)) = &mut self.awaited {
                    *left = left.saturating_sub(1);
                }
            }
            Event::HoldRefused { call, .. } if call == self.task.call => {
                // The script goes on: what it asked for will not come.
                self.awaited = None;
                self.until = None;
            }
            _ => {}
        }
        None
    }

    /// A picture of the call comes with every change; one that looks like the last is no line of its own.
    fn is_news(&mut self, event: &Event) -> bool {
        let Event::Call(call) = event else {
            return true;
        };
        let shown = (call.state.token(), call.muted);
        self.shown.replace(shown) != Some(shown)
    }

    /// Says what there is to compare, and what came of it, when that is news.
    fn tell_protection(&mut self, call: &CallSnapshot) {
        if self.phrase != call.safety_phrase {
            self.phrase = call.safety_phrase;
            if let Some(phrase) = self.phrase {
                self.report.phrase(&call.id, phrase);
            }
        }
        if self.trust != call.trust {
            self.trust = call.trust;
            self.report.trust(&call.id, self.trust);
        }
    }

    /// A line of the person at the terminal: steps beside those of the script, which waits for what it waited.
    async fn typed(&mut self, line: &str) {
        let steps = match line.parse() {
            Ok(Script(steps)) => steps,
            Err(error) => return self.report.note(&ScriptError::to_string(&error)),
        };
        let waits = (self.awaited, self.until);
        for step in steps {
            self.begin(step).await;
        }
        (self.awaited, self.until) = waits;
    }

    async fn time_passed(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        if self.answer_at.is_some_and(|at| at <= now) {
            self.answer_at = None;
            self.answer().await?;
        }
        if self.hang_up_at.is_some_and(|at| at <= now) {
            self.hang_up_at = None;
            self.give_up().await;
        }
        if self.until.is_some_and(|at| at <= now) {
            self.until = None;
            self.awaited = None;
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<(), Failure> {
        let call = self.task.call.clone();
        if let Some(command) = self.task.on_ring.take() {
            self.try_command(command).await;
        } else if let Some(sound) = self.task.answer_with.take()
            && let Err(error) = self.engine.answer(&call, sound).await
        {
            // Most likely the caller gave up just now, which the next event says.
            self.report.note(&format!("not answered: {error}"));
        }
        Ok(())
    }

    async fn give_up(&mut self) {
        self.task.steps.clear();
        self.try_command(Command::HangUp).await;
    }

    /// Carries out steps until one has to wait.
    async fn go_on(&mut self) {
        if !self.running {
            return;
        }
        loop {
            let reached = match self.awaited {
                None => true,
                Some(Awaited::Active) => self.active,
                Some(Awaited::Held) => self.held,
                Some(Awaited::Played) => self.played,
                Some(Awaited::Keys(left)) => left == 0,
                Some(Awaited::Phrase) => self.phrase.is_some(),
                Some(Awaited::End | Awaited::Time) => false,
            };
            if !reached {
                return;
            }
            self.awaited = None;
            self.until = None;
            let Some(step) = self.task.steps.pop_front() else {
                self.awaited = Some(Awaited::End);
                return;
            };
            self.begin(step).await;
        }
    }

    async fn begin(&mut self, step: Step) {
        let limit = Instant::now() + STEP_LIMIT;
        match step {
            Step::Wait(time) => self.wait(Awaited::Time, Some(Instant::now() + time)),
            Step::WaitActive => self.wait(Awaited::Active, None),
            Step::WaitPlayed => self.wait(Awaited::Played, None),
            Step::WaitEnd => self.wait(Awaited::End, None),
            Step::Hold => {
                if self.try_command(Command::Hold).await {
                    self.wait(Awaited::Held, Some(limit));
                }
            }
            Step::Resume => {
                if self.try_command(Command::Resume).await {
                    self.wait(Awaited::Active, Some(limit));
                }
            }
            Step::Mute | Step::Unmute => {
                let muted = step == Step::Mute;
                if let Err(error) = self.engine.set_muted(&self.task.call, muted).await {
                    self.report.note(&format!("not muted: {error}"));
                }
            }
            Step::Dtmf(keys) => {
                let count = keys.len();
                if let Ok(digits) = keys.parse()
                    && self.try_command(Command::SendDtmf(digits)).await
                {
                    self.wait(Awaited::Keys(count), Some(limit + STEP_LIMIT));
                }
            }
            Step::WaitPhrase => self.wait(Awaited::Phrase, Some(limit)),
            Step::Verify(matches) => {
                if let Err(error) = self.engine.verify(&self.task.call, matches).await {
                    self.report.note(&format!("not verified: {error}"));
                }
            }
            Step::HangUp => {
                self.try_command(Command::HangUp).await;
                self.wait(Awaited::End, None);
            }
        }
    }

    fn wait(&mut self, what: Awaited, until: Option<Instant>) {
        self.awaited = Some(what);
        self.until = until;
    }

    async fn try_command(&self, command: Command) -> bool {
        match self.engine.command(&self.task.call, command).await {
            Ok(()) => true,
            Err(error) => {
                self.report.note(&error.to_string());
                false
            }
        }
    }
}
