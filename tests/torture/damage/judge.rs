//! What comes of a harmed vault: refused, with what to do; or served, and everything is right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fsm_vault::identity::{ClientVerifier, server_config};
use fsm_vault::model::SecretId;
use fsm_vault::vault::{
    BackupFile, Directory, Health, IfMatch, NewVersion, NoticeRules, Opening, Restoring, Vault, VaultError,
    inspect, open_store, restore_backup,
};

use super::ask::{Held, ask};
use super::harm::{Harm, Room};
use super::prepared::{Prepared, SMALL, passphrase, plain, settings, spread, value};

/// Words of which a refusal has one: what to do.
const ADVICE: [&str; 11] = [
    "fsm-vault ",
    "--accept-rollback",
    "--passphrase-file",
    "install fsm-vault",
    "put back",
    "Put back",
    "take another",
    "move it away",
    "has to own it",
    "Type: ",
    "type: ",
];

/// How it ended, and everything that shouldn't have happened.
pub struct Verdict {
    pub end: &'static str,
    pub wrong: Vec<String>,
}

/// The harmed vault is at `path`.
pub async fn judge(prepared: &Prepared, path: &Path, harms: &[Harm], looks: bool) -> Verdict {
    let rooms: BTreeSet<Room> = harms.iter().map(|harm| harm.room).collect();
    if rooms.contains(&Room::Backup) {
        return judge_backup(prepared, path).await;
    }
    let witnesses = [Room::Store, Room::Audit, Room::Epoch];
    let held = if witnesses.iter().all(|room| rooms.contains(room)) { Held::Any } else { Held::Newest };
    let directory = Directory::at(path);
    let seen = if looks { inspect(&directory, Some(passphrase()), prepared.now()).await } else { Vec::new() };
    let mut wrong: Vec<String> = seen
        .iter()
        .filter(|seen| seen.health == Health::Bad && seen.advice.is_none())
        .map(|seen| format!("doctor has no advice: {}", seen.found))
        .collect();
    let is_ill = |verdict: &Result<_, _>| match verdict {
        Err(_) => looks && seen.iter().all(|seen| matches!(seen.health, Health::Fine | Health::Doubtful)),
        Ok(_) => false,
    };
    let before = segments(path);
    let opened = open(prepared, &directory).await;
    if is_ill(&opened) {
        wrong.push("doctor finds nothing".to_owned());
    }
    let vault = match opened {
        Ok(vault) => vault,
        Err((end, error)) => {
            wrong.extend(unadvised(&error));
            return Verdict { end, wrong };
        }
    };
    wrong.extend(ask(&vault, &prepared.people, held, false).await);
    let told = is_damage_told(&vault, prepared).await;
    if !told && changed(&segments(&prepared.newest), &before) {
        wrong.push("the log was changed, and nobody says so".to_owned());
    }
    let end = go_on(prepared, &directory, vault, held, &mut wrong).await;
    if let Some(name) = let_go(&segments(&prepared.newest), &before, &segments(path)) {
        wrong.push(format!("the log let go of {name}, which was whole"));
    }
    Verdict {
        end: if end.is_empty() && told { "served, and the log's damage told" } else { non_empty(end) },
        wrong,
    }
}

fn non_empty(end: &'static str) -> &'static str {
    if end.is_empty() { "served, all of it right" } else { end }
}

/// As the daemon does it at its start. An error with the step at which it came.
async fn open(prepared: &Prepared, directory: &Directory) -> Result<Vault, (&'static str, VaultError)> {
    let store = open_store(directory).map_err(|error| ("refused by the store", error))?;
    let (directory, audit, clock) = (directory.clone(), settings(directory), prepared.clock.clone());
    let opening = Opening { directory, store, audit, notices: NoticeRules::default(), clock: clock.clone() };
    let vault = Vault::open(opening).await.map_err(|error| ("refused before it is unsealed", error))?;
    let listening = || -> Result<(), VaultError> {
        let verifier = ClientVerifier::new(&vault.local_root()?, &[])?;
        server_config(vault.server_certificate().reader(), verifier, clock)?;
        Ok(())
    };
    listening().map_err(|error| ("refused before it listens", error))?;
    match vault.unseal_locally(passphrase()).await {
        Ok(()) => Ok(vault),
        Err(error @ VaultError::RolledBack(_)) => Err(("refused as an older store", error)),
        Err(error) => Err(("refused when it is unsealed", error)),
    }
}

/// Changes something, and looks whether that is there afterwards. Says something if it comes to no end.
async fn go_on(
    prepared: &Prepared,
    directory: &Directory,
    vault: Vault,
    held: Held,
    wrong: &mut Vec<String>,
) -> &'static str {
    let id: SecretId = SMALL[0].parse().expect("an ID");
    let new = NewVersion { value: plain(&value(SMALL[0], 2)), spread: spread() };
    let rotated = vault.rotate_secret(prepared.people.admin(), &id, new, &IfMatch::Any).await;
    if let Err(error) = &rotated
        && held == Held::Newest
    {
        wrong.extend(unadvised(error));
    }
    let closed = vault.close().await;
    drop(vault);
    match (open(prepared, directory).await, rotated.is_ok() && closed.is_ok()) {
        (Ok(vault), done) => {
            wrong.extend(ask(&vault, &prepared.people, held, done).await);
            if done { "" } else { "served, and refused a change" }
        }
        (Err((_, error)), _) => {
            wrong.extend(unadvised(&error));
            "served, and refused later"
        }
    }
}

async fn judge_backup(prepared: &Prepared, path: &Path) -> Verdict {
    let backup = path.join("backup");
    let same = read(&backup) == read(&prepared.backup);
    let inspected = BackupFile::open(&backup).and_then(|file| file.inspect(&passphrase()));
    match inspected {
        // It is no backup any more, which is clear.
        Err(VaultError::Identity(_)) if !same => Verdict { end: "a backup refused", wrong: vec![] },
        // A bent key slot can't be told from one of another passphrase. The command line says both: it knows what was shown.
        Err(VaultError::WrongPassphrase) if !same => Verdict { end: "a backup refused", wrong: vec![] },
        Err(error) if same => {
            Verdict { end: "a whole backup", wrong: vec![format!("a whole backup: {error}")] }
        }
        Err(error) => Verdict { end: "a backup refused", wrong: unadvised(&error).into_iter().collect() },
        Ok(_) if !same => {
            Verdict { end: "a backup taken", wrong: vec!["a harmed backup is taken".to_owned()] }
        }
        Ok(inspected) => {
            let directory = Directory::at(path.join("restored"));
            let audit = settings(&directory);
            let plan = Restoring {
                directory: directory.clone(),
                without: vec![],
                audit,
                clock: prepared.clock.clone(),
            };
            let mut wrong = Vec::new();
            match restore_backup(inspected, plan).await {
                Err(error) => wrong.push(format!("restoring: {error}")),
                Ok(_) => match open(prepared, &directory).await {
                    Err((_, error)) => wrong.push(format!("restored: {error}")),
                    Ok(vault) => wrong.extend(ask(&vault, &prepared.people, Held::Newest, false).await),
                },
            }
            Verdict { end: "a whole backup restored", wrong }
        }
    }
}

/// The refusal doesn't say what to do.
fn unadvised(error: &VaultError) -> Option<String> {
    let text = error.to_string();
    (!ADVICE.iter().any(|word| text.contains(word))).then(|| format!("no advice: {text} ({error:?})"))
}

async fn is_damage_told(vault: &Vault, prepared: &Prepared) -> bool {
    let standing = vault.log_standing().is_some_and(|standing| standing.damaged);
    let verified = vault.verify_log(prepared.people.admin()).await;
    standing || verified.map_or(true, |report| report.first_bad.is_some())
}

/// A file's bytes; none where something else is there, which might be waited for.
fn read(path: &Path) -> Vec<u8> {
    let is_file = std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file());
    if is_file { std::fs::read(path).unwrap_or_default() } else { Vec::new() }
}

/// The log's segments.
fn segments(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = std::fs::read_dir(path.join("audit")) else { return BTreeMap::new() };
    let named = entries.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        name.ends_with(".jsonl").then(|| (name, read(&entry.path())))
    });
    named.collect()
}

/// A segment that was as it had been written, and is no longer there: there are fewer than are kept.
fn let_go<'a>(
    written: &'a BTreeMap<String, Vec<u8>>,
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
) -> Option<&'a String> {
    let is_whole = |(name, bytes): &(&String, &Vec<u8>)| before.get(*name) == Some(*bytes);
    written.iter().filter(is_whole).map(|(name, _)| name).find(|name| !after.contains_key(*name))
}

/// Whether anything that was written isn't as it was. What is there besides may be an unfinished line, which is cut off.
fn changed(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) -> bool {
    before.iter().any(|(name, bytes)| after.get(name).is_none_or(|found| !found.starts_with(bytes)))
}
