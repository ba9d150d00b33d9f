//! What must be on the machine before a command can work, and how it gets there.

use crate::places::{program, reports};
use crate::process::{Run, tail};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Something that Debian offers as a package.
pub struct Need {
    /// Debian's name of it.
    package: &'static str,
    /// What it is for, for a person on another system.
    what: &'static str,
    present: fn() -> bool,
}

/// To build anything that has sound in it.
pub const BUILD: &[Need] = &[
    Need {
        package: "gcc",
        what: "a C compiler",
        present: || program("cc").is_some(),
    },
    Need {
        package: "g++",
        what: "a C++ compiler",
        present: || program("c++").is_some(),
    },
    Need {
        package: "make",
        what: "make",
        present: || program("make").is_some(),
    },
    Need {
        package: "cmake",
        what: "CMake, for the Opus codec",
        present: || program("cmake").is_some(),
    },
    Need {
        package: "pkg-config",
        what: "pkg-config",
        present: || program("pkg-config").is_some(),
    },
    Need {
        package: "libasound2-dev",
        what: "the ALSA headers",
        present: has_alsa,
    },
];

/// To keep a suite's network to itself.
pub const NAMESPACE: &[Need] = &[
    Need {
        package: "iproute2",
        what: "ip",
        present: || program("ip").is_some(),
    },
    Need {
        package: "util-linux",
        what: "unshare",
        present: || program("unshare").is_some(),
    },
];

/// The far phones that Debian packages. Asterisk is not among them: see `peers`.
pub const BARESIP: &[Need] = &[Need {
    package: "baresip-core",
    what: "the phone baresip",
    present: || program("baresip").is_some(),
}];
pub const SIPP: &[Need] = &[Need {
    package: "sip-tester",
    what: "SIPp",
    present: || program("sipp").is_some(),
}];
/// Other people's DTLS, beside OpenSSL's.
pub const GNUTLS: &[Need] = &[Need {
    package: "gnutls-bin",
    what: "gnutls-serv and gnutls-cli, as DTLS peers",
    present: || program("gnutls-serv").is_some() && program("gnutls-cli").is_some(),
}];
pub const OPENSSL: &[Need] = &[Need {
    package: "openssl",
    what: "openssl, which makes certificates and is a DTLS peer",
    present: || program("openssl").is_some(),
}];
pub const COTURN: &[Need] = &[Need {
    package: "coturn",
    what: "the TURN server coturn",
    present: || program("turnserver").is_some(),
}];
pub const KAMAILIO: &[Need] = &[
    Need {
        package: "kamailio",
        what: "the proxy Kamailio",
        present: || program("kamailio").is_some(),
    },
    Need {
        package: "kamailio-tls-modules",
        what: "Kamailio's TLS",
        present: || has_kamailio("tls"),
    },
    Need {
        package: "kamailio-websocket-modules",
        what: "Kamailio's WebSocket",
        present: || has_kamailio("websocket"),
    },
];
pub const DNSMASQ: &[Need] = &[Need {
    package: "dnsmasq-base",
    what: "the name server dnsmasq",
    present: || program("dnsmasq").is_some(),
}];
pub const CHROMIUM: &[Need] = &[
    Need {
        package: "chromium",
        what: "the browser Chromium",
        present: || program("chromium").is_some(),
    },
    Need {
        package: "npm",
        what: "npm, which fetches JsSIP",
        present: || program("npm").is_some(),
    },
];
pub const NAT: &[Need] = &[Need {
    package: "nftables",
    what: "nft, which makes a router of a network namespace",
    present: || program("nft").is_some(),
}];
pub const TSHARK: &[Need] = &[Need {
    package: "tshark",
    what: "tshark, which reads captures",
    present: || program("tshark").is_some(),
}];
pub const GIT: &[Need] = &[Need {
    package: "git",
    what: "git",
    present: || program("git").is_some(),
}];

/// A second Rust with the sources of its standard library, and a C compiler for other machines.
pub const TARGETS: &[Need] = &[
    Need {
        package: "clang-19",
        what: "clang 19",
        present: || is_file("/usr/bin/clang-19"),
    },
    Need {
        package: "lld-19",
        what: "lld 19",
        present: || is_file("/usr/bin/ld.lld-19"),
    },
    Need {
        package: "llvm-19",
        what: "LLVM 19",
        present: || is_file("/usr/bin/llvm-ar-19"),
    },
    Need {
        package: "cargo-web",
        what: "Debian's newer cargo",
        present: || is_file("/usr/bin/cargo"),
    },
    Need {
        package: "rustc-web",
        what: "Debian's newer rustc",
        present: || is_file("/usr/bin/rustc"),
    },
    Need {
        package: "rust-web-src",
        what: "the sources of Rust's standard library",
        present: has_rust_src,
    },
    Need {
        package: "libstd-rust-web-dev",
        what: "Rust's standard library",
        present: has_rust_std,
    },
];

/// A C library for 64-bit ARM, to compile C for a phone with its headers.
pub const SIZE: &[Need] = &[Need {
    package: "libc6-dev-arm64-cross",
    what: "the C library's headers for 64-bit ARM",
    present: || is_file("/usr/aarch64-linux-gnu/include/stdio.h"),
}];

/// `cargo xtask install [--peers]`.
pub fn command(arguments: &[String]) -> Result<(), String> {
    crate::only_known(arguments, &["--peers"])?;
    ensure(BUILD)?;
    println!("this machine can build Tandem");
    if !arguments.is_empty() {
        let peers = [
            NAMESPACE, BARESIP, SIPP, GNUTLS, TSHARK, OPENSSL, COTURN, KAMAILIO, DNSMASQ, CHROMIUM,
            NAT,
        ];
        ensure(peers.into_iter().flatten())?;
        let asterisk = crate::peers::asterisk()?;
        println!("the peers are here; Asterisk is in {}", asterisk.display());
        let jssip = crate::peers::jssip()?;
        println!("JsSIP is in {}", jssip.display());
    }
    Ok(())
}

/// Makes sure that all of it is here: installs it on Debian as root, else says how to.
pub fn ensure<'a>(needs: impl IntoIterator<Item = &'a Need>) -> Result<(), String> {
    let missing: Vec<&Need> = needs.into_iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let what: Vec<&str> = missing.iter().map(|need| need.what).collect();
    let by_hand = format!(
        "apt-get install --no-install-recommends {}",
        packages.join(" ")
    );
    if !is_debian() {
        let what = what.join(", ");
        return Err(format!(
            "this machine lacks: {what}. On Debian: sudo {by_hand}"
        ));
    }
    if !is_root() {
        return Err(format!(
            "this machine lacks: {}. Type:\n\n    sudo {by_hand}\n",
            what.join(", ")
        ));
    }
    eprintln!("     installing {}", packages.join(", "));
    install(&packages)?;
    match missing.iter().find(|need| !(need.present)()) {
        None => Ok(()),
        Some(need) => Err(format!(
            "{} was installed, but {} is not found",
            need.package, need.what
        )),
    }
}

pub fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.and_then(|uids| uids.split_whitespace().nth(1))
        .is_some_and(|effective| effective == "0")
}

fn is_debian() -> bool {
    is_file("/etc/debian_version") && program("apt-get").is_some()
}

/// The list of packages is renewed once, and only if something is to be installed at all.
static LISTS_ARE_FRESH: Mutex<bool> = Mutex::new(false);

fn install(packages: &[&str]) -> Result<(), String> {
    let log = reports().join("logs/install.log");
    let apt_get = |arguments: &[&str]| {
        let run = Run::new("apt-get")
            .args([
                "-q",
                "-y",
                "-o",
                "DPkg::Lock::Timeout=600",
                "-o",
                "Acquire::Retries=3",
            ])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .log(&log)
            .limit(1200);
        match run.finish() {
            Ok(finished) if finished.ok => Ok(()),
            Ok(finished) => Err(format!(
                "apt-get {}: {}\n{}",
                arguments.join(" "),
                finished.why,
                tail(&finished.printed, 15)
            )),
            Err(error) => Err(format!("apt-get: {error}")),
        }
    };
    let mut fresh = LISTS_ARE_FRESH
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if !*fresh {
        // An update also fails when one of several sources is away; what matters is the install.
        if let Err(why) = apt_get(&["update"]) {
            eprintln!("     {}", tail(&why, 2));
        }
        *fresh = true;
    }
    let mut arguments = vec!["install", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments)
}

fn is_file(path: &str) -> bool {
    Path::new(path).is_file()
}

fn has_kamailio(module: &str) -> bool {
    let libraries = ["x86_64", "aarch64"].map(|machine| format!("/usr/lib/{machine}-linux-gnu"));
    let mut files = libraries
        .map(|library| format!("{library}/kamailio/modules/{module}.so"))
        .into_iter();
    files.any(|file| is_file(&file))
}

fn has_alsa() -> bool {
    let asked = Command::new("pkg-config")
        .args(["--exists", "alsa"])
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// Debian's newer Rust; the older one of the same release has the same file names.
fn web_version() -> Option<String> {
    let printed = Command::new("/usr/bin/rustc")
        .arg("--version")
        .output()
        .ok()?
        .stdout;
    let printed = String::from_utf8_lossy(&printed).into_owned();
    printed.split_whitespace().nth(1).map(str::to_owned)
}

fn has_rust_src() -> bool {
    let version = web_version();
    version.is_some_and(|version| is_dir(&format!("/usr/src/rustc-{version}/library/std")))
}

fn has_rust_std() -> bool {
    is_dir("/usr/lib/rustlib/x86_64-unknown-linux-gnu/lib")
        || is_dir("/usr/lib/rustlib/aarch64-unknown-linux-gnu/lib")
}

fn is_dir(path: &str) -> bool {
    Path::new(path).is_dir()
}
