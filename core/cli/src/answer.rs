//! `tandem answer`.

use std::time::Duration;

use tandem_engine::{
    CallDirection, CallSnapshot, CallState, Command, Engine, EngineConfig, Event, EventStream,
    RejectReason,
};

use crate::args::{AnswerArgs, Rejection};
use crate::exit::Exit;
use crate::follow::{End, Follow, follow};
use crate::report::Report;
use crate::{Failure, account, audio, keyboard, signals, start_engine};

/// Waits for calls and answers, or refuses, each.
pub async fn run(config: EngineConfig, args: &AnswerArgs, report: &Report) -> Result<(), Failure> {
    if args.reject.is_none() {
        // Now rather than at the first call: a file or a microphone that is not there.
        drop(audio::open(&args.media)?);
    }
    let engine = start_engine(config, &args.media, &args.run, report)?;
    let result = wait(&engine, args, report).await;
    engine.shutdown().await;
    result
}

async fn wait(engine: &Engine, args: &AnswerArgs, report: &Report) -> Result<(), Failure> {
    let mut events = engine.events();
    let used = account::add(engine, &args.account, None, report).await?;
    keyboard::listen();
    account::sign_in(engine, &used, &mut events, report).await?;
    report.listening(used.local);
    let mut taken = 0;
    let mut last = Ok(());
    while args.count.is_none_or(|count| taken < count) {
        let Some(call) = next_call(&mut events, args, report).await? else {
            return last;
        };
        let end = take(engine, &mut events, call, args, report).await?;
        last = outcome(&end, args);
        if end.stopping {
            return last;
        }
        taken += 1;
    }
    last
}

/// The next call that rings; `None` when somebody wants us to stop.
async fn next_call(
    events: &mut EventStream,
    args: &AnswerArgs,
    report: &Report,
) -> Result<Option<CallSnapshot>, Failure> {
    let limit = args.max_wait.map(Duration::from_secs);
    let patience = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(patience);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = &mut patience => return Err(Failure::new(Exit::NoCall, "nobody called")),
            () = signals::stop() => return Ok(None),
        };
        match event {
            None => return Err(Failure::new(Exit::Internal, "the engine stopped")),
            Some(Event::Call(call)) if rings_here(&call) => return Ok(Some(call)),
            Some(Event::Account(account)) => report.account(&account),
            Some(_) => {}
        }
    }
}

fn rings_here(call: &CallSnapshot) -> bool {
    call.direction == CallDirection::Incoming && call.state == CallState::Incoming
}

async fn take(
    engine: &Engine,
    events: &mut EventStream,
    call: CallSnapshot,
    args: &AnswerArgs,
    report: &Report,
) -> Result<End, Failure> {
    report.incoming(&call);
    let mut task = Follow::new(call.id.clone(), &args.run.script);
    task.ring_first = Some(Duration::from_secs_f64(args.after.clamp(0.0, 86_400.0)));
    match args.reject {
        Some(rejection) => {
            let reason = match rejection {
                Rejection::Busy => RejectReason::Busy,
                Rejection::Decline => RejectReason::Declined,
            };
            task.on_ring = Some(Command::Reject(reason));
        }
        None => task.answer_with = Some(audio::open(&args.media)?),
    }
    follow(engine, events, task, report).await
}

/// What a call that was taken, or refused, makes of the command's exit.
fn outcome(end: &End, args: &AnswerArgs) -> Result<(), Failure> {
    match Exit::of_call(end.reason, end.was_accepted) {
        Exit::Fine => Ok(()),
        // As it was told to.
        Exit::NoCall if args.reject.is_some() || end.stopping => Ok(()),
        exit => Err(Failure::new(
            exit,
            format!("the call ended: {}", end.reason),
        )),
    }
}
