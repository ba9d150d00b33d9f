//! Where secrets live: the platform's store on a phone, a private file on a desktop.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

/// Keeps small secrets by name, such as the key of the data folder.
///
/// Implemented by the platform (Android Keystore, Apple Keychain). May block: the engine calls it before
/// anything runs, never on a runtime worker.
pub trait SecretStore: Send + Sync {
    /// The secret kept under `name`, if any.
    ///
    /// # Errors
    /// When the store cannot be asked; absence is `Ok(None)`.
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// Keeps `secret` under `name`, durably, before it returns.
    ///
    /// # Errors
    /// When it could not be kept.
    fn save(&self, name: &str, secret: &[u8]) -> io::Result<()>;
}

/// Secrets as files only the owner can read (mode 0600): for desktops without a keyring, and for tests.
///
/// Whoever can read the user's files can read these: they protect a copied database, not a copied home.
#[derive(Clone, Debug)]
pub struct FileSecrets {
    folder: PathBuf,
}

impl FileSecrets {
    /// Secrets kept in `folder`, which is made when the first one is saved.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl SecretStore for FileSecrets {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.folder.join(name)) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, name: &str, secret: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join(name);
        let unfinished = self.folder.join(format!("{name}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&unfinished)?;
        file.write_all(secret)?;
        file.sync_all()?;
        // A kill between the two leaves either no secret or the whole one.
        fs::rename(unfinished, path)
    }
}

impl fmt::Debug for dyn SecretStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretStore")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_comes_back_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = FileSecrets::new(folder.path().join("new"));
        assert_eq!(secrets.load("key").unwrap(), None);
        secrets.save("key", b"one").unwrap();
        secrets.save("key", b"two").unwrap();
        assert_eq!(secrets.load("key").unwrap().as_deref(), Some(&b"two"[..]));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.path().join("new/key"))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
