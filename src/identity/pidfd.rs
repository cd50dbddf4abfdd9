//! The kernel's handle on the process at the other end of a Unix socket. The room's only unsafe code.
#![allow(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec};

/// Refers to one process for as long as it is open: unlike a pid, it is never given to another one.
pub(super) struct PidFd(OwnedFd);

impl PidFd {
    /// The process that connected (`SO_PEERPIDFD`, Linux 6.5). None where the kernel can't tell, or no longer.
    pub fn of_peer(socket: impl AsFd) -> Option<Self> {
        let mut fd: RawFd = -1;
        let mut length = size_of::<RawFd>() as libc::socklen_t;
        // SAFETY: the socket is open for the length of the call; `fd` and `length` are live, aligned and
        // exclusively borrowed, and `length` says how many bytes `fd` has room for.
        let result = unsafe {
            libc::getsockopt(
                socket.as_fd().as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_PEERPIDFD,
                (&raw mut fd).cast(),
                &raw mut length,
            )
        };
        if result != 0 || fd < 0 || length as usize != size_of::<RawFd>() {
            return None;
        }
        // SAFETY: the kernel has just made this descriptor for us, and nothing else knows of it.
        Some(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Whether the process hasn't ended: then its pid still is its own.
    pub fn is_alive(&self) -> bool {
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        matches!(rustix::event::poll(&mut polled, Some(&Timespec::default())), Ok(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Command, Stdio};

    #[test]
    fn this_process_is_alive() {
        let (here, _there) = UnixStream::pair().unwrap();
        assert!(PidFd::of_peer(&here).is_some_and(|process| process.is_alive()));
        let no_socket = std::fs::File::open("/dev/null").unwrap();
        assert!(PidFd::of_peer(&no_socket).is_none());
    }

    #[test]
    fn an_ended_process_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        // Waits for a handshake that never comes.
        let mut child = Command::new("openssl")
            .args(["s_client", "-unix"])
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let (stream, _) = listener.accept().unwrap();
        let process = PidFd::of_peer(&stream).unwrap();
        assert!(process.is_alive());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!process.is_alive());
    }
}
