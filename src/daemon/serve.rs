//! Serve until told to stop, then drain with a deadline.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::bind::{Bound, Listener};
use super::connection::{Connections, Stream};
use super::error::DaemonError;
use super::signals::Signals;
use super::strangers::{Stranger, Strangers};
use crate::api::Api;
use crate::config::{Listen, Settings};
use crate::identity::Peer;
use crate::jobs;
use crate::model::Limit;
use crate::notify::{self, Ways};
use crate::systemd::Notifier;
use crate::vault::Vault;

/// After an accept failed (no file descriptors left, say), the next is tried this much later.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A daemon that is bound and not yet serving.
pub struct Daemon {
    pub(super) settings: Settings,
    pub(super) vault: Arc<Vault>,
    pub(super) api: Arc<Api>,
    pub(super) ways: Ways,
    pub(super) tls: Arc<ServerConfig>,
    pub(super) bound: Bound,
    pub(super) notifier: Arc<Notifier>,
    pub(super) stop: CancellationToken,
}

impl Daemon {
    /// Where it listens, with real ports.
    pub fn addresses(&self) -> &[Listen] {
        &self.bound.addresses
    }

    /// Cancelled, it stops like a first signal.
    pub fn stopper(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Serves until a signal or the stopper, then drains: requests under way get `limits.drain_seconds` to end.
    /// A second signal ends it at once; a third where even that waits, for a disk (`signals.rs`).
    pub async fn serve(self, mut signals: Signals) -> Result<(), DaemonError> {
        let Self { settings, vault, api, ways, tls, bound, notifier, stop } = self;
        let tasks = TaskTracker::new();
        let connections = Arc::new(Connections {
            api,
            tls,
            limits: settings.limits.clone(),
            strangers: Strangers::new(settings.limits.handshakes),
            crowd: Arc::default(),
            stop: stop.clone(),
        });
        for listener in bound.listeners {
            tasks.spawn(accept(listener, Arc::clone(&connections), tasks.clone()));
        }
        tasks.spawn(jobs::run(Arc::clone(&vault), settings.audit.checkpoint, stop.clone()));
        tasks.spawn(notify::run(Arc::clone(&vault), ways, stop.clone()));
        let watched = Arc::clone(&notifier);
        let watchdog = tokio::spawn({
            let (stop, vault) = (CancellationToken::new(), Arc::clone(&vault));
            async move { watched.keep_alive(stop, || ailment(&vault)).await }
        });
        notifier.ready();
        tracing::info!("ready");

        tokio::select! {
            () = signals.next() => {}
            () = stop.cancelled() => {}
        }
        tracing::info!("stopping");
        notifier.stopping();
        stop.cancel();
        tasks.close();
        tokio::select! {
            () = tasks.wait() => {}
            () = tokio::time::sleep(settings.limits.drain) => {
                tracing::warn!(connections.given_up = tasks.len(), "drain deadline reached");
            }
            () = signals.next() => {
                tracing::warn!(connections.given_up = tasks.len(), "second signal, ending at once");
            }
        }
        let closed = vault.close().await;
        watchdog.abort();
        drop(bound.sockets);
        tracing::info!("stopped");
        Ok(closed?)
    }
}

/// What keeps the daemon from serving anybody, though it runs: no client believes an expired certificate. Unsealed, it
/// is renewed in time; at a start with a passphrase, too.
fn ailment(vault: &Vault) -> Option<&'static str> {
    ails(vault.server_certificate().expires_at(), vault.clock().now())
}

fn ails(certificate_ends: Timestamp, now: Timestamp) -> Option<&'static str> {
    (certificate_ends <= now)
        .then_some("The server's certificate has expired. Start it with a passphrase: it renews it")
}

/// Takes connections off one listener until it is told to stop, and serves them.
async fn accept(listener: Listener, connections: Arc<Connections>, tasks: TaskTracker) {
    let serve = |stream, peer, stranger, evicted| {
        if evicted {
            connections.api.meter().refused(Limit::Handshakes);
        }
        let connections = Arc::clone(&connections);
        tasks.spawn(async move {
            let open = (connections.api.meter().accepted(), connections.crowd.join());
            connections.serve(stream, peer, stranger).await;
            drop(open);
        });
    };
    tokio::select! {
        () = take_in(&listener, &connections.strangers, serve) => {}
        () = connections.stop.cancelled() => {}
    }
}

/// Takes one connection after the other off a listener, for ever. `serve` is told whether another had to go for it.
async fn take_in(
    listener: &Listener,
    strangers: &Arc<Strangers>,
    serve: impl Fn(Stream, Peer, Stranger, bool),
) {
    loop {
        strangers.thin_out().await;
        match next(listener).await {
            Ok((stream, peer)) => {
                let (stranger, evicted) = strangers.admit();
                serve(stream, peer, stranger, evicted);
                // Who has been taken in says something, and others have their turn, before the next.
                tokio::task::yield_now().await;
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn next(listener: &Listener) -> std::io::Result<(Stream, Peer)> {
    match listener {
        Listener::Unix(listener) => {
            let (stream, _) = listener.accept().await?;
            let peer = Peer::of_unix(&stream)?;
            Ok((Stream::Unix(stream), peer))
        }
        Listener::Tcp(listener) => {
            let (stream, address) = listener.accept().await?;
            // Without it a small answer waits 40 ms for an acknowledgement.
            stream.set_nodelay(true)?;
            Ok((Stream::Tcp(stream), Peer::of_tcp(address)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};
    use std::os::unix::net::UnixStream;

    use tokio::net::UnixListener;
    use tokio::task::yield_now;

    /// A listener that so many have connected to, who aren't taken in yet.
    fn besieged(by: usize) -> (Listener, Vec<UnixStream>, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("vault.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let peers = (0..by).map(|_| UnixStream::connect(&path).unwrap()).collect();
        (Listener::Unix(listener), peers, directory)
    }

    #[tokio::test]
    async fn nobody_is_taken_in_while_many_are_to_go() {
        let (listener, _peers, _directory) = besieged(200);
        let (strangers, held) = (Strangers::new(4), RefCell::new(Vec::new()));
        let keep = |stream, _, stranger, evicted| held.borrow_mut().push((stream, stranger, evicted));
        let mut taking = std::pin::pin!(take_in(&listener, &strangers, keep));
        let mut rounds = async |rounds: usize| {
            for _ in 0..rounds {
                tokio::select! {
                    biased;
                    () = &mut taking => {}
                    () = yield_now() => {}
                }
            }
            held.borrow().len()
        };
        let most = rounds(1000).await;
        assert!((4..150).contains(&most), "{most} were taken in");
        assert_eq!(rounds(1000).await, most, "nobody has gone");
        held.borrow_mut().clear();
        assert!(rounds(1000).await > 0, "there is room again");
    }

    #[tokio::test]
    async fn others_have_their_turn_before_the_next_is_taken_in() {
        let (listener, _peers, _directory) = besieged(200);
        let (strangers, taken) = (Strangers::new(1000), Cell::new(0));
        let count = |_, _, _, _| taken.set(taken.get() + 1);
        let others = async {
            for _ in 0..1000 {
                let before = taken.get();
                yield_now().await;
                assert!(taken.get() <= before + 1, "{} were taken in at once", taken.get() - before);
            }
        };
        tokio::select! {
            biased;
            () = others => {}
            () = take_in(&listener, &strangers, count) => {}
        }
        assert_eq!(taken.get(), 200);
    }

    /// The watchdog hears nothing more of a daemon whose certificate nobody believes, from its last second on.
    #[test]
    fn a_certificate_that_has_expired_ails_it() {
        let end: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        for (seconds, ailing) in [(-1, false), (0, true), (1, true)] {
            let now = end + jiff::SignedDuration::from_secs(seconds);
            assert_eq!(ails(end, now).is_some(), ailing, "{seconds}");
        }
    }
}
