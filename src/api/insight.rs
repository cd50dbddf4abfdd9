//! What an operator may know about a secret's life: `/v1/secrets/{id}/notes`, `…/consumers`, `…/access`.

use hyper::Request;
use hyper::body::Incoming;

use super::answer::Reply;
use super::body;
use super::failure::Failure;
use super::listing;
use super::query::Query;
use super::secrets::named;
use super::server::Api;
use crate::audit::{Cursor, LoggedEntry, Outcome};
use crate::model::{CallerName, Domain, Employee, Role};
use crate::vault::{Access, Asker, Consumer};
use crate::wire::{AccessView, ConsumerView, NoteView, Notes};

type Incomes = Request<Incoming>;

pub async fn notes(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["limit", "cursor"])?;
    let (id, limit, before) = (named(id)?, query.limit()?, api.log_cursors.read(query.text("cursor"))?);
    if matches!(before, Some(Cursor::Oldest { .. })) {
        return Err(Failure::invalid("?cursor", "is no cursor of this list"));
    }
    let found = api.vault.read_notes(asker, &id, before, limit).await?;
    let next_cursor = api.log_cursors.shown(found.next)?;
    let items = found.changes.into_iter().map(note).collect();
    let used_by = found.used_by.into_iter().map(consumer).collect();
    Ok(listing::shown(&Notes { items, next_cursor, used_by }).await)
}

pub async fn consumers(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["limit", "cursor"])?;
    let after: Option<CallerName> = query.optional("cursor")?;
    let page = api.vault.list_consumers(asker, &named(id)?, after.as_ref(), query.limit()?).await?;
    Ok(listing::listed(page, consumer, |view| view.caller.clone()).await)
}

pub async fn access(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["limit", "cursor", "domain", "employee"])?;
    let after: Option<CallerName> = query.optional("cursor")?;
    let domain: Option<Domain> = query.optional("domain")?;
    let employee: Option<Employee> = query.optional("employee")?;
    let asked = (domain.as_ref(), employee.as_ref());
    let page = api.vault.try_access(asker, &named(id)?, asked, after.as_ref(), query.limit()?).await?;
    Ok(listing::listed(page, tried, |view| view.caller.clone()).await)
}

fn note(logged: LoggedEntry) -> NoteView {
    let LoggedEntry { seq, time, entry, .. } = logged;
    NoteView {
        seq,
        time,
        by: entry.caller.as_deref().map(str::to_owned),
        action: entry.action.into_owned(),
        version: entry.version,
        outcome: match entry.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Denied => "denied",
            Outcome::Failed => "failed",
        }
        .to_owned(),
        changes: entry.changes,
        request_id: entry.request_id.as_deref().map(str::to_owned),
    }
}

fn consumer(each: Consumer) -> ConsumerView {
    ConsumerView {
        caller: each.caller.to_string(),
        active: each.active,
        version: each.last.version,
        state: each.state,
        behind: each.behind,
        fetched_at: each.last.at,
        count: each.last.count,
    }
}

fn tried(access: Access) -> AccessView {
    let caller = &access.caller;
    let script = match &caller.role {
        Role::Service { script, .. } => script.to_string(),
        Role::Operator { .. } => String::new(),
    };
    let (reason, employees) = match access.verdict {
        Ok(employees) => (None, employees.iter().map(ToString::to_string).collect()),
        Err(denial) => (Some(denial.reason().to_owned()), Vec::new()),
    };
    AccessView {
        caller: caller.name.to_string(),
        script,
        allowed: reason.is_none(),
        reason,
        employees,
        only_from_uid: caller.pins.uid,
        only_from_unit: caller.pins.unit.as_ref().map(ToString::to_string),
        certificate_expires_at: caller.keys.iter().map(|key| key.not_after).max(),
    }
}
