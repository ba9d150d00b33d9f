//! The program that libFuzzer drives: the target is named by `TANDEM_FUZZ_TARGET`; without it, the list.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use tandem_fuzz::{ALL, Target};

static CHOSEN: OnceLock<&Target> = OnceLock::new();

fuzz_target!(
    init: choose(),
    |input: &[u8]| if let Some(target) = CHOSEN.get() {
        target.run(input);
    }
);

fn choose() {
    let name = std::env::var("TANDEM_FUZZ_TARGET").unwrap_or_default();
    if name.is_empty() {
        for target in ALL {
            // What `cargo xtask fuzz` needs to know of it, one line each.
            println!(
                "{}\t{}\t{}\t{}\t{}",
                target.name,
                target.longest,
                target.dictionary.unwrap_or("-"),
                target.seeds.join(","),
                target.about
            );
        }
        std::process::exit(0);
    }
    let Some(target) = ALL.iter().find(|target| target.name == name) else {
        eprintln!("there is no target `{name}`");
        std::process::exit(2);
    };
    CHOSEN.get_or_init(|| target);
}
