//! Tandem: store.
