//! Where the daemon is: `unix:/path/vault.sock` or `https://127.0.0.1:8271`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustls::pki_types::ServerName;

use crate::model::Invalid;

/// The installed daemon's socket.
const USUAL_SOCKET: &str = "/run/fsm-vault/vault.sock";
const USUAL_PORT: u16 = 8271;

/// A daemon on this host. The server certificate names no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp(Host, u16),
}

/// The three names that the server certificate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host {
    Localhost,
    Ipv4,
    Ipv6,
}

impl Address {
    /// The installed daemon's socket if it is there, else `https://127.0.0.1:8271`.
    pub fn usual() -> Self {
        Self::usual_with(Path::new(USUAL_SOCKET))
    }

    fn usual_with(socket: &Path) -> Self {
        if socket.exists() { Self::Unix(socket.to_owned()) } else { Self::Tcp(Host::Ipv4, USUAL_PORT) }
    }

    /// What the server's certificate must name.
    pub(super) fn server_name(&self) -> ServerName<'static> {
        match self {
            Self::Unix(_) | Self::Tcp(Host::Localhost, _) => {
                ServerName::try_from("localhost").expect("localhost is a DNS name")
            }
            Self::Tcp(Host::Ipv4, _) => ServerName::from(IpAddr::from(Ipv4Addr::LOCALHOST)),
            Self::Tcp(Host::Ipv6, _) => ServerName::from(IpAddr::from(Ipv6Addr::LOCALHOST)),
        }
    }
}

impl Host {
    /// Addresses to try, in order. `localhost` is not looked up: a resolver may say anything.
    pub(super) fn addresses(self) -> &'static [IpAddr] {
        const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
        const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
        match self {
            Self::Localhost => &[V4, V6],
            Self::Ipv4 => &[V4],
            Self::Ipv6 => &[V6],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Localhost => "localhost",
            Self::Ipv4 => "127.0.0.1",
            Self::Ipv6 => "[::1]",
        }
    }
}

impl FromStr for Address {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const RULE: Invalid = Invalid(
            "is no address of the daemon: write unix:/run/fsm-vault/vault.sock or https://127.0.0.1:8271",
        );
        if let Some(path) = text.strip_prefix("unix:") {
            let fits =
                path.starts_with('/') && !path.ends_with('/') && path.len() <= 107 && !path.contains('\0');
            return if fits {
                Ok(Self::Unix(path.into()))
            } else {
                Err(Invalid("names no socket: write unix: and an absolute path of at most 107 bytes"))
            };
        }
        let rest = text.strip_prefix("https://").ok_or(RULE)?;
        let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':').ok_or(RULE)?;
        let host = [Host::Localhost, Host::Ipv4, Host::Ipv6].into_iter().find(|each| each.name() == host);
        let host = host.ok_or(Invalid(
            "is not on this host: the vault serves localhost, 127.0.0.1 and [::1] only, with a port, \
             such as https://127.0.0.1:8271",
        ))?;
        let plain = port.bytes().all(|byte| byte.is_ascii_digit()) && !port.starts_with('0');
        let port = port.parse().ok().filter(|_| plain).ok_or(RULE)?;
        Ok(Self::Tcp(host, port))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix:{}", path.display()),
            Self::Tcp(host, port) => write!(out, "https://{}:{port}", host.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_one_spelling() {
        for right in [
            "unix:/run/fsm-vault/vault.sock",
            "https://127.0.0.1:8271",
            "https://localhost:1",
            "https://[::1]:65535",
        ] {
            assert_eq!(right.parse::<Address>().unwrap().to_string(), right);
        }
        assert_eq!(
            "https://localhost:8271/".parse::<Address>().unwrap().to_string(),
            "https://localhost:8271"
        );
    }

    #[test]
    fn near_misses_are_refused() {
        let long = format!("unix:/{}", "x".repeat(107));
        for wrong in [
            "",
            "unix:",
            "unix:run/vault.sock",
            "unix:@vault",
            "unix:/run/",
            "unix:/a\0b",
            long.as_str(),
            "/run/vault.sock",
            "tcp:127.0.0.1:8271",
            "http://127.0.0.1:8271",
            "HTTPS://127.0.0.1:8271",
            "https://127.0.0.1",
            "https://127.0.0.1:",
            "https://127.0.0.1:0",
            "https://127.0.0.1:08271",
            "https://127.0.0.1:+1",
            "https://127.0.0.1:65536",
            "https://127.0.0.2:8271",
            "https://::1:8271",
            "https://vault.example:8271",
            "https://localhost.example:8271",
            "https://a@localhost:8271",
            "https://localhost:8271/v1",
            " https://localhost:8271",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_socket_comes_first_where_there_is_one() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("vault.sock");
        assert_eq!(Address::usual_with(&socket).to_string(), "https://127.0.0.1:8271");
        std::fs::write(&socket, "").unwrap();
        assert_eq!(Address::usual_with(&socket), Address::Unix(socket));
    }
}
