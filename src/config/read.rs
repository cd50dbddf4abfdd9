//! The file's grammar: which keys there are, what each takes.
//!
//! A file with a syntax error is told about its syntax alone: what a broken text would mean is guesswork.

use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use toml::de::DeTable;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::listen::Listen;
use super::notice;
use super::outbound;
use super::problem::Problem;
use super::settings::{Audit, Backup, Durability, Identity, Limits, Log, LogFormat, Rate, Settings, Trust};
use super::table::{Findings, Table, absolute_path};
use crate::model::Invalid;

const TWICE: &str =
    "; a key and a [section] stand once in a file: put this below the one that is there already";

/// Everything that is wrong with a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub problems: Vec<Problem>,
    /// What is right in it, with the default of each key that is wrong. None of broken syntax.
    pub rest: Option<Box<Settings>>,
}

/// Reads a whole file, or tells everything that is wrong with it.
pub(super) fn settings(text: &str) -> Result<Settings, Wrong> {
    let mut findings = Findings::new(text);
    let (root, syntax) = DeTable::parse_recoverable(text);
    for error in &syntax {
        // Its message names the rule; its `Display` would show the line.
        let line = error.span().map(|span| findings.line_at(span.start));
        let more = if error.message() == "duplicate key" { TWICE } else { "" };
        findings.note(line, None, format!("is no TOML: {}{more}", error.message()));
    }
    if !syntax.is_empty() {
        return Err(Wrong { problems: findings.into_problems(), rest: None });
    }
    let settings = findings.root(root.into_inner(), read);
    let problems = findings.into_problems();
    if problems.is_empty() { Ok(settings) } else { Err(Wrong { problems, rest: Some(Box::new(settings)) }) }
}

fn read(table: &mut Table) -> Settings {
    let default = Settings::default();
    Settings {
        data_dir_is_named: table.line_of("data_dir").is_some(),
        data_dir: table.text("data_dir", absolute_path).unwrap_or(default.data_dir),
        listen: table.list("listen", listen).unwrap_or(default.listen),
        passphrase_file: table.text("passphrase_file", none_or_path).unwrap_or(default.passphrase_file),
        audit: table.section("audit", audit),
        identity: table.section("identity", identity),
        oauth: table.section("oauth", outbound::oauth),
        outbound: table.section("outbound", outbound::outbound),
        limits: table.section("limits", limits),
        notice: table.section("notice", notice::read),
        backup: table.section("backup", backup),
        log: table.section("log", log),
    }
}

fn audit(table: &mut Table) -> Audit {
    let default = Audit::default();
    let durability = [("fsync", Durability::Fsync), ("write", Durability::Write)];
    Audit {
        durability: table.choice("durability", &durability).unwrap_or(default.durability),
        retain: table
            .number("retain", 0..=1_000_000)
            .map_or(default.retain, |kept| NonZeroU32::new(kept.try_into().expect("bounded by the range"))),
        segment_bytes: table.number("segment_bytes", (64 << 10)..=(1 << 30)).unwrap_or(default.segment_bytes),
        journald: table.flag("journald").unwrap_or(default.journald),
        checkpoint: seconds(table, "checkpoint_seconds", 1..=3600).unwrap_or(default.checkpoint),
    }
}

fn identity(table: &mut Table) -> Identity {
    let trust = table.tables("trust", |entry| {
        let trust_domain = entry.required("trust_domain", |text| text.parse().map_err(said));
        let bundle = entry.required("bundle", absolute_path);
        Some((entry.line(), Trust { trust_domain: trust_domain?, bundle: bundle? }))
    });
    let mut distinct: Vec<Trust> = Vec::new();
    for (line, entry) in trust {
        if distinct.iter().any(|earlier| earlier.trust_domain == entry.trust_domain) {
            // Two bundles for one domain: which roots count would depend on the order.
            table.note(line, "trust", "names a trust domain twice; put all its roots into one bundle");
        } else {
            distinct.push(entry);
        }
    }
    Identity { trust: distinct }
}

fn limits(table: &mut Table) -> Limits {
    let default = Limits::default();
    let mut count = |key, otherwise| {
        let number = table.number(key, 1..=1_000_000);
        number.map_or(otherwise, |number| usize::try_from(number).expect("bounded by the range"))
    };
    let handshakes = count("handshakes", default.handshakes);
    let connections = count("connections", default.connections);
    let caller_connections = count("caller_connections", default.caller_connections);
    let caller_requests = count("caller_requests", default.caller_requests);
    let large = count("large", default.large);
    let caller_large = count("caller_large", default.caller_large);
    let waiting = count("waiting", default.waiting);
    let caller_waiting = count("caller_waiting", default.caller_waiting);
    Limits {
        handshakes,
        connections,
        caller_connections,
        caller_requests,
        rate: rate(table),
        large,
        caller_large,
        waiting,
        caller_waiting,
        handshake: seconds(table, "handshake_seconds", 1..=300).unwrap_or(default.handshake),
        header: seconds(table, "header_seconds", 1..=300).unwrap_or(default.header),
        body: seconds(table, "body_seconds", 1..=3600).unwrap_or(default.body),
        idle: seconds(table, "idle_seconds", 0..=86_400)
            .map_or(default.idle, |idle| (!idle.is_zero()).then_some(idle)),
        drain: seconds(table, "drain_seconds", 0..=3600).unwrap_or(default.drain),
        concurrent_streams: table
            .number("concurrent_streams", 1..=10_000)
            .map_or(default.concurrent_streams, |number| number.try_into().expect("bounded by the range")),
    }
}

fn rate(table: &mut Table) -> Option<Rate> {
    let line = table.line_of("request_burst");
    let mut number =
        |key| table.number(key, 0..=1_000_000).map(|number| u32::try_from(number).expect("bounded"));
    let (per_second, burst) = (number("requests_per_second"), number("request_burst"));
    match (per_second.unwrap_or(0), burst.unwrap_or(0)) {
        (0, 0) => None,
        (0, _) => {
            table.note(line, "request_burst", "says nothing without limits.requests_per_second");
            None
        }
        // As many at once as in a second.
        (per_second, 0) => Some(Rate { per_second, burst: per_second }),
        (per_second, burst) => Some(Rate { per_second, burst }),
    }
}

fn backup(table: &mut Table) -> Backup {
    let default = Backup::default();
    Backup {
        directory: table.text("directory", none_or_path).unwrap_or(default.directory),
        every: table.text("every", period).unwrap_or(default.every),
        keep: table
            .number("keep", 1..=10_000)
            .map_or(default.keep, |number| usize::try_from(number).expect("bounded by the range")),
    }
}

fn log(table: &mut Table) -> Log {
    let default = Log::default();
    let format = [("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)];
    Log {
        filter: table.text("filter", filter).unwrap_or(default.filter),
        format: table.choice("format", &format).unwrap_or(default.format),
    }
}

pub(super) fn seconds(table: &mut Table, key: &str, range: RangeInclusive<u64>) -> Option<Duration> {
    table.number(key, range).map(Duration::from_secs)
}

fn listen(text: &str) -> Result<Listen, String> {
    let listen = text.parse().map_err(said)?;
    match &listen {
        Listen::Unix(path) if path.is_relative() => {
            Err("names a relative path; write unix:/path/vault.sock".to_owned())
        }
        _ => Ok(listen),
    }
}

/// A length of time, as people write it; a day has 24 hours.
fn period(text: &str) -> Result<SignedDuration, String> {
    let rule = || "takes a length of time from 1m to 366d, such as 24h".to_owned();
    let span: Span = text.parse().map_err(|_| rule())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| rule())?;
    let bounds = SignedDuration::from_mins(1)..=SignedDuration::from_hours(366 * 24);
    if bounds.contains(&length) { Ok(length) } else { Err(rule()) }
}

/// An empty text stands for "none", so that the key can be shown with its default.
pub(super) fn none_or_path(text: &str) -> Result<Option<PathBuf>, String> {
    if text.is_empty() { Ok(None) } else { absolute_path(text).map(Some) }
}

fn filter(text: &str) -> Result<String, String> {
    // For `Targets` a word alone may be a part of the program too: a level that was misspelled would log nothing.
    let is_meant = |part: &str| part.contains('=') || part.trim().parse::<LevelFilter>().is_ok();
    if text.split(',').all(is_meant) && text.parse::<Targets>().is_ok() {
        Ok(text.to_owned())
    } else {
        Err("is no log filter: write a level such as info, or info,fsm_vault=debug".to_owned())
    }
}

fn said(invalid: Invalid) -> String {
    invalid.to_string()
}

#[cfg(test)]
mod tests;
