//! A copy of each written line for journald, in its native protocol.
//!
//! Best effort: the socket never blocks, and a line that journald doesn't take (not running, buffer full,
//! line above its limit) is missing there and only there. It never delays or fails a release; the log is
//! the files. That journald isn't there at all is told by others, who ask [`reach_journal`].

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

/// Where journald listens.
pub const JOURNALD_SOCKET: &str = "/run/systemd/journal/socket";

/// Whether somebody listens there at this moment. Fails with what a line would fail with; never blocks.
pub fn reach_journal(socket: &Path) -> io::Result<()> {
    UnixDatagram::unbound()?.connect(socket)
}

/// Sends lines.
pub(super) struct Journal {
    socket: UnixDatagram,
    to: PathBuf,
}

impl Journal {
    pub fn new(to: PathBuf) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        Ok(Self { socket, to })
    }

    /// Sends each of the lines.
    pub fn send(&self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let fields: [&[u8]; 3] =
                [b"MESSAGE=", line, b"\nSYSLOG_IDENTIFIER=fsm-vault-audit\nPRIORITY=6\n"];
            // Addressed anew each time, so that a restarted journald is found again.
            let _ = self.socket.send_to(&fields.concat(), &self.to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sends_one_datagram_a_line_and_minds_no_absence() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let journal = Journal::new(path.clone()).unwrap();
        journal.send(b"lost\n");
        assert!(reach_journal(&path).is_err());
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        reach_journal(&path).unwrap();
        journal.send(b"{\"a\":1}\n{\"b\":2}\n");
        let mut buffer = [0; 200];
        for line in ["{\"a\":1}", "{\"b\":2}"] {
            let length = listener.recv(&mut buffer).unwrap();
            let expected = format!("MESSAGE={line}\nSYSLOG_IDENTIFIER=fsm-vault-audit\nPRIORITY=6\n");
            assert_eq!(&buffer[..length], expected.as_bytes());
        }
        assert!(listener.recv(&mut buffer).is_err());
        drop(listener);
        assert!(reach_journal(&path).is_err(), "a socket that nobody listens on");
    }
}
