//! `audit`: the log of every decision and change.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::exit::Exit;
use super::failure::Failure;
use crate::client::{Call, Connection};
use crate::wire::{AuditEntries, Verification};

/// As many as the daemon gives at once.
const PAGE: u32 = 1000;

#[derive(Subcommand)]
pub enum Audit {
    /// Show the last entries, oldest first
    Tail(Tail),
    /// Check the whole log's chain; exit 1 if it isn't what was written
    Verify(Verify),
}

#[derive(Args)]
#[command(after_help = "Examples:\n  fsm-vault audit tail\n  fsm-vault audit tail -n 100 --output json")]
pub struct Tail {
    /// How many entries
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    count: u32,
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault audit verify")]
pub struct Verify {}

pub fn run(globals: &Globals, command: Audit) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| match command {
        Audit::Tail(Tail { count }) => {
            let entries = last(daemon, count).await?;
            globals.output.show(&entries, || table(&entries.items))
        }
        Audit::Verify(_) => {
            let answer = daemon.call(Call::get("/v1/audit/verify")).await?;
            let found: Verification = answer.read()?;
            globals.output.answer(&answer, || verdict(&found))?;
            if found.intact { Ok(()) } else { Err(Failure::told(Exit::Failed)) }
        }
    })
}

/// The last `count` entries in the daemon's order, newest first: its page, or several of them as one.
async fn last(daemon: &mut Connection<'_>, count: u32) -> Result<AuditEntries, Failure> {
    let mut whole = AuditEntries { items: Vec::new(), next_cursor: None };
    let mut left = count;
    loop {
        let limit = Some(left.min(PAGE));
        let call =
            Call::get("/v1/audit").parameter("limit", limit).parameter("cursor", whole.next_cursor.take());
        let page: AuditEntries = daemon.call(call).await?.read()?;
        left = left.saturating_sub(u32::try_from(page.items.len()).unwrap_or(u32::MAX));
        whole.items.extend(page.items);
        whole.next_cursor = page.next_cursor;
        if left == 0 || whole.next_cursor.is_none() {
            return Ok(whole);
        }
    }
}

/// Oldest first, so that the newest stands where the eye is.
fn table(entries: &[Value]) -> String {
    let mut entries: Vec<&Value> = entries.iter().collect();
    entries.sort_by_key(|entry| entry["seq"].as_u64());
    let mut columns = Columns::with_head(["TIME", "CALLER", "ACTION", "WHAT", "OUTCOME", "REASON"]);
    for entry in entries {
        let text = |field: &str| entry[field].as_str().unwrap_or_default();
        let at = text("time").parse().map_or_else(|_| text("time").to_owned(), time);
        let what = ["secret", "integration", "subject"].map(text).into_iter().find(|each| !each.is_empty());
        let version = entry["version"].as_u64().map(|version| format!(" v{version}")).unwrap_or_default();
        let count = entry["count"].as_u64().map(|count| format!(" ({count} times)")).unwrap_or_default();
        let what = format!("{}{version}", what.unwrap_or_default());
        let reason = format!("{}{count}", text("reason"));
        columns.row([&at, text("caller"), text("action"), what.trim(), text("outcome"), reason.trim()]);
    }
    columns.to_string()
}

pub fn verdict(found: &Verification) -> String {
    let size = format!("{} entries in {} segments", found.entries, found.segments);
    match &found.first_bad {
        None if found.intact => format!("intact: {size}, every link of the chain holds\n"),
        None => format!("NOT INTACT: {size}\n"),
        Some(bad) => {
            let entry = bad.seq.map(|seq| format!(", entry {seq}")).unwrap_or_default();
            let what = crate::client::printable(&bad.what);
            format!(
                "NOT INTACT: {what}\nfirst bad entry: segment {}, line {}{entry}\n{size} were read\n",
                bad.segment, bad.line
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_shown_whole_and_harmless() {
        let entries = [
            serde_json::json!({"seq": 2, "time": "2026-11-22T12:00:00.5Z", "caller": "fsm", "action": "secret.read",
                "secret": "custsecret_a", "version": 2, "outcome": "allowed"}),
            serde_json::json!({"seq": 1, "time": "\u{1b}[2J", "action": "caller.add", "subject": "x", "outcome": "denied",
                "reason": "permission_level", "count": 4}),
        ];
        let table = table(&entries);
        let lines: Vec<&str> = table.lines().collect();
        let words: Vec<&str> = lines[2].split("  ").map(str::trim).filter(|each| !each.is_empty()).collect();
        assert_eq!(words, ["2026-11-22 12:00:00Z", "fsm", "secret.read", "custsecret_a v2", "allowed", "-"]);
        assert!(
            lines[1].starts_with("\\u{1b}[2J") && lines[1].ends_with("permission_level (4 times)"),
            "{table}"
        );
    }
}
