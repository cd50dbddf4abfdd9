//! The metrics as text, in the OpenMetrics format 1.0.

use std::fmt;

use jiff::Timestamp;
use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::meter::{Meter, read};
use crate::audit::Written;

/// What is so at the moment of a scrape.
#[derive(Debug)]
pub struct Readings {
    /// What an unsealed vault holds; none while sealed.
    pub held: Option<Held>,
    /// What was written to the audit log.
    pub written: Written,
    pub server_certificate_expires_at: Timestamp,
    /// Bytes that the daemon's user may still write on the data directory's disk.
    pub free_bytes: Option<u64>,
    /// Whether reasons are told that who is refused isn't told.
    pub all_reasons: bool,
}

/// Counts of an unsealed vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    pub secrets: u64,
    pub integrations: u64,
    /// Active ones.
    pub callers: u64,
    /// Versions that are stored and not yet activated.
    pub pending_versions: u64,
    pub audit_available: bool,
    pub audit_damaged: bool,
    /// Standing notices by level; none from a vault that keeps none.
    pub notices: Option<Notices>,
}

/// Standing notices by level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notices {
    pub info: u64,
    pub warning: u64,
    pub critical: u64,
}

/// Labels in one order; the words are ours.
type Labels = Vec<(&'static str, &'static str)>;

/// The whole answer to a scrape, as OpenMetrics; `format.rs` makes the other format of it.
pub fn render(readings: &Readings, meter: &Meter) -> Result<String, fmt::Error> {
    let mut all = Registry::default();
    let started = ConstGauge::new(seconds(meter.started_at));
    all.register("process_start_time_seconds", "When the daemon was started, Unix time", started);
    let ours = all.sub_registry_with_prefix("fsm_vault");
    ours.register("build", "The daemon's version", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    passing(ours, meter, readings.all_reasons);
    standing(ours, readings);
    writing(ours, &readings.written);
    let mut text = String::with_capacity(8 * 1024);
    text::encode(&mut text, &all)?;
    Ok(text)
}

fn passing(to: &mut Registry, meter: &Meter, all_reasons: bool) {
    let requests = counted(
        meter.requests().map(|(call, status, count)| (vec![("call", call), ("status", status)], count)),
    );
    to.register("requests", "Answers by kind of call and class of status", requests);
    let decisions = counted(
        meter
            .decisions(all_reasons)
            .map(|(outcome, reason, count)| (vec![("outcome", outcome), ("reason", reason)], count)),
    );
    to.register(
        "decisions",
        "Decided requests, by outcome and by the audit log's word for the reason",
        decisions,
    );
    let released = counted(meter.released().map(|(kind, count)| (vec![("kind", kind)], count)));
    to.register("releases", "Secrets and pairs that were handed out", released);
    let limited = counted(meter.limits().map(|(limit, count)| (vec![("limit", limit)], count)));
    to.register("limited", "Connections and requests refused, by the limit that they ran into", limited);
    for (name, help, count) in [
        ("connections_accepted", "Connections accepted", &meter.connections_accepted),
        ("connections_refused", "Connections closed because there were too many", &meter.connections_refused),
        ("handshake_failures", "TLS handshakes that came to nothing", &meter.handshakes_failed),
    ] {
        to.register(name, help, ConstCounter::new(read(count)));
    }
    to.register("connections_open", "Connections that are open", gauge(meter.open()));
}

fn standing(to: &mut Registry, readings: &Readings) {
    to.register("sealed", "1 while the vault is sealed", gauge(u64::from(readings.held.is_none())));
    let expires = ConstGauge::new(seconds(readings.server_certificate_expires_at));
    to.register(
        "server_certificate_expiry_seconds",
        "When the server's certificate ends, Unix time",
        expires,
    );
    if let Some(bytes) = readings.free_bytes {
        to.register("store_free_bytes", "Free space on the data directory's disk", gauge(bytes));
    }
    let Some(held) = readings.held else { return };
    for (name, help, count) in [
        ("secrets", "Secrets in the vault", held.secrets),
        ("integrations", "Integration records in the vault", held.integrations),
        ("callers", "Active registrations", held.callers),
        ("versions_pending", "Versions that wait to be activated", held.pending_versions),
        ("audit_available", "0 if the last entry could not be written", u64::from(held.audit_available)),
        ("audit_damaged", "1 if the log was found other than it was written", u64::from(held.audit_damaged)),
    ] {
        to.register(name, help, gauge(count));
    }
    if let Some(counts) = held.notices {
        notices(to, counts);
    }
}

fn notices(to: &mut Registry, counts: Notices) {
    let family = Family::<Labels, Gauge>::default();
    for (level, count) in [("info", counts.info), ("warning", counts.warning), ("critical", counts.critical)]
    {
        family.get_or_create(&vec![("level", level)]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    to.register("notices", "Standing notices by level", family);
}

fn writing(to: &mut Registry, written: &Written) {
    to.register("audit_entries", "Entries written to the audit log", ConstCounter::new(written.entries));
    to.register("audit_failures", "Entries that could not be written", ConstCounter::new(written.failures));
    let syncs = Syncs { seconds: written.sync_seconds, buckets: written.syncs.clone() };
    to.register("audit_sync_seconds", "How long the audit log's syncs to the disk took", syncs);
}

/// Of a set of labels each; one that never occurred is told as 0, so that its first time is a change.
fn counted(counts: impl Iterator<Item = (Labels, u64)>) -> Family<Labels, Counter> {
    let family = Family::<Labels, Counter>::default();
    for (labels, count) in counts {
        family.get_or_create(&labels).inc_by(count);
    }
    family
}

fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
    gauge
}

fn seconds(time: Timestamp) -> i64 {
    time.as_second()
}

/// A histogram whose counts were made elsewhere.
#[derive(Debug)]
struct Syncs {
    seconds: f64,
    /// Upper bound in seconds, and how many were below it and above the one before.
    buckets: Vec<(f64, u64)>,
}

impl EncodeMetric for Syncs {
    fn encode(&self, mut encoder: MetricEncoder) -> fmt::Result {
        let count = self.buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(self.seconds, count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Denial;
    use crate::telemetry::{Kind, Verdict};

    fn readings() -> Readings {
        Readings {
            held: Some(Held {
                secrets: 3,
                integrations: 1,
                callers: 4,
                pending_versions: 2,
                audit_available: true,
                audit_damaged: false,
                notices: Some(Notices { info: 2, warning: 0, critical: 1 }),
            }),
            written: Written {
                entries: 7,
                failures: 1,
                syncs: vec![(0.001, 2), (0.5, 3), (f64::INFINITY, 1)],
                sync_seconds: 1.25,
            },
            server_certificate_expires_at: Timestamp::from_second(1_800_000_000).unwrap(),
            free_bytes: Some(4096),
            all_reasons: true,
        }
    }

    fn meter() -> Meter {
        let meter = Meter::new(Timestamp::from_second(1_700_000_000).unwrap());
        meter.answered(Kind::Pair, 200);
        meter.decided(Verdict::Denied(Denial::ScriptNotAllowed));
        meter
    }

    #[test]
    fn the_text_tells_all_of_it() {
        let text = render(&readings(), &meter()).unwrap();
        for line in [
            "process_start_time_seconds 1700000000",
            concat!("fsm_vault_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "fsm_vault_requests_total{call=\"pair\",status=\"2xx\"} 1",
            "fsm_vault_requests_total{call=\"none\",status=\"5xx\"} 0",
            "fsm_vault_decisions_total{outcome=\"denied\",reason=\"script_not_allowed\"} 1",
            "fsm_vault_decisions_total{outcome=\"denied\",reason=\"sealed\"} 0",
            "fsm_vault_releases_total{kind=\"pair\"} 1",
            "fsm_vault_limited_total{limit=\"caller_requests\"} 0",
            "fsm_vault_connections_open 0",
            "fsm_vault_sealed 0",
            "fsm_vault_secrets 3",
            "fsm_vault_versions_pending 2",
            "fsm_vault_audit_available 1",
            "fsm_vault_notices{level=\"critical\"} 1",
            "fsm_vault_notices{level=\"warning\"} 0",
            "fsm_vault_audit_entries_total 7",
            "fsm_vault_audit_failures_total 1",
            "fsm_vault_audit_sync_seconds_bucket{le=\"0.5\"} 5",
            "fsm_vault_audit_sync_seconds_bucket{le=\"+Inf\"} 6",
            "fsm_vault_audit_sync_seconds_count 6",
            "fsm_vault_audit_sync_seconds_sum 1.25",
            "fsm_vault_server_certificate_expiry_seconds 1800000000",
            "fsm_vault_store_free_bytes 4096",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn reasons_that_are_not_told_are_one() {
        let meter = meter();
        meter.decided(Verdict::Denied(Denial::SecretUnknown));
        meter.decided(Verdict::Denied(Denial::WrongRole));
        let text = render(&Readings { all_reasons: false, ..readings() }, &meter).unwrap();
        for line in [
            "fsm_vault_decisions_total{outcome=\"denied\",reason=\"access_denied\"} 2",
            "fsm_vault_decisions_total{outcome=\"denied\",reason=\"wrong_role\"} 1",
        ] {
            assert!(text.lines().any(|each| each == line), "{line} is not in\n{text}");
        }
        for denial in Denial::ALL {
            assert_eq!(text.contains(&format!("\"{}\"", denial.reason())), !denial.is_untold(), "{denial:?}");
        }
    }

    #[test]
    fn a_sealed_vault_tells_what_it_knows() {
        let text = render(&Readings { held: None, ..readings() }, &meter()).unwrap();
        assert!(text.contains("\nfsm_vault_sealed 1\n"));
        assert!(!text.contains("fsm_vault_secrets") && !text.contains("fsm_vault_audit_available"));
        assert!(text.contains("fsm_vault_audit_entries_total 7"));
    }
}
