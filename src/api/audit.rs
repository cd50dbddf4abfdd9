//! `/v1/audit`.

use std::str::FromStr;

use hyper::Request;
use hyper::body::Incoming;
use jiff::Timestamp;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::listing;
use super::log_cursors::LogCursors;
use super::query::Query;
use super::server::Api;
use crate::audit::{Cursor, Filter, Look, Start};
use crate::model::{IntegrationName, Invalid, SecretId, line_of_text, parse_time};
use crate::vault::Asker;
use crate::wire::{BadEntry, Listed, Verification};

type Incomes = Request<Incoming>;

const PARAMETERS: &[&str] = &[
    "limit",
    "cursor",
    "order",
    "after",
    "seq",
    "request_id",
    "caller",
    "secret",
    "integration",
    "action",
    "outcome",
    "since",
    "until",
];

/// From which end a list begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Newest,
    Oldest,
}

/// A number of an entry.
struct Seq(u64);

/// A text to be found to the letter.
struct Sought(String);

struct Time(Timestamp);

pub async fn list(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, PARAMETERS)?;
    let (look, filter) = (look(&query, &api.log_cursors)?, filter(&query)?);
    let page = api.vault.read_log(asker, look, filter).await?;
    let next_cursor = api.log_cursors.shown(page.next)?;
    Ok(listing::shown(&Listed { items: page.entries, next_cursor }).await)
}

fn look(query: &Query, cursors: &LogCursors) -> Result<Look, Failure> {
    let order = query.optional("order")?.unwrap_or(Order::Newest);
    let start = match (cursors.read(query.text("cursor"))?, order) {
        (None, Order::Newest) => Start::Newest,
        (None, Order::Oldest) => Start::Oldest,
        (Some(cursor @ Cursor::Newest(_)), Order::Newest)
        | (Some(cursor @ Cursor::Oldest { .. }), Order::Oldest) => Start::At(cursor),
        (Some(_), _) => return Err(Failure::invalid("?cursor", "is a cursor of the other order")),
    };
    let after = query.optional::<Seq>("after")?.map_or(0, |Seq(after)| after.saturating_add(1));
    let numbers = match query.optional("seq")? {
        Some(Seq(seq)) => after.max(seq)..=seq,
        None => after..=u64::MAX,
    };
    Ok(Look { start, limit: query.limit()?, numbers })
}

fn filter(query: &Query) -> Result<Filter, Failure> {
    let sought = |name| Ok::<_, Failure>(query.optional::<Sought>(name)?.map(|Sought(text)| text));
    let time = |name| Ok::<_, Failure>(query.optional::<Time>(name)?.map(|Time(time)| time));
    Ok(Filter {
        request_id: sought("request_id")?,
        caller: sought("caller")?,
        secret: query.optional::<SecretId>("secret")?.map(|id| id.as_str().to_owned()),
        integration: query.optional::<IntegrationName>("integration")?.map(|name| name.as_str().to_owned()),
        action: sought("action")?,
        outcome: query.optional("outcome")?,
        since: time("since")?,
        until: time("until")?,
    })
}

impl FromStr for Order {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "newest" => Ok(Self::Newest),
            "oldest" => Ok(Self::Oldest),
            _ => Err(Invalid("is not newest or oldest")),
        }
    }
}

impl FromStr for Seq {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        number.map(Self).ok_or(Invalid("is no number of an entry"))
    }
}

impl FromStr for Sought {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        // The longest text there is to find is a SPIFFE ID.
        match line_of_text(text, 2048) {
            Ok(()) if !text.is_empty() => Ok(Self(text.to_owned())),
            _ => Err(Invalid("is no text that an entry could have")),
        }
    }
}

impl FromStr for Time {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        parse_time(text).map(Self).ok_or(Invalid("is no time; write it like 2026-11-22T12:00:00Z"))
    }
}

pub async fn verify(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let report = api.vault.verify_log(asker).await?;
    let first_bad = report.first_bad.map(|bad| BadEntry {
        segment: u64::from(bad.segment),
        line: bad.line,
        seq: bad.seq,
        what: bad.what(),
    });
    Ok(answer::ok(&Verification {
        intact: first_bad.is_none(),
        entries: report.entries,
        segments: u64::from(report.segments),
        first_bad,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_and_its_near_misses() {
        let cursors = LogCursors::new().unwrap();
        let sealed = |cursor: &str| cursors.shown(Some(cursor.parse().unwrap())).unwrap().unwrap();
        let (newest, oldest) = (sealed("n1-2"), sealed("o1-2-3-4"));
        let read = |text: &str| {
            let text = text.replace("NEWEST", &newest).replace("OLDEST", &oldest);
            let query = Query::read(Some(&text), PARAMETERS)?;
            Ok::<_, Failure>((look(&query, &cursors)?, filter(&query)?))
        };
        let numbers = |text| read(text).ok().map(|(look, _)| look.numbers);
        assert_eq!(numbers(""), Some(0..=u64::MAX));
        assert_eq!(numbers("after=7"), Some(8..=u64::MAX));
        assert_eq!(numbers("seq=7"), Some(7..=7));
        assert!(numbers("seq=7&after=7").is_some_and(|none| none.is_empty()));
        let secret = read("secret=_X").ok().and_then(|(_, filter)| filter.secret);
        assert_eq!(secret.as_deref(), Some("custsecret_x"));
        for right in [
            "order=oldest",
            "order=newest&cursor=NEWEST",
            "cursor=NEWEST",
            "order=oldest&cursor=OLDEST",
            "request_id=ab07&caller=spiffe://a.example/b&integration=fsm&action=secret.read&outcome=denied",
            "since=2026-11-22T12:00:00Z&until=2026-11-22T13:00:00%2B01:00",
            "until=9999-12-31T23:59:59Z",
        ] {
            assert!(read(right).is_ok(), "{right}");
        }
        for wrong in [
            "order=oldest&cursor=NEWEST",
            "cursor=OLDEST",
            "cursor=n1-2",
            "cursor=17",
            "order=Oldest",
            "after=-1",
            "seq=",
            "request_id=",
            "caller=a%0ab",
            "secret=a-b",
            "outcome=refused",
            "since=yesterday",
            "since=2026-11-22",
            "subject=x",
            "limit=0",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
