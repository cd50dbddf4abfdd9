//! The two calls that services make all the time: a secret's value and an integration's pair.
//!
//! All that a fetch says is read out of its head at once, and the request is let go of before anything waits: hyper
//! then uses the head's room again instead of making it anew. A service asks for the same on its connection again and
//! again, so the words of the last fetch are kept there, as they were read: words alone, for what they get is decided
//! each time.

use std::mem;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request};

use super::accept::wants_bytes;
use super::answer::{self, Reply};
use super::callers::duration;
use super::failure::Failure;
use super::precondition::if_none_match;
use super::query::Query;
use super::route::{Call, fetch};
use super::server::Api;
use super::{body, integrations, secrets};
use crate::model::{Domain, Employee, IntegrationName, Invalid, SecretId, VersionWanted};
use crate::policy::Ask;
use crate::secret::Plaintext;
use crate::telemetry::Kind;
use crate::vault::{Asker, Known, OpenedValue, VaultError, aside};
use crate::wire::{pair_body, value_body};

/// Bytes of a value or a pair beyond which writing it out is done beside other requests.
const LARGE: usize = 64 * 1024;
/// Fields of a head whose room is used again; that of more is let go of, or a read that waits would keep it.
const FIELDS: usize = 64;
/// Bytes of a path with its query, up to which they are remembered.
const WORDS: usize = 1024;
/// Of a read that waits for a change.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// A request, as far as it is read before it is answered.
pub enum Asking {
    Fetch(Fetch),
    /// A fetch that says what can't be.
    Wrong(Kind, Box<Failure>),
    Other(Box<Request<Incoming>>),
}

/// What is to be fetched, and how.
pub struct Fetch {
    words: Arc<Words>,
    known: Known,
    wants_bytes: bool,
    /// The request's, empty: its room is the answer's.
    headers: HeaderMap,
}

/// What a fetch's path and query say.
struct Words {
    /// As they are written; empty if that is long.
    text: Box<str>,
    of: Of,
    asked: Asked,
}

/// The words of a connection's last fetch.
#[derive(Default)]
pub struct LastWords(Mutex<Option<Arc<Words>>>);

enum Of {
    Value(SecretId),
    Pair(IntegrationName),
}

impl Of {
    fn kind(&self) -> Kind {
        match self {
            Self::Value(_) => Kind::Value,
            Self::Pair(_) => Kind::Pair,
        }
    }
}

impl Asking {
    pub fn of(mut request: Request<Incoming>, last: &LastWords) -> Self {
        // With a body it is no fetch, and is refused with the rest.
        if request.method() != Method::GET || !body::is_over(&request) {
            return Self::Other(Box::new(request));
        }
        let words = match last.again(&request) {
            Some(words) => words,
            None => {
                let Some(call) = fetch(request.method(), request.uri().path()) else {
                    return Self::Other(Box::new(request));
                };
                match Words::read(&call, &request) {
                    Ok(words) => last.keep(words),
                    Err(why) => return Self::Wrong(call.kind(), Box::new(why)),
                }
            }
        };
        let known = match if_none_match(request.headers()) {
            Ok(known) => known,
            Err(why) => return Self::Wrong(words.of.kind(), Box::new(why)),
        };
        let wants_bytes = wants_bytes(request.headers());
        let mut headers = mem::take(request.headers_mut());
        headers.clear();
        if headers.capacity() > FIELDS {
            headers = HeaderMap::new();
        }
        Self::Fetch(Fetch { words, known, wants_bytes, headers })
    }
}

impl LastWords {
    /// The last words, if the request has the same.
    fn again(&self, request: &Request<Incoming>) -> Option<Arc<Words>> {
        let text = request.uri().path_and_query()?.as_str();
        self.lock().as_ref().filter(|words| *words.text == *text).cloned()
    }

    fn keep(&self, words: Words) -> Arc<Words> {
        let words = Arc::new(words);
        *self.lock() = Some(Arc::clone(&words));
        words
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Arc<Words>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Words {
    fn read(call: &Call<'_>, request: &Request<Incoming>) -> Result<Self, Failure> {
        let asked = Asked::read(request.uri().query())?;
        let of = match call {
            Call::Credentials(name) => Of::Pair(integrations::named(name)?),
            Call::Value(id) => Of::Value(secrets::named(id)?),
            _ => return Err(Failure::NoSuchPath),
        };
        let text = request.uri().path_and_query().map(|text| text.as_str());
        let text = text.filter(|text| text.len() <= WORDS).unwrap_or_default();
        Ok(Self { text: text.into(), of, asked })
    }
}

impl Fetch {
    pub fn kind(&self) -> Kind {
        self.words.of.kind()
    }

    pub async fn answer(&mut self, api: &Api, asker: Asker<'_>) -> Result<Reply, Failure> {
        if let Some(patience) = self.words.asked.wait {
            // Boxed: what it keeps would be room in every connection, for a request that may never come.
            Box::pin(self.wait(api, asker, patience)).await?;
        }
        let Self { words, known, wants_bytes, headers } = self;
        let stands = || api.vault.still_stands(asker);
        let (reply, version) = match &words.of {
            Of::Value(id) => {
                let opened = api.vault.read_value(asker, id, words.asked.ask()).await?;
                let version = opened.version;
                if known.names(version) {
                    (answer::unchanged(), version)
                } else if *wants_bytes {
                    (answer::fetched_bytes(mem::take(headers), opened.value, opened.departing), version)
                } else {
                    let OpenedValue { value, encoding, state, .. } = &opened;
                    let write = || value_body(id.as_str(), version, value, *encoding, *state);
                    let body = written_out(value.lend(<[u8]>::len), write, stands)?;
                    (answer::fetched(mem::take(headers), body, opened.departing), version)
                }
            }
            Of::Pair(name) => {
                let pair = api.vault.read_pair(asker, name, words.asked.ask()).await?;
                if known.names(pair.version) {
                    (answer::unchanged(), pair.version)
                } else {
                    let (id, secret) = (&pair.client_id, pair.client_secret.as_ref());
                    let bytes = id.lend(<[u8]>::len) + secret.map_or(0, |secret| secret.lend(<[u8]>::len));
                    let body = written_out(bytes, || pair_body(id, secret, pair.version), stands)?;
                    (answer::fetched(mem::take(headers), body, pair.departing), pair.version)
                }
            }
        };
        Ok(answer::tagged(reply, version))
    }

    async fn wait(&self, api: &Api, asker: Asker<'_>, patience: Duration) -> Result<(), Failure> {
        let (ask, known) = (self.words.asked.ask(), &self.known);
        match &self.words.of {
            Of::Value(id) => api.wait(asker, api.vault.await_value(asker, id, ask, known, patience)).await,
            Of::Pair(name) => api.wait(asker, api.vault.await_pair(asker, name, ask, known, patience)).await,
        }
    }
}

/// The JSON of a value or a pair of so many bytes; a large one's beside other requests.
fn written_out(
    bytes: usize,
    write: impl FnOnce() -> Plaintext,
    stands: impl FnOnce() -> Result<(), VaultError>,
) -> Result<Plaintext, Failure> {
    if bytes <= LARGE {
        return Ok(write());
    }
    let body = aside(write);
    // It took a while, in which the connection's end could not be looked at.
    stands()?;
    Ok(body)
}

/// What a service says with a read.
struct Asked {
    domain: Option<Domain>,
    employee: Option<Employee>,
    version: VersionWanted,
    /// How long to wait for another version than the one it has. None: not at all.
    wait: Option<Duration>,
}

impl Asked {
    fn read(query: Option<&str>) -> Result<Self, Failure> {
        let query = Query::read(query, &["domain", "employee", "version", "wait"])?;
        let Wait(wait) = query.optional("wait")?.unwrap_or_default();
        let version = query.optional("version")?.unwrap_or(VersionWanted::Current);
        if wait.is_some() && version != VersionWanted::Current {
            return Err(Failure::invalid("?wait", "is for the current version; leave version out"));
        }
        Ok(Self { domain: query.optional("domain")?, employee: query.optional("employee")?, version, wait })
    }

    fn ask(&self) -> Ask<'_> {
        Ask { domain: self.domain.as_ref(), employee: self.employee.as_ref(), version: self.version }
    }
}

/// `wait=`: a length of time; none waits for nothing.
#[derive(Default)]
struct Wait(Option<Duration>);

impl FromStr for Wait {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let wait = Duration::try_from(duration(text)?).ok().filter(|wait| *wait <= LONGEST_WAIT);
        let wait = wait.ok_or(Invalid("is out of bounds: from 0s (not at all) to 5m"))?;
        Ok(Self((!wait.is_zero()).then_some(wait)))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::model::Denial;

    #[test]
    fn what_takes_a_while_to_write_is_asked_about_when_it_is_written() {
        let done = RefCell::new(Vec::new());
        let write = || {
            done.borrow_mut().push("written");
            Plaintext::new(Vec::new())
        };
        let sealed = || {
            done.borrow_mut().push("asked");
            Err(VaultError::Denied(Denial::Sealed))
        };
        assert!(written_out(LARGE, write, sealed).is_ok());
        assert_eq!(*done.borrow(), ["written"]);
        assert!(written_out(LARGE + 1, write, sealed).is_err());
        assert_eq!(*done.borrow(), ["written", "written", "asked"]);
    }
}
