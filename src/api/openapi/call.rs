//! `GET /v1/openapi.json`.

use hyper::Request;
use hyper::body::Incoming;

use super::super::answer;
use super::super::body;
use super::super::failure::Failure;
use super::super::query::Query;
use super::super::reply::Reply;
use super::super::server::Api;
use crate::vault::Asker;

/// The document. A test says when it isn't what the entries beside it and the shapes of `wire` make, and how to renew it.
pub(super) const DOCUMENT: &str = include_str!("document.json");

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
    Ok(answer::json(DOCUMENT))
}
