//! What the operating system owns and the app lends: traits that Kotlin and Swift implement.
//!
//! Each is synchronous, small, and called on a thread that may block, never on a worker of the runtime.

use std::io;
use std::sync::Arc;

use tandem_engine::SecretStore as EngineSecrets;
use tandem_engine::app::{LogLevel as EngineLevel, LogLine as EngineLine, LogSink as EngineSink};
use tandem_engine::net::{
    CertificateError as EngineRefusal, CertificateVerifier as EngineVerifier,
};

/// How much of what foreign code says of its failure is kept: it may be a whole stack trace.
const REASON_LIMIT: usize = 200;

/// What the app's own code throws.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum PlatformError {
    /// It could not do it.
    #[error("the platform failed: {reason}")]
    Failed {
        /// Why: for the app's own log, not for a screen.
        reason: String,
    },
}

impl From<uniffi::UnexpectedUniFFICallbackError> for PlatformError {
    fn from(error: uniffi::UnexpectedUniFFICallbackError) -> Self {
        let first = error.reason.lines().next().unwrap_or_default();
        Self::Failed {
            reason: first.chars().take(REASON_LIMIT).collect(),
        }
    }
}

/// Keeps small secrets by name, such as the key of the data folder: Android Keystore, Apple Keychain.
#[uniffi::export(foreign)]
pub trait SecretStore: Send + Sync {
    /// The secret kept under `name`, if any.
    ///
    /// # Errors
    /// The store cannot be asked; absence is no error.
    fn load(&self, name: String) -> Result<Option<Vec<u8>>, PlatformError>;

    /// Keeps `secret` under `name`, durably, before it returns.
    ///
    /// # Errors
    /// It could not be kept.
    fn save(&self, name: String, secret: Vec<u8>) -> Result<(), PlatformError>;
}

/// The app's secret store, as the engine asks it.
#[derive(Debug)]
pub(crate) struct Secrets(pub(crate) Arc<dyn SecretStore>);

impl EngineSecrets for Secrets {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.load(name.to_owned()).map_err(plain)
    }

    fn save(&self, name: &str, secret: &[u8]) -> io::Result<()> {
        let saved = self.0.save(name.to_owned(), secret.to_vec());
        saved.map_err(plain)
    }
}

/// The app gets back what its code said, without our words around it.
fn plain(error: PlatformError) -> io::Error {
    let PlatformError::Failed { reason } = error;
    io::Error::other(reason)
}

impl std::fmt::Debug for dyn SecretStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretStore")
    }
}

/// Why the app's verifier refuses a server's certificates.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error, uniffi::Error)]
#[uniffi::export(Display)]
pub enum CertificateError {
    /// One is past its end or before its start.
    #[error("the server's certificate is not valid at this time")]
    Expired,
    /// They are for another server.
    #[error("the server's certificate is for another name")]
    WrongName,
    /// Nobody trusted vouches for them.
    #[error("the server's certificate is not trusted")]
    Untrusted,
    /// They could not be checked. Whatever else the verifier throws counts as this.
    #[error("the server's certificate could not be checked")]
    Failed,
}

impl From<uniffi::UnexpectedUniFFICallbackError> for CertificateError {
    fn from(_: uniffi::UnexpectedUniFFICallbackError) -> Self {
        Self::Failed
    }
}

/// Whom the system trusts: Android's trust manager, Apple's `SecTrust`. Asked on a thread that may block, after the
/// server has shown that it holds the key of the first certificate, and before a byte of SIP is sent.
#[uniffi::export(foreign)]
pub trait CertificateVerifier: Send + Sync {
    /// Judges whether somebody trusted vouches for `chain` (DER, the server's own certificate first) now. Whether the
    /// first one is for `server`, a DNS name or IP address, the core sees for itself (RFC 5922).
    ///
    /// # Errors
    /// Why it is refused.
    fn verify(&self, server: String, chain: Vec<Vec<u8>>) -> Result<(), CertificateError>;
}

/// The app's verifier, as the engine asks it.
pub(crate) struct Certificates(pub(crate) Arc<dyn CertificateVerifier>);

impl EngineVerifier for Certificates {
    fn verify(&self, server_name: &str, chain: &[Vec<u8>]) -> Result<(), EngineRefusal> {
        let judged = self.0.verify(server_name.to_owned(), chain.to_vec());
        judged.map_err(|refusal| match refusal {
            CertificateError::Expired => EngineRefusal::Expired,
            CertificateError::WrongName => EngineRefusal::WrongName,
            CertificateError::Untrusted => EngineRefusal::Untrusted,
            CertificateError::Failed => EngineRefusal::Unchecked,
        })
    }
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq, uniffi::Enum)]
pub enum LogLevel {
    /// Something is broken.
    Error,
    /// Something is odd.
    Warn,
    /// Something worth a line in a bug report.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Everything.
    Trace,
}

/// A line of the log. No name, address or token is in it.
#[derive(Clone, Debug, Eq, PartialEq, uniffi::Record)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// The module it comes from.
    pub target: String,
    /// The text, its fields behind it.
    pub message: String,
}

/// Takes the log, a line at a time, on a thread of its own.
#[uniffi::export(foreign)]
pub trait LogSink: Send + Sync {
    /// Takes a line. One that throws has lost its line, and gets the next.
    ///
    /// # Errors
    /// The line could not be kept.
    fn log(&self, line: LogLine) -> Result<(), PlatformError>;
}

struct Lines(Arc<dyn LogSink>);

impl EngineSink for Lines {
    fn log(&self, line: EngineLine) {
        // There is nowhere to log that the log does not work.
        let _ = self.0.log(LogLine {
            level: line.level.into(),
            target: line.target,
            message: line.message,
        });
    }
}

/// Gives the log of the whole process to `sink`, down to `level`; the last one to ask has it. False if
/// something else took the process's log first.
#[uniffi::export]
pub fn forward_log(sink: Arc<dyn LogSink>, level: LogLevel) -> bool {
    tandem_engine::app::forward_log(Arc::new(Lines(sink)), level.into())
}

impl From<EngineLevel> for LogLevel {
    fn from(level: EngineLevel) -> Self {
        match level {
            EngineLevel::Error => Self::Error,
            EngineLevel::Warn => Self::Warn,
            EngineLevel::Info => Self::Info,
            EngineLevel::Debug => Self::Debug,
            EngineLevel::Trace => Self::Trace,
        }
    }
}

impl From<LogLevel> for EngineLevel {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}
