//! Released values on their way out: from the gate's answer until the connection has taken their last byte.
//!
//! A peer that doesn't read keeps what was released to it waiting in a send buffer. When the vault is sealed or a
//! caller revoked, connections with such a rest are ended, and the acknowledgement waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::share::{Place, Share};

/// How long a seal or a revocation waits for what is under way; connections are told first, so that it is for those
/// that take no more only in a daemon that has no time left.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(1);

/// Of the whole vault.
pub struct Departures {
    under_way: Arc<AtomicUsize>,
    /// Changes when somebody may have lost what was released to them.
    changed: watch::Sender<()>,
}

/// Of one connection.
#[derive(Debug)]
pub struct Outgoing {
    released: Arc<Released>,
    watches: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Released {
    count: AtomicUsize,
    /// An answer that isn't taken counts as one of its caller's requests under way.
    share: Arc<Share>,
}

/// A watch under way on a connection.
pub struct Watching(Arc<AtomicUsize>);

/// One value under way; dropped with the last of its bytes.
pub struct Departing {
    connection: Arc<Released>,
    vault: Arc<AtomicUsize>,
    /// A large one's.
    _place: Option<Place>,
}

impl Departures {
    pub(super) fn new() -> Self {
        Self { under_way: Arc::default(), changed: watch::Sender::new(()) }
    }

    /// For a connection, to look again whether its caller still stands.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// `place` is kept until the last byte has left.
    pub fn begin(&self, connection: &Outgoing, place: Option<Place>) -> Departing {
        let departing = Departing {
            connection: Arc::clone(&connection.released),
            vault: Arc::clone(&self.under_way),
            _place: place,
        };
        departing.connection.share.count();
        departing.connection.count.fetch_add(1, Ordering::SeqCst);
        departing.vault.fetch_add(1, Ordering::SeqCst);
        departing
    }

    /// Tells the connections, and waits until nothing is under way, or until those that were told have had time.
    pub(super) async fn recall(&self) {
        self.changed.send_replace(());
        let gone = async {
            while self.under_way.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, gone).await;
    }
}

impl Outgoing {
    pub(super) fn of(share: &Arc<Share>) -> Self {
        let released = Released { count: AtomicUsize::new(0), share: Arc::clone(share) };
        Self { released: Arc::new(released), watches: Arc::default() }
    }

    /// Whether something released waits to be sent.
    pub fn is_waiting(&self) -> bool {
        self.released.count.load(Ordering::SeqCst) > 0
    }

    /// To be kept with a watch.
    pub fn watching(&self) -> Watching {
        self.watches.fetch_add(1, Ordering::SeqCst);
        Watching(Arc::clone(&self.watches))
    }

    /// Whether the connection has a watch that hasn't ended.
    pub fn is_watching(&self) -> bool {
        self.watches.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Departing {
    fn drop(&mut self) {
        self.connection.share.uncount();
        self.connection.count.fetch_sub(1, Ordering::SeqCst);
        self.vault.fetch_sub(1, Ordering::SeqCst);
    }
}
