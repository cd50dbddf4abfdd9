//! What the daemon does by the clock: the audit log's upkeep, the end of graces, what was fetched, the evaluation of all
//! notices, its own certificate's renewal.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::vault::Vault;

/// How often the server certificate's life is looked at: a clock that is set right may have left it unfit for everybody.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(60);

/// How often who fetched what is recorded, and values are destroyed whose grace is over. They are unreadable from the second on which it ends.
const GRACE_CHECK: Duration = Duration::from_secs(60);

/// How often all notices are evaluated; what a change touches is evaluated with the change.
const NOTICE_CHECK: Duration = Duration::from_secs(60);

/// How often it is looked whether the store has failed; opening it again takes its own time between attempts.
const STORE_CHECK: Duration = Duration::from_secs(2);

/// How often it is looked whether a backup is due.
const BACKUP_CHECK: Duration = Duration::from_secs(60);

/// Runs until told to stop. A failure is logged and tried again the next time.
pub async fn run(vault: Arc<Vault>, checkpoint: Duration, stop: CancellationToken) {
    // A backup takes as long as it takes; the rest goes on meanwhile.
    tokio::join!(tend(&vault, checkpoint, &stop), back_up(&vault, &stop));
}

/// Backups by the clock. One that is under way when the daemon is told to stop goes on, for as long as the drain lasts: it
/// begins with a change, which mustn't be left in the middle.
async fn back_up(vault: &Vault, stop: &CancellationToken) {
    let mut due = tokio::time::interval(BACKUP_CHECK);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = due.tick() => vault.tend_backups().await,
            () = stop.cancelled() => return,
        }
    }
}

async fn tend(vault: &Vault, checkpoint: Duration, stop: &CancellationToken) {
    let mut log_due = tokio::time::interval(checkpoint);
    let mut certificate_due = tokio::time::interval(CERTIFICATE_CHECK);
    let mut grace_due = tokio::time::interval(GRACE_CHECK);
    let mut notices_due = tokio::time::interval(NOTICE_CHECK);
    let mut store_due = tokio::time::interval(STORE_CHECK);
    log_due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = log_due.tick() => {
                if let Err(error) = vault.tend_log().await {
                    tracing::error!(error = %error, "the audit log's head can't be recorded");
                }
            }
            _ = certificate_due.tick() => {
                if let Err(error) = vault.renew_server_certificate() {
                    tracing::error!(error = %error, "the server certificate can't be reissued");
                }
            }
            _ = grace_due.tick() => {
                if let Err(error) = vault.record_uses().await {
                    tracing::error!(error = %error, "who fetched what can't be recorded");
                }
                if let Err(error) = vault.retire_lapsed().await {
                    tracing::error!(error = %error, "ended graces can't be recorded");
                }
            }
            _ = notices_due.tick() => {
                if let Err(error) = vault.tend_notices().await {
                    tracing::error!(error = %error, "notices can't be recorded");
                }
                vault.tend_operators();
                vault.tend_next().await;
            }
            _ = store_due.tick() => vault.tend_store().await,
            () = stop.cancelled() => return,
        }
    }
}
