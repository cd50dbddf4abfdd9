//! `GET /v1/watch`: server-sent events, each judged when it is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{HeaderMap, Request};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::query::Query;
use super::reply::Next;
use super::server::Api;
use crate::model::Denial;
use crate::vault::{Asker, Cursor, Hearing, News, Place, Session, Subject, Told, Vault, VaultError, Watcher};
use crate::wire::{About, NoticeEvent, NoticeState, Resync, RotatedEvent, WatchOpened, event};

/// So often something is sent, so that both sides know that the other is there; and so often, at least, it is judged
/// whether the caller still may watch.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// A comment.
const NOTHING: &[u8] = b":\n\n";
/// How long a client that follows the standard waits before it comes back.
const RETRY: &str = "retry: 2000\n";

/// A watch under way.
struct Watch {
    vault: Arc<Vault>,
    session: Arc<Session>,
    watcher: Watcher,
    stopping: CancellationToken,
    request_id: String,
    /// Given back at the end.
    _place: Place,
}

pub async fn watch(
    api: &Api,
    session: &Arc<Session>,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Request<Incoming>,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let last = last_event_id(request.headers())?;
    let place = api.place_to_wait(asker)?;
    let watcher = api.vault.watch(asker, last).await?;
    let resumed = last.is_some() && !watcher.has_missed();
    let opened = event("open", Some(&api.vault.place_of(&watcher).to_string()), &WatchOpened { resumed });
    let watch = Watch {
        vault: Arc::clone(&api.vault),
        session: Arc::clone(session),
        watcher,
        stopping: api.stopping.clone(),
        request_id: asker.request_id.to_owned(),
        _place: place,
    };
    let mut reply = answer::events(format!("{RETRY}{opened}").into(), watch.then());
    reply.body_mut().hold(session.outgoing.watching());
    Ok(reply)
}

/// Reads `Last-Event-ID`; an empty one is none (a client that never got an ID sends it so).
pub(super) fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Failure> {
    const RULE: Failure = Failure::Malformed(
        "The header Last-Event-ID must be an event's ID, 16 lower-case hexadecimal digits, given once.",
    );
    let mut all = headers.get_all("last-event-id").iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) if value.is_empty() => Ok(None),
        (Some(value), None) => value.to_str().ok().and_then(|text| text.parse().ok()).map(Some).ok_or(RULE),
        _ => Err(RULE),
    }
}

impl Watch {
    fn then(self) -> Next {
        Next(Box::new(|| Box::pin(async { Ok(self.next().await) })))
    }

    /// The next piece: events, a sign of life, or the end.
    async fn next(mut self) -> (Bytes, Option<Next>) {
        let (sign_of_life, mut quiet) = (Instant::now() + HEARTBEAT, true);
        loop {
            let heard = match self.vault.hear(&self.session, &mut self.watcher) {
                Ok(heard) => heard,
                Err(denial) => return (self.end(Failure::Vault(VaultError::Denied(denial))), None),
            };
            let more = heard.more;
            let text = self.written(heard);
            if !text.is_empty() {
                return (text.into(), Some(self.then()));
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            if !quiet {
                return (Bytes::from_static(NOTHING), Some(self.then()));
            }
            tokio::select! {
                () = self.stopping.cancelled() => return (self.end(Failure::ShuttingDown), None),
                () = self.vault.stirred(&self.session, &mut self.watcher) => {}
                () = tokio::time::sleep_until(sign_of_life) => quiet = false,
            }
        }
    }

    fn written(&self, heard: Hearing) -> String {
        if heard.missed {
            let detail = "Events were missed: read everything that you keep anew.".to_owned();
            let id = self.vault.place_of(&self.watcher).to_string();
            return event("resync", Some(&id), &Resync { detail });
        }
        heard.told.into_iter().map(told).collect()
    }

    /// The last event says why there are no more, as a refused request would be told.
    fn end(&self, why: Failure) -> Bytes {
        let revoked = matches!(why, Failure::Vault(VaultError::Denied(Denial::CallerRevoked)));
        event(if revoked { "revoked" } else { "end" }, None, &why.problem(&self.request_id)).into()
    }
}

fn told(Told { cursor, at, news }: Told) -> String {
    let id = Some(cursor.to_string());
    match news {
        News::Secret { id: secret, version } => {
            let about = About { secret: Some(secret.to_string()), ..About::default() };
            event("rotated", id.as_deref(), &RotatedEvent { about, version, secrets: Vec::new(), at })
        }
        News::Integration { name, version, secrets } => {
            let about = About { integration: Some(name.to_string()), ..About::default() };
            let secrets = secrets.iter().map(ToString::to_string).collect();
            event("rotated", id.as_deref(), &RotatedEvent { about, version, secrets, at })
        }
        News::Notice { id: notice, level, about, raised } => {
            let state = if raised { NoticeState::Raised } else { NoticeState::Cleared };
            let about = match about {
                Subject::Secret(id) => About { secret: Some(id.to_string()), ..About::default() },
                Subject::Integration(name) => {
                    About { integration: Some(name.to_string()), ..About::default() }
                }
                Subject::Caller(name) => About { caller: Some(name.to_string()), ..About::default() },
                Subject::Vault => About::default(),
            };
            let shape = NoticeEvent { id: notice.to_string(), level: level.to_string(), state, about, at };
            event("notice", id.as_deref(), &shape)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::{HeaderName, HeaderValue};

    fn read(values: &[&[u8]]) -> Option<Option<Cursor>> {
        let name = HeaderName::from_static("last-event-id");
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&name, HeaderValue::from_bytes(value).unwrap());
        }
        last_event_id(&headers).ok()
    }

    #[test]
    fn the_last_event_and_near_misses() {
        assert_eq!((read(&[]), read(&[b""])), (Some(None), Some(None)));
        assert!(read(&[b"0123456789abcdef"]).unwrap().is_some());
        let one: &[u8] = b"0123456789abcdef";
        let wrong: [&[&[u8]]; 5] = [&[one, one], &[b"1"], &[b"0123456789ABCDEF"], &[b"\xff"], &[b"", one]];
        for values in wrong {
            assert_eq!(read(values), None, "{values:?}");
        }
    }
}
