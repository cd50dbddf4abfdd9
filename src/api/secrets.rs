//! `/v1/secrets`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::listing;
use super::query::Query;
use super::server::Api;
use crate::model::{Employee, FieldError, Invalid, MAX_OWNERS, SecretId, line_of_text};
use crate::secret::Plaintext;
use crate::vault::{Asker, NewSecret, SecretFilter, SeenSecret};
use crate::wire::{MAX_VALUE_BODY, SecretForm, SecretView};

/// NetSuite's limits for what people read.
const MAX_NAME: usize = 300;
const MAX_DESCRIPTION: usize = 4000;

type Incomes = Request<Incoming>;

pub async fn list(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["limit", "cursor", "q", "exposure", "origin", "owner"])?;
    let after: Option<SecretId> = query.optional("cursor")?;
    let filter = SecretFilter {
        text: query.optional::<String>("q")?,
        exposure: query.optional("exposure")?.unwrap_or_default(),
        origin: query.optional("origin")?.unwrap_or_default(),
        owner: query.optional("owner")?,
    };
    if filter.text.as_ref().is_some_and(|text| text.chars().count() > MAX_NAME) {
        return Err(Failure::invalid("?q", "is too long: at most 300 characters"));
    }
    let page = api.vault.list_secrets(asker, &filter, after.as_ref(), query.limit()?).await?;
    Ok(listing::listed(page, view, |view| view.id.clone()).await)
}

pub async fn see(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let seen = api.vault.see_secret(asker, &named(id)?).await?;
    let revision = seen.revision.clone();
    Ok(answer::revised(listing::shown(&view(seen)).await, &revision))
}

pub async fn create(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form: SecretForm = body::json(request, MAX_VALUE_BODY, api.patience).await?;
    let created = api.vault.create_secret(asker, checked(form).map_err(Failure::Invalid)?).await?;
    let revision = created.revision.clone();
    Ok(answer::revised(answer::created(&view(created)), &revision))
}

pub fn named(id: &str) -> Result<SecretId, Failure> {
    id.parse().map_err(|why: Invalid| Failure::invalid("", format!("the ID in the path {why}")))
}

pub fn view(seen: SeenSecret) -> SecretView {
    let (rules, application_id) = (seen.restrictions().cloned(), seen.application_id().map(str::to_owned));
    SecretView::of(&seen.secret, rules.map(Into::into), application_id, seen.at)
}

/// The value of a form, given as text or in base64.
pub fn one_value(
    text: Option<Plaintext>,
    base64: Option<Plaintext>,
    wrong: &mut Vec<FieldError>,
) -> Option<Plaintext> {
    match (text, base64) {
        (Some(text), None) => Some(text),
        (None, Some(text)) => {
            let decoded = text.lend(|text| STANDARD.decode(text));
            if decoded.is_err() {
                let why = "is no base64 (RFC 4648, section 4, with padding)";
                wrong.push(FieldError::new("/value_base64", why));
            }
            decoded.ok().map(Plaintext::new)
        }
        _ => {
            wrong.push(FieldError::new("/value", "or value_base64 must be given, and only one of them"));
            None
        }
    }
}

/// Every field checked, all problems told at once.
pub fn checked(form: SecretForm) -> Result<NewSecret, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let parsed = form.id.parse::<SecretId>();
    let id = parsed.map_err(|why| wrong.push(FieldError::new("/id", why))).ok();
    check_texts(Some(&form.name), Some(&form.description), form.max_age_days, &mut wrong);
    let owners = owners(&form.owners, &mut wrong);
    let value = one_value(form.value, form.value_base64, &mut wrong);
    let restrictions = form.restrictions.check("/restrictions").map_err(|errors| wrong.extend(errors)).ok();
    match (id, value, restrictions) {
        (Some(id), Some(value), Some(restrictions)) if wrong.is_empty() => Ok(NewSecret {
            id,
            name: form.name,
            description: form.description,
            owners,
            release: form.release,
            restrictions,
            expires_on: form.expires_on,
            max_age_days: form.max_age_days,
            value,
        }),
        _ => Err(wrong),
    }
}

/// What people read, and an age.
pub fn check_texts(
    name: Option<&str>,
    description: Option<&str>,
    max_age_days: Option<u32>,
    wrong: &mut Vec<FieldError>,
) {
    for (text, most, pointer) in [(name, MAX_NAME, "/name"), (description, MAX_DESCRIPTION, "/description")] {
        if let Some(Err(why)) = text.map(|text| line_of_text(text, most)) {
            wrong.push(FieldError::new(pointer, why));
        }
    }
    if max_age_days == Some(0) {
        wrong.push(FieldError::new("/max_age_days", "is 0; give at least one day, or leave it out"));
    }
}

/// Owners, each once.
pub fn owners(texts: &[String], wrong: &mut Vec<FieldError>) -> Vec<Employee> {
    if texts.len() > MAX_OWNERS {
        wrong.push(FieldError::new("/owners", "has more than 100 entries"));
    }
    let mut owners: Vec<Employee> = Vec::with_capacity(texts.len().min(64));
    for (index, owner) in texts.iter().enumerate().take(MAX_OWNERS) {
        match owner.parse() {
            Ok(owner) if owners.contains(&owner) => {}
            Ok(owner) => owners.push(owner),
            Err(why) => wrong.push(FieldError::new(format!("/owners/{index}"), why)),
        }
    }
    owners
}
