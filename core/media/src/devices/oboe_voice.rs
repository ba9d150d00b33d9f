//! Android: oboe over AAudio, as a voice call, so that the platform cancels echo and routes as for a phone.

use oboe::{
    AudioInputCallback, AudioInputStreamSafe, AudioOutputCallback, AudioOutputStreamSafe,
    AudioStream, AudioStreamBuilder, ContentType, DataCallbackResult, Error, InputPreset, Mono,
    PerformanceMode, SharingMode, Usage,
};

use super::keeper::{Alarm, keep};
use super::ring::{LoudspeakerEnd, MicrophoneEnd, loudspeaker, microphone};
use super::{AudioDevice, DeviceError, OpenDevice};
use crate::frame::SAMPLE_RATE;

/// The platform's microphone and earpiece, loudspeaker or headset: it chooses.
pub(super) struct OboeVoice;

impl AudioDevice for OboeVoice {
    fn name(&self) -> String {
        "voice communication".to_owned()
    }

    fn open(&mut self) -> Result<OpenDevice, DeviceError> {
        let (plug, source) = microphone();
        let keeper = keep("microphone", move |alarm| {
            let end = plug.microphone(SAMPLE_RATE, 1);
            let mut stream = AudioStreamBuilder::default()
                .set_input()
                .set_mono()
                .set_f32()
                .set_sample_rate(SAMPLE_RATE as i32)
                .set_sample_rate_conversion_quality(oboe::SampleRateConversionQuality::Medium)
                .set_performance_mode(PerformanceMode::LowLatency)
                .set_sharing_mode(SharingMode::Shared)
                .set_input_preset(InputPreset::VoiceCommunication)
                .set_callback(Microphone { end, alarm })
                .open_stream()
                .map_err(failed)?;
            stream.start().map_err(failed)?;
            Ok(stream)
        })?;
        let source = source.kept_by(Box::new(keeper));

        let (plug, sink) = loudspeaker();
        let keeper = keep("loudspeaker", move |alarm| {
            let end = plug.loudspeaker(SAMPLE_RATE, 1);
            let mut stream = AudioStreamBuilder::default()
                .set_output()
                .set_mono()
                .set_f32()
                .set_sample_rate(SAMPLE_RATE as i32)
                .set_sample_rate_conversion_quality(oboe::SampleRateConversionQuality::Medium)
                .set_performance_mode(PerformanceMode::LowLatency)
                .set_sharing_mode(SharingMode::Shared)
                .set_usage(Usage::VoiceCommunication)
                .set_content_type(ContentType::Speech)
                .set_callback(Loudspeaker { end, alarm })
                .open_stream()
                .map_err(failed)?;
            stream.start().map_err(failed)?;
            Ok(stream)
        })?;
        let sink = sink.kept_by(Box::new(keeper));
        Ok(OpenDevice {
            source: Box::new(source),
            sink: Box::new(sink),
        })
    }
}

fn failed(error: Error) -> DeviceError {
    DeviceError::Failed(format!("{error:?}"))
}

struct Microphone {
    end: MicrophoneEnd,
    alarm: Alarm,
}

impl AudioInputCallback for Microphone {
    type FrameType = (f32, Mono);

    fn on_audio_ready(
        &mut self,
        _stream: &mut dyn AudioInputStreamSafe,
        data: &[f32],
    ) -> DataCallbackResult {
        self.end.push(data, |sample| sample);
        DataCallbackResult::Continue
    }

    /// The route changed (a headset came or went): the stream is closed, another one is needed.
    fn on_error_after_close(&mut self, _stream: &mut dyn AudioInputStreamSafe, _error: Error) {
        self.alarm.raise();
    }
}

struct Loudspeaker {
    end: LoudspeakerEnd,
    alarm: Alarm,
}

impl AudioOutputCallback for Loudspeaker {
    type FrameType = (f32, Mono);

    fn on_audio_ready(
        &mut self,
        _stream: &mut dyn AudioOutputStreamSafe,
        data: &mut [f32],
    ) -> DataCallbackResult {
        self.end.pull(data, |sample| sample);
        DataCallbackResult::Continue
    }

    fn on_error_after_close(&mut self, _stream: &mut dyn AudioOutputStreamSafe, _error: Error) {
        self.alarm.raise();
    }
}
