//! Released values on their way out: from the gate's answer until their last byte is the kernel's.
//!
//! A peer that doesn't read keeps what was released to it waiting in a send buffer. When the vault is sealed or a
//! caller revoked, connections with such a rest are ended, and the acknowledgement waits for that. At a seal, so are those
//! whose buffers may keep something that went over them; a revoked caller's end with its next request, or soon by themselves.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::residue::{Amount, Residue};
use super::session::Session;
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
    /// How often that was.
    recalls: AtomicU64,
    /// How often one was over before all had left.
    given_up: AtomicU64,
    /// Connections whose buffers may keep something.
    keeping: Mutex<Vec<Weak<Session>>>,
}

/// Of one connection.
#[derive(Debug)]
pub struct Outgoing {
    released: Arc<Released>,
    watches: Arc<AtomicUsize>,
    backups: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Released {
    /// With those that wait to be flushed.
    count: AtomicUsize,
    /// Taken up by the connection, which may keep them in buffers of HTTP and TLS.
    unflushed: Mutex<Vec<Taken>>,
    /// Whether there are any.
    to_flush: AtomicBool,
    /// An answer that isn't taken counts as one of its caller's requests under way.
    share: Arc<Share>,
    /// Over HTTP/2.
    is_copied: AtomicBool,
    residue: Residue,
    is_noted: AtomicBool,
}

/// A watch or a backup under way on a connection.
pub struct Lasting(Arc<AtomicUsize>);

/// One value under way; dropped when the connection has taken up the last of its bytes. It is under way until that
/// has been flushed.
pub struct Departing {
    connection: Arc<Released>,
    /// None once it has been dropped.
    taken: Option<Taken>,
}

#[derive(Debug)]
struct Taken {
    vault: Arc<AtomicUsize>,
    /// A large one's.
    _place: Option<Place>,
}

/// For a connection's stream.
#[derive(Debug)]
pub struct Flushes(Arc<Released>);

impl Departures {
    pub(super) fn new() -> Self {
        Self {
            under_way: Arc::default(),
            changed: watch::Sender::new(()),
            recalls: AtomicU64::new(0),
            given_up: AtomicU64::new(0),
            keeping: Mutex::default(),
        }
    }

    /// For a connection, to look again whether its caller still stands.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// How often somebody may have lost what was released to him: a seal or a revocation counts before it is acknowledged.
    pub fn recalls(&self) -> u64 {
        self.recalls.load(Ordering::SeqCst)
    }

    /// How often a seal or a revocation was acknowledged, or is about to be, although something was still under way: perhaps
    /// to somebody who has lost it, and then it must not leave any more.
    pub fn given_up(&self) -> u64 {
        self.given_up.load(Ordering::SeqCst)
    }

    /// `place` is kept until the last byte has left.
    pub fn begin(&self, connection: &Outgoing, place: Option<Place>) -> Departing {
        let departing = Departing {
            connection: Arc::clone(&connection.released),
            taken: Some(Taken { vault: Arc::clone(&self.under_way), _place: place }),
        };
        if departing.is_copied() {
            departing.connection.residue.add(Amount::Perhaps);
        }
        departing.connection.share.count();
        departing.connection.count.fetch_add(1, Ordering::SeqCst);
        self.under_way.fetch_add(1, Ordering::SeqCst);
        departing
    }

    /// To be called after each answer: a connection that may keep something is waited for when it must end.
    pub fn note(&self, session: &Arc<Session>) {
        let Outgoing { released, .. } = &session.outgoing;
        if released.residue.may_be() && !released.is_noted.swap(true, Ordering::SeqCst) {
            let mut keeping = self.keeping();
            keeping.retain(|other| other.strong_count() > 0);
            keeping.push(Arc::downgrade(session));
        }
    }

    /// Tells the connections, and waits until nothing is under way, or until those that were told have had time.
    pub(super) async fn recall(&self) {
        self.recall_and(|| true).await;
    }

    /// Tells the connections, and nobody waits: of what was not acknowledged.
    pub(super) fn warn(&self) {
        self.recalls.fetch_add(1, Ordering::SeqCst);
        self.changed.send_replace(());
    }

    /// [`Self::recall`], and until those that may keep something are over. The connection that asks for it gets its answer first.
    pub(super) async fn recall_all(&self, asks: &Session) {
        let mut ending: Vec<_> = self.keeping().clone();
        ending.retain(|each| each.upgrade().is_some_and(|each| !std::ptr::eq(&*each, asks)));
        self.recall_and(|| ending.iter().all(|each| each.strong_count() == 0)).await;
    }

    async fn recall_and(&self, over: impl Fn() -> bool) {
        self.warn();
        let gone = async {
            while self.under_way.load(Ordering::SeqCst) > 0 || !over() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(PATIENCE, gone).await.is_err() {
            self.given_up.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn keeping(&self) -> std::sync::MutexGuard<'_, Vec<Weak<Session>>> {
        self.keeping.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outgoing {
    pub(super) fn of(share: &Arc<Share>) -> Self {
        let released = Released {
            count: AtomicUsize::new(0),
            unflushed: Mutex::default(),
            to_flush: AtomicBool::new(false),
            share: Arc::clone(share),
            is_copied: AtomicBool::new(false),
            residue: Residue::default(),
            is_noted: AtomicBool::new(false),
        };
        Self { released: Arc::new(released), watches: Arc::default(), backups: Arc::default() }
    }

    /// The connection speaks HTTP/2: of what is sent, its buffer of frames keeps copies.
    pub fn is_over_http2(&self) {
        self.released.is_copied.store(true, Ordering::SeqCst);
    }

    /// A body came in, perhaps with a value or a passphrase; buffers that are read into keep it.
    pub fn took_a_body(&self) {
        self.released.residue.add(Amount::Some);
    }

    /// Whether buffers may keep something that went over this connection.
    pub fn may_keep(&self) -> bool {
        self.released.residue.may_be()
    }

    /// Whether they do, as far as one knows.
    pub fn keeps(&self) -> bool {
        self.released.residue.is_certain()
    }

    /// To be told of each flush.
    pub fn flushes(&self) -> Flushes {
        Flushes(Arc::clone(&self.released))
    }

    /// Whether something released waits to be sent.
    pub fn is_waiting(&self) -> bool {
        self.released.count.load(Ordering::SeqCst) > 0
    }

    /// To be kept with a watch.
    pub fn watching(&self) -> Lasting {
        Lasting::one_of(&self.watches)
    }

    /// To be kept with a backup.
    pub fn backing_up(&self) -> Lasting {
        Lasting::one_of(&self.backups)
    }

    /// Watches on the connection that haven't ended.
    pub fn watches(&self) -> usize {
        self.watches.load(Ordering::SeqCst)
    }

    /// Backups on it that aren't at their ends.
    pub fn backups(&self) -> usize {
        self.backups.load(Ordering::SeqCst)
    }
}

impl Lasting {
    fn one_of(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Flushes {
    /// What the connection has taken up so far is the kernel's now.
    pub fn flushed(&self) {
        if self.0.to_flush.load(Ordering::SeqCst) {
            self.0.gone();
        }
    }
}

impl Released {
    fn gone(&self) {
        let mut unflushed = self.unflushed.lock().unwrap_or_else(PoisonError::into_inner);
        self.to_flush.store(false, Ordering::SeqCst);
        for taken in unflushed.drain(..) {
            self.share.uncount();
            self.count.fetch_sub(1, Ordering::SeqCst);
            taken.vault.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Departing {
    /// Whether what is sent in small pieces is copied into a buffer that isn't wiped.
    pub fn is_copied(&self) -> bool {
        self.connection.is_copied.load(Ordering::SeqCst)
    }

    /// Some of it will be.
    pub fn leaves_a_copy(&self) {
        self.connection.residue.add(Amount::Some);
    }
}

impl Drop for Departing {
    fn drop(&mut self) {
        let mut unflushed = self.connection.unflushed.lock().unwrap_or_else(PoisonError::into_inner);
        unflushed.extend(self.taken.take());
        self.connection.to_flush.store(true, Ordering::SeqCst);
    }
}

/// The connection is over, and what it had left goes with it.
impl Drop for Released {
    fn drop(&mut self) {
        self.gone();
    }
}
