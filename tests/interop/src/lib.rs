//! Tandem tests: interop.
