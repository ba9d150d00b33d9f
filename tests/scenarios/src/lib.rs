//! Stories over `tandem-world`: in virtual time (`tests/stories`), and of real processes (`tests/processes`).
