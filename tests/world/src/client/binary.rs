//! Where the `tandem` under test is.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The `tandem` under test: `TANDEM_BIN`, or the one beside the test, built anew if the sources changed.
pub(super) fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match env::var_os("TANDEM_BIN") {
        Some(program) => PathBuf::from(program),
        None => build(),
    })
}

/// Builds it where the test itself was built: TARGET/PROFILE/deps/TEST.
fn build() -> PathBuf {
    let test = env::current_exe().expect("the test has a file");
    let mut above = test.ancestors().skip(2);
    let (profile, target) = (above.next(), above.next());
    let (profile, target) = profile
        .zip(target)
        .expect("the test lies in a target folder");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--quiet",
        "--package",
        "tandem-cli",
        "--manifest-path",
    ]);
    command.arg(manifest).arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let built = command.stdin(Stdio::null()).status();
    let built = built.unwrap_or_else(|error| panic!("cargo cannot be started: {error}"));
    assert!(built.success(), "tandem does not build");
    profile.join("tandem")
}
