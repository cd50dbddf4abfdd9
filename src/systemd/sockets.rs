//! Sockets that systemd opened for the daemon (sd_listen_fds(3)).

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;

/// The listeners handed over, non-blocking and close-on-exec; both empty when there are none.
#[derive(Debug, Default)]
pub struct Activated {
    pub unix: Vec<UnixListener>,
    pub tcp: Vec<TcpListener>,
}

#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    #[error(
        "systemd hands over the TCP socket {0}, which is not on the loopback interface: the vault serves its own \
         host only; write ListenStream=127.0.0.1:PORT in the socket unit"
    )]
    NotLoopback(SocketAddr),
    #[error(
        "systemd hands over a socket that isn't a listening Unix or TCP stream: the socket unit takes \
         ListenStream= and Accept=no"
    )]
    NotAListener,
    #[error("a socket handed over by systemd can't be used")]
    Io(#[from] io::Error),
}

impl Activated {
    /// Takes over what `$LISTEN_FDS` announces, once: the variables are unset, so that no child takes the
    /// sockets for its own. Call it before there is a second thread.
    pub fn take() -> Result<Self, ActivationError> {
        let mut handed = ListenFd::from_env();
        let mut taken = Self::default();
        for index in 0..handed.len() {
            // A descriptor of the wrong kind is an error that leaves it in its place, for the next kind to try.
            if let Ok(Some(listener)) = handed.take_unix_listener(index) {
                taken.unix.push(listening(listener)?);
            } else if let Ok(Some(listener)) = handed.take_tcp_listener(index) {
                taken.tcp.push(on_loopback(listening(listener)?)?);
            } else {
                return Err(ActivationError::NotAListener);
            }
        }
        taken.unix.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
        taken.tcp.iter().try_for_each(|listener| listener.set_nonblocking(true))?;
        Ok(taken)
    }

    pub fn is_empty(&self) -> bool {
        self.unix.is_empty() && self.tcp.is_empty()
    }
}

/// With `Accept=yes` systemd hands over connections, which look the same until one listens.
fn listening<S: AsFd>(socket: S) -> Result<S, ActivationError> {
    match rustix::net::sockopt::socket_acceptconn(&socket) {
        Ok(true) => Ok(socket),
        Ok(false) => Err(ActivationError::NotAListener),
        Err(error) => Err(ActivationError::Io(error.into())),
    }
}

fn on_loopback(listener: TcpListener) -> Result<TcpListener, ActivationError> {
    let address = listener.local_addr()?;
    if address.ip().is_loopback() { Ok(listener) } else { Err(ActivationError::NotLoopback(address)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixDatagram, UnixStream};
    use std::process::{Command, Stdio};

    /// The variables belong to a process, so this test is its own child: handed a socket as its standard
    /// input, it takes it and its exit tells the kind.
    #[test]
    fn sockets_are_taken_by_kind_and_judged() {
        if std::env::var_os("LISTEN_FDS").is_some() {
            std::process::exit(kind_taken());
        }
        let directory = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(directory.path().join("vault.sock")).unwrap();
        let (connection, _other_end) = UnixStream::pair().unwrap();
        let cases: [(&str, OwnedFd, i32); 7] = [
            ("a Unix listener", unix.into(), UNIX),
            ("a loopback listener", TcpListener::bind("127.0.0.1:0").unwrap().into(), TCP),
            ("an IPv6 loopback listener", bind_ipv6_or_ipv4().into(), TCP),
            ("every interface", TcpListener::bind("0.0.0.0:0").unwrap().into(), NOT_LOOPBACK),
            ("a connection", connection.into(), NOT_A_LISTENER),
            ("a datagram socket", UnixDatagram::unbound().unwrap().into(), NOT_A_LISTENER),
            ("a file", std::fs::File::open("/dev/null").unwrap().into(), NOT_A_LISTENER),
        ];
        for (what, socket, expected) in cases {
            let status = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "systemd::sockets::tests::sockets_are_taken_by_kind_and_judged"])
                .env("LISTEN_FDS", "1")
                .env("LISTEN_FDS_FIRST_FD", "0")
                .env_remove("LISTEN_PID")
                .stdin(Stdio::from(socket))
                .stdout(Stdio::null())
                .status()
                .unwrap();
            assert_eq!(status.code(), Some(expected), "{what}");
        }
        assert!(Activated::take().unwrap().is_empty());
    }

    const UNIX: i32 = 10;
    const TCP: i32 = 11;
    const NOT_LOOPBACK: i32 = 12;
    const NOT_A_LISTENER: i32 = 13;
    const SOMETHING_ELSE: i32 = 14;

    fn kind_taken() -> i32 {
        let blocks = |fd: std::os::fd::BorrowedFd| {
            !rustix::fs::fcntl_getfl(fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK)
        };
        match Activated::take() {
            Ok(taken) => match (&taken.unix[..], &taken.tcp[..]) {
                ([unix], []) if !blocks(unix.as_fd()) => UNIX,
                ([], [tcp]) if !blocks(tcp.as_fd()) => TCP,
                _ => SOMETHING_ELSE,
            },
            Err(ActivationError::NotLoopback(_)) => NOT_LOOPBACK,
            Err(ActivationError::NotAListener) => NOT_A_LISTENER,
            Err(ActivationError::Io(_)) => SOMETHING_ELSE,
        }
    }

    /// A host may have no IPv6.
    fn bind_ipv6_or_ipv4() -> TcpListener {
        TcpListener::bind("[::1]:0").or_else(|_| TcpListener::bind("127.0.0.1:0")).unwrap()
    }
}
