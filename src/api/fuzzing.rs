//! What the fuzz targets reach of this room's inside. Only builds with `--cfg fuzzing` have it.

use hyper::{HeaderMap, Method};

pub use super::query::Query;
pub use super::route::Call;
use crate::vault::{Cursor, IfMatch};
use crate::wire::Problem;

/// The call of a request line, or what its sender is told.
pub fn route<'a>(method: &Method, path: &'a str) -> Result<Call<'a>, Problem> {
    super::route::route(method, path).map_err(|failure| failure.problem(""))
}

/// Whether the short way finds a call.
pub fn is_fetch(method: &Method, path: &str) -> bool {
    super::route::fetch(method, path).is_some()
}

/// The parameters of a query, or what its sender is told.
pub fn query<'a>(text: &'a str, known: &[&str]) -> Result<Query<'a>, Problem> {
    Query::read(Some(text), known).map_err(|failure| failure.problem(""))
}

/// `If-Match`.
pub fn if_match(headers: &HeaderMap) -> Result<IfMatch, Problem> {
    super::precondition::if_match(headers).map_err(|failure| failure.problem(""))
}

/// `Last-Event-ID`.
pub fn last_event_id(headers: &HeaderMap) -> Result<Option<Cursor>, Problem> {
    super::watch::last_event_id(headers).map_err(|failure| failure.problem(""))
}
