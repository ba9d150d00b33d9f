//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

/// The checkout.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// Whether the crate with this manifest is part of what ships: the core and its foreign bindings.
pub fn ships(manifest: &Path) -> bool {
    let rooms = [root().join("core"), root().join("bindings/ffi")];
    rooms.iter().any(|room| manifest.starts_with(room))
}

/// Where reports and logs go: always below the checkout.
pub fn reports() -> PathBuf {
    root().join("target")
}

/// Where cargo puts what it builds.
pub fn built() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// Other people's programs, kept outside the checkout so that the next one finds them.
pub fn cache() -> PathBuf {
    let xdg = env::var_os("XDG_CACHE_HOME")
        .filter(|dir| !dir.is_empty())
        .map(PathBuf::from);
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    env::var_os("TANDEM_CACHE")
        .map(PathBuf::from)
        .or_else(|| xdg.or_else(home).map(|dir| dir.join("tandem")))
        .unwrap_or_else(|| reports().join("cache"))
}

/// The cargo that started this program.
pub fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// The full path of a program, if this machine has it.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    // Debian keeps some tools where a plain user's PATH does not look.
    let sbin = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(sbin)
        .map(|dir| dir.join(name))
        .find(|file| file.is_file())
}
