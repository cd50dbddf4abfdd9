//! `/v1/integrations`.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::listing;
use super::precondition::if_match;
use super::query::Query;
use super::server::Api;
use crate::model::{FSM_NAME, FSM_SECRETS, FieldError, IntegrationForm, IntegrationName, Invalid, SecretId};
use crate::vault::{Asker, MadeIntegration, NewIntegration, PairSource, SeenIntegration};
use crate::wire::{FSM_TEMPLATE, IntegrationBody, IntegrationView, MAX_BODY, MAX_VALUE_BODY, issued_body};

type Incomes = Request<Incoming>;

pub async fn list(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["limit", "cursor"])?;
    let after: Option<IntegrationName> = query.optional("cursor")?;
    let page = api.vault.list_integrations(asker, after.as_ref(), query.limit()?).await?;
    Ok(listing::listed(page, |seen| view(&seen), |view| view.name.clone()).await)
}

pub async fn see(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let seen = api.vault.see_integration(asker, &named(name)?).await?;
    Ok(answer::revised(listing::shown(&view(&seen)).await, &seen.revision))
}

pub async fn create(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let body: IntegrationBody = body::json(request, MAX_VALUE_BODY, api.patience).await?;
    let new = checked(body)?;
    let MadeIntegration { seen, issued } = api.vault.create_integration(asker, new).await?;
    let reply = match issued {
        None => answer::created(&view(&seen)),
        Some(pair) => answer::revealed(
            StatusCode::CREATED,
            issued_body(&view(&seen), &pair.client_id, pair.client_secret.as_ref()),
            pair.departing,
        ),
    };
    Ok(answer::revised(reply, &seen.revision))
}

pub async fn edit(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let (name, depends) = (named(name)?, if_match(request.headers())?);
    let body: IntegrationBody = body::json(request, MAX_BODY, api.patience).await?;
    let fixed = body.fixed().map(|pointer| FieldError::new(pointer, "is fixed once the record is made"));
    let wrong: Vec<_> = fixed.collect();
    if !wrong.is_empty() {
        return Err(Failure::Invalid(wrong));
    }
    let seen = api.vault.edit_integration(asker, &name, &depends, |form| body.apply(form)).await?;
    Ok(answer::revised(answer::ok(&view(&seen)), &seen.revision))
}

pub async fn delete(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let (name, depends) = (named(name)?, if_match(request.headers())?);
    api.vault.delete_integration(asker, &name, &depends).await?;
    Ok(answer::deleted())
}

pub fn named(name: &str) -> Result<IntegrationName, Failure> {
    name.parse().map_err(|why: Invalid| Failure::invalid("", format!("the name in the path {why}")))
}

pub fn view(seen: &SeenIntegration) -> IntegrationView {
    IntegrationView::of(&seen.record, seen.pair.as_deref(), seen.at)
}

/// What names a new record and its secrets is parsed here; the form is checked with the rest by the vault.
fn checked(mut body: IntegrationBody) -> Result<NewIntegration, Failure> {
    let mut wrong = Vec::new();
    let is_template = body.template.is_some();
    if body.template.as_deref().is_some_and(|template| template != FSM_TEMPLATE) {
        wrong.push(FieldError::new("/template", "is no template; there is fsm"));
    }
    if body.application_id.is_some() {
        wrong.push(FieldError::new("/application_id", "is given by the daemon"));
    }
    if body.issue && body.credentials.is_some() {
        wrong.push(FieldError::new("/issue", "is true although credentials are given; take one of the two"));
    }
    let name = match body.name.take().map(|name| name.parse::<IntegrationName>()) {
        Some(Ok(name)) => Some(name),
        Some(Err(why)) => {
            wrong.push(FieldError::new("/name", why));
            None
        }
        None => {
            wrong.push(FieldError::new("/name", "is missing"));
            None
        }
    };
    let mut secret = |given: Option<String>, pointer: &str| {
        let parsed = given.map(|text| text.parse::<SecretId>()).transpose();
        parsed.map_err(|why| wrong.push(FieldError::new(pointer, why))).ok().flatten()
    };
    let mut client_id_secret = secret(body.client_id_secret.take(), "/client_id_secret");
    let mut client_secret_secret = secret(body.client_secret_secret.take(), "/client_secret_secret");
    let pair = match body.credentials.take() {
        Some(pair) => {
            Some(PairSource::Given { client_id: pair.client_id, client_secret: pair.client_secret })
        }
        None => body.issue.then_some(PairSource::Issued),
    };
    let mut form = if is_template { IntegrationForm::fsm() } else { IntegrationForm::default() };
    body.apply(&mut form);
    let Some(name) = name.filter(|_| wrong.is_empty()) else {
        wrong.extend(form.problems(is_template));
        return Err(Failure::Invalid(wrong));
    };
    if is_template && name.as_str() == FSM_NAME {
        // NETSUITE.md's own IDs, which the FSM scripts look for.
        let [id, secret] = FSM_SECRETS.map(|text| text.parse().ok());
        client_id_secret = client_id_secret.or(id);
        client_secret_secret = client_secret_secret.or(secret.filter(|_| !form.public_client));
    }
    Ok(NewIntegration { name, form, is_template, client_id_secret, client_secret_secret, pair })
}
