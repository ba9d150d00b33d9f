//! Desktop sound by cpal: whatever ALSA, CoreAudio or WASAPI call their default.

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{
    Device, ErrorKind, FromSample, Sample, SampleFormat, SizedSample, Stream, StreamConfig,
};

use super::keeper::{Alarm, keep};
use super::ring::{LoudspeakerEnd, MicrophoneEnd, loudspeaker, microphone};
use super::{AudioDevice, DeviceError, OpenDevice};

/// The default microphone and loudspeaker.
pub(super) struct Desktop {
    name: String,
}

impl Desktop {
    /// Looks for both.
    pub(super) fn find() -> Result<Self, DeviceError> {
        let (input, output) = (default_input()?, default_output()?);
        let of = |device: &Device| device.to_string();
        Ok(Self {
            name: format!("{} / {}", of(&input), of(&output)),
        })
    }
}

impl AudioDevice for Desktop {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn open(&mut self) -> Result<OpenDevice, DeviceError> {
        let (plug, source) = microphone();
        let keeper = keep("microphone", move |alarm| {
            let device = default_input()?;
            let config = device.default_input_config().map_err(input_failed)?;
            let end = plug.microphone(config.sample_rate(), config.channels());
            let stream = input_stream(&device, config.sample_format(), config.into(), end, alarm)?;
            stream.play().map_err(input_failed)?;
            Ok(stream)
        })?;
        let source = source.kept_by(Box::new(keeper));

        let (plug, sink) = loudspeaker();
        let keeper = keep("loudspeaker", move |alarm| {
            let device = default_output()?;
            let config = device.default_output_config().map_err(output_failed)?;
            let end = plug.loudspeaker(config.sample_rate(), config.channels());
            let stream = output_stream(&device, config.sample_format(), config.into(), end, alarm)?;
            stream.play().map_err(output_failed)?;
            Ok(stream)
        })?;
        let sink = sink.kept_by(Box::new(keeper));
        Ok(OpenDevice {
            source: Box::new(source),
            sink: Box::new(sink),
        })
    }
}

fn default_input() -> Result<Device, DeviceError> {
    cpal::default_host()
        .default_input_device()
        .ok_or(DeviceError::NoInput)
}

fn default_output() -> Result<Device, DeviceError> {
    cpal::default_host()
        .default_output_device()
        .ok_or(DeviceError::NoOutput)
}

/// What an error means; `missing` is what to say when the default device turns out not to exist, as ALSA
/// has a default even on a machine without sound.
fn meaning(error: cpal::Error, missing: DeviceError) -> DeviceError {
    match error.kind() {
        ErrorKind::PermissionDenied => DeviceError::NotAllowed,
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => missing,
        _ => DeviceError::Failed(error.to_string()),
    }
}

fn input_failed(error: cpal::Error) -> DeviceError {
    meaning(error, DeviceError::NoInput)
}

fn output_failed(error: cpal::Error) -> DeviceError {
    meaning(error, DeviceError::NoOutput)
}

/// Whether a stream is beyond help, or only reports a hiccup.
fn is_fatal(error: &cpal::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::DeviceNotAvailable | ErrorKind::StreamInvalidated | ErrorKind::HostUnavailable
    )
}

fn input_stream(
    device: &Device,
    format: SampleFormat,
    config: StreamConfig,
    end: MicrophoneEnd,
    alarm: Alarm,
) -> Result<Stream, DeviceError> {
    match format {
        SampleFormat::F32 => input::<f32>(device, config, end, alarm),
        SampleFormat::I16 => input::<i16>(device, config, end, alarm),
        SampleFormat::U16 => input::<u16>(device, config, end, alarm),
        SampleFormat::I32 => input::<i32>(device, config, end, alarm),
        SampleFormat::U8 => input::<u8>(device, config, end, alarm),
        SampleFormat::F64 => input::<f64>(device, config, end, alarm),
        other => Err(DeviceError::Failed(format!("its samples are {other}"))),
    }
}

fn output_stream(
    device: &Device,
    format: SampleFormat,
    config: StreamConfig,
    end: LoudspeakerEnd,
    alarm: Alarm,
) -> Result<Stream, DeviceError> {
    match format {
        SampleFormat::F32 => output::<f32>(device, config, end, alarm),
        SampleFormat::I16 => output::<i16>(device, config, end, alarm),
        SampleFormat::U16 => output::<u16>(device, config, end, alarm),
        SampleFormat::I32 => output::<i32>(device, config, end, alarm),
        SampleFormat::U8 => output::<u8>(device, config, end, alarm),
        SampleFormat::F64 => output::<f64>(device, config, end, alarm),
        other => Err(DeviceError::Failed(format!("its samples are {other}"))),
    }
}

fn input<T>(
    device: &Device,
    config: StreamConfig,
    mut end: MicrophoneEnd,
    alarm: Alarm,
) -> Result<Stream, DeviceError>
where
    T: SizedSample,
    f32: FromSample<T>,
{
    let on_data = move |data: &[T], _: &cpal::InputCallbackInfo| {
        end.push(data, f32::from_sample);
    };
    let on_error = move |error: cpal::Error| {
        if is_fatal(&error) {
            alarm.raise();
        }
    };
    device
        .build_input_stream(config, on_data, on_error, None)
        .map_err(input_failed)
}

fn output<T>(
    device: &Device,
    config: StreamConfig,
    mut end: LoudspeakerEnd,
    alarm: Alarm,
) -> Result<Stream, DeviceError>
where
    T: SizedSample + FromSample<f32>,
{
    let on_data = move |data: &mut [T], _: &cpal::OutputCallbackInfo| {
        end.pull(data, T::from_sample);
    };
    let on_error = move |error: cpal::Error| {
        if is_fatal(&error) {
            alarm.raise();
        }
    };
    device
        .build_output_stream(config, on_data, on_error, None)
        .map_err(output_failed)
}
