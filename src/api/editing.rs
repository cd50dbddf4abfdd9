//! Changing and deleting `/v1/secrets/{id}`.

use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::precondition::if_match;
use super::query::Query;
use super::secrets::{check_texts, named, owners, view};
use super::server::Api;
use crate::model::FieldError;
use crate::vault::{Asker, SecretEdit};
use crate::wire::{MAX_BODY, SecretPatch};

type Incomes = Request<Incoming>;

pub async fn edit(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let (id, made_on) = (named(id)?, if_match(request.headers())?);
    let form: SecretPatch = body::json(request, MAX_BODY, api.patience).await?;
    let edited = api.vault.edit_secret(asker, &id, checked(form)?, &made_on).await?;
    let revision = edited.revision.clone();
    Ok(answer::revised(answer::ok(&view(edited)), &revision))
}

pub async fn delete(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    api.vault.delete_secret(asker, &named(id)?, &if_match(request.headers())?).await?;
    Ok(answer::deleted())
}

/// Every field checked, all problems told at once.
fn checked(form: SecretPatch) -> Result<SecretEdit, Failure> {
    let mut wrong = Vec::new();
    check_texts(form.name.as_deref(), form.description.as_deref(), form.max_age_days.flatten(), &mut wrong);
    let owners = form.owners.map(|texts| owners(&texts, &mut wrong));
    if owners.as_ref().is_some_and(Vec::is_empty) && wrong.is_empty() {
        wrong.push(FieldError::new("/owners", "is empty; name at least one employee, or leave it out"));
    }
    let rules = form.restrictions.map(|form| form.check("/restrictions")).transpose();
    let restrictions = rules.unwrap_or_else(|errors| {
        wrong.extend(errors);
        None
    });
    if !wrong.is_empty() {
        return Err(Failure::Invalid(wrong));
    }
    Ok(SecretEdit {
        name: form.name,
        description: form.description,
        owners,
        release: form.release,
        restrictions,
        expires_on: form.expires_on,
        max_age_days: form.max_age_days,
    })
}
