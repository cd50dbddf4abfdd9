//! Looking for entries: the filters of the command line, and the pages that they find.

use std::ops::ControlFlow;
use std::str::FromStr;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use super::super::failure::Failure;
use super::super::output;
use super::action::Action;
use crate::audit::Outcome;
use crate::client::{Call, Connection};
use crate::clock::{Clock, SystemClock};
use crate::model::{IntegrationName, Invalid, SecretId, parse_time};
use crate::wire::AuditEntries;

/// As many as the daemon gives at once.
const PAGE: u32 = 1000;

#[derive(Args)]
pub struct Filters {
    /// What this caller did; somebody unregistered goes by the SPIFFE ID
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// What was done with this secret; custsecret may be left out
    #[arg(long, value_name = "ID")]
    secret: Option<SecretId>,
    /// What was done with this integration and its pair
    #[arg(long, value_name = "NAME")]
    integration: Option<IntegrationName>,
    /// Such as secret.read or caller.add. One that this release doesn't know is looked for, with a warning
    #[arg(long, value_name = "ACTION")]
    action: Option<Action>,
    /// allowed, denied or failed
    #[arg(long, value_name = "OUTCOME", value_parser = outcome())]
    outcome: Option<Outcome>,
    /// From this time on: 2026-11-22T12:00:00Z, a day (from its beginning, UTC), or so long ago, such as 24h
    #[arg(long, value_name = "TIME")]
    since: Option<When>,
    /// Before this time, written like --since
    #[arg(long, value_name = "TIME")]
    until: Option<When>,
}

/// A point in time, as people say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    At(Timestamp),
    Ago(SignedDuration),
}

/// An outcome by its word; shells offer all of them.
fn outcome() -> impl TypedValueParser<Value = Outcome> {
    PossibleValuesParser::new(["allowed", "denied", "failed"]).try_map(|word| word.parse::<Outcome>())
}

/// What to ask the daemon for.
#[derive(Debug, Clone, Default)]
pub struct Search(Vec<(&'static str, String)>);

impl Filters {
    pub fn search(&self) -> Result<Search, Failure> {
        let time = |when: &Option<When>| when.map(|when| when.before(SystemClock.now())).transpose();
        let since = time(&self.since).map_err(|why| Failure::usage(format!("--since {why}")))?;
        let until = time(&self.until).map_err(|why| Failure::usage(format!("--until {why}")))?;
        if let Some(doubt) = self.action.as_ref().and_then(Action::doubt) {
            output::tell(format_args!("fsm-vault: {doubt}"));
        }
        Ok(Search::default()
            .with_some("caller", self.caller.as_ref())
            .with_some("secret", self.secret.as_ref())
            .with_some("integration", self.integration.as_ref())
            .with_some("action", self.action.as_ref().map(Action::word))
            .with_some("outcome", self.outcome.map(Outcome::word))
            .with_some("since", since)
            .with_some("until", until))
    }
}

impl Search {
    pub fn with(mut self, parameter: &'static str, value: impl ToString) -> Self {
        self.0.push((parameter, value.to_string()));
        self
    }

    pub fn with_some(self, parameter: &'static str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.with(parameter, value),
            None => self,
        }
    }

    /// Hands out page after page, of `at_once` entries at most, until there are no more or enough is seen.
    pub async fn follow(
        &self,
        daemon: &mut Connection<'_>,
        at_once: u32,
        mut each: impl FnMut(AuditEntries) -> Result<ControlFlow<()>, Failure>,
    ) -> Result<(), Failure> {
        let mut cursor = None;
        loop {
            let call = Call::get("/v1/audit").parameter("limit", Some(at_once.min(PAGE)));
            let call = self.0.iter().fold(call, |call, (name, value)| call.parameter(name, Some(value)));
            let page: AuditEntries = daemon.call(call.parameter("cursor", cursor.take())).await?.read()?;
            let next = page.next_cursor.clone();
            if each(page)?.is_break() || next.is_none() {
                return Ok(());
            }
            cursor = next;
        }
    }
}

impl When {
    fn before(self, now: Timestamp) -> Result<Timestamp, Invalid> {
        match self {
            Self::At(time) => Ok(time),
            Self::Ago(length) => now.checked_sub(length).map_err(|_| Invalid("is too long ago")),
        }
    }
}

impl FromStr for When {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        const RULE: Invalid =
            Invalid("is no time; write it like 2026-11-22T12:00:00Z, 2026-11-22 or 24h (that long ago)");
        if let Some(time) = parse_time(text) {
            return Ok(Self::At(time));
        }
        // jiff would take a date with a time and no offset too, and the time would be lost.
        if text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() {
            return parse_time(&format!("{text}T00:00:00Z")).map(Self::At).ok_or(RULE);
        }
        let length = text.parse::<Span>().ok().filter(|span| !span.is_negative()).ok_or(RULE)?;
        length.to_duration(SpanRelativeTo::days_are_24_hours()).map(Self::Ago).map_err(|_| RULE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_people_say_them() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let at = |text: &str| text.parse::<When>().ok().and_then(|when| when.before(now).ok());
        for (text, expected) in [
            ("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"),
            ("2026-11-20T10:00:00+01:00", "2026-11-20T09:00:00Z"),
            ("2026-11-20", "2026-11-20T00:00:00Z"),
            ("9999-12-31", "9999-12-30T22:00:00.999999999Z"),
            ("24h", "2026-11-21T12:00:00Z"),
            ("1d 12h", "2026-11-21T00:00:00Z"),
            ("90d", "2026-08-24T12:00:00Z"),
        ] {
            assert_eq!(at(text), Some(expected.parse().unwrap()), "{text}");
        }
        for wrong in
            ["", "yesterday", "2026-11-20T10:00:00", "2026-13-01", "-24h", "24", "1 month", "99999999d"]
        {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
