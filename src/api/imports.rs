//! `/v1/imports`.

use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::query::Query;
use super::secrets::checked;
use super::server::Api;
use crate::model::FieldError;
use crate::vault::{Asker, Import};
use crate::wire::{
    self, ImportForm, ImportedView, Listed, MAX_IMPORTED, MAX_VALUE_BODY, SecretForm, Unreadable,
};

/// Problems that are looked for; one is enough to refuse all.
const MOST_WRONG: usize = 100;

pub async fn import(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Request<Incoming>,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form: ImportForm = body::json(request, MAX_VALUE_BODY, api.patience).await?;
    if form.secrets.is_empty() || form.secrets.len() > MAX_IMPORTED {
        return Err(Failure::invalid("/secrets", format!("must have from 1 to {MAX_IMPORTED} entries")));
    }
    let size = form.secrets.iter().map(|each| each.get().len()).sum();
    let import = body::beside(size, || read(form)).await;
    let imported = api.vault.import_secrets(asker, import).await?;
    let view = |each: crate::vault::Imported| ImportedView { id: each.id.to_string(), version: each.version };
    let items: Vec<_> = imported.into_iter().map(view).collect();
    Ok(answer::created(&Listed { items, next_cursor: None }))
}

/// Each secret by itself, so that one that is wrong doesn't hide the others. Whoever asks isn't judged yet: so no more
/// is looked at than an answer has room for.
fn read(form: ImportForm) -> Import {
    let count = form.secrets.len() as u64;
    let (mut secrets, mut wrong) = (Vec::with_capacity(form.secrets.len()), Vec::new());
    for (place, text) in form.secrets.into_iter().enumerate() {
        if wrong.len() >= MOST_WRONG {
            break;
        }
        let form = wire::read_part::<SecretForm>(text.get().as_bytes());
        match form.map_err(unreadable).and_then(checked) {
            Ok(new) => secrets.push((place, new)),
            Err(errors) => wrong.extend(errors.into_iter().map(|each| (place, each))),
        }
    }
    Import { secrets, wrong, count }
}

fn unreadable(error: Unreadable) -> Vec<FieldError> {
    match error {
        Unreadable::Shape(error) => vec![error],
        Unreadable::Malformed(detail) => vec![FieldError::new("", detail)],
    }
}
