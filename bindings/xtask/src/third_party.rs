//! `cargo xtask third-party`: THIRD-PARTY.md, the licences of everything that ships.
//!
//! Made from what cargo resolves for the phones and the desktop, and from the licence files in the
//! crates' own sources. The same lock file gives the same bytes.

use crate::places::{cargo, root};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const FILE: &str = "THIRD-PARTY.md";

/// What is not shipped for one of these is not shipped.
const TARGETS: [&str; 3] = [
    "aarch64-linux-android",
    "aarch64-apple-ios",
    "x86_64-unknown-linux-gnu",
];

/// How deep below a crate's folder a licence may lie: bundled C libraries keep theirs.
const DEPTH: usize = 3;

/// `cargo xtask third-party [--check]`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    crate::only_known(arguments, &["--check"])?;
    if !arguments.is_empty() {
        return check();
    }
    let text = generate()?;
    fs::write(root().join(FILE), text).map_err(|error| format!("{FILE}: {error}"))
}

/// Whether the committed file is what would be generated now.
pub fn check() -> Result<(), String> {
    let fresh = generate()?;
    let committed = fs::read_to_string(root().join(FILE)).map_err(|e| format!("{FILE}: {e}"))?;
    if fresh == committed {
        return Ok(());
    }
    let differ = fresh
        .lines()
        .zip(committed.lines())
        .find(|(fresh, old)| fresh != old);
    let (fresh, old) = differ.unwrap_or(("(one is longer)", ""));
    Err(format!(
        "{FILE} is out of date; run `cargo xtask third-party`\n- {old}\n+ {fresh}"
    ))
}

/// A crate of somebody else.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Component {
    name: String,
    version: String,
    licence: String,
    repository: String,
    folder: PathBuf,
}

fn generate() -> Result<String, String> {
    let components = shipped()?;
    let mut texts: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for component in &components {
        let label = format!("{} {}", component.name, component.version);
        let files = licence_files(&component.folder, DEPTH);
        let mut seen = BTreeSet::new();
        for file in files {
            let text = String::from_utf8_lossy(&fs::read(&file).unwrap_or_default()).into_owned();
            let key = text.split_whitespace().collect::<Vec<_>>().join(" ");
            if !key.is_empty() && seen.insert(key.clone()) {
                texts
                    .entry(key)
                    .or_insert_with(|| (text, Vec::new()))
                    .1
                    .push(label.clone());
            }
        }
    }
    Ok(page(&components, texts.into_values().collect()))
}

/// Everything that what ships is built of, from other people.
fn shipped() -> Result<BTreeSet<Component>, String> {
    let metadata: Value = serde_json::from_str(&ask(&["metadata", "--format-version", "1"])?)
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let all: Vec<&Value> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    let ours = all
        .iter()
        .filter(|package| crate::places::ships(Path::new(word(package, "manifest_path"))));
    let ours: Vec<&str> = ours.map(|package| word(package, "name")).collect();
    let mut names = BTreeSet::new();
    for target in TARGETS {
        for package in &ours {
            let tree = [
                "tree",
                "--prefix",
                "depth",
                "--no-default-features",
                "--target",
                target,
                "--package",
                package,
            ];
            names.extend(ships(
                &ask(&[&tree[..], &["--edges", "normal"]].concat())?,
                false,
            ));
            names.extend(ships(
                &ask(&[&tree[..], &["--edges", "build"]].concat())?,
                true,
            ));
        }
    }
    let component = |package: &&Value| Component {
        name: word(package, "name").to_owned(),
        version: word(package, "version").to_owned(),
        licence: word(package, "license").to_owned(),
        repository: word(package, "repository").to_owned(),
        folder: Path::new(word(package, "manifest_path"))
            .parent()
            .unwrap_or(Path::new("."))
            .to_path_buf(),
    };
    let foreign = all
        .iter()
        .filter(|package| !package["source"].is_null())
        .map(component);
    Ok(foreign
        .filter(|c| names.contains(&(c.name.clone(), c.version.clone())))
        .collect())
}

fn word<'a>(package: &'a Value, key: &str) -> &'a str {
    package[key].as_str().unwrap_or_default()
}

fn ask(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(cargo());
    let output = command.current_dir(root()).args(arguments).output();
    let output = output.map_err(|error| format!("cargo {}: {error}", arguments[0]))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {}: {why}", arguments.join(" ")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Names and versions in what `cargo tree --prefix depth` printed, one `3name v1.2.3 …` a line.
///
/// Of the tree of build dependencies only the sources of C libraries count, which a build script
/// of ours compiles into what ships: crates called `…-src` right below our own.
fn ships(tree: &str, build: bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in tree.lines() {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let depth = &line[..line.len() - rest.len()];
        let mut words = rest.split_whitespace();
        let (Some(name), Some(version)) = (words.next(), words.next()) else {
            continue;
        };
        if !build || (depth == "1" && name.ends_with("-src")) {
            found.push((name.to_owned(), version.trim_start_matches('v').to_owned()));
        }
    }
    found
}

fn licence_files(folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().to_uppercase();
        if path.is_dir() {
            if depth > 1 && !matches!(name.as_str(), "TESTS" | "EXAMPLES" | "BENCHES" | "TARGET") {
                files.extend(licence_files(&path, depth - 1));
            }
        } else if is_licence(&name) {
            files.push(path);
        }
    }
    files
}

/// By its name in capitals.
fn is_licence(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let starts = [
        "LICENSE",
        "LICENCE",
        "COPYING",
        "COPYRIGHT",
        "NOTICE",
        "UNLICENSE",
    ];
    starts.iter().any(|start| stem.starts_with(start))
        && !matches!(
            extension,
            "RS" | "C" | "H" | "HTML" | "PY" | "SH" | "JSON" | "TOML"
        )
}

fn page(components: &BTreeSet<Component>, mut texts: Vec<(String, Vec<String>)>) -> String {
    let mut page = String::from(
        "# Third-party notices\n\nGenerated by `cargo xtask third-party`; do not edit.\n\n\
         Everything by other people that is in what ships, for Android, iOS and Linux.\n\n\
         | component | version | licence | source |\n| --- | --- | --- | --- |\n",
    );
    for component in components {
        let Component {
            name,
            version,
            licence,
            repository,
            ..
        } = component;
        page.push_str(&format!(
            "| {name} | {version} | {licence} | {repository} |\n"
        ));
    }
    let covered: BTreeSet<&String> = texts.iter().flat_map(|(_, users)| users).collect();
    let bare: Vec<String> = components
        .iter()
        .map(|component| format!("{} {}", component.name, component.version))
        .filter(|label| !covered.contains(label))
        .collect();
    if !bare.is_empty() {
        page.push_str("\nThese carry no licence file; the licence named above applies: ");
        page.push_str(&format!("{}.\n", bare.join(", ")));
    }
    page.push_str("\n## Licence texts\n");
    texts.sort_by(|one, other| one.1.cmp(&other.1).then_with(|| one.0.cmp(&other.0)));
    for (text, users) in texts {
        page.push_str(&format!("\n### {}\n\n~~~~text\n", users.join(", ")));
        for line in text.trim_matches(['\n', '\r', '\u{feff}']).lines() {
            page.push_str(line.trim_end());
            page.push('\n');
        }
        page.push_str("~~~~\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_licence_file_by_its_name() {
        for name in [
            "LICENSE",
            "LICENSE-MIT",
            "COPYING.LESSER",
            "NOTICE.TXT",
            "LICENSE.MD",
        ] {
            assert!(is_licence(name), "{name}");
        }
        for name in ["README.MD", "LICENSES.RS", "SRC", "LICENSE.HTML"] {
            assert!(!is_licence(name), "{name}");
        }
    }

    #[test]
    fn of_what_only_builds_just_bundled_sources_ship() {
        let normal = "0tandem-store v0.1.0 (/here)\n1rusqlite v0.40.2\n2libc v0.2.1 (*)\n";
        let build = "0tandem-store v0.1.0 (/here)\n1cc v1.2.0\n2jobs-src v0.1.0\n1sqlite3mc-src v206.1.0+x\n";
        let pair = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        assert_eq!(
            ships(normal, false)[1..],
            [pair("rusqlite", "0.40.2"), pair("libc", "0.2.1")]
        );
        assert_eq!(ships(build, true), [pair("sqlite3mc-src", "206.1.0+x")]);
    }
}
