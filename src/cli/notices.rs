//! `notices`: what stands, for people, cron and monitoring.

use std::cmp::Reverse;

use clap::{Args, Subcommand};

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::exit::Exit;
use super::failure::Failure;
use super::listing;
use crate::client::{Call, printable};
use crate::model::{NoticeId, NoticeLevel};
use crate::wire::{NoticeView, read, write};

#[derive(Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  fsm-vault notices\n  fsm-vault notices --fail-on warning --output json\n\nWith --fail-on \
                  it ends with 1 if an unacknowledged notice has that level or a higher one; everything is printed \
                  either way."
)]
pub struct Notices {
    #[command(subcommand)]
    verb: Option<Verb>,
    /// Print only notices of this level and above: info, warning or critical
    #[arg(long, value_name = "LEVEL")]
    level: Option<NoticeLevel>,
    /// Exit with 1 if an unacknowledged notice of this level or above stands
    #[arg(long, value_name = "LEVEL", value_parser = fail_on)]
    fail_on: Option<NoticeLevel>,
}

#[derive(Subcommand)]
enum Verb {
    /// Say that you know of a notice: --fail-on no longer counts it, until it becomes more urgent
    Acknowledge(Acknowledge),
}

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault notices acknowledge expiry.custsecret_crm_key.2027-06-30")]
struct Acknowledge {
    /// The notice's ID, as `fsm-vault notices` shows it
    #[arg(value_name = "ID")]
    id: NoticeId,
}

pub fn run(globals: &Globals, command: Notices) -> Result<(), Failure> {
    let Notices { verb, level, fail_on } = command;
    if let Some(Verb::Acknowledge(Acknowledge { id })) = verb {
        return with_daemon(globals, async |daemon| {
            let answer = daemon.call(Call::post(format!("/v1/notices/{id}/acknowledge"))).await?;
            let seen: NoticeView = answer.read()?;
            globals.output.answer(&answer, || format!("acknowledged: {}\n", printable(&seen.message)))
        });
    }
    with_daemon(globals, async |daemon| {
        let found = listing::all(daemon, "/v1/notices").await?;
        let odd = || Failure::new(Exit::Failed, "the daemon's list of notices can't be understood");
        let mut all = Vec::with_capacity(found.items.len());
        for item in found.items {
            let view: NoticeView = read(&write(&item)).map_err(|_| odd())?;
            all.push((view, item));
        }
        let counts = |view: &NoticeView| fail_on.is_some_and(|least| view.level >= least);
        let failed = all.iter().any(|(view, _)| view.acknowledged_by.is_none() && counts(view));
        all.retain(|(view, _)| level.is_none_or(|least| view.level >= least));
        all.sort_by_key(|(view, _)| (Reverse(view.level), view.due.is_none(), view.due));
        let (views, items): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        globals.output.show(&crate::wire::Listed { items, next_cursor: None }, || table(&views))?;
        if failed { Err(Failure::told(Exit::Failed)) } else { Ok(()) }
    })
}

/// The contract's two words; every notice is an `info` at least.
fn fail_on(text: &str) -> Result<NoticeLevel, String> {
    match text.parse() {
        Ok(level) if level > NoticeLevel::Info => Ok(level),
        _ => Err("takes warning or critical".to_owned()),
    }
}

/// The gravest first. What to do stands below each, where it can be copied.
fn table(notices: &[NoticeView]) -> String {
    if notices.is_empty() {
        return "no notices stand on what you may see; at level full that is everything\n".to_owned();
    }
    let mut columns = Columns::with_head(["LEVEL", "SINCE", "DUE", "ACKNOWLEDGED", "ID"]);
    for each in notices {
        let due = each.due.map(time).unwrap_or_default();
        let by = each.acknowledged_by.as_deref().unwrap_or_default();
        columns.row([each.level.word(), &time(each.since), &due, by, &each.id]);
    }
    let mut text = String::new();
    for (line, each) in columns.to_string().lines().zip([None].into_iter().chain(notices.iter().map(Some))) {
        text.push_str(line);
        text.push('\n');
        if let Some(each) = each {
            text.push_str(&format!(
                "    {}\n    do: {}\n",
                printable(&each.message),
                printable(&each.action)
            ));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_notice_says_what_to_do_and_steers_no_terminal() {
        let notice = NoticeView {
            id: "expiry.custsecret_a.2027-06-30".to_owned(),
            level: NoticeLevel::Warning,
            kind: crate::model::NoticeKind::Expiry,
            subject_kind: "secret".to_owned(),
            subject: "custsecret_a".to_owned(),
            since: jiff::Timestamp::UNIX_EPOCH,
            due: None,
            message: "it\u{1b}[2J ends".to_owned(),
            action: "rotate it".to_owned(),
            acknowledged_by: Some("ann".to_owned()),
            acknowledged_at: None,
        };
        let text = table(&[notice]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        let words: Vec<&str> = lines[1].split_whitespace().collect();
        assert_eq!(
            words,
            ["warning", "1970-01-01", "00:00:00Z", "-", "ann", "expiry.custsecret_a.2027-06-30"]
        );
        assert_eq!(lines[2..], ["    it\\u{1b}[2J ends", "    do: rotate it"]);
        assert!(table(&[]).starts_with("no notices"));
    }
}
