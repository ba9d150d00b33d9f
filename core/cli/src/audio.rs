//! The media flags, as a way for sound.

use tandem_engine::phone::Audio;
use tandem_media::AudioCodec;
use tandem_media::devices::{self, OpenDevice};
use tandem_media::io::{AudioSink, AudioSource, NullSink, Tone, WavSink, WavSource};
use tandem_media::negotiate::{AnswerOrder, Capabilities};

use crate::Failure;
use crate::args::MediaArgs;
use crate::exit::Exit;

/// What media can do, by the flags.
pub fn capabilities(args: &MediaArgs) -> Result<Capabilities, Failure> {
    let mut capabilities = Capabilities::default();
    if let Some(names) = &args.codecs {
        let parse = |name: &String| {
            name.trim().parse::<AudioCodec>().map_err(|_| {
                Failure::new(
                    Exit::Usage,
                    format!("`{name}` is no codec: opus, g722, pcmu, pcma"),
                )
            })
        };
        capabilities.codecs = names.iter().map(parse).collect::<Result<_, _>>()?;
        // Somebody who set an order means it.
        capabilities.answer_order = AnswerOrder::Own;
    }
    Ok(capabilities)
}

/// Opens what the flags say: files, a tone, or the machine's own devices.
pub fn open(args: &MediaArgs) -> Result<Audio, Failure> {
    let source: Option<Box<dyn AudioSource>> = match (&args.play, args.tone) {
        (Some(path), _) => Some(Box::new(
            WavSource::open(path, false).map_err(|error| unusable(path, &error))?,
        )),
        (None, Some(hertz)) => Some(Box::new(Tone::new(hertz))),
        (None, None) => None,
    };
    let sink: Option<Box<dyn AudioSink>> = match (&args.record, args.mute_output) {
        (Some(path), _) => Some(Box::new(
            WavSink::create(path).map_err(|error| unusable(path, &error))?,
        )),
        (None, true) => Some(Box::new(NullSink)),
        (None, false) => None,
    };
    match (source, sink) {
        (Some(source), Some(sink)) => Ok(Audio { source, sink }),
        // The machine's devices, for whichever end has no file.
        (source, sink) => {
            let live = live()?;
            let source = source.unwrap_or(live.source);
            let sink = sink.unwrap_or(live.sink);
            Ok(Audio { source, sink })
        }
    }
}

fn live() -> Result<OpenDevice, Failure> {
    let device = devices::default_device().and_then(|mut device| device.open());
    device.map_err(|error| {
        let way_out = "use --play FILE or --tone HZ, and --record FILE or --mute-output";
        Failure::new(
            Exit::NoSound,
            format!("{error}; without a device, {way_out}"),
        )
    })
}

fn unusable(path: &std::path::Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
}
