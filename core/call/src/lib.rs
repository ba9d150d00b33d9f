//! Tandem: call.
