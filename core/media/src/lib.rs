//! Tandem: media.
