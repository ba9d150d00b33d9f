//! Signal processing that codecs, jitter buffer and devices share.

mod extrapolate;
mod pitch;
mod resample;
mod stretch;

pub(crate) use extrapolate::Extrapolator;
pub(crate) use resample::Resampler;
pub(crate) use stretch::{accelerate, expand};
