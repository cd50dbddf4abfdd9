//! `audit explain`: one request, as its entries tell it.

use std::ops::ControlFlow;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::super::arguments::Globals;
use super::super::columns::Columns;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::shell;
use super::moment;
use super::reasons::advice;
use super::search::Search;
use crate::client::Connection;

/// One request leaves few entries.
const MOST: u32 = 100;

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault audit explain ab070eff1d0344fe0000001c\n\nThe request ID stands in every answer \
                  (x-request-id), in a refusal's text and in the log."
)]
pub struct Explain {
    /// The ID that the request's answer told
    request_id: String,
}

/// What one entry says.
#[derive(Debug, Serialize)]
struct Account {
    seq: Option<u64>,
    time: String,
    asked: String,
    by: String,
    from: String,
    decided: String,
    why: String,
    /// What to type so that it is allowed.
    next: Vec<String>,
}

#[derive(Serialize)]
struct Explained<'a> {
    request_id: &'a str,
    accounts: Vec<Account>,
    entries: Vec<Value>,
}

pub async fn run(globals: &Globals, daemon: &mut Connection<'_>, command: Explain) -> Result<(), Failure> {
    let Explain { request_id } = command;
    if request_id.len() != 24 || !request_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Failure::usage(
            "that is no request ID, which has 24 digits of 0-9 and a-f. It stands in a refusal's text, in an answer's head \
             x-request-id, and in the log; the number of an entry is for: fsm-vault audit show NUMBER",
        ));
    }
    let entries = entries(daemon, &request_id).await?;
    if entries.is_empty() {
        return Err(nothing(&request_id));
    }
    let accounts = entries.iter().map(account).collect();
    let explained = Explained { request_id: &request_id, accounts, entries };
    globals.output.show(&explained, || explained.accounts.iter().map(told).collect::<Vec<_>>().join("\n"))
}

/// The request's entries, oldest first. What belongs together stands close together: a page after the first that has
/// some is looked at, and no more.
async fn entries(daemon: &mut Connection<'_>, request_id: &str) -> Result<Vec<Value>, Failure> {
    let mut found: Vec<Value> = Vec::new();
    Search::default()
        .with("request_id", request_id)
        .follow(daemon, MOST, |page| {
            let had_some = !found.is_empty();
            found.extend(page.items);
            Ok(if had_some { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })
        .await?;
    found.reverse();
    Ok(found)
}

fn nothing(request_id: &str) -> Failure {
    let text =
        format!("there is no entry of the request {} that you may see", crate::client::printable(request_id));
    Failure::new(Exit::NotFound, text).and(
        "No entry is left by a request that was malformed, that named no such path, or that came while the vault \
         was sealed; of repeated refusals of one caller, ten a minute are written singly and the rest counted in one \
         entry: fsm-vault audit show --outcome denied",
    )
}

fn account(entry: &Value) -> Account {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    let (outcome, reason) = (text("outcome"), text("reason"));
    let advice = advice(reason);
    let why = match (&advice, outcome) {
        (Some(advice), _) => advice.why,
        (None, "allowed") => "All rules that hold for this let it pass.",
        (None, "failed") => "It was allowed, and could not be stored; the daemon's own log tells the cause.",
        (None, _) => "This version of fsm-vault doesn't know the reason.",
    };
    let next = match (&advice, outcome) {
        (Some(advice), "denied" | "failed") => advice.next,
        _ => &[],
    };
    let count = entry["count"].as_u64().map(|count| format!(", {count} times")).unwrap_or_default();
    let because = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    let decided = match outcome {
        "allowed" => format!("allowed{because}{count}"),
        "denied" => format!("refused{because}{count}"),
        "failed" => format!("allowed, but nothing came of it{because}{count}"),
        other => format!("{other}{because}{count}"),
    };
    Account {
        seq: entry["seq"].as_u64(),
        time: moment(entry),
        asked: asked(entry),
        by: by(entry),
        from: from(&entry["peer"]),
        decided,
        why: why.to_owned(),
        next: next.iter().filter_map(|command| filled(command, entry)).collect(),
    }
}

/// What was asked for, as a phrase.
fn asked(entry: &Value) -> String {
    let text = |field: &str| entry[field].as_str().unwrap_or_default();
    let action = text("action");
    let what = ["secret", "integration", "subject"].map(text).into_iter().find(|each| !each.is_empty());
    let mut phrase = match action {
        "secret.read" => "to read the value of the secret".to_owned(),
        "integration.read" => "to read the pair of the integration".to_owned(),
        "audit.read" => "to read the audit log".to_owned(),
        "audit.verify" => "to verify the audit log".to_owned(),
        "vault.request" => "for what can't be asked so".to_owned(),
        "vault.status" => "for the state of the daemon".to_owned(),
        other => match other.split_once('.') {
            Some((noun, "list")) => format!("to list {noun}s"),
            Some((noun, verb)) => format!("to {verb} the {noun}"),
            None => other.to_owned(),
        },
    };
    if let Some(what) = what {
        phrase = format!("{phrase} {what}");
    }
    if let Some(version) = entry["version"].as_u64() {
        phrase = format!("{phrase}, version {version}");
    }
    for (field, before) in [("domain", "to be sent to"), ("employee", "on behalf of the employee")] {
        if !text(field).is_empty() {
            phrase = format!("{phrase}, {before} {}", text(field));
        }
    }
    format!("{phrase} ({action})")
}

fn by(entry: &Value) -> String {
    let caller = entry["caller"].as_str().unwrap_or("nobody who could be named");
    let stranger = if caller.starts_with("spiffe://") { " (not registered)" } else { "" };
    match entry["serial"].as_str() {
        Some(serial) => format!("{caller}{stranger}, with the certificate {serial}"),
        None => format!("{caller}{stranger}"),
    }
}

fn from(peer: &Value) -> String {
    match (peer["uid"].as_u64(), peer["pid"].as_i64(), peer["address"].as_str()) {
        (Some(uid), Some(pid), _) => format!("the Unix socket, uid {uid}, process {pid}"),
        (Some(uid), None, _) => format!("the Unix socket, uid {uid}"),
        (None, _, Some(address)) => format!("TCP, {address}"),
        (None, _, None) => "the daemon itself".to_owned(),
    }
}

/// A command with the entry's fields in it; none if the entry lacks one.
fn filled(command: &str, entry: &Value) -> Option<String> {
    let words = command.split(' ').map(|word| {
        let Some(field) = word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) else {
            return Some(word.to_owned());
        };
        let value = match field {
            // What the caller's registration is called; a stranger's SPIFFE ID ends with what it calls itself.
            "name" => entry["caller"].as_str()?.rsplit('/').next()?,
            field => entry[field].as_str()?,
        };
        Some(shell::word(value))
    });
    words.collect::<Option<Vec<_>>>().map(|words| words.join(" "))
}

fn told(account: &Account) -> String {
    let mut columns = Columns::pairs();
    columns.row(["at", &account.time]);
    columns.row(["asked", &account.asked]);
    columns.row(["by", &account.by]);
    columns.row(["from", &account.from]);
    columns.row(["decided", &account.decided]);
    columns.row(["why", &account.why]);
    for (nth, command) in account.next.iter().enumerate() {
        columns.row([if nth == 0 { "to look or allow" } else { " " }, command]);
    }
    columns.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::super::arguments::Cli;
    use super::*;
    use crate::model::Denial;
    use clap::Parser;

    fn entry(reason: &str) -> Value {
        serde_json::json!({"seq": 7, "time": "2026-11-22T12:00:00.5Z", "request_id": "r", "caller": "crm", "serial": "0a",
            "peer": {"uid": 990, "pid": 42}, "action": "secret.read", "secret": "custsecret_a", "integration": "fsm",
            "domain": "a.example", "employee": "Larry N", "outcome": "denied", "reason": reason})
    }

    #[test]
    fn every_command_that_is_named_can_be_typed() {
        let reasons = Denial::ALL.iter().map(|denial| denial.reason());
        let others =
            ["not_found", "conflict", "tombstoned", "wrong_passphrase", "various", "not_kept_while_sealed"];
        for reason in reasons.chain(others) {
            let next = account(&entry(reason)).next;
            assert!(!next.is_empty(), "{reason}");
            for command in next {
                let chosen = [
                    ("SCRIPT", "customscript_x"),
                    ("SUITEAPP", "com.example.app"),
                    ("DOMAIN", "b.example"),
                    ("VERSION", "2"),
                    ("UID", "990"),
                    ("LEVEL", "edit"),
                    ("EMPLOYEE", "7"),
                    ("DIR", "d"),
                    ("NEW", "fresh"),
                    ("'Larry N'", "Larry"),
                ];
                let typed =
                    chosen.iter().fold(command.clone(), |typed, (word, choice)| typed.replace(word, choice));
                assert!(typed.starts_with("fsm-vault "), "{typed}");
                let parsed = Cli::try_parse_from(typed.split(' '));
                assert!(
                    parsed.is_ok(),
                    "{reason}: {typed}: {}",
                    parsed.err().map(|e| e.to_string()).unwrap_or_default()
                );
            }
        }
    }

    #[test]
    fn an_account_tells_who_what_whence_and_why() {
        let account = account(&entry("script_not_allowed"));
        assert_eq!(
            account.asked,
            "to read the value of the secret custsecret_a, to be sent to a.example, on behalf of the employee Larry N (secret.read)"
        );
        assert_eq!(account.by, "crm, with the certificate 0a");
        assert_eq!(account.from, "the Unix socket, uid 990, process 42");
        assert_eq!(account.decided, "refused (script_not_allowed)");
        assert!(
            account.why.contains("script") && account.next.contains(&"fsm-vault caller show crm".to_owned())
        );
        let text = told(&account);
        assert!(text.lines().count() > 6 && text.contains("2026-11-22 12:00:00Z"), "{text}");
    }

    #[test]
    fn strangers_unknown_words_and_success() {
        let mut stranger = entry("caller_unknown");
        stranger["caller"] = "spiffe://fsm-vault.internal/caller/other".into();
        stranger["peer"] = serde_json::json!({"address": "127.0.0.1:5"});
        stranger.as_object_mut().unwrap().remove("secret");
        let told = account(&stranger);
        assert_eq!(
            (told.from.as_str(), told.next[0].as_str()),
            ("TCP, 127.0.0.1:5", "fsm-vault caller show other")
        );
        assert!(told.by.contains("not registered"));

        let told =
            account(&serde_json::json!({"action": "vault.close", "caller": "daemon", "outcome": "allowed"}));
        assert_eq!(
            (told.decided.as_str(), told.asked.as_str()),
            ("allowed", "to close the vault (vault.close)")
        );
        assert!(told.next.is_empty() && told.from == "the daemon itself");
        let told = account(&entry("of_a_later_version"));
        assert!(told.next.is_empty() && told.why.contains("doesn't know"));
        let stored = account(&serde_json::json!({"action": "secret.list", "outcome": "failed"}));
        assert!(stored.asked.contains("to list secrets") && stored.decided.starts_with("allowed, but"));
    }
}
