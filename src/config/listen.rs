//! Where the daemon listens: `unix:PATH` or `tcp:127.0.0.1:PORT`.

use std::ffi::OsStr;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::model::Invalid;

/// Linux's `sun_path` has 108 bytes, the last one zero (unix(7)).
const LONGEST_SOCKET_PATH: usize = 107;
const DEFAULT_PORT: u16 = 8271;

/// A place to listen. What `parse` lets through is loopback or a Unix socket; port 0 takes a free one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Listen {
    /// The Unix socket used when none is named: in the directory that systemd made, else in the data
    /// directory's `run/`. `runtime_directory` is the value of `$RUNTIME_DIRECTORY`: a colon-separated list,
    /// whose first entry counts (systemd.exec(5)).
    pub fn default_unix(runtime_directory: Option<&OsStr>, data_dir: &Path) -> Result<Self, Invalid> {
        let first = runtime_directory.and_then(|list| list.as_bytes().split(|byte| *byte == b':').next());
        let path = match first {
            Some(directory) if !directory.is_empty() => Path::new(OsStr::from_bytes(directory)).to_owned(),
            _ => data_dir.join("run"),
        };
        unix(path.join("vault.sock"))
    }

    /// `tcp:127.0.0.1:8271`.
    pub fn default_tcp() -> Self {
        Self::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)))
    }
}

impl FromStr for Listen {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if let Some(path) = text.strip_prefix("unix:") {
            unix(PathBuf::from(path))
        } else if let Some(address) = text.strip_prefix("tcp:") {
            tcp(address)
        } else {
            Err(Invalid("is no listen address: write unix:/path/vault.sock or tcp:127.0.0.1:8271"))
        }
    }
}

impl std::fmt::Display for Listen {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
            Self::Tcp(address) => write!(out, "tcp:{address}"),
        }
    }
}

fn unix(path: PathBuf) -> Result<Listen, Invalid> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.starts_with(b"@") {
        // No file mode guards an abstract address: whoever shares the network namespace could take it.
        return Err(Invalid(
            "names an abstract socket, which no file mode guards: write unix:/path/vault.sock",
        ));
    }
    if bytes.is_empty() || bytes.ends_with(b"/") || bytes.contains(&0) {
        return Err(Invalid("names no socket file: write unix:/path/vault.sock"));
    }
    if bytes.len() > LONGEST_SOCKET_PATH {
        return Err(Invalid(
            "is too long: Linux takes at most 107 bytes for the path of a Unix socket; choose a shorter directory",
        ));
    }
    Ok(Listen::Unix(path))
}

fn tcp(text: &str) -> Result<Listen, Invalid> {
    let address: SocketAddr = text.parse().map_err(|_| {
        Invalid("is no TCP address: write tcp:127.0.0.1:8271 or tcp:[::1]:8271, an IP address and a port")
    })?;
    if !address.ip().is_loopback() {
        return Err(Invalid(
            "is not on the loopback interface: the vault serves its own host only; write tcp:127.0.0.1:PORT, \
             and put nothing in front of it that other hosts reach",
        ));
    }
    Ok(Listen::Tcp(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_one_spelling() {
        for right in [
            "unix:/run/fsm-vault/vault.sock",
            "unix:run/vault.sock",
            "tcp:127.0.0.1:8271",
            "tcp:127.0.0.1:0",
            "tcp:127.1.2.3:1",
            "tcp:[::1]:8271",
        ] {
            assert_eq!(right.parse::<Listen>().unwrap().to_string(), right);
        }
    }

    #[test]
    fn near_misses_say_what_is_wrong() {
        let long = format!("unix:/{}", "x".repeat(LONGEST_SOCKET_PATH));
        for (wrong, why) in [
            ("", "no listen address"),
            ("127.0.0.1:8271", "no listen address"),
            ("/run/vault.sock", "no listen address"),
            ("https://127.0.0.1:8271", "no listen address"),
            ("UNIX:/run/vault.sock", "no listen address"),
            (" tcp:127.0.0.1:8271", "no listen address"),
            ("unix:", "no socket file"),
            ("unix:/run/", "no socket file"),
            ("unix:/run/a\0b", "no socket file"),
            ("unix:@vault", "abstract"),
            (long.as_str(), "107 bytes"),
            ("tcp:", "no TCP address"),
            ("tcp:8271", "no TCP address"),
            ("tcp:127.0.0.1", "no TCP address"),
            ("tcp:127.0.0.1:", "no TCP address"),
            ("tcp:127.0.0.1:65536", "no TCP address"),
            ("tcp:127.1:8271", "no TCP address"),
            ("tcp:localhost:8271", "no TCP address"),
            ("tcp:::1:8271", "no TCP address"),
            ("tcp:0.0.0.0:8271", "loopback"),
            ("tcp:[::]:8271", "loopback"),
            ("tcp:128.0.0.1:8271", "loopback"),
            ("tcp:192.168.0.1:8271", "loopback"),
            ("tcp:[::ffff:127.0.0.1]:8271", "loopback"),
        ] {
            let said = wrong.parse::<Listen>().unwrap_err().to_string();
            assert!(said.contains(why), "{wrong}: {said}");
        }
        assert!(format!("unix:/{}", "x".repeat(LONGEST_SOCKET_PATH - 1)).parse::<Listen>().is_ok());
    }

    #[test]
    fn the_default_socket_is_where_systemd_says() {
        let default = |runtime: Option<&str>| {
            Listen::default_unix(runtime.map(OsStr::new), Path::new("/data")).map(|listen| listen.to_string())
        };
        assert_eq!(default(Some("/run/fsm-vault")).unwrap(), "unix:/run/fsm-vault/vault.sock");
        assert_eq!(default(Some("/run/a:/run/b")).unwrap(), "unix:/run/a/vault.sock");
        assert_eq!(default(Some("")).unwrap(), "unix:/data/run/vault.sock");
        assert_eq!(default(None).unwrap(), "unix:/data/run/vault.sock");
        assert!(default(Some(&"/x".repeat(60))).is_err());
    }
}
