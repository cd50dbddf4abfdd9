//! `/v1/sys`: the calls that a sealed daemon answers too.

use hyper::Request;
use hyper::body::Incoming;

use super::accept::wants_open_metrics;
use super::answer::{self, Reply};
use super::body;
use super::failure::Failure;
use super::query::Query;
use super::server::Api;
use crate::telemetry::{self, Format, Held, Notices, Readings};
use crate::vault::{Asker, Gauges};
use crate::wire::{AuditStanding, MAX_BODY, Status, Unseal};

type Incomes = Request<Incoming>;

pub async fn status(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    if !api.vault.is_sealed() {
        api.vault.greet(asker, "vault.status").await?;
    }
    Ok(answer::ok(&state(api)))
}

pub async fn metrics(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &Incomes,
) -> Result<Reply, Failure> {
    body::none(request)?;
    Query::read(query, &[])?;
    let format = if wants_open_metrics(request.headers()) { Format::OpenMetrics } else { Format::Prometheus };
    let text = telemetry::render(&readings(api.vault.gauges(asker).await?), &api.meter)
        .expect("a string takes whatever is written to it");
    Ok(answer::text(format.content_type(), format.of_open_metrics(text)))
}

fn readings(gauges: Gauges) -> Readings {
    let notices = gauges.notices.map(|[info, warning, critical]| Notices {
        info: info.standing,
        warning: warning.standing,
        critical: critical.standing,
    });
    let held = gauges.holdings.map(|held| Held {
        secrets: held.secrets as u64,
        integrations: held.integrations as u64,
        callers: held.callers as u64,
        pending_versions: held.pending_versions as u64,
        audit_available: held.log.available,
        audit_damaged: held.log.damaged,
        notices,
    });
    Readings {
        held,
        written: gauges.written,
        server_certificate_expires_at: gauges.server_certificate_expires_at,
        free_bytes: gauges.free_bytes,
        all_reasons: gauges.for_full,
    }
}

pub async fn seal(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    body::empty(request, api.patience).await?;
    Query::read(query, &[])?;
    api.vault.seal(asker).await?;
    Ok(answer::ok(&state(api)))
}

pub async fn unseal(
    api: &Api,
    asker: Asker<'_>,
    query: Option<&str>,
    request: &mut Incomes,
) -> Result<Reply, Failure> {
    Query::read(query, &[])?;
    let Unseal { passphrase, accept_rollback } = body::json(request, MAX_BODY, api.patience).await?;
    if accept_rollback {
        api.vault.unseal_accepting_rollback(asker, passphrase).await?;
    } else {
        api.vault.unseal(asker, passphrase).await?;
    }
    Ok(answer::ok(&state(api)))
}

fn state(api: &Api) -> Status {
    let standing = api.vault.log_standing();
    Status {
        sealed: standing.is_none(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: api.vault.clock().now(),
        server_certificate_expires_at: api.vault.server_certificate().expires_at(),
        audit: standing.map(|log| AuditStanding { available: log.available, damaged: log.damaged }),
    }
}
