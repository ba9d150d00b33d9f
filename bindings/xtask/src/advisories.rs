//! Which crates have known security problems, for machines that cannot reach the RustSec database.
//!
//! `tests/fixtures/advisories/rustsec.json` holds the plain facts (which versions of which crate an
//! advisory concerns) for the crates in our lock file. `cargo xtask advisories DIR` renews it from a
//! checkout of the database; [`offline_copy`] makes of it what cargo-deny can read.

use crate::places::{reports, root};
use crate::process::{Run, tail};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where cargo-deny looks for advisories by default.
pub const DATABASE: &str = "https://github.com/RustSec/advisory-db";

/// `cargo xtask advisories DIR`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    let [folder] = arguments else {
        return Err("usage: cargo xtask advisories DIR, a checkout of the database".to_owned());
    };
    let crates = Path::new(folder).join("crates");
    let mut found = Map::new();
    let mut count = 0;
    for name in locked()? {
        let mut advisories = Vec::new();
        for entry in fs::read_dir(crates.join(&name))
            .into_iter()
            .flatten()
            .flatten()
        {
            let file = entry.path();
            let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
            advisories.extend(facts(&text));
        }
        advisories.sort_by_key(|facts| facts["id"].to_string());
        count += advisories.len();
        found.insert(name, Value::Array(advisories));
    }
    let copy = json!({ "taken": newest(folder)?, "crates": found });
    let text = format!("{}\n", pretty(&copy));
    fs::write(snapshot(), text).map_err(|error| format!("{}: {error}", snapshot().display()))?;
    println!(
        "{count} advisories on the crates of Cargo.lock in {}",
        snapshot().display()
    );
    Ok(())
}

/// A git repository with the copy, in the form of the database, and what to know of it.
pub struct OfflineCopy {
    pub repository: PathBuf,
    pub about: String,
}

/// Lays the copy out as a repository: cargo-deny accepts nothing else.
pub fn offline_copy() -> Result<OfflineCopy, String> {
    let text =
        fs::read_to_string(snapshot()).map_err(|e| format!("{}: {e}", snapshot().display()))?;
    let copy: Value =
        serde_json::from_str(&text).map_err(|error| format!("rustsec.json: {error}"))?;
    let repository = reports().join("advisories");
    let _ = fs::remove_dir_all(&repository);
    let known = copy["crates"].as_object().cloned().unwrap_or_default();
    for (name, advisories) in &known {
        for facts in advisories.as_array().into_iter().flatten() {
            write_advisory(&repository, name, facts)
                .map_err(|error| format!("{}: {error}", repository.display()))?;
        }
    }
    let git = |arguments: &[&str]| {
        let who = ["-c", "user.name=xtask", "-c", "user.email=xtask@localhost"];
        let run = Run::new("git")
            .directory(&repository)
            .args(who)
            .args(arguments)
            .limit(60);
        match run.log(&reports().join("logs/advisories.log")).finish() {
            Ok(finished) if finished.ok => Ok(()),
            Ok(finished) => Err(format!("git: {}", tail(&finished.printed, 3))),
            Err(error) => Err(format!("git: {error}")),
        }
    };
    git(&["init", "-q", "-b", "main"])?;
    git(&["add", "."])?;
    git(&["commit", "-q", "-m", "advisories"])?;
    let missing: Vec<String> = locked()?
        .into_iter()
        .filter(|n| !known.contains_key(n))
        .collect();
    let taken = copy["taken"]
        .as_str()
        .unwrap_or("an unknown day")
        .to_owned();
    let mut about = format!("advisories from the committed copy of {taken}");
    if !missing.is_empty() {
        about.push_str(&format!("; it does not know {}", missing.join(", ")));
    }
    Ok(OfflineCopy { repository, about })
}

fn snapshot() -> PathBuf {
    root().join("tests/fixtures/advisories/rustsec.json")
}

/// The names of the crates of other people in `Cargo.lock`.
fn locked() -> Result<BTreeSet<String>, String> {
    let text =
        fs::read_to_string(root().join("Cargo.lock")).map_err(|e| format!("Cargo.lock: {e}"))?;
    let packages = text
        .split("[[package]]")
        .filter(|package| package.contains("\nsource = "));
    Ok(packages
        .filter_map(|package| word(package, "name"))
        .collect())
}

/// The day of the newest commit.
fn newest(checkout: &str) -> Result<String, String> {
    let run = Run::new("git").args(["-C", checkout, "log", "-1", "--format=%cs"]);
    let log = reports().join("logs/advisories.log");
    let finished = run
        .log(&log)
        .finish()
        .map_err(|error| format!("git: {error}"))?;
    if !finished.ok {
        return Err(format!("git: {}", finished.printed));
    }
    Ok(finished.printed.trim().to_owned())
}

/// What an advisory says about versions; nothing if it was withdrawn.
fn facts(text: &str) -> Option<Value> {
    let (_, rest) = text.split_once("```toml")?;
    let (block, _) = rest.split_once("```")?;
    if word(block, "withdrawn").is_some() {
        return None;
    }
    let mut facts = Map::new();
    for key in ["id", "date", "informational"] {
        if let Some(value) = word(block, key) {
            facts.insert(key.to_owned(), Value::String(value));
        }
    }
    for key in ["patched", "unaffected"] {
        facts.insert(key.to_owned(), json!(list(block, key)));
    }
    Some(Value::Object(facts))
}

/// The value of a line `key = "value"`.
fn word(block: &str, key: &str) -> Option<String> {
    let line = block.lines().find_map(|line| assigned(line, key))?;
    line.split('"').nth(1).map(str::to_owned)
}

/// The words of `key = ["a", "b"]`, which may stand on several lines.
fn list(block: &str, key: &str) -> Vec<String> {
    let mut lines = block
        .lines()
        .skip_while(|line| assigned(line, key).is_none());
    let mut text = lines.next().unwrap_or_default().to_owned();
    while !text.is_empty() && !text.contains(']') {
        match lines.next() {
            Some(line) => text.push_str(line),
            None => break,
        }
    }
    text.split('"')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn assigned<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.trim_start()
        .strip_prefix(key)?
        .trim_start()
        .strip_prefix('=')
}

fn write_advisory(repository: &Path, name: &str, facts: &Value) -> std::io::Result<()> {
    let id = facts["id"].as_str().unwrap_or_default();
    let mut text = format!("```toml\n[advisory]\nid = \"{id}\"\npackage = \"{name}\"\n");
    for key in ["date", "informational"] {
        if let Some(value) = facts[key].as_str() {
            text.push_str(&format!("{key} = \"{value}\"\n"));
        }
    }
    text.push_str("[versions]\n");
    for key in ["patched", "unaffected"] {
        text.push_str(&format!("{key} = {}\n", facts[key]));
    }
    text.push_str(&format!(
        "```\n\n# {id} concerns {name}\n\nSee the database.\n"
    ));
    let folder = repository.join("crates").join(name);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{id}.md")), text)
}

/// One line a crate, so that a change of the copy can be read.
fn pretty(copy: &Value) -> String {
    let crates = copy["crates"].as_object().cloned().unwrap_or_default();
    let lines: Vec<String> = crates
        .iter()
        .map(|(name, list)| format!("    \"{name}\": {list}"))
        .collect();
    format!(
        "{{\n  \"taken\": {},\n  \"crates\": {{\n{}\n  }}\n}}",
        copy["taken"],
        lines.join(",\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADVISORY: &str = "```toml
[advisory]
id = \"RUSTSEC-2099-0001\"
package = \"kettle\"
date = \"2099-01-02\"
informational = \"unsound\"

[versions]
patched = [
    \">= 1.2.3\",
    \"^0.9.8\"
]
unaffected = [\"< 0.5.0\"]
```
# Boils over
";

    #[test]
    fn the_facts_of_an_advisory_are_its_versions() {
        let facts = facts(ADVISORY).expect("it is whole");
        assert_eq!(facts["id"], "RUSTSEC-2099-0001");
        assert_eq!(facts["informational"], "unsound");
        assert_eq!(facts["patched"], json!([">= 1.2.3", "^0.9.8"]));
        assert_eq!(facts["unaffected"], json!(["< 0.5.0"]));
    }

    #[test]
    fn a_withdrawn_advisory_says_nothing() {
        let withdrawn = ADVISORY.replace("[versions]", "withdrawn = \"2099-02-03\"\n[versions]");
        assert_eq!(facts(&withdrawn), None);
    }

    #[test]
    fn the_committed_copy_is_laid_out_whole() {
        let copy = offline_copy().expect("the copy is there and git works");
        assert!(copy.repository.join(".git").is_dir());
        assert!(
            copy.about.contains("committed copy of 20"),
            "{}",
            copy.about
        );
    }
}
