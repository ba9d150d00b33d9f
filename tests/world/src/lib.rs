//! Tandem tests: world.
