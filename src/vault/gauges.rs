//! What monitoring may know: counts, and nothing by name.

use jiff::Timestamp;
use rustix::fs::statvfs;

use super::error::VaultError;
use super::lifecycle::Vault;
use super::log::LogStanding;
use super::notices::NoticeCount;
use super::session::Asker;
use super::state::Live;
use crate::audit::Written;
use crate::model::Level;
use crate::policy::Action;

/// The state of the vault in numbers.
#[derive(Debug)]
pub struct Gauges {
    /// None while sealed.
    pub holdings: Option<Holdings>,
    /// None while sealed.
    pub notices: Option<[NoticeCount; 3]>,
    pub written: Written,
    pub server_certificate_expires_at: Timestamp,
    /// Free space on the data directory's disk; none if it can't be told.
    pub free_bytes: Option<u64>,
    /// Whether the asker may know why others were refused, which they aren't told.
    pub for_full: bool,
}

/// What an unsealed vault holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holdings {
    pub secrets: usize,
    pub integrations: usize,
    /// Active ones.
    pub callers: usize,
    pub pending_versions: usize,
    pub log: LogStanding,
}

impl Vault {
    /// For every operator; while sealed, for those that are known then. Like the daemon's state, it is asked for
    /// all the time: only a refusal is audited.
    pub async fn gauges(&self, asker: Asker<'_>) -> Result<Gauges, VaultError> {
        let for_full = if self.is_sealed() {
            // Full operators alone.
            self.is_known_operator(asker)?;
            true
        } else {
            let entry = asker.entry(None, "vault.metrics");
            self.clear_general(asker, Action::Monitor, entry).await?.rights.level == Level::Full
        };
        let space = statvfs(&self.audit.dir).ok();
        Ok(Gauges {
            holdings: self.log_standing().and_then(|log| self.holdings(log)),
            notices: self.notice_counts(),
            written: self.audit.figures.read(),
            server_certificate_expires_at: self.certificate.expires_at(),
            free_bytes: space.map(|space| space.f_bavail.saturating_mul(space.f_frsize)),
            for_full,
        })
    }

    fn holdings(&self, log: LogStanding) -> Option<Holdings> {
        let live = self.live();
        let Live::Unsealed(open) = &*live else { return None };
        let registry = &open.registry;
        Some(Holdings {
            secrets: registry.secrets.len(),
            integrations: registry.integrations.len(),
            callers: registry.callers.values().filter(|kept| kept.noun.is_active()).count(),
            pending_versions: registry.secrets.pending(),
            log,
        })
    }
}
