//! `/v1/audit`.

use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::query::Query;
use super::server::Api;
use crate::model::Invalid;
use crate::vault::Asker;
use crate::wire::{BadEntry, Listed, Verification};

type Incomes = Request<Incoming>;

/// A sequence number; entries before it are older.
struct Before(u64);

impl std::str::FromStr for Before {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok().map(Self)).flatten().ok_or(Invalid("is no cursor of this list"))
    }
}

pub async fn list(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["limit", "cursor"])?;
    let (limit, before) = (query.limit()?, query.optional::<Before>("cursor")?);
    let entries = api.vault.read_log(asker, limit, before.map(|Before(seq)| seq)).await?;
    let full = entries.len() == limit;
    let next_cursor =
        entries.last().filter(|oldest| full && oldest.seq > 1).map(|oldest| oldest.seq.to_string());
    Ok(answer::ok(&Listed { items: entries, next_cursor }))
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
        what: bad.flaw.what().to_owned(),
    });
    Ok(answer::ok(&Verification {
        intact: first_bad.is_none(),
        entries: report.entries,
        segments: u64::from(report.segments),
        first_bad,
    }))
}
