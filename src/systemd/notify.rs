//! What the service manager is told (sd_notify(3)): ready, stopping, a status line, still alive.
//!
//! Ready is said by a call and by nothing else; a notifier that is dropped has said nothing.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// A manager that takes longer than this to take a datagram doesn't hold the daemon up.
const PATIENCE: Duration = Duration::from_secs(1);

/// The line to the service manager; silent when there is none.
///
/// The socket is connected at once, so that a sandbox put up later can't cut it off.
pub struct Notifier {
    manager: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Notifier {
    /// As `$NOTIFY_SOCKET`, `$WATCHDOG_USEC` and `$WATCHDOG_PID` say.
    pub fn from_environment() -> io::Result<Self> {
        Self::new(std::env::var_os("NOTIFY_SOCKET").as_deref(), sd_notify::watchdog_enabled())
    }

    /// `address` is a path, or `@` and an abstract name; `watchdog` the longest silence that the manager bears.
    pub fn new(address: Option<&OsStr>, watchdog: Option<Duration>) -> io::Result<Self> {
        let manager = address.filter(|address| !address.is_empty()).map(connect).transpose()?;
        Ok(Self { manager, watchdog: watchdog.filter(|silence| !silence.is_zero()) })
    }

    /// The daemon serves. Only now does the manager start what waits for it.
    pub fn ready(&self) {
        self.tell(&NotifyState::Ready);
    }

    /// The daemon was told to stop and drains.
    pub fn stopping(&self) {
        self.tell(&NotifyState::Stopping);
    }

    /// One line for `systemctl status`; names and numbers of the daemon's own, never a caller's text.
    pub fn status(&self, line: &str) {
        // A second line would be taken for another message of ours.
        self.tell(&NotifyState::Status(line.lines().next().unwrap_or_default()));
    }

    /// Tells the manager that the runtime still turns, at half the interval that it asked for, until `end`. What
    /// `ails` names keeps it from saying so, and is the status instead. Returns at once when there is no watchdog.
    pub async fn keep_alive(&self, end: CancellationToken, ails: impl Fn() -> Option<&'static str>) {
        let (Some(silence), Some(_)) = (self.watchdog, &self.manager) else { return };
        // tokio refuses an interval of zero.
        let mut beat = tokio::time::interval((silence / 2).max(Duration::from_millis(1)));
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = end.cancelled() => return,
                _ = beat.tick() => match ails() {
                    None => self.tell(&NotifyState::Watchdog),
                    Some(ailment) => {
                        tracing::error!(ailment, "not alive to the service manager");
                        self.status(ailment);
                    }
                },
            }
        }
    }

    /// A lost message is logged, not returned: the daemon has nothing better to do than to go on.
    fn tell(&self, state: &NotifyState) {
        if let Some(manager) = &self.manager
            && let Err(error) = manager.send(state.to_string().as_bytes())
        {
            tracing::warn!(error.text = %error, "the service manager could not be told");
        }
    }
}

fn connect(address: &OsStr) -> io::Result<UnixDatagram> {
    let bytes = address.as_bytes();
    let address = match bytes.split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        Some((b'/', _)) => SocketAddr::from_pathname(address)?,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "$NOTIFY_SOCKET is neither a path nor an abstract name",
            ));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use tempfile::TempDir;

    /// A service manager that listens.
    struct Manager(UnixDatagram, TempDir);

    impl Manager {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            Self(socket, directory)
        }

        fn notifier(&self, watchdog: Option<Duration>) -> Notifier {
            Notifier::new(Some(self.1.path().join("notify").as_os_str()), watchdog).unwrap()
        }

        fn hears(&self) -> String {
            let mut buffer = [0; 256];
            let length = self.0.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        }

        fn hears_nothing(&self) -> bool {
            self.0.set_nonblocking(true).unwrap();
            self.0.recv(&mut [0; 256]).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        }
    }

    #[test]
    fn says_what_it_is_told_to_say() {
        let manager = Manager::new();
        let notifier = manager.notifier(None);
        notifier.status("unsealing\nREADY=1");
        assert_eq!(manager.hears(), "STATUS=unsealing");
        notifier.ready();
        assert_eq!(manager.hears(), "READY=1");
        notifier.stopping();
        assert_eq!(manager.hears(), "STOPPING=1");
        assert!(manager.hears_nothing());
    }

    #[test]
    fn a_dropped_notifier_is_not_ready() {
        let manager = Manager::new();
        drop(manager.notifier(Some(Duration::from_secs(1))));
        assert!(manager.hears_nothing());
    }

    #[test]
    fn nobody_to_tell_is_no_error() {
        for nobody in [None, Some(OsStr::new(""))] {
            Notifier::new(nobody, None).unwrap().ready();
        }
        for wrong in ["notify", "vsock:2:1", "/nowhere/notify", "@fsm-vault nobody listens here"] {
            assert!(Notifier::new(Some(OsStr::new(wrong)), None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_manager_that_went_away_does_not_hold_us_up() {
        let manager = Manager::new();
        let notifier = manager.notifier(None);
        drop(manager);
        notifier.ready();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn beats_until_the_end() {
        let manager = Manager::new();
        let notifier = Arc::new(manager.notifier(Some(Duration::from_millis(10))));
        let end = CancellationToken::new();
        let beating = tokio::spawn({
            let (notifier, end) = (notifier.clone(), end.clone());
            async move { notifier.keep_alive(end, || None).await }
        });
        for _ in 0..3 {
            assert_eq!(manager.hears(), "WATCHDOG=1");
        }
        end.cancel();
        beating.await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_ails_it_is_told_instead_of_a_beat() {
        let manager = Manager::new();
        let notifier = Arc::new(manager.notifier(Some(Duration::from_millis(10))));
        let end = CancellationToken::new();
        let beating = tokio::spawn({
            let (notifier, end) = (notifier.clone(), end.clone());
            async move { notifier.keep_alive(end, || Some("it has expired")).await }
        });
        for _ in 0..2 {
            assert_eq!(manager.hears(), "STATUS=it has expired");
        }
        end.cancel();
        beating.await.unwrap();
    }

    #[tokio::test]
    async fn does_not_beat_unasked() {
        let manager = Manager::new();
        for asked in [None, Some(Duration::ZERO)] {
            manager.notifier(asked).keep_alive(CancellationToken::new(), || None).await;
        }
        let nobody = Notifier::new(None, Some(Duration::from_secs(1))).unwrap();
        nobody.keep_alive(CancellationToken::new(), || None).await;
        assert!(manager.hears_nothing());
    }
}
