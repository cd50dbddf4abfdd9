//! Who is at the other end of a connection, as the kernel tells.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;

use tokio::net::UnixStream;

use super::cgroup;
use super::pidfd::PidFd;
use crate::model::{Pins, UnitName};

/// Bytes of `/proc/PID/cgroup`; a real one has a few hundred.
const MAX_CGROUP: u64 = 16 * 1024;

/// The peer of a connection. What a Unix peer is was true when it connected: a process that hands its
/// connection on speaks for whoever holds it then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    Unix {
        uid: u32,
        /// None for a process outside this pid namespace.
        pid: Option<i32>,
        /// The systemd system service it runs in, where that is beyond doubt.
        unit: Option<UnitName>,
    },
    Tcp {
        address: SocketAddr,
    },
}

impl Peer {
    pub fn of_unix(stream: &UnixStream) -> io::Result<Self> {
        let credentials = stream.peer_cred()?;
        let pid = credentials.pid().filter(|&pid| pid > 0);
        let unit = pid.and_then(|pid| unit_of(stream, pid));
        Ok(Self::Unix { uid: credentials.uid(), pid, unit })
    }

    pub fn of_tcp(address: SocketAddr) -> Self {
        Self::Tcp { address }
    }

    /// Whether a caller with these pins may speak from here. Any pin confines it to the Unix socket; a unit that
    /// couldn't be determined fits no pin.
    pub fn fits(&self, pins: &Pins) -> bool {
        match self {
            Self::Unix { uid, unit, .. } => {
                pins.uid.is_none_or(|pinned| pinned == *uid)
                    && pins.unit.as_ref().is_none_or(|pinned| unit.as_ref() == Some(pinned))
            }
            Self::Tcp { .. } => *pins == Pins::default(),
        }
    }
}

/// The text behind a pid is another process's once the pid has been given away: so the process that
/// connected must be found alive after reading.
fn unit_of(stream: &UnixStream, pid: i32) -> Option<UnitName> {
    let process = PidFd::of_peer(stream)?;
    let mut text = String::new();
    File::open(format!("/proc/{pid}/cgroup")).ok()?.take(MAX_CGROUP).read_to_string(&mut text).ok()?;
    let whole = (text.len() as u64) < MAX_CGROUP;
    cgroup::unit(&text).filter(|_| whole && process.is_alive())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_names_this_process() {
        let (here, _there) = UnixStream::pair().unwrap();
        let Peer::Unix { uid, pid, .. } = Peer::of_unix(&here).unwrap() else { panic!("a Unix socket") };
        assert_eq!(uid, rustix::process::geteuid().as_raw());
        assert_eq!(pid, Some(std::process::id() as i32));
    }

    #[test]
    fn pins_and_their_near_misses() {
        let unit = |name: &str| -> UnitName { name.parse().unwrap() };
        let unix = |uid, name: Option<&str>| Peer::Unix { uid, pid: Some(1), unit: name.map(unit) };
        let pins = |uid, name: Option<&str>| Pins { uid, unit: name.map(unit) };
        let tcp = Peer::of_tcp("127.0.0.1:8271".parse().unwrap());
        let (a, b) = (Some("a.service"), Some("b.service"));
        for (peer, pins, fits) in [
            (unix(7, None), pins(None, None), true),
            (unix(7, None), pins(Some(7), None), true),
            (unix(7, a), pins(None, a), true),
            (unix(7, a), pins(Some(7), a), true),
            (unix(8, None), pins(Some(7), None), false),
            (unix(0, None), pins(Some(7), None), false),
            (unix(7, b), pins(None, a), false),
            (unix(7, None), pins(None, a), false),
            (unix(8, a), pins(Some(7), a), false),
            (unix(7, b), pins(Some(7), a), false),
            (tcp.clone(), pins(None, None), true),
            (tcp.clone(), pins(Some(7), None), false),
            (tcp.clone(), pins(Some(0), None), false),
            (tcp, pins(None, a), false),
        ] {
            assert_eq!(peer.fits(&pins), fits, "{peer:?} {pins:?}");
        }
    }
}
