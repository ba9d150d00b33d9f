//! Certificates for the servers, made anew for each test: nothing secret is committed, nothing runs out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Every name and address by which a phone may know one of the servers.
const NAMES: &str = "DNS:asterisk.test,DNS:kamailio.test,DNS:turn.test,DNS:localhost,\
IP:127.0.0.1,IP:127.0.0.4,IP:127.0.0.5,IP:127.0.0.6,IP:127.0.0.10,IP:10.77.0.1,IP:198.51.100.1";

/// An authority, and one certificate by it that all servers of a test share.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// What a client has to trust.
    pub authority: PathBuf,
    /// The server's certificate and the authority's.
    pub chain: PathBuf,
    /// The server's private key.
    pub key: PathBuf,
    /// Key and chain in one file, for programs that want that.
    pub all: PathBuf,
}

impl Certificates {
    /// Makes them in this folder, unless they are there.
    ///
    /// # Panics
    /// If `openssl` cannot.
    pub fn make(folder: &Path) -> Self {
        Self::make_for(folder, NAMES)
    }

    /// The same for a server with these names only, as OpenSSL writes them: `DNS:other.test`.
    ///
    /// # Panics
    /// If `openssl` cannot.
    pub fn make_for(folder: &Path, names: &str) -> Self {
        let made = Self {
            authority: folder.join("authority.pem"),
            chain: folder.join("chain.pem"),
            key: folder.join("server.key"),
            all: folder.join("all.pem"),
        };
        if made.chain.is_file() {
            return made;
        }
        fs::create_dir_all(folder).expect("a folder for certificates");
        fs::write(
            folder.join("server.ext"),
            format!(
                "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n\
                 extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName={names}\n"
            ),
        )
        .expect("the extensions");
        // P-256, valid for as long as any test may take.
        openssl(
            folder,
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Test-Authority \
             -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
             -keyout authority.key -out authority.pem",
        );
        openssl(
            folder,
            "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=asterisk.test \
             -keyout server.key -out server.csr",
        );
        openssl(
            folder,
            "x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 \
             -extfile server.ext -out server.pem",
        );
        let read = |name: &str| fs::read(folder.join(name)).expect("a certificate");
        let all = ["server.key", "server.pem", "authority.pem"].map(read);
        fs::write(&made.all, all.concat()).expect("the key with its chain");
        fs::write(
            &made.chain,
            [read("server.pem"), read("authority.pem")].concat(),
        )
        .expect("the chain");
        made
    }
}

fn openssl(folder: &Path, words: &str) {
    let run = Command::new("openssl")
        .args(words.split_whitespace())
        .current_dir(folder)
        .stdin(Stdio::null())
        .output();
    let run = run.unwrap_or_else(|error| panic!("openssl cannot be started: {error}"));
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.success(), "openssl {words}: {said}");
}
