//! What is said on one connection: each request is read at once, and answered later.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};

use crate::api::{Api, Asking, LastWords, Releases, Reply, Warrant};
use crate::daemon::activity::Busy;
use crate::daemon::refusals::Refusals;
use crate::model::Limit;
use crate::vault::Session;

/// What the requests of one connection share.
pub(super) struct Conversation {
    pub(super) api: Arc<Api>,
    pub(super) session: Arc<Session>,
    pub(super) http2: bool,
    /// There is no place for this connection: each request is told so.
    pub(super) no_room: Option<Limit>,
    pub(super) last_words: LastWords,
    pub(super) refusals: Arc<Refusals>,
}

impl Conversation {
    /// Reads the request at once, and answers later.
    pub(super) fn answer(
        self: Arc<Self>,
        busy: Busy,
        request: Request<Incoming>,
    ) -> impl Future<Output = Result<Reply, Infallible>> + Send {
        let asking = Asking::of(request, &self.last_words);
        async move {
            if busy.comes_too_late() {
                return Ok(last(self.api.shutting_down(), self.http2));
            }
            if let Some(limit) = self.no_room {
                busy.end();
                let mut reply = last(Box::pin(self.api.no_room(&self.session, limit)).await, self.http2);
                reply.body_mut().hold_until_taken(|| self.refusals.begin());
                return Ok(reply);
            }
            let since = self.api.recalls();
            let mut verdict = match asking {
                Asking::Fetch(mut fetch) => self.api.answer_fetch(&self.session, &mut fetch).await,
                // Boxed: their room would be made for each request.
                Asking::Wrong(kind, why) => Box::pin(self.api.answer_wrong(&self.session, kind, *why)).await,
                Asking::Other(request) => Box::pin(self.api.answer(&self.session, *request)).await,
            };
            let busy = Last { busy, ends: verdict.ends_connection };
            if verdict.ends_connection {
                verdict.reply = last(verdict.reply, self.http2);
            }
            self.api.answered(&self.session);
            let body = verdict.reply.body_mut();
            if verdict.limited {
                body.hold_until_taken(|| self.refusals.begin());
            } else {
                body.hold_until_taken(|| (self.session.share.answered(), busy.busy.untaken()));
            }
            body.ask_first(|| Warrant { releases: Arc::<Self>::clone(&self), since });
            // A watch is under way until its last event, a backup until its last piece.
            body.hold(busy);
            Ok(verdict.reply)
        }
    }
}

impl Releases for Conversation {
    fn stand(&self, since: u64) -> bool {
        self.api.may_hand_over(&self.session, since)
    }
}

/// A request under way, whose answer may be its connection's last: then what is made piece by piece has all the time it takes.
struct Last {
    busy: Busy,
    ends: bool,
}

impl Drop for Last {
    fn drop(&mut self) {
        if self.ends {
            self.busy.end();
        }
    }
}

/// Says that no further request is taken here, or a client sends one into the closing connection and can't know whether
/// it was heard (RFC 9112, 9.6). HTTP/2 says it by a frame of its own.
fn last(mut reply: Reply, http2: bool) -> Reply {
    if !http2 {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each connection keeps this much room, and each request moves it: what is seldom done is boxed.
    #[test]
    fn a_request_takes_little_room() {
        fn room<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        assert!(room(Conversation::answer) <= 1536, "{}", room(Conversation::answer));
    }
}
