//! Lists of the API, followed from page to page to their end.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::exit::Exit;
use super::failure::Failure;
use super::output::Form;
use crate::client::{Call, Connection};
use crate::wire::Listed;

/// As many as the daemon gives at once.
const PAGE: usize = 1000;
/// A daemon that never comes to an end is not followed for ever.
const MOST_ITEMS: usize = 1_000_000;

/// All items of a list, as the daemon wrote them.
pub async fn all(daemon: &mut Connection<'_>, path: &str) -> Result<Listed<Value>, Failure> {
    filtered(daemon, path, &[]).await
}

/// All items of a list under these parameters.
pub async fn filtered(
    daemon: &mut Connection<'_>,
    path: &str,
    parameters: &[(&str, Option<String>)],
) -> Result<Listed<Value>, Failure> {
    let mut whole = Listed { items: Vec::new(), next_cursor: None };
    loop {
        let mut call =
            Call::get(path).parameter("limit", Some(PAGE)).parameter("cursor", whole.next_cursor.take());
        for (name, value) in parameters {
            call = call.parameter(name, value.as_ref());
        }
        let page: Listed<Value> = daemon.call(call).await?.read()?;
        whole.items.extend(page.items);
        match page.next_cursor {
            None => return Ok(whole),
            Some(_) if whole.items.len() > MOST_ITEMS => {
                return Err(Failure::new(Exit::Failed, "the daemon's list doesn't end"));
            }
            next => whole.next_cursor = next,
        }
    }
}

/// Whether a list has it. Asked for by its name, what isn't there would be a refusal in the log, and who watches for those
/// would be told.
pub async fn has(
    daemon: &mut Connection<'_>,
    path: &str,
    key: &str,
    name: &str,
    narrowed: &[(&str, Option<String>)],
) -> Result<bool, Failure> {
    match filtered(daemon, path, narrowed).await {
        Ok(found) => Ok(found.items.iter().any(|item| item[key] == name)),
        // Whoever may not look may not make it either, which the daemon says of the making.
        Err(failure) if failure.is_status(403) => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// Whether there is a secret of this ID.
pub async fn has_secret(daemon: &mut Connection<'_>, id: &str) -> Result<bool, Failure> {
    has(daemon, "/v1/secrets", "id", id, &[("q", Some(id.to_owned()))]).await
}

/// Prints a list: the daemon's items as JSON, or each as one of the API's shapes.
pub fn show<T: DeserializeOwned>(
    form: Form,
    list: &Listed<Value>,
    text: impl FnOnce(Vec<T>) -> String,
) -> Result<(), Failure> {
    // Read before anything is printed, so that a failure doesn't follow half a result.
    let read = list.items.iter().map(|item| T::deserialize(item)).collect::<Result<Vec<T>, _>>();
    let items = read.map_err(|_| {
        Failure::new(Exit::Failed, "the daemon's list is not what this version of fsm-vault understands")
    });
    match form {
        Form::Json => form.show(list, String::new),
        Form::Text => {
            let items = items?;
            form.show(list, || text(items))
        }
    }
}
