//! Where the programs are and where their traces go.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The checkout.
fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// The folder with an unpacked Asterisk: `TANDEM_ASTERISK`.
pub(crate) fn asterisk() -> PathBuf {
    let root = env::var_os("TANDEM_ASTERISK").map(PathBuf::from);
    root.expect("TANDEM_ASTERISK names no folder: run this suite by `cargo xtask test interop`")
}

/// The folder with the packages of the browser's phone: `TANDEM_JSSIP`.
pub(crate) fn jssip() -> PathBuf {
    let root = env::var_os("TANDEM_JSSIP").map(PathBuf::from);
    root.expect("TANDEM_JSSIP names no folder: run this suite by `cargo xtask test interop`")
}

/// What one test may write on: a folder of its own that stays after it, for whoever has to find out.
#[derive(Debug)]
pub struct Desk {
    folder: PathBuf,
}

impl Desk {
    /// An empty folder `target/interop/NAME`.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new(name: &str) -> Self {
        let reports = || root().join("target");
        let reports = env::var_os("TANDEM_REPORTS").map_or_else(reports, PathBuf::from);
        let folder = reports.join("interop").join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the folder for reports can be written");
        Self { folder }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// A file or folder on it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A committed voice: `alice` or `bob`.
    pub fn voice(name: &str) -> PathBuf {
        root()
            .join("tests/fixtures/voices")
            .join(format!("{name}.wav"))
    }
}
