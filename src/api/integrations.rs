//! `/v1/integrations`.

use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::query::Query;
use super::secrets::{Asked, known, listed};
use super::server::Api;
use crate::model::{FSM_NAME, FieldError, IntegrationName, Invalid, redirect_uri};
use crate::vault::{Asker, NewFsm, SeenIntegration};
use crate::wire::{FSM_TEMPLATE, IntegrationForm, IntegrationView, MAX_VALUE_BODY, pair_body};

/// More than NetSuite's page has room for.
const MAX_REDIRECT_URIS: usize = 20;

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
    Ok(answer::ok(&listed(page, view, |view| view.name.clone())))
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
    let revision = seen.revision.clone();
    Ok(answer::revised(answer::ok(&view(seen)), &revision))
}

pub async fn create(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form: IntegrationForm = body::json(request, MAX_VALUE_BODY, api.patience).await?;
    let created = api.vault.create_fsm(asker, checked(form)?).await?;
    let revision = created.revision.clone();
    Ok(answer::revised(answer::created(&view(created)), &revision))
}

pub async fn credentials(
    api: &Api,
    asker: Asker<'_>,
    name: &str,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let (asked, name, known) = (Asked::read(query)?, named(name)?, known(request));
    if let Some(patience) = asked.wait {
        api.wait(api.vault.await_pair(asker, &name, asked.ask(), &known, patience)).await?;
    }
    let pair = api.vault.read_pair(asker, &name, asked.ask()).await?;
    if known.names(pair.version) {
        return Ok(answer::tagged(answer::unchanged(), pair.version));
    }
    let body = pair_body(&pair.client_id, &pair.client_secret, pair.version);
    Ok(answer::tagged(answer::revealed(StatusCode::OK, body, pair.departing), pair.version))
}

pub fn named(name: &str) -> Result<IntegrationName, Failure> {
    name.parse().map_err(|why: Invalid| Failure::invalid("", format!("the name in the path {why}")))
}

fn view(seen: SeenIntegration) -> IntegrationView {
    IntegrationView::of(&seen.record, seen.version)
}

fn checked(form: IntegrationForm) -> Result<NewFsm, Failure> {
    let mut wrong = Vec::new();
    if form.template != FSM_TEMPLATE {
        wrong.push(FieldError::new("/template", "is no template; there is fsm"));
    }
    if !form.name.eq_ignore_ascii_case(FSM_NAME) {
        wrong.push(FieldError::new("/name", "must be fsm for the template fsm"));
    }
    if form.redirect_uris.len() > MAX_REDIRECT_URIS {
        wrong.push(FieldError::new("/redirect_uris", format!("has more than {MAX_REDIRECT_URIS} entries")));
    }
    for (index, uri) in form.redirect_uris.iter().enumerate().take(MAX_REDIRECT_URIS) {
        if let Err(why) = redirect_uri(uri) {
            wrong.push(FieldError::new(format!("/redirect_uris/{index}"), why));
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Invalid(wrong));
    }
    let (client_id, client_secret) = (form.credentials.client_id, form.credentials.client_secret);
    Ok(NewFsm { redirect_uris: form.redirect_uris, client_id, client_secret })
}
