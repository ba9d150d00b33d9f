//! `tandem call`.

use std::time::Duration;

use tandem_engine::EngineConfig;

use crate::args::CallArgs;
use crate::exit::Exit;
use crate::follow::{Follow, follow};
use crate::report::Report;
use crate::{Failure, account, audio, keyboard, start_engine};

/// Places the call and stays until it ends.
pub async fn run(
    mut config: EngineConfig,
    args: &CallArgs,
    report: &Report,
) -> Result<(), Failure> {
    // Before anything rings: a file or a microphone that is not there.
    let sound = audio::open(&args.media)?;
    config.call.ring_limit = Duration::from_secs(args.ring_timeout.max(1));
    let engine = start_engine(config, &args.media, &args.run, report)?;
    let result = place(&engine, args, sound, report).await;
    engine.shutdown().await;
    result
}

async fn place(
    engine: &tandem_engine::Engine,
    args: &CallArgs,
    sound: tandem_engine::phone::Audio,
    report: &Report,
) -> Result<(), Failure> {
    let mut events = engine.events();
    let used = account::add(engine, &args.account, Some(&args.target), report).await?;
    keyboard::listen();
    account::sign_in(engine, &used, &mut events, report).await?;
    let call = engine
        .place_call(used.id, &args.target, sound)
        .await
        .map_err(|error| Failure::new(Exit::Usage, error))?;
    let mut task = Follow::new(call, &args.run.script);
    task.max_duration = args.max_duration.map(Duration::from_secs);
    let end = follow(engine, &mut events, task, report).await?;
    match Exit::of_call(end.reason, end.was_accepted) {
        Exit::Fine => Ok(()),
        exit => Err(Failure::new(
            exit,
            format!("the call ended: {}", end.reason),
        )),
    }
}
