//! `GET /v1/openapi.json`.

use hyper::Request;
use hyper::body::Incoming;

use super::super::answer;
use super::super::body;
use super::super::failure::Failure;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::server::Api;
use super::document::document;
use crate::vault::Asker;

/// Tells nothing that the sources don't, and so is for whom status is for.
pub async fn describe(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Request<Incoming>,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    if !api.vault.is_sealed() {
        api.vault.greet(asker, "vault.describe").await?;
    }
    Ok(answer::ok(document()))
}
