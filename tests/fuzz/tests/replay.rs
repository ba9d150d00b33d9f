//! Every committed input through its target, without a fuzzer: seeds, and what once broke something.

use std::fs;
use std::path::{Path, PathBuf};

use tandem_fuzz::{ALL, Target};

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below a folder, in a fixed order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn replay(target: &Target, folder: &Path) -> usize {
    let inputs = files(folder);
    for path in &inputs {
        let input = fs::read(path).expect("a readable input");
        println!("{}: {}", target.name, path.display());
        target.run(&input);
    }
    inputs.len()
}

#[test]
fn every_seed_passes_its_target() {
    for target in ALL {
        let own = replay(target, &here().join("corpus").join(target.name));
        let others: usize = target
            .seeds
            .iter()
            .map(|seeds| replay(target, &here().join("../..").join(seeds)))
            .sum();
        assert!(own + others > 0, "{} has no seed", target.name);
    }
}

#[test]
fn what_once_broke_something_no_longer_does() {
    let mut tried = 0;
    for target in ALL {
        tried += replay(target, &here().join("regressions").join(target.name));
    }
    assert!(tried > 0, "no input is there to be tried");
}

#[test]
fn every_folder_belongs_to_a_target() {
    for kind in ["corpus", "regressions"] {
        for path in files(&here().join(kind)) {
            let of_a_target = ALL
                .iter()
                .any(|target| path.starts_with(here().join(kind).join(target.name)));
            assert!(of_a_target, "{} is nobody's", path.display());
        }
    }
    for target in ALL {
        if let Some(name) = target.dictionary {
            assert!(here().join(format!("dictionaries/{name}.dict")).is_file());
        }
    }
}

#[test]
fn short_and_empty_inputs_pass_every_target() {
    for target in ALL {
        target.run(b"");
        for first in 0..=255_u8 {
            target.run(&[first]);
            target.run(&[first; 2]);
            target.run(&[first; 40]);
        }
    }
}
