//! Carries what was raised out by each way, tries again what failed, and gives up in the end.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use lettre::Address;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Ways;
use super::error::NotifyError;
use super::hook::Hook;
use super::mail::Mail;
use crate::audit::Outcome;
use crate::model::{NoticeId, Rung};
use crate::vault::{Delivery, Vault, Way};

/// Notices that are carried in one go.
const GO: usize = 100;
/// After so long what is still to be told is looked for without having been woken.
const LOOK: Duration = Duration::from_secs(60);
/// How long after each failure it is tried again. After the last one it is given up.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
];

/// One event: a notice at a rung.
type Event = (NoticeId, Rung);

/// What failed before, in this run of the daemon.
#[derive(Default)]
struct Attempts(HashMap<Event, Attempt>);

struct Attempt {
    failures: usize,
    not_before: Instant,
}

/// Runs until told to stop; what is under way then is dropped, and done again after the next start.
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

async fn carry_by_hook(vault: &Vault, hook: &Hook) {
    let (name, mut raised, mut attempts) = (vault.id().to_string(), vault.raised(), Attempts::default());
    loop {
        raised.mark_unchanged();
        let all = vault.undelivered(Way::Hook, true);
        attempts.forget_all_but(&all);
        let due = attempts.due(&all);
        for delivery in due.iter().take(GO) {
            let event = (delivery.id.clone(), delivery.rung);
            let told = hook.tell(&name, delivery).await;
            conclude(vault, Way::Hook, &mut attempts, vec![event], told).await;
        }
        attempts.wait(&mut raised, due.len() > GO).await;
    }
}

async fn carry_by_mail(vault: &Vault, mail: &Mail) {
    let (name, mut raised, mut attempts) = (vault.id().to_string(), vault.raised(), Attempts::default());
    // Who got what already of an event that others have yet to get.
    let mut sent: HashSet<(Event, Address)> = HashSet::new();
    loop {
        raised.mark_unchanged();
        let all = vault.undelivered(Way::Mail, mail.reaches_somebody());
        attempts.forget_all_but(&all);
        // Those that wait for another attempt take no place from the others.
        let mut due = attempts.due(&all);
        let more = due.len() > GO;
        due.truncate(GO);
        let mut outcomes: HashMap<Event, Result<(), String>> = HashMap::new();
        let mut by_recipient: Vec<(Address, Vec<&Delivery>)> = Vec::new();
        for delivery in &due {
            let event = (delivery.id.clone(), delivery.rung);
            outcomes.insert(event.clone(), Ok(()));
            for to in mail.recipients(delivery) {
                if sent.contains(&(event.clone(), to.clone())) {
                    continue;
                }
                match by_recipient.iter_mut().find(|(known, _)| *known == to) {
                    Some((_, those)) => those.push(delivery),
                    None => by_recipient.push((to, vec![delivery])),
                }
            }
        }
        for (to, those) in by_recipient {
            let told = mail.send(&name, &to, &those).await;
            for each in those {
                let event = (each.id.clone(), each.rung);
                match &told {
                    Ok(()) => {
                        sent.insert((event, to.clone()));
                    }
                    Err(error) => {
                        outcomes.insert(event, Err(error.to_string()));
                    }
                }
            }
        }
        let (well, ill): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|(_, outcome)| outcome.is_ok());
        let well: Vec<Event> = well.into_iter().map(|(event, _)| event).collect();
        sent.retain(|(event, _)| !well.contains(event) && all.iter().any(|each| is(each, event)));
        if !well.is_empty() {
            conclude::<NotifyError>(vault, Way::Mail, &mut attempts, well, Ok(())).await;
        }
        if let Some((_, Err(why))) = ill.first() {
            let why = why.clone();
            let events = ill.into_iter().map(|(event, _)| event).collect();
            conclude(vault, Way::Mail, &mut attempts, events, Err(why)).await;
        }
        attempts.wait(&mut raised, more).await;
    }
}

fn is(delivery: &Delivery, (id, rung): &Event) -> bool {
    delivery.id == *id && delivery.rung == *rung
}

/// Records what came of it.
async fn conclude<E: std::fmt::Display>(
    vault: &Vault,
    way: Way,
    attempts: &mut Attempts,
    events: Vec<Event>,
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
    if let Err(error) = vault.delivered(way, &done, outcome).await {
        // It will be told once more; not at once, or a full disk would have the program run for ever.
        tracing::error!(error = %error, "the delivery of notices can't be recorded");
        done.iter().for_each(|event| {
            attempts.failed(event);
        });
    } else {
        done.iter().for_each(|event| {
            attempts.0.remove(event);
        });
    }
}

#[derive(PartialEq, Eq)]
enum Next {
    Again,
    GiveUp,
}

impl Attempts {
    /// Those whose turn it is.
    fn due<'a>(&self, all: &'a [Delivery]) -> Vec<&'a Delivery> {
        let now = Instant::now();
        let is_due = |each: &&Delivery| {
            self.0.get(&(each.id.clone(), each.rung)).is_none_or(|attempt| attempt.not_before <= now)
        };
        all.iter().filter(is_due).collect()
    }

    fn failed(&mut self, event: &Event) -> Next {
        let now = Instant::now();
        let attempt = self.0.entry(event.clone()).or_insert(Attempt { failures: 0, not_before: now });
        let pause = PAUSES.get(attempt.failures);
        attempt.failures += 1;
        attempt.not_before = now + pause.copied().unwrap_or(LOOK);
        if pause.is_some() { Next::Again } else { Next::GiveUp }
    }

    /// What was cured meanwhile, or rose, needs no more attempts.
    fn forget_all_but(&mut self, all: &[Delivery]) {
        if !self.0.is_empty() {
            self.0.retain(|event, _| all.iter().any(|each| is(each, event)));
        }
    }

    /// Until something is raised, the next attempt is due, or it is time to look. Not at all if there is more.
    async fn wait(&self, raised: &mut tokio::sync::watch::Receiver<()>, more: bool) {
        let now = Instant::now();
        let next = self.0.values().map(|attempt| attempt.not_before).filter(|due| *due > now).min();
        let until = next.map_or(now + LOOK, |next| next.min(now + LOOK));
        if more {
            return;
        }
        tokio::select! {
            changed = raised.changed() => {
                if changed.is_err() {
                    tokio::time::sleep_until(until).await;
                }
            }
            () = tokio::time::sleep_until(until) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn attempts_are_bounded_and_spread() {
        let mut attempts = Attempts::default();
        let event: Event = ("expiry.custsecret_a.2027-06-30".parse().unwrap(), Rung(1));
        let begin = Instant::now();
        let mut again = 0;
        while attempts.failed(&event) == Next::Again {
            again += 1;
            tokio::time::sleep_until(attempts.0[&event].not_before).await;
        }
        assert_eq!(again, PAUSES.len());
        assert!(begin.elapsed() > Duration::from_secs(8 * 3600));
        attempts.forget_all_but(&[]);
        assert!(attempts.0.is_empty());
    }
}
