//! Carries what was raised out by each way, tries again what failed, and gives up in the end.

use std::sync::Arc;

use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;

use super::Ways;
use super::attempts::{Attempts, Next};
use super::error::NotifyError;
use super::hook::Hook;
use super::mail::Mail;
use super::post::Post;
use crate::audit::Outcome;
use crate::vault::{Raising, Vault, Way};

/// Notices that are carried in one go.
pub(super) const GO: usize = 100;

/// Runs until told to stop; what is being told then is dropped, and told again after the next start.
pub async fn run(vault: Arc<Vault>, ways: Ways, stop: CancellationToken) {
    let Ways { hook, mail } = ways;
    let by_hook = async {
        if let Some(hook) = hook {
            carry_by_hook(&vault, &hook).await;
        }
    };
    let by_mail = async {
        if let Some(mail) = mail {
            carry_by_mail(&vault, &mail).await;
        }
    };
    tokio::select! {
        ((), ()) = async { tokio::join!(by_hook, by_mail) } => {}
        () = stop.cancelled() => {}
    }
}

async fn carry_by_hook(vault: &Arc<Vault>, hook: &Hook) {
    let (name, mut raised, mut attempts) = (vault.id().to_string(), vault.raised(), Attempts::default());
    loop {
        raised.mark_unchanged();
        let all = vault.undelivered(Way::Hook, true);
        attempts.forget_all_but(&all);
        let due = attempts.due(&all);
        for delivery in due.iter().take(GO) {
            let event = delivery.raising();
            let told = if attempts.is_told(&event) { Ok(()) } else { hook.tell(&name, delivery).await };
            conclude(vault, Way::Hook, &mut attempts, vec![event], told).await;
            if is_outrun(vault, &raised) {
                break;
            }
        }
        attempts.wait(&mut raised, due.len() > GO).await;
    }
}

async fn carry_by_mail(vault: &Arc<Vault>, mail: &Mail) {
    let (name, mut raised, mut attempts) = (vault.id().to_string(), vault.raised(), Attempts::default());
    let mut post = Post::new(&name, mail);
    loop {
        raised.mark_unchanged();
        let all = vault.undelivered(Way::Mail, mail.reaches_somebody());
        attempts.forget_all_but(&all);
        post.forget_all_but(&all);
        let due = attempts.due(&all);
        let round = post.round(&due, || is_outrun(vault, &raised)).await;
        if !round.done.is_empty() {
            conclude::<NotifyError>(vault, Way::Mail, &mut attempts, round.done, Ok(())).await;
        }
        if let Some(error) = round.error {
            conclude(vault, Way::Mail, &mut attempts, round.failed, Err(error)).await;
        }
        attempts.wait(&mut raised, due.len() > GO).await;
    }
}

/// Whether something was raised meanwhile: it may be graver than what is left, and nothing grave waits behind the rest of a go.
/// Or the vault was sealed: nothing that it holds goes out any more.
fn is_outrun(vault: &Vault, raised: &Receiver<()>) -> bool {
    raised.has_changed().unwrap_or(false) || vault.is_sealed()
}

/// Records what came of it.
async fn conclude<E: std::fmt::Display>(
    vault: &Arc<Vault>,
    way: Way,
    attempts: &mut Attempts,
    events: Vec<Raising>,
    told: Result<(), E>,
) {
    let (done, outcome) = match told {
        Ok(()) => (events, Outcome::Allowed),
        Err(error) => {
            vault.delivery_failed(way);
            let (given_up, again): (Vec<_>, Vec<_>) =
                events.into_iter().partition(|event| attempts.failed(event) == Next::GiveUp);
            tracing::warn!(
                notice.way = way.word(),
                notice.count = again.len() + given_up.len(),
                notice.given_up = given_up.len(),
                error = %error,
                "notices can't be delivered"
            );
            (given_up, Outcome::Failed)
        }
    };
    if done.is_empty() {
        return;
    }
    // A change that has begun comes to its end, also when this is dropped: in a task of its own.
    let recording = tokio::spawn({
        let (vault, done) = (Arc::clone(vault), done.clone());
        async move { vault.delivered(way, &done, outcome).await.map_err(|error| error.to_string()) }
    });
    if let Err(error) = recording.await.map_err(|error| error.to_string()).flatten() {
        tracing::error!(error = %error, "the delivery of notices can't be recorded");
        done.iter().for_each(|event| match outcome {
            Outcome::Allowed => attempts.unrecorded(event),
            // Given up, and tried once more.
            Outcome::Denied | Outcome::Failed => {
                attempts.failed(event);
            }
        });
    } else {
        done.iter().for_each(|event| {
            attempts.forget(event);
        });
    }
}
