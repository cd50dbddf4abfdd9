//! The settings, valid, with their defaults on one page. `config/fsm-vault.toml` explains each.

use std::ffi::OsStr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use jiff::SignedDuration;

use super::listen::Listen;
use super::notice::Notice;
use super::outbound::{OAuth, Outbound};
use crate::model::{Invalid, TrustDomain};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub data_dir: PathBuf,
    /// Whether the file has `data_dir`, be it the default.
    pub data_dir_is_named: bool,
    /// Empty: the defaults that [`Settings::addresses`] knows.
    pub listen: Vec<Listen>,
    pub passphrase_file: Option<PathBuf>,
    pub audit: Audit,
    pub identity: Identity,
    pub oauth: OAuth,
    pub outbound: Outbound,
    pub limits: Limits,
    pub notice: Notice,
    pub backup: Backup,
    pub log: Log,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    pub durability: Durability,
    /// How many segments are kept; None keeps all.
    pub retain: Option<NonZeroU32>,
    /// Size at which a segment is closed, in bytes.
    pub segment_bytes: u64,
    /// Whether entries go to journald as well.
    pub journald: bool,
    /// How often the head of the chain is noted in the store.
    pub checkpoint: Duration,
}

/// When an entry counts as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// On the disk; one fsync covers all that wait.
    Fsync,
    /// In the kernel; a power cut may lose the last ones.
    Write,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    pub trust: Vec<Trust>,
}

/// A foreign trust domain and the roots that may speak for it, and for it alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    pub trust_domain: TrustDomain,
    /// A PEM file of root certificates.
    pub bundle: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections whose TLS handshake isn't over.
    pub handshakes: usize,
    /// Open connections, all listeners together.
    pub connections: usize,
    /// Of one caller.
    pub caller_connections: usize,
    /// Requests of one caller under way.
    pub caller_requests: usize,
    /// Requests of one caller by time; None for any number.
    pub rate: Option<Rate>,
    /// Large bodies at a time, in or out, all connections together.
    pub large: usize,
    /// Of one caller.
    pub caller_large: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake: Duration,
    /// For a request's head.
    pub header: Duration,
    /// For a request's body.
    pub body: Duration,
    /// For which a connection may lie idle; None for ever.
    pub idle: Option<Duration>,
    /// For what is under way when the daemon is told to stop; zero ends at once.
    pub drain: Duration,
    /// HTTP/2 requests at a time on one connection, at the most.
    pub concurrent_streams: u32,
    /// Requests that wait for a change or watch, all connections together.
    pub waiting: usize,
    /// Of one caller.
    pub caller_waiting: usize,
}

/// Requests a second, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

/// Backups by the clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// None: there are none.
    pub directory: Option<PathBuf>,
    pub every: SignedDuration,
    pub keep: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// In the syntax of `tracing_subscriber::filter::Targets`, already found valid.
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    Text,
    Json,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("/var/lib/fsm-vault"),
            data_dir_is_named: false,
            listen: Vec::new(),
            passphrase_file: None,
            audit: Audit::default(),
            identity: Identity::default(),
            oauth: OAuth::default(),
            outbound: Outbound::default(),
            limits: Limits::default(),
            notice: Notice::default(),
            backup: Backup::default(),
            log: Log::default(),
        }
    }
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            durability: Durability::Fsync,
            retain: NonZeroU32::new(64),
            segment_bytes: 16 << 20,
            journald: false,
            checkpoint: Duration::from_secs(10),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes: 1000,
            connections: 12_000,
            caller_connections: 4000,
            caller_requests: 1000,
            rate: None,
            large: 64,
            caller_large: 16,
            handshake: Duration::from_secs(10),
            header: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Some(Duration::from_secs(600)),
            drain: Duration::from_secs(10),
            concurrent_streams: 100,
            waiting: 20_000,
            caller_waiting: 5000,
        }
    }
}

impl Default for Backup {
    fn default() -> Self {
        Self { directory: None, every: SignedDuration::from_hours(24), keep: 14 }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl Settings {
    /// Where to listen: what was configured, else the default Unix socket and `tcp:127.0.0.1:8271`.
    /// `runtime_directory` is the value of `$RUNTIME_DIRECTORY`. Fails when the default socket's path is too long.
    pub fn addresses(&self, runtime_directory: Option<&OsStr>) -> Result<Vec<Listen>, Invalid> {
        if self.listen.is_empty() {
            Ok(vec![Listen::default_unix(runtime_directory, &self.data_dir)?, Listen::default_tcp()])
        } else {
            Ok(self.listen.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listens_at_the_defaults_unless_told_where() {
        let mut settings = Settings { data_dir: PathBuf::from("/data"), ..Settings::default() };
        let spelled = |settings: &Settings, runtime: Option<&str>| -> Vec<String> {
            settings.addresses(runtime.map(OsStr::new)).unwrap().iter().map(Listen::to_string).collect()
        };
        assert_eq!(spelled(&settings, None), ["unix:/data/run/vault.sock", "tcp:127.0.0.1:8271"]);
        assert_eq!(spelled(&settings, Some("/run/v")), ["unix:/run/v/vault.sock", "tcp:127.0.0.1:8271"]);
        settings.listen.push("tcp:127.0.0.1:0".parse().unwrap());
        assert_eq!(spelled(&settings, Some("/run/v")), ["tcp:127.0.0.1:0"]);
    }
}
