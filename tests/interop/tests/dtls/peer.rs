//! OpenSSL's and GnuTLS's own tools as the far end.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use tandem_interop::{Desk, wait_until};
use tandem_media::srtp::SrtpProfile;
use tandem_types::media::Fingerprint;

use crate::wire::Wire;

/// A certificate and key of the peer's.
pub struct Identity {
    key: PathBuf,
    certificate: PathBuf,
    fingerprint: Fingerprint,
}

impl Identity {
    /// A new one, `ec` or `rsa`.
    pub fn new(desk: &Desk, kind: &str) -> Self {
        let (key, certificate) = (
            desk.at(&format!("{kind}.key")),
            desk.at(&format!("{kind}.pem")),
        );
        let algorithm = match kind {
            "ec" => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"].as_slice(),
            _ => ["-newkey", "rsa:2048"].as_slice(),
        };
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=peer", "-sha256",
            ])
            .args(algorithm)
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .expect("openssl runs");
        assert!(
            made.status.success(),
            "{}",
            String::from_utf8_lossy(&made.stderr)
        );
        let said = Command::new("openssl")
            .args(["x509", "-noout", "-fingerprint", "-sha256", "-in"])
            .arg(&certificate)
            .output()
            .expect("openssl runs");
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let (_, digits) = said.trim().split_once('=').expect("NAME=AA:BB");
        Self {
            key,
            certificate,
            fingerprint: Fingerprint {
                hash: "sha-256".to_owned(),
                bytes: hex(&digits.replace(':', "")),
            },
        }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.clone()
    }
}

/// A running peer. Ended, by its pid, with the test.
pub struct Peer {
    name: &'static str,
    child: Child,
    log: PathBuf,
    profile: SrtpProfile,
    /// What its line with the exported keys begins with, if it writes one.
    keys: Option<&'static str>,
    /// What it prints at the end of a handshake.
    done: &'static str,
}

const EXPORTER: &str = "EXTRACTOR-dtls_srtp";

impl Peer {
    pub fn openssl_server(
        desk: &Desk,
        identity: &Identity,
        profile: SrtpProfile,
        wire: &Wire,
    ) -> Self {
        let mut command = openssl("s_server", identity, profile);
        // It asks for a certificate, and goes on although nobody vouches for it; it keeps its own timers.
        command.args([
            "-Verify",
            "1",
            "-timeout",
            "-accept",
            &wire.server().to_string(),
        ]);
        let keys = Some("Keying material: ");
        let mut peer = Self::start(desk, "openssl s_server", command, profile, keys);
        peer.await_line("ACCEPT");
        peer
    }

    pub fn openssl_client(
        desk: &Desk,
        identity: &Identity,
        profile: SrtpProfile,
        wire: &Wire,
    ) -> Self {
        let mut command = openssl("s_client", identity, profile);
        command.args(["-timeout", "-connect", &wire.server().to_string()]);
        let keys = Some("Keying material: ");
        Self::start(desk, "openssl s_client", command, profile, keys)
    }

    pub fn gnutls_server(desk: &Desk, identity: &Identity, wire: &Wire) -> Self {
        let profile = SrtpProfile::AesCm128Sha1_80;
        let mut command = gnutls("gnutls-serv", identity);
        command.args(["--require-client-cert", "--echo"]);
        command.args(["-p", &wire.server().port().to_string()]);
        let mut peer = Self::start(desk, "gnutls-serv", command, profile, None);
        peer.done = "DTLS profile set to SRTP_AES128_CM_HMAC_SHA1_80";
        peer.await_line("Waiting for connection");
        peer
    }

    pub fn gnutls_client(desk: &Desk, identity: &Identity, wire: &Wire) -> Self {
        let profile = SrtpProfile::AesCm128Sha1_80;
        let mut command = gnutls("gnutls-cli", identity);
        let length = profile.exporter_len();
        command.args(["--insecure", &format!("--keymatexport={EXPORTER}")]);
        command.arg(format!("--keymatexportsize={length}"));
        command.args(["-p", &wire.server().port().to_string(), "127.0.0.1"]);
        let keys = Some("- Key material: ");
        Self::start(desk, "gnutls-cli", command, profile, keys)
    }

    fn start(
        desk: &Desk,
        name: &'static str,
        mut command: Command,
        profile: SrtpProfile,
        keys: Option<&'static str>,
    ) -> Self {
        static RUNS: AtomicU32 = AtomicU32::new(0);
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let log = desk.at(&format!("{}-{run}.log", name.replace(' ', "-")));
        let output = File::create(&log).expect("the log can be written");
        let errors = output.try_clone().expect("the log can be written twice");
        // An open pipe: at the end of its input each of them hangs up.
        let command = command.stdin(Stdio::piped()).stdout(output).stderr(errors);
        let child = command.spawn();
        let child = child.unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        Self {
            name,
            child,
            log,
            profile,
            keys,
            done: "",
        }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The SRTP profile that it takes.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Everything it has printed.
    pub fn printed(&self) -> String {
        let printed = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&printed).into_owned()
    }

    /// Whether it says that the handshake is complete, and the keys if it tells them.
    pub fn is_done(&mut self) -> Option<Option<Vec<u8>>> {
        let printed = self.printed();
        let mut lines = printed.lines();
        match self.keys {
            Some(begin) => {
                let line = lines.find_map(|line| line.trim_start().strip_prefix(begin))?;
                // Not while it is still writing.
                let digits = line.trim();
                let whole = digits.len() == self.profile.exporter_len() * 2;
                whole.then(|| Some(hex(digits)))
            }
            None => lines.any(|line| line.contains(self.done)).then_some(None),
        }
    }

    fn await_line(&mut self, text: &str) {
        let limit = Duration::from_secs(10);
        let ready = wait_until(limit, || self.printed().contains(text).then_some(()));
        assert!(ready.is_some(), "{}: {}", self.name, self.printed());
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // The port may be given to the next one.
        thread::sleep(Duration::from_millis(5));
    }
}

fn openssl(tool: &str, identity: &Identity, profile: SrtpProfile) -> Command {
    let mut command = Command::new("openssl");
    command.args([tool, "-dtls1_2", "-use_srtp"]);
    command.arg(match profile {
        SrtpProfile::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
        _ => "SRTP_AES128_CM_SHA1_80",
    });
    let length = profile.exporter_len().to_string();
    command.args(["-keymatexport", EXPORTER, "-keymatexportlen", &length]);
    command.arg("-cert").arg(&identity.certificate);
    command.arg("-key").arg(&identity.key);
    command
}

fn gnutls(tool: &str, identity: &Identity) -> Command {
    // It prints through a buffer, which would be lost with it.
    let mut command = Command::new("stdbuf");
    command.args(["-oL", "-eL", tool, "--udp"]);
    command.args(["--srtp-profiles", "SRTP_AES128_CM_HMAC_SHA1_80"]);
    command.arg("--x509certfile").arg(&identity.certificate);
    command.arg("--x509keyfile").arg(&identity.key);
    command
}

fn hex(digits: &str) -> Vec<u8> {
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).expect("ascii");
        u8::from_str_radix(text, 16).expect("hex digits")
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}
