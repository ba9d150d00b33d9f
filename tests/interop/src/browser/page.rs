//! The page: JsSIP as npm unpacked it, and our script that obeys the test.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

const LOADER: &str = include_str!("../../peers/jssip/modules.js");
const PHONE: &str = include_str!("../../peers/jssip/page.js");

/// What of each package the page needs; the rest are command lines, tests and types.
const PACKAGES: [&str; 5] = ["jssip", "debug", "events", "ms", "sdp-transform"];

/// One script of all, from the folder `node_modules`.
///
/// # Panics
/// If the packages are not there.
pub(super) fn bundle(modules: &Path) -> String {
    let mut script = "const files = {\n".to_owned();
    for package in PACKAGES {
        add(modules, Path::new(package), &mut script);
    }
    format!("(() => {{\n{script}}};\n{LOADER}\n{PHONE}\n}})();\n")
}

/// Every file below a folder, in the order of their names, as a function that fills in its `exports`.
fn add(modules: &Path, below: &Path, script: &mut String) {
    let folder = modules.join(below);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| {
        panic!(
            "{}: {error}: run this suite by `cargo xtask test interop`",
            folder.display()
        )
    });
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    for name in names {
        let file = below.join(&name);
        let kind = file.extension().and_then(|extension| extension.to_str());
        if modules.join(&file).is_dir() {
            if name != "test" && name != "node_modules" {
                add(modules, &file, script);
            }
        } else if let Some(kind @ ("js" | "json")) = kind {
            let text = fs::read_to_string(modules.join(&file)).expect("a source file");
            // A program's first line is not JavaScript.
            let text = if text.starts_with("#!") { "" } else { &text };
            let start = if kind == "json" {
                "module.exports = "
            } else {
                ""
            };
            let name = file.display();
            let _ = writeln!(
                script,
                "'{name}': function (module, exports, require) {{\n{start}{text}\n}},"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::bundle;
    use std::fs;

    #[test]
    fn every_package_is_in_the_page_and_programs_are_not() {
        let modules = tempfile::tempdir().expect("a folder");
        for package in super::PACKAGES {
            let lib = modules.path().join(package).join("lib");
            fs::create_dir_all(&lib).expect("a folder");
            fs::write(lib.join("index.js"), format!("exports.{}=1", package.len()))
                .expect("a file");
            fs::write(lib.join("run.js"), "#!/usr/bin/env node\nrun()").expect("a file");
        }
        let page = bundle(modules.path());
        for package in super::PACKAGES {
            assert!(page.contains(&format!("'{package}/lib/index.js': function")));
        }
        assert!(!page.contains("run()"));
    }
}
