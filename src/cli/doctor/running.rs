//! What a running daemon tells of itself, and what is told where none answers.

use super::super::arguments::Globals;
use super::super::columns::time;
use super::super::connect::with_daemon;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::listing;
use crate::client::{Call, Connection, printable};
use crate::clock::{Clock, SystemClock};
use crate::model::{IntegrationState, NoticeLevel, PairOrigin};
use crate::vault::{Health, Looked};
use crate::wire::{IntegrationView, NoticeView, Status, Verification, read, write};

/// Of a daemon that doesn't answer, its files can be looked at.
pub fn unreachable(failure: &Failure) -> Looked {
    Looked::other(
        "daemon",
        Health::Bad,
        failure.text.lines().next().unwrap_or_default(),
        "start it: systemctl start fsm-vault; what it said: journalctl -u fsm-vault -n 20; to look at a stopped one's files, \
         as its user: fsm-vault doctor --data-dir /var/lib/fsm-vault",
    )
}

/// The running daemon's own word: its state, its notices, its log.
pub fn asked(globals: &Globals) -> Result<Vec<Looked>, Failure> {
    with_daemon(globals, async |daemon| {
        let status: Status = daemon.call(Call::get("/v1/sys/status")).await?.read()?;
        let mut seen = vec![Looked::fine("daemon", format!("version {}", status.version)), clock(&status)];
        if status.sealed {
            let found = "sealed: nobody gets a value";
            seen.push(Looked::other("vault", Health::Bad, found, "unseal it: fsm-vault unseal"));
            return Ok(seen);
        }
        seen.push(Looked::fine("vault", "unsealed"));
        if status.audit.is_some_and(|audit| !audit.available) {
            seen.push(Looked::other(
                "audit log",
                Health::Bad,
                "it can't be written: nothing is released or changed, and neither it nor the notices can be looked at",
                "make room on its disk (64 KiB are enough), and see that the daemon's user may write to audit/; to seal the \
                 vault meanwhile, stop the daemon",
            ));
            return Ok(seen);
        }
        seen.push(log(daemon).await?);
        seen.push(integrations(daemon).await?);
        seen.extend(notices(daemon).await?);
        Ok(seen)
    })
}

fn clock(status: &Status) -> Looked {
    let apart = SystemClock.now().duration_since(status.time).as_secs().unsigned_abs();
    if apart > 5 {
        let found = format!("the daemon's is {apart} s from this program's: {}", time(status.time));
        Looked::other(
            "clock",
            Health::Doubtful,
            found,
            "certificates and graces go by it; set the wrong one right: timedatectl set-ntp true",
        )
    } else {
        Looked::fine("clock", "agrees with the daemon's")
    }
}

async fn log(daemon: &mut Connection<'_>) -> Result<Looked, Failure> {
    let found: Verification = daemon.call(Call::get("/v1/audit/verify")).await?.read()?;
    Ok(match found.first_bad {
        None => Looked::fine(
            "audit log",
            format!("intact: {} entries in {} segments", found.entries, found.segments),
        ),
        Some(first) => Looked::other(
            "audit log",
            Health::Bad,
            match first.place() {
                Some(place) => format!("not as it was written: {} ({place})", first.what),
                None => format!("not as it was written: {}", first.what),
            },
            "keep a copy of audit/ as it is and find out who could write there",
        ),
    })
}

/// Whether services get what they came for.
async fn integrations(daemon: &mut Connection<'_>) -> Result<Looked, Failure> {
    let records: Vec<IntegrationView> = items(daemon, "/v1/integrations").await?;
    let served =
        |record: &&IntegrationView| record.version.is_some() && record.state == IntegrationState::Enabled;
    let Some(record) = records.iter().find(|record| !served(record)) else {
        let found = match records.len() {
            0 => "none, of those that this identity may see".to_owned(),
            1 => "one, which has its pair".to_owned(),
            many => format!("{many}, and each has its pair"),
        };
        return Ok(Looked::fine("integrations", found));
    };
    let name = printable(&record.name);
    let (found, next) = if record.state == IntegrationState::Enabled {
        let how = match record.pair_origin {
            PairOrigin::Issued => format!("rotate {name} --issue"),
            PairOrigin::Captured => format!("capture {name}"),
        };
        (format!("{name} has no pair: nobody gets it"), format!("store it: fsm-vault integration {how}"))
    } else {
        let next = format!("once it may be used: fsm-vault integration edit {name} --state enabled");
        (format!("{name} isn't enabled: nobody gets its pair"), next)
    };
    Ok(Looked::other("integrations", Health::Doubtful, found, next))
}

async fn notices(daemon: &mut Connection<'_>) -> Result<Vec<Looked>, Failure> {
    let views: Vec<NoticeView> = items(daemon, "/v1/notices").await?;
    let worth = views.into_iter().filter(|view| view.level > NoticeLevel::Info);
    let seen: Vec<_> = worth
        .map(|view| {
            let bad = view.level == NoticeLevel::Critical && view.acknowledged_by.is_none();
            let health = if bad { Health::Bad } else { Health::Doubtful };
            Looked::other("notice", health, view.message, view.action)
        })
        .collect();
    Ok(if seen.is_empty() {
        vec![Looked::fine("notices", "none that presses, of those that this identity may see")]
    } else {
        seen
    })
}

/// All of a list of the daemon's.
async fn items<T: serde::de::DeserializeOwned>(
    daemon: &mut Connection<'_>,
    path: &str,
) -> Result<Vec<T>, Failure> {
    let found = listing::all(daemon, path).await?;
    let odd = |_| Failure::new(Exit::Failed, format!("the daemon's answer to {path} can't be understood"));
    found.items.iter().map(|item| read(&write(item)).map_err(odd)).collect()
}
