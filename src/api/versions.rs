//! `/v1/secrets/{id}/versions` and the rotation of an integration's pair.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::answer::{self, Reply};
use super::body;
use super::callers::duration;
use super::failure::Failure;
use super::integrations::{named as named_integration, view as integration_view};
use super::precondition::if_match;
use super::query::Query;
use super::secrets::{named as named_secret, one_value};
use super::server::Api;
use crate::model::{FieldError, VersionWanted, line_of_text};
use crate::vault::{Asker, Cut, NewPair, NewVersion, PairSource, Replaced, Rotated, Spread};
use crate::wire::{
    ActivationForm, MAX_BODY, MAX_VALUE_BODY, NewPairForm, PreviousView, VersionForm, VersionMoved,
    issued_body,
};

const MAX_NOTE: usize = 1000;

type Incomes = Request<Incoming>;

pub async fn rotate(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    let force = forced(query)?;
    let (id, depends) = (named_secret(id)?, if_match(request.headers())?);
    let form: VersionForm = body::json(request, MAX_VALUE_BODY, api.patience).await?;
    let mut wrong = Vec::new();
    let value = one_value(form.value, form.value_base64, &mut wrong);
    let spread = Spread { force, ..spread(form.grace, form.activate, form.note, &mut wrong) };
    match value {
        Some(value) if wrong.is_empty() => {
            let new = NewVersion { value, spread };
            moved(api.vault.rotate_secret(asker, &id, new, &depends).await?)
        }
        _ => Err(Failure::Invalid(wrong)),
    }
}

pub async fn rotate_pair(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    let force = forced(query)?;
    let (name, depends) = (named_integration(name)?, if_match(request.headers())?);
    let form: NewPairForm = body::json(request, MAX_VALUE_BODY, api.patience).await?;
    let mut wrong = Vec::new();
    let spread = Spread { force, ..spread(form.grace, form.activate, form.note, &mut wrong) };
    let source = match (form.client_id, form.client_secret, form.issue) {
        (Some(client_id), client_secret, false) => Some(PairSource::Given { client_id, client_secret }),
        (None, None, true) => Some(PairSource::Issued),
        (None, _, false) => {
            wrong.push(FieldError::new("/client_id", "is missing"));
            None
        }
        (_, _, true) => {
            wrong.push(FieldError::new("/issue", "is true although values are given; take one of the two"));
            None
        }
    };
    let Some(source) = source.filter(|_| wrong.is_empty()) else {
        return Err(Failure::Invalid(wrong));
    };
    let mut rotated = api.vault.rotate_pair(asker, &name, NewPair { source, spread }, &depends).await?;
    match rotated.issued.take() {
        None => moved(rotated),
        Some(pair) => {
            let body = issued_body(&told(&rotated), &pair.client_id, pair.client_secret.as_ref());
            Ok(answer::revealed(StatusCode::CREATED, body, pair.departing))
        }
    }
}

pub async fn activate(
    api: &Api,
    asker: Asker<'_>,
    (id, number): (&str, &str),
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    let force = forced(query)?;
    let (id, number) = (named_secret(id)?, numbered(number)?);
    let depends = if_match(request.headers())?;
    let cut = Cut { grace: grace_of(api, request).await?, force };
    Ok(answer::ok(&told(&api.vault.activate_secret(asker, &id, number, cut, &depends).await?)))
}

pub async fn activate_pair(
    api: &Api,
    asker: Asker<'_>,
    (name, number): (&str, &str),
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    let force = forced(query)?;
    let (name, number) = (named_integration(name)?, numbered(number)?);
    let depends = if_match(request.headers())?;
    let cut = Cut { grace: grace_of(api, request).await?, force };
    Ok(answer::ok(&told(&api.vault.activate_pair(asker, &name, number, cut, &depends).await?)))
}

pub async fn retire(
    api: &Api,
    asker: Asker<'_>,
    (id, number): (&str, &str),
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let (force, depends) = (forced(query)?, if_match(request.headers())?);
    let (id, number) = (named_secret(id)?, numbered(number)?);
    api.vault.retire_version(asker, &id, number, force, &depends).await?;
    Ok(answer::deleted())
}

pub async fn retire_pair(
    api: &Api,
    asker: Asker<'_>,
    (name, number): (&str, &str),
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let (force, depends) = (forced(query)?, if_match(request.headers())?);
    let (name, number) = (named_integration(name)?, numbered(number)?);
    api.vault.retire_pair(asker, &name, number, force, &depends).await?;
    Ok(answer::deleted())
}

pub async fn reset(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    body::empty(request, api.patience).await?;
    Query::read(query, &[])?;
    let (name, depends) = (named_integration(name)?, if_match(request.headers())?);
    let seen = api.vault.reset_pair(asker, &name, &depends).await?;
    Ok(answer::revised(answer::ok(&integration_view(&seen)), &seen.revision))
}

/// 201 for a new version, 200 where there was nothing to do.
fn moved(rotated: Rotated) -> Result<Reply, Failure> {
    let shown = told(&rotated);
    Ok(if rotated.unchanged { answer::ok(&shown) } else { answer::created(&shown) })
}

fn told(rotated: &Rotated) -> VersionMoved {
    let hint = "This is the current value already; nothing was changed. An earlier version keeps its grace unless it is retired.";
    VersionMoved {
        version: rotated.version,
        state: rotated.state,
        previous: rotated.previous.map(|Replaced { version, until }| PreviousView { version, until }),
        hint: rotated.unchanged.then(|| hint.to_owned()),
    }
}

/// Whether a version may be taken from those who fetched it last.
fn forced(query: Option<&str>) -> Result<bool, Failure> {
    let query = Query::read(query, &["force"])?;
    Ok(query.optional("force")?.unwrap_or(false))
}

fn numbered(text: &str) -> Result<u64, Failure> {
    match text.parse() {
        Ok(VersionWanted::Number(number)) => Ok(number),
        _ => Err(Failure::invalid("", "the version in the path is no number from 1")),
    }
}

async fn grace_of(api: &Api, request: &mut Incomes) -> Result<Option<jiff::SignedDuration>, Failure> {
    if body::none(request).is_ok() {
        return Ok(None);
    }
    let form: ActivationForm = body::json(request, MAX_BODY, api.patience).await?;
    let grace = form.grace.as_deref().map(duration).transpose();
    grace.map_err(|why| Failure::invalid("/grace", why))
}

fn spread(
    grace: Option<String>,
    activate: bool,
    note: Option<String>,
    wrong: &mut Vec<FieldError>,
) -> Spread {
    let grace =
        grace.and_then(|text| duration(&text).map_err(|why| wrong.push(FieldError::new("/grace", why))).ok());
    if let Some(Err(why)) = note.as_deref().map(|note| line_of_text(note, MAX_NOTE)) {
        wrong.push(FieldError::new("/note", why));
    }
    Spread { grace, activate, note: note.map(String::into_boxed_str), force: false }
}
