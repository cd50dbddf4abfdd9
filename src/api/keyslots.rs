//! `/v1/sys/passphrase`, `/v1/sys/keyslots` and `/v1/sys/rekey`.

use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::query::Query;
use super::server::Api;
use crate::model::Invalid;
use crate::vault::{Asker, Rekeyed, SeenSlot};
use crate::wire::{
    KeySlotForm, KeySlotView, Listed, MAX_BODY, Passphrase, PassphraseChange, RekeyForm, RekeyedView,
};

/// Passphrases beside the one that is shown in any case.
const MOST_OTHERS: usize = 7;

type Incomes = Request<Incoming>;

pub async fn list(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let items = api.vault.list_slots(asker).await?.into_iter().map(view).collect();
    Ok(answer::ok(&Listed { items, next_cursor: None }))
}

pub async fn add(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form = body::json(request, MAX_BODY, api.patience).await?;
    let KeySlotForm { passphrase, new_passphrase, label } = form;
    let label = label.map(|text| text.parse()).transpose();
    let label = label.map_err(|why: Invalid| Failure::invalid("/label", why))?;
    let seen = api.vault.add_slot(asker, label, passphrase, new_passphrase).await?;
    Ok(answer::created(&view(seen)))
}

pub async fn remove(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let Passphrase { passphrase } = body::json(request, MAX_BODY, api.patience).await?;
    let id = id.parse().map_err(|why: Invalid| Failure::invalid("", format!("the ID in the path {why}")))?;
    api.vault.remove_slot(asker, id, passphrase).await?;
    Ok(answer::deleted())
}

pub async fn change_passphrase(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form = body::json(request, MAX_BODY, api.patience).await?;
    let PassphraseChange { passphrase, new_passphrase } = form;
    let seen = api.vault.change_passphrase(asker, passphrase, new_passphrase).await?;
    Ok(answer::ok(&view(seen)))
}

pub async fn rekey(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let form = body::json(request, MAX_BODY, api.patience).await?;
    let RekeyForm { passphrase, keep_passphrases, drop_others } = form;
    if keep_passphrases.len() > MOST_OTHERS {
        let why = format!(
            "has more than {MOST_OTHERS} passphrases, and a vault no more key slots beside the first"
        );
        return Err(Failure::invalid("/keep_passphrases", why));
    }
    let passphrases = std::iter::once(passphrase).chain(keep_passphrases).collect();
    let Rekeyed { slots, dropped, records } = api.vault.rekey(asker, passphrases, drop_others).await?;
    let views = |slots: Vec<SeenSlot>| slots.into_iter().map(view).collect();
    Ok(answer::ok(&RekeyedView { keyslots: views(slots), dropped: views(dropped), records }))
}

fn view(SeenSlot { id, note }: SeenSlot) -> KeySlotView {
    let (made_at, made_by) = note.as_ref().map(|note| (note.made_at, note.made_by.clone())).unzip();
    KeySlotView { id, label: note.and_then(|note| note.label), made_at, made_by }
}
