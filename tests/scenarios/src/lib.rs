//! Tandem tests: scenarios.
