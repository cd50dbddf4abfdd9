//! How a connection comes to its end: by itself, after the answers under way, or cut.

use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Connections;
use super::conversation::Conversation;
use crate::daemon::activity::Activity;

/// A connection's own end comes this much after the daemon's deadline, which tells what it gave up.
const AFTER_THE_DRAIN: Duration = Duration::from_secs(1);

/// After a seal or a revocation, answers under way have this long to leave before their connection is ended.
const TO_LEAVE: Duration = Duration::from_millis(50);

/// A connection whose buffers keep something may lie idle so long.
const BRIEFLY: Duration = Duration::from_secs(10);

/// So often one looks whether the caller is gone, revoked or with its certificate's end: a connection that asks for nothing
/// would keep its place for as long as it may lie idle. Whoever asks before is told.
const LOOK: Duration = Duration::from_secs(10);

/// And, once it takes no more requests and has answered all, has this long for its orderly end: an HTTP/2 peer is asked
/// whether it has heard of it.
const TO_PART: Duration = Duration::from_millis(250);

/// How a connection comes to its end.
#[derive(PartialEq, Eq)]
enum Over {
    /// The answers under way leave first.
    AfterAnswers,
    Cut,
}

impl Connections {
    /// `shut` lets a connection take no more requests.
    pub(super) async fn to_its_end<C: Future<Output = hyper::Result<()>>>(
        &self,
        mut connection: Pin<&mut C>,
        shut: impl FnOnce(Pin<&mut C>),
        talk: &Conversation,
        activity: &Activity,
    ) {
        let ended = |served: hyper::Result<()>| {
            if let Err(error) = served {
                tracing::debug!(error = %error, "connection ended early");
            }
        };
        let mut over = seldom(self.until_over(talk, activity));
        let over = tokio::select! {
            biased;
            over = over.next() => over,
            served = connection.as_mut() => return ended(served),
        };
        if over.is_none_or(|over| over == Over::Cut) {
            return;
        }
        // Answers under way are finished, no further request is taken; a peer that doesn't read them ends unheard.
        shut(connection.as_mut());
        let mut cut = seldom(self.until_cut(talk, activity));
        tokio::select! {
            biased;
            _ = cut.next() => {}
            served = connection.as_mut() => ended(served),
        }
    }

    /// Ends when the connection must.
    async fn until_over(&self, talk: &Conversation, activity: &Activity) -> Over {
        tokio::select! {
            () = self.stop.cancelled() => {
                activity.stop();
                Over::AfterAnswers
            }
            () = told(talk, activity) => Over::AfterAnswers,
            () = ignored(talk) => Over::Cut,
            over = self.until_lost(talk, self.api.watch(), |lost| lost.then_some(Over::AfterAnswers)) => over,
            late = activity.overdue(Some(self.limits.header), || self.may_lie_idle(talk, activity)) => {
                if !late.is_in_the_middle() {
                    return Over::AfterAnswers;
                }
                tracing::debug!("a request's head took too long");
                Over::Cut
            }
        }
    }

    /// For how long; None: for ever.
    fn may_lie_idle(&self, talk: &Conversation, activity: &Activity) -> Option<Duration> {
        let idle = self.limits.idle;
        if talk.session.outgoing.keeps() && is_quiet(talk, activity) {
            Some(idle.map_or(BRIEFLY, |idle| idle.min(BRIEFLY)))
        } else {
            idle
        }
    }

    /// Ends when a connection that takes no more requests must be cut.
    async fn until_cut(&self, talk: &Conversation, activity: &Activity) {
        let mut recall = self.api.watch();
        // There may have been one just before.
        recall.mark_changed();
        tokio::select! {
            () = self.drained(talk, activity) => {}
            () = ignored(talk) => {}
            () = self.parted(talk, activity) => {}
            _ = self.until_lost(talk, recall, |_| None) => {}
        }
    }

    /// Ends when the answers under way have had their time. What isn't answered yet has all that it takes, unless the daemon
    /// stops; so has a backup, as long as its caller may have it. A watch comes to no end by itself.
    async fn drained(&self, talk: &Conversation, activity: &Activity) {
        loop {
            let counts = self.stop.is_cancelled() || !activity.is_busy_but_for(self.over(talk));
            tokio::time::sleep(self.limits.drain + AFTER_THE_DRAIN).await;
            if counts {
                return;
            }
        }
    }

    /// Ends when a connection that is owed nothing more has had its time: one whose buffers may keep something, or whose peer
    /// is gone, or doesn't take the end of what it has lost.
    async fn parted(&self, talk: &Conversation, activity: &Activity) {
        loop {
            tokio::time::sleep(TO_PART).await;
            let is_gone = self.api.has_lost_what_lasts(&talk.session) || self.api.is_gone(&talk.session);
            let must = is_gone || talk.session.outgoing.may_keep();
            let is_quiet = activity.is_quiet_but_for(self.over(talk)) && !talk.session.outgoing.is_waiting();
            if must && is_quiet {
                return tracing::debug!("connection cut: its peer doesn't end it");
            }
        }
    }

    /// Requests under way that are owed no answer once the connection takes no more: watches, and backups that their caller has
    /// lost.
    fn over(&self, talk: &Conversation) -> usize {
        let outgoing = &talk.session.outgoing;
        let lost = if self.api.has_lost_what_lasts(&talk.session) { outgoing.backups() } else { 0 };
        outgoing.watches() + lost
    }

    /// Looks, after each seal and revocation, whether this connection's caller has lost what waits for it (then it is
    /// cut) or what lasts (then `lasting` says, from time to time too: certificates end by themselves, and callers that are
    /// gone make room).
    async fn until_lost(
        &self,
        talk: &Conversation,
        mut recall: watch::Receiver<()>,
        lasting: impl Fn(bool) -> Option<Over>,
    ) -> Over {
        let mut look = Instant::now() + LOOK;
        loop {
            // The sender lives as long as the daemon.
            if tokio::time::timeout_at(look, recall.changed()).await.is_ok() {
                tokio::time::sleep(TO_LEAVE).await;
                if self.api.must_cut(&talk.session) {
                    tracing::debug!("connection cut: its peer may not have what waits for it");
                    return Over::Cut;
                }
            }
            let is_time = look <= Instant::now();
            if is_time {
                look = Instant::now() + LOOK;
            }
            let must = self.api.must_end(&talk.session) || is_time && self.api.is_gone(&talk.session);
            if let Some(over) = lasting(must) {
                return over;
            }
        }
    }
}

/// Ends when an answer said that it is the last. Over HTTP/2 it leaves first: Python's h2 gives up what comes with the frames
/// of an orderly end.
async fn told(talk: &Conversation, activity: &Activity) {
    activity.ended().await;
    if talk.http2 {
        tokio::time::sleep(TO_LEAVE).await;
    }
}

/// Whether no request is under way and no answer waits to be sent.
fn is_quiet(talk: &Conversation, activity: &Activity) -> bool {
    activity.is_quiet() && !talk.session.outgoing.is_waiting()
}

async fn ignored(talk: &Conversation) {
    talk.refusals.ignored().await;
    tracing::debug!("connection cut: its peer takes no refusals");
}

/// A future that is polled when it has been woken and not with each request: it looks after what seldom happens. Boxed, for the
/// set keeps the room of one more of its kind.
fn seldom<F: Future>(future: F) -> FuturesUnordered<Pin<Box<F>>> {
    [Box::pin(future)].into_iter().collect()
}
