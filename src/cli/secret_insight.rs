//! `secret notes|consumers|access`: what there is to know of a secret's life.

use clap::Args;
use serde_json::Value;

use super::arguments::Globals;
use super::columns::{Columns, time};
use super::connect::with_daemon;
use super::failure::Failure;
use super::listing;
use super::number;
use crate::client::{Call, Connection};
use crate::model::{Domain, Employee, SecretId, Standing};
use crate::wire::{AccessView, ConsumerView, NoteView, Notes as Told};

/// As many as the daemon gives at once.
const PAGE: usize = 1000;
const MOST_PAGES: usize = 100_000;

#[derive(Args)]
#[command(after_help = "Example:\n  fsm-vault secret notes _crm_key")]
pub struct Notes {
    /// Its ID; custsecret may be left out
    id: SecretId,
    /// How many notes, the latest ones
    #[arg(short = 'n', long, value_name = "N", default_value_t = 100, value_parser = number::within(1..=100_000_u32))]
    count: u32,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret consumers _crm_key\n\nWho is behind has fetched another version than \
                        the current one last."
)]
pub struct Consumers {
    /// Its ID; custsecret may be left out
    id: SecretId,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  fsm-vault secret access _crm_key --domain api.example.com --employee 42\n\nNothing is \
                        released. The reasons are those of the audit log."
)]
pub struct Access {
    /// Its ID; custsecret may be left out
    id: SecretId,
    /// The host that the services would name
    #[arg(long, value_name = "HOST")]
    domain: Option<Domain>,
    /// The employee that they would name [default: each of their own]
    #[arg(long, value_name = "EMPLOYEE")]
    employee: Option<Employee>,
}

pub fn notes(globals: &Globals, command: &Notes) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let told = last(daemon, &command.id, command.count as usize).await?;
        globals.output.show(&told, || shown(&told))
    })
}

/// The last `count` notes, in as many pages as that takes.
async fn last(daemon: &mut Connection<'_>, id: &SecretId, count: usize) -> Result<Told, Failure> {
    let mut whole: Option<Told> = None;
    let mut pages = 0;
    loop {
        let (have, cursor) =
            whole.as_ref().map_or((0, None), |told| (told.items.len(), told.next_cursor.clone()));
        let call = Call::get(format!("/v1/secrets/{id}/notes"))
            .parameter("limit", Some((count - have).min(PAGE)))
            .parameter("cursor", cursor);
        let page: Told = daemon.call(call).await?.read()?;
        let mut so_far =
            whole.unwrap_or(Told { items: Vec::new(), next_cursor: None, used_by: page.used_by });
        so_far.items.extend(page.items);
        so_far.next_cursor = page.next_cursor;
        // A page may be empty and still lead on; a daemon whose list never ends is not followed for ever.
        pages += 1;
        if so_far.next_cursor.is_none() || so_far.items.len() >= count || pages >= MOST_PAGES {
            return Ok(so_far);
        }
        whole = Some(so_far);
    }
}

fn shown(told: &Told) -> String {
    let mut columns = Columns::with_head(["TIME", "WHO", "WHAT", "CHANGES"]);
    for note in told.items.iter().rev() {
        let version = note.version.map(|version| format!(" v{version}")).unwrap_or_default();
        let failed = if note.outcome == "failed" { " (failed)" } else { "" };
        let what = format!("{}{version}{failed}", note.action);
        columns.row([time(note.time), note.by.clone().unwrap_or_default(), what, changes(note)]);
    }
    format!("{columns}\n{}", used_by(&told.used_by))
}

/// Fields as `name: old → new`; of a shape, those of its fields that differ.
fn changes(note: &NoteView) -> String {
    let Some(Value::Object(fields)) = &note.changes else { return String::new() };
    let mut told = Vec::new();
    for (field, change) in fields {
        match (change.get("old"), change.get("new")) {
            (Some(Value::Object(old)), Some(Value::Object(new))) => {
                let differ = old.iter().filter(|(name, before)| new.get(*name) != Some(before));
                told.extend(differ.map(|(name, before)| between(name, before, &new[name])));
            }
            (Some(old), Some(new)) => told.push(between(field, old, new)),
            _ => told.push(format!("{field}: {}", brief(change))),
        }
    }
    told.join("; ")
}

fn between(field: &str, old: &Value, new: &Value) -> String {
    // No employee named is no limit.
    let told = |value: &Value| match value {
        Value::Array(list) if list.is_empty() && field.ends_with("employees") => "all".to_owned(),
        other => brief(other),
    };
    format!("{field}: {} → {}", told(old), told(new))
}

fn brief(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(brief).collect::<Vec<_>>().join(", "),
        Value::String(text) if text.is_empty() => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

pub fn consumers(globals: &Globals, command: &Consumers) -> Result<(), Failure> {
    with_daemon(globals, async |daemon| {
        let list = listing::all(daemon, &format!("/v1/secrets/{}/consumers", command.id)).await?;
        listing::show(globals.output, &list, |consumers: Vec<ConsumerView>| used_by(&consumers))
    })
}

fn used_by(consumers: &[ConsumerView]) -> String {
    let mut columns = Columns::with_head(["USED BY", "LAST VERSION", "WHEN", "TIMES", "NOTE"]);
    for each in consumers {
        let state = match each.state {
            Some(Standing::Pending) => "pending",
            Some(Standing::Current) => "current",
            Some(Standing::Previous) => "previous",
            Some(Standing::Retired) | None => "retired",
        };
        let note = match (each.active, each.behind) {
            (false, _) => "revoked",
            (true, true) => "behind",
            (true, false) => "",
        };
        let version = format!("{} ({state})", each.version);
        columns.row([&each.caller, &version, &time(each.fetched_at), &each.count.to_string(), note]);
    }
    columns.to_string()
}

pub fn access(globals: &Globals, command: &Access) -> Result<(), Failure> {
    let parameters = [
        ("domain", command.domain.as_ref().map(ToString::to_string)),
        ("employee", command.employee.as_ref().map(ToString::to_string)),
    ];
    with_daemon(globals, async |daemon| {
        let path = format!("/v1/secrets/{}/access", command.id);
        let list = listing::filtered(daemon, &path, &parameters).await?;
        listing::show(globals.output, &list, |services: Vec<AccessView>| {
            let mut columns = Columns::with_head(["SERVICE", "SCRIPT", "ACCESS"]);
            for each in services {
                let access = verdict(&each);
                columns.row([each.caller, each.script, access]);
            }
            columns.to_string()
        })
    })
}

fn verdict(access: &AccessView) -> String {
    if let Some(reason) = &access.reason {
        let hint = match reason.as_str() {
            "domain_required" => " (name one with --domain)",
            "employee_required" => " (name one with --employee)",
            _ => "",
        };
        return format!("refused: {reason}{hint}");
    }
    let mut told = "allowed".to_owned();
    if !access.employees.is_empty() {
        told.push_str(&format!(", for {}", access.employees.join(", ")));
    }
    if let Some(uid) = access.only_from_uid {
        told.push_str(&format!(", from uid {uid} only"));
    }
    if let Some(unit) = &access.only_from_unit {
        told.push_str(&format!(", from {unit} only"));
    }
    if let Some(end) = access.certificate_expires_at {
        told.push_str(&format!(", until {}", time(end)));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(changes: Value) -> NoteView {
        NoteView {
            seq: 1,
            time: "2026-11-22T12:00:00Z".parse().unwrap(),
            by: Some("ann".into()),
            action: "secret.edit".into(),
            version: None,
            outcome: "allowed".into(),
            changes: Some(changes),
            request_id: None,
        }
    }

    #[test]
    fn changes_are_told_old_and_new() {
        for (change, expected) in [
            (serde_json::json!({"name": {"old": "a", "new": "b"}}), "name: a → b"),
            (
                serde_json::json!({"expires_on": {"old": null, "new": "2027-01-01"}}),
                "expires_on: none → 2027-01-01",
            ),
            (
                serde_json::json!({"restrictions": {"old": {"scripts": ["a"], "x": 1}, "new": {"scripts": ["a", "b"], "x": 1}}}),
                "scripts: a → a, b",
            ),
            (serde_json::json!({"redirect_uris": "changed"}), "redirect_uris: changed"),
        ] {
            assert_eq!(changes(&note(change)), expected);
        }
    }

    #[test]
    fn verdicts_say_on_what_terms() {
        let mut access = AccessView {
            caller: "fsm".into(),
            script: "customscript_a".into(),
            allowed: true,
            reason: None,
            employees: vec!["42".into()],
            only_from_uid: Some(990),
            only_from_unit: None,
            certificate_expires_at: None,
        };
        assert_eq!(verdict(&access), "allowed, for 42, from uid 990 only");
        access.reason = Some("domain_required".into());
        assert_eq!(verdict(&access), "refused: domain_required (name one with --domain)");
    }
}
