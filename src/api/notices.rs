//! `/v1/notices`.

use hyper::Request;
use hyper::body::Incoming;

use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::listing;
use super::query::Query;
use super::server::Api;
use crate::model::{Invalid, NoticeId, NoticeLevel};
use crate::vault::{Asker, SeenNotice};
use crate::wire::NoticeView;

type Incomes = Request<Incoming>;

pub async fn list(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    let query = Query::read(query, &["level", "limit", "cursor"])?;
    let least = query.optional("level")?.unwrap_or(NoticeLevel::Info);
    let after: Option<NoticeId> = query.optional("cursor")?;
    if after.is_none() {
        api.vault.evaluate_notices(asker).await?;
    }
    // Whoever waits for an evaluation holds nothing long, and may wait for as long as a change takes.
    let _look = asker.session.share.look().await;
    let page = api.vault.list_notices(asker, least, after.as_ref(), query.limit()?).await?;
    Ok(listing::listed(page, view, |view| view.id.clone()).await)
}

pub async fn acknowledge(
    api: &Api,
    asker: Asker<'_>,
    id: &str,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    body::empty(request, api.patience).await?;
    Query::read(query, &[])?;
    let id = id.parse().map_err(|why: Invalid| Failure::invalid("", format!("the ID in the path {why}")))?;
    let seen = api.vault.acknowledge_notice(asker, &id).await?;
    Ok(answer::ok(&view(seen)))
}

fn view(seen: SeenNotice) -> NoticeView {
    let SeenNotice { id, standing, since, acknowledged } = seen;
    let concern = id.concern();
    NoticeView {
        level: standing.level,
        kind: id.kind(),
        subject_kind: concern.word().to_owned(),
        subject: concern.name().to_owned(),
        since,
        due: standing.due,
        message: standing.message,
        action: standing.action,
        acknowledged_by: acknowledged.as_ref().map(|known| known.by.to_string()),
        acknowledged_at: acknowledged.map(|known| known.at),
        id: id.to_string(),
    }
}
