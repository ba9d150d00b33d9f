//! Stories over `tandem-world`, in virtual time: see `tests/stories`.
