//! `audit`: the log of every decision and change.

mod action;
mod explain;
mod export;
mod reasons;
mod search;

use std::ops::ControlFlow;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::explain::Explain;
use self::export::Export;
use self::search::{Filters, Search};
use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::exit::Exit;
use super::failure::Failure;
use super::number;
use super::output;
use crate::client::{Call, Connection};
use crate::model::Itself;
use crate::wire::{AuditEntries, Verification};

#[derive(Subcommand)]
pub enum Audit {
    /// Show the last entries, oldest first
    Tail(Tail),
    /// Show one entry whole, or those that fit
    Show(Show),
    /// Tell what became of a request, why, and what would allow it
    Explain(Explain),
    /// Write all entries that you may see, oldest first, as JSON
    Export(Export),
    /// Check the whole log's chain; exit 1 if it isn't what was written
    Verify(Verify),
}

#[derive(Args)]
#[command(after_help = "Examples:\n  fsm-vault audit tail\n  fsm-vault audit tail -n 100 --output json")]
pub struct Tail {
    #[command(flatten)]
    count: Count<20>,
}

#[derive(Args)]
#[command(
    after_help = "Examples:\n  fsm-vault audit show 1234\n  fsm-vault audit show --outcome denied --since 24h\n  fsm-vault \
                  audit show --caller fsm --action integration.read -n 10"
)]
pub struct Show {
    /// The number of an entry
    #[arg(conflicts_with_all = ["Filters", "count"], value_parser = number::within(1..=u64::MAX))]
    seq: Option<u64>,
    #[command(flatten)]
    filters: Filters,
    #[command(flatten)]
    count: Count<100>,
}

#[derive(Args)]
struct Count<const USUAL: u32> {
    /// How many entries at most: the last ones
    #[arg(short = 'n', long, value_name = "N", default_value_t = USUAL, value_parser = number::within(1..=100_000_u32))]
    count: u32,
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault audit verify")]
pub struct Verify {}

pub fn run(globals: &Globals, command: Audit) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| match command {
        Audit::Tail(Tail { count }) => {
            let entries = last(daemon, &Search::default(), count.count).await?;
            globals.output.show(&entries, || table(&entries.items))
        }
        Audit::Show(Show { seq: Some(seq), .. }) => {
            let entry = one(daemon, seq).await?;
            globals.output.show(&entry, || whole(&entry))
        }
        Audit::Show(Show { seq: None, filters, count }) => {
            let entries = last(daemon, &filters.search()?, count.count).await?;
            if entries.next_cursor.is_some() {
                output::tell(format_args!(
                    "fsm-vault: these are the last {}; more with -n, all with: audit export",
                    count.count
                ));
            }
            globals.output.show(&entries, || table(&entries.items))
        }
        Audit::Explain(command) => explain::run(globals, daemon, command).await,
        Audit::Export(command) => export::run(globals, daemon, command).await,
        Audit::Verify(_) => {
            let answer = daemon.call(Call::get("/v1/audit/verify")).await?;
            let found: Verification = answer.read()?;
            globals.output.answer(&answer, || verdict(&found))?;
            if found.intact { Ok(()) } else { Err(Failure::told(Exit::Failed)) }
        }
    })
}

/// The last `count` entries in the daemon's order, newest first: its page, or several of them as one.
async fn last(daemon: &mut Connection<'_>, search: &Search, count: u32) -> Result<AuditEntries, Failure> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut whole = AuditEntries { items: Vec::new(), next_cursor: None };
    search
        .follow(daemon, count, |page| {
            whole.items.extend(page.items);
            whole.next_cursor = page.next_cursor;
            Ok(if whole.items.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })
        .await?;
    if whole.items.len() > most {
        whole.items.truncate(most);
    }
    Ok(whole)
}

async fn one(daemon: &mut Connection<'_>, seq: u64) -> Result<Value, Failure> {
    let found = last(daemon, &Search::default().with("seq", seq), 1).await?.items.pop();
    found.ok_or_else(|| {
        Failure::new(
            Exit::NotFound,
            format!("there is no entry {seq} that you may see; one that begins a segment has a number too"),
        )
    })
}

/// Who did it. A caller from before, by a name of the program's own, is told from the program by its certificate.
fn who(entry: &Value) -> String {
    let caller = entry["caller"].as_str().unwrap_or_default();
    let registered = Itself::has(caller) && !entry["serial"].is_null();
    if registered { format!("{caller} (a caller)") } else { caller.to_owned() }
}

/// Oldest first, so that the newest stands where the eye is.
fn table(entries: &[Value]) -> String {
    if entries.is_empty() {
        return "no such entries\n".to_owned();
    }
    let mut entries: Vec<&Value> = entries.iter().collect();
    entries.sort_by_key(|entry| entry["seq"].as_u64());
    let mut columns = Columns::with_head(["NO", "TIME", "CALLER", "ACTION", "WHAT", "OUTCOME", "REASON"]);
    for entry in entries {
        let text = |field: &str| entry[field].as_str().unwrap_or_default();
        let seq = entry["seq"].as_u64().map(|seq| seq.to_string()).unwrap_or_default();
        let what = ["secret", "integration", "subject"].map(text).into_iter().find(|each| !each.is_empty());
        let version = entry["version"].as_u64().map(|version| format!(" v{version}")).unwrap_or_default();
        let count = entry["count"].as_u64().map(|count| format!(" ({count} times)")).unwrap_or_default();
        let what = format!("{}{version}", what.unwrap_or_default());
        let reason = format!("{}{count}", text("reason"));
        let (at, caller, action) = (&moment(entry), &who(entry), text("action"));
        columns.row([&seq, at, caller, action, what.trim(), text("outcome"), reason.trim()]);
    }
    columns.to_string()
}

/// Every field of an entry.
fn whole(entry: &Value) -> String {
    let mut columns = Columns::pairs();
    for (field, value) in entry.as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        columns.row([field, &value]);
    }
    columns.to_string()
}

/// An entry's time, to the second.
fn moment(entry: &Value) -> String {
    let text = entry["time"].as_str().unwrap_or_default();
    text.parse().map_or_else(|_| text.to_owned(), time)
}

pub fn verdict(found: &Verification) -> String {
    let size = format!("{} entries in {} segments", found.entries, found.segments);
    match &found.first_bad {
        None if found.intact => format!("intact: {size}, every link of the chain holds\n"),
        None => format!("NOT INTACT: {size}\n"),
        Some(bad) => {
            let entry = bad.seq.map(|seq| format!(", entry {seq}")).unwrap_or_default();
            let what = crate::client::printable(&bad.what);
            let place = bad.place().map(|place| format!("first bad entry: {place}{entry}\n"));
            format!("NOT INTACT: {what}\n{}{size} were read\n", place.unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_by_the_programs_name_is_told_from_it() {
        let entry = |caller: &str, serial: Option<&str>| {
            let entry =
                serde_json::json!({"seq": 1, "caller": caller, "action": "notice.raise", "serial": serial});
            table(&[entry])
        };
        assert!(entry("daemon", Some("0a")).contains("daemon (a caller)"));
        assert!(!entry("daemon", None).contains("(a caller)"));
        assert!(!entry("fsm", Some("0a")).contains("(a caller)"));
    }

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
        assert_eq!(
            words,
            ["2", "2026-11-22 12:00:00Z", "fsm", "secret.read", "custsecret_a v2", "allowed", "-"]
        );
        assert!(
            lines[1].starts_with("1   \\u{1b}[2J") && lines[1].ends_with("permission_level (4 times)"),
            "{table}"
        );
        let whole = whole(&entries[1]);
        assert!(
            whole.contains("\\u{1b}[2J") && whole.contains("count") && !whole.contains('\u{1b}'),
            "{whole}"
        );
    }
}
