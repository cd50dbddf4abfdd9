//! One request, from its head to its answer.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::fetch::Fetch;
use super::log_cursors::LogCursors;
use super::reply::{Reply, ReplyBody};
use super::request_id::{RequestId, RequestIds};
use super::route::route;
use super::{answer, body};
use crate::crypto;
use crate::identity::{Peer, Presented};
use crate::model::{Denial, Limit};
use crate::telemetry::{Kind, Meter, Verdict as Decision};
use crate::vault::{Asker, Place, Session, Shares, Vault, VaultError};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The API of one vault. Shared by all connections.
pub struct Api {
    pub(super) vault: Arc<Vault>,
    /// How long a body may take.
    pub(super) patience: Duration,
    /// What each caller may take at a time.
    shares: Shares,
    /// Cancelled when the daemon is told to stop.
    pub(super) stopping: CancellationToken,
    pub(super) meter: Meter,
    request_ids: RequestIds,
    pub(super) log_cursors: LogCursors,
}

/// An answer, and what it means for its connection.
pub struct Verdict {
    pub reply: Reply,
    pub ends_connection: bool,
    /// It says that there is no room for the request.
    pub limited: bool,
}

impl Api {
    /// `patience` is for a request's body; `shares` is what callers may take at a time. None waits for a change any more
    /// once `stopping` is cancelled.
    pub fn new(
        vault: Arc<Vault>,
        patience: Duration,
        shares: Shares,
        stopping: CancellationToken,
    ) -> Result<Self, crypto::Failed> {
        let (request_ids, meter) = (RequestIds::new()?, Meter::new(vault.clock().now()));
        let log_cursors = LogCursors::new()?;
        Ok(Self { vault, patience, shares, stopping, meter, request_ids, log_cursors })
    }

    /// Who a connection is, after its handshake.
    pub fn meet(&self, presented: Presented, peer: Peer) -> Session {
        let share = self.shares.of(self.vault.holder(&presented, &peer), self.vault.clock().now());
        Session::new(presented, peer, share)
    }

    /// Answers a request that is no fetch. What may be a change is brought to its end whatever becomes of who asked:
    /// between the store and the registry no half may stay. A look ends with its client: its entry is queued before anything is
    /// shown, and written then.
    pub async fn answer(self: &Arc<Self>, session: &Arc<Session>, request: Request<Incoming>) -> Verdict {
        if route(request.method(), request.uri().path()).is_ok_and(|call| call.only_looks()) {
            return self.answer_now(session, request).await;
        }
        let (api, session) = (Arc::clone(self), Arc::clone(session));
        let answering = tokio::spawn(async move { api.answer_now(&session, request).await });
        match answering.await {
            Ok(verdict) => verdict,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime ends, and this task with it.
            Err(_) => Verdict { reply: self.shutting_down(), ends_connection: true, limited: false },
        }
    }

    /// Answers a fetch that says what can't be.
    pub async fn answer_wrong(&self, session: &Session, kind: Kind, why: Failure) -> Verdict {
        let request_id = self.request_ids.next();
        let mut why = match session.share.begin(|| self.vault.clock().now()) {
            Err(limit) => VaultError::Limited(limit).into(),
            Ok(_) if self.vault.is_sealed() => VaultError::Denied(Denial::Sealed).into(),
            Ok(_under_way) => why,
        };
        self.judged(Asker { session, request_id: request_id.as_str() }, &mut why).await;
        self.verdict(&request_id, kind, Err(why))
    }

    /// Answers a fetch, which ends with its connection. It is lent, because what a future is given it keeps twice.
    pub async fn answer_fetch(&self, session: &Session, fetch: &mut Fetch) -> Verdict {
        let request_id = self.request_ids.next();
        let asker = Asker { session, request_id: request_id.as_str() };
        let mut outcome = match session.share.begin(|| self.vault.clock().now()) {
            Err(limit) => Err(VaultError::Limited(limit).into()),
            Ok(_) if self.vault.is_sealed() => Err(VaultError::Denied(Denial::Sealed).into()),
            Ok(_under_way) => fetch.answer(self, asker).await,
        };
        if let Err(failure) = &mut outcome
            && failure.is_undecided()
        {
            // Boxed: its room would be made for each fetch.
            Box::pin(self.judged(asker, failure)).await;
        }
        self.verdict(&request_id, fetch.kind(), outcome)
    }

    async fn answer_now(&self, session: &Arc<Session>, mut request: Request<Incoming>) -> Verdict {
        let request_id = self.request_ids.next();
        let asker = Asker { session, request_id: request_id.as_str() };
        let bare = request.method() == Method::HEAD;
        let has_a_body = !body::is_over(&request);
        if has_a_body {
            session.outgoing.took_a_body();
        }
        // All bodies there hold passphrases, which buffers keep as long as the connection is open.
        let tells_a_passphrase = has_a_body && request.uri().path().starts_with("/v1/sys/");
        let mut kind = Kind::None;
        let mut outcome = match session.share.begin(|| self.vault.clock().now()) {
            // What it holds ends with the call: reading the rest of a refused body is no request under way.
            Ok(_under_way) => self.call(session, asker, &mut request, &mut kind).await,
            Err(limit) => Err(VaultError::Limited(limit).into()),
        };
        if let Err(failure) = &mut outcome {
            self.judged(asker, failure).await;
        }
        if !body::is_over(&request) {
            body::discard(&mut request).await;
        }
        let mut verdict = self.verdict(&request_id, kind, outcome);
        verdict.ends_connection |= tells_a_passphrase;
        if bare {
            // HTTP/1.1 would leave the body out by itself, HTTP/2 would send what no client may take.
            *verdict.reply.body_mut() = ReplyBody::default();
        }
        verdict
    }

    /// What was refused before anybody looked who asks, goes to those alone who are ours: others get their denial, which
    /// is audited, and ends the connection like every one.
    async fn judged(&self, asker: Asker<'_>, failure: &mut Failure) {
        let is_ours = || self.vault.is_sealed() || self.vault.stands(asker.session);
        if failure.is_undecided()
            && !is_ours()
            && let Err(error) = self.vault.greet(asker, "vault.request").await
        {
            *failure = error.into();
        }
    }

    /// What becomes of a request, counted and with what every answer carries.
    fn verdict(&self, request_id: &RequestId, kind: Kind, outcome: Result<Reply, Failure>) -> Verdict {
        let decided = outcome.as_ref().map_or_else(Failure::verdict, |_| Some(Decision::Allowed));
        decided.into_iter().for_each(|verdict| self.meter.decided(verdict));
        let verdict = match outcome {
            Ok(mut reply) => {
                stamp(&mut reply, request_id);
                Verdict { reply, ends_connection: false, limited: false }
            }
            Err(failure) => {
                let (limit, ends_connection) = (failure.limit(), failure.ends_connection());
                limit.into_iter().for_each(|limit| self.meter.limited(limit));
                Verdict { reply: refusal(failure, request_id), ends_connection, limited: limit.is_some() }
            }
        };
        self.meter.answered(kind, verdict.reply.status().as_u16());
        verdict
    }

    /// A place for a request that will wait, given back when it is dropped.
    pub(super) fn place_to_wait(&self, asker: Asker<'_>) -> Result<Place, Failure> {
        asker.session.share.wait().map_err(|limit| VaultError::Limited(limit).into())
    }

    /// Waits until `change` has come about, in a place of its own, unless the daemon stops before.
    pub(super) async fn wait(
        &self,
        asker: Asker<'_>,
        change: impl Future<Output = Result<(), VaultError>>,
    ) -> Result<(), Failure> {
        let _place = self.place_to_wait(asker)?;
        let _waits = asker.session.share.set_aside();
        tokio::select! {
            done = change => Ok(done?),
            () = self.stopping.cancelled() => Err(Failure::ShuttingDown),
        }
    }

    /// Whether a connection must end now: something released waits in it for a peer that has lost it.
    pub fn must_cut(&self, session: &Session) -> bool {
        session.outgoing.is_waiting() && !self.vault.stands(session)
    }

    /// How often somebody may have lost what was released to him. To be asked before a request is answered.
    pub fn recalls(&self) -> u64 {
        self.vault.departures().recalls()
    }

    /// Whether what a request was answered with may still be handed over to its connection: nobody has lost anything
    /// since, or others have.
    pub fn may_hand_over(&self, session: &Session, since: u64) -> bool {
        self.recalls() == since || self.vault.stands(session)
    }

    /// How often nobody waited any longer for what was to be cut.
    pub fn given_up(&self) -> u64 {
        self.vault.departures().given_up()
    }

    /// To be called after each answer, for the connections that a seal waits for.
    pub fn answered(&self, session: &Arc<Session>) {
        self.vault.departures().note(session);
    }

    /// Changes when connections are to look at [`Self::must_cut`].
    pub fn watch(&self) -> tokio::sync::watch::Receiver<()> {
        self.vault.departures().watch()
    }

    /// Answers a request on a connection that there is no place for.
    pub async fn no_room(&self, session: &Session, limit: Limit) -> Reply {
        let request_id = self.request_ids.next();
        let asker = Asker { session, request_id: request_id.as_str() };
        let mut failure = VaultError::Limited(limit).into();
        self.judged(asker, &mut failure).await;
        failure.verdict().into_iter().for_each(|verdict| self.meter.decided(verdict));
        let reply = refusal(failure, &request_id);
        self.meter.answered(Kind::None, reply.status().as_u16());
        reply
    }

    /// Answers a request that came too late.
    pub fn shutting_down(&self) -> Reply {
        let reply = refusal(Failure::ShuttingDown, &self.request_ids.next());
        self.meter.answered(Kind::None, reply.status().as_u16());
        reply
    }

    /// Counts what passes; whoever accepts connections counts here too.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Whether a connection must come to its end: its buffers may keep something of a vault that is sealed now, or its caller
    /// has lost what it watches or backs up, and doesn't take the last of it.
    pub fn must_end(&self, session: &Session) -> bool {
        (session.outgoing.may_keep() && self.vault.is_sealed()) || self.has_lost_what_lasts(session)
    }

    /// Whether the connection's caller is one no more.
    pub fn is_gone(&self, session: &Session) -> bool {
        self.vault.is_gone(session)
    }

    /// Whether there is a watch or a backup whose caller may have no more of it: revoked, its certificate ended, the vault sealed.
    pub fn has_lost_what_lasts(&self, session: &Session) -> bool {
        let lasts = session.outgoing.watches() + session.outgoing.backups() > 0;
        lasts && !self.vault.stands(session)
    }
}

/// What every answer carries.
fn stamp(reply: &mut Reply, request_id: &RequestId) {
    let headers = reply.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REQUEST_ID, request_id.to_header());
}

fn refusal(failure: Failure, request_id: &RequestId) -> Reply {
    let (retry_after, allow) = (failure.retry_after(), failure.allow());
    let mut reply = answer::problem(&failure.problem(request_id.as_str()));
    stamp(&mut reply, request_id);
    if let Some(seconds) = retry_after {
        reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(methods) = allow {
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    }
    reply
}
