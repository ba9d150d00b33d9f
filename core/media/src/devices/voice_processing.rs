//! iOS: the VoiceProcessingIO unit, which cancels echo and levels the voice. One unit is microphone and
//! loudspeaker at once. The audio session itself (category, activation, route) belongs to the app.

use std::sync::{Arc, Mutex};

use coreaudio::audio_unit::audio_format::LinearPcmFlags;
use coreaudio::audio_unit::render_callback::{Args, data};
use coreaudio::audio_unit::{AudioUnit, Element, IOType, SampleFormat, Scope, StreamFormat};

use super::ring::{loudspeaker, microphone};
use super::{AudioDevice, DeviceError, OpenDevice};
use crate::frame::SAMPLE_RATE;

/// `kAudioOutputUnitProperty_EnableIO` (AudioUnitProperties.h).
const ENABLE_IO: u32 = 2003;

type Buffers = data::NonInterleaved<f32>;

/// The platform's voice unit.
pub(super) struct VoiceProcessing;

impl AudioDevice for VoiceProcessing {
    fn name(&self) -> String {
        "voice processing".to_owned()
    }

    fn open(&mut self) -> Result<OpenDevice, DeviceError> {
        let (to_source, source) = microphone();
        let (to_sink, sink) = loudspeaker();
        let mut captured = to_source.microphone(SAMPLE_RATE, 1);
        let mut played = to_sink.loudspeaker(SAMPLE_RATE, 1);

        let mut unit = AudioUnit::new_uninitialized(IOType::VoiceProcessingIO).map_err(failed)?;
        let on = 1_u32;
        unit.set_property(ENABLE_IO, Scope::Input, Element::Input, Some(&on))
            .map_err(failed)?;
        unit.set_property(ENABLE_IO, Scope::Output, Element::Output, Some(&on))
            .map_err(failed)?;
        let format = StreamFormat {
            sample_rate: f64::from(SAMPLE_RATE),
            sample_format: SampleFormat::F32,
            flags: LinearPcmFlags::IS_FLOAT
                | LinearPcmFlags::IS_PACKED
                | LinearPcmFlags::IS_NON_INTERLEAVED,
            channels: 1,
        };
        // What comes out of the microphone's element, and what goes into the loudspeaker's.
        unit.set_stream_format(format, Scope::Output, Element::Input)
            .map_err(failed)?;
        unit.set_stream_format(format, Scope::Input, Element::Output)
            .map_err(failed)?;

        unit.set_input_callback(move |args: Args<Buffers>| {
            if let Some(channel) = args.data.channels().next() {
                captured.push(channel, |sample| sample);
            }
            Ok(())
        })
        .map_err(failed)?;
        unit.set_render_callback(move |mut args: Args<Buffers>| {
            if let Some(channel) = args.data.channels_mut().next() {
                played.pull(channel, |sample| sample);
            }
            Ok(())
        })
        .map_err(failed)?;
        unit.initialize().map_err(failed)?;
        unit.start().map_err(failed)?;

        // The unit runs until both ends are gone.
        let unit = Arc::new(Mutex::new(unit));
        Ok(OpenDevice {
            source: Box::new(source.kept_by(Box::new(Arc::clone(&unit)))),
            sink: Box::new(sink.kept_by(Box::new(unit))),
        })
    }
}

fn failed(error: coreaudio::Error) -> DeviceError {
    DeviceError::Failed(error.to_string())
}
