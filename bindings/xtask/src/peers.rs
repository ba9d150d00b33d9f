//! The peers that Debian 12 does not have.
//!
//! Asterisk is taken from Debian's suite `sid` with everything it
//! depends on, the C library too, and unpacked into a folder of the cache. Nothing is configured,
//! no maintainer script runs and the machine's own packages stay as they are.

use crate::places::{cache, reports, root};
use crate::process::{Run, tail};
use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

const SUITE: &str = "sid";

fn peers() -> PathBuf {
    env::var_os("TANDEM_PEERS").map_or_else(|| cache().join("peers"), PathBuf::from)
}

/// The folder with the packages of the browser's phone; the first call lets npm fetch them: those
/// versions, and only with those checksums, that `package-lock.json` names.
pub fn jssip() -> Result<PathBuf, String> {
    let said = |error: io::Error| format!("JsSIP: {error}");
    let wanted = root().join("tests/interop/peers/jssip");
    let lock = fs::read(wanted.join("package-lock.json")).map_err(said)?;
    let folder = peers().join("jssip");
    // Written last: a run that was cut short leaves nothing that looks whole.
    let done = folder.join("installed-lock.json");
    if fs::read(&done).ok().as_ref() != Some(&lock) {
        eprintln!("     fetching JsSIP into {}", folder.display());
        fs::create_dir_all(&folder).map_err(said)?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(wanted.join(name), folder.join(name)).map_err(said)?;
        }
        // No script of a package runs.
        let npm = Run::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        must(npm.directory(&folder).log(&log()).limit(300), "npm")?;
        fs::write(&done, lock).map_err(said)?;
    }
    Ok(folder.join("node_modules"))
}

/// The folder with an unpacked Asterisk; the first call fetches it.
pub fn asterisk() -> Result<PathBuf, String> {
    let peers = peers();
    let folder = peers.join("asterisk");
    if !folder.join("usr/sbin/asterisk").is_file() {
        eprintln!(
            "     unpacking Asterisk from Debian {SUITE} into {}",
            folder.display()
        );
        unpack("asterisk", &peers, &folder)?;
    }
    Ok(folder)
}

/// Unpacks beside the place first: a run that is cut short leaves nothing that looks whole.
fn unpack(package: &str, peers: &Path, folder: &Path) -> Result<(), String> {
    let growing = peers.join(format!(".{package}-{}", std::process::id()));
    let result = fill(package, &growing).and_then(|()| {
        let _ = fs::remove_dir_all(folder);
        fs::rename(&growing, folder).map_err(|error| format!("{}: {error}", folder.display()))
    });
    let _ = fs::remove_dir_all(&growing);
    result
}

fn fill(package: &str, root: &Path) -> Result<(), String> {
    let state = root.join(".apt");
    let apt = Apt {
        state: &state,
        mirror: mirror()?,
    };
    apt.prepare()
        .map_err(|error| format!("{}: {error}", state.display()))?;
    apt.run(&["update"])?;
    apt.run(&["--download-only", "install", package])?;
    for archive in archives(&state).map_err(|error| format!("{}: {error}", state.display()))? {
        let unpack = Run::new("dpkg-deb").arg("-x").arg(archive).arg(root);
        must(unpack.log(&log()).limit(120), "dpkg-deb")?;
    }
    let _ = fs::remove_dir_all(&state);
    for folder in ["lib64", "lib", "bin"] {
        if !root.join(folder).exists() {
            symlink(format!("usr/{folder}"), root.join(folder))
                .map_err(|error| format!("{folder}: {error}"))?;
        }
    }
    Ok(())
}

/// An apt of its own: other lists, and no package installed as far as it knows.
struct Apt<'a> {
    state: &'a Path,
    mirror: String,
}

impl Apt<'_> {
    fn prepare(&self) -> io::Result<()> {
        for folder in [
            "lists/partial",
            "cache/archives/partial",
            "etc/preferences.d",
        ] {
            fs::create_dir_all(self.state.join(folder))?;
        }
        fs::create_dir_all(self.state.join("etc/apt.conf.d"))?;
        fs::create_dir_all(self.state.join("etc/sources.list.d"))?;
        fs::write(self.state.join("status"), "")?;
        let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
        let source = format!("deb [signed-by={keys}] {} {SUITE} main\n", self.mirror);
        fs::write(self.state.join("etc/sources.list"), source)
    }

    fn run(&self, arguments: &[&str]) -> Result<(), String> {
        let at = |name: &str, below: &str| format!("{name}={}", self.state.join(below).display());
        let mut options = vec![
            at("Dir::State", ""),
            at("Dir::State::status", "status"),
            at("Dir::State::lists", "lists"),
            at("Dir::Cache", "cache"),
            at("Dir::Etc", "etc"),
            at("Dir::Etc::sourcelist", "etc/sources.list"),
            at("Dir::Etc::sourceparts", "etc/sources.list.d"),
        ];
        options.extend(
            [
                "APT::Install-Recommends=false",
                "Acquire::Languages=none",
                "Acquire::Retries=3",
                "Debug::NoLocking=1",
            ]
            .map(str::to_owned),
        );
        if crate::needs::is_root() {
            // apt's own user may not write into our cache.
            options.push("APT::Sandbox::User=root".to_owned());
        }
        let options = options.iter().flat_map(|option| ["-o", option.as_str()]);
        let run = Run::new("apt-get")
            .args(options)
            .args(["-q", "-y"])
            .args(arguments);
        must(run.log(&log()).limit(900), "apt-get")
    }
}

/// The mirror that the machine's own apt uses.
fn mirror() -> Result<String, String> {
    let fields = [
        "indextargets",
        "--format",
        "$(SITE)",
        "Created-By: Packages",
        "Origin: Debian",
    ];
    let asked = Run::new("apt-get").args(fields).log(&log()).finish();
    let printed = asked.map(|finished| finished.printed).unwrap_or_default();
    let mut sites = printed.lines().filter(|line| line.contains("://"));
    let plain = |site: &&str| !site.contains("security");
    sites.find(plain).map(str::to_owned).ok_or_else(|| {
        "apt-get names no Debian mirror; Asterisk is taken from Debian's suite sid".to_owned()
    })
}

fn archives(state: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(state.join("cache/archives"))? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "deb") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn must(run: Run, what: &str) -> Result<(), String> {
    let finished = run.finish().map_err(|error| format!("{what}: {error}"))?;
    if finished.ok {
        return Ok(());
    }
    Err(format!(
        "{what}: {}\n{}",
        finished.why,
        tail(&finished.printed, 15)
    ))
}

fn log() -> PathBuf {
    reports().join("logs/peers.log")
}
