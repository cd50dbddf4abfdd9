//! The main job, done and checked through the daemon's own door: store, enrol, fetch, be refused, verify.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::{caller, caller_add, caller_directory, fsm, output};
use super::place::Place;
use super::{Quickstart, Source, Steps};
use crate::client::{Address, Call, Client, Connection, FreshKey};
use crate::model::{CallerName, FSM_NAME};
use crate::wire::{CallerForm, Code, Enrolled, PairRead, ServiceForm, Verification};

/// An identity that ends sooner is issued anew.
const LONG_ENOUGH: SignedDuration = SignedDuration::from_hours(1);
const FSM_SCRIPT: &str = "customscript_nx_suitelet2";
const OTHER_SCRIPT: &str = "customscript_other";

/// What the check saw.
pub struct Found {
    /// Of the pair that was let through.
    pub version: u64,
    /// The code of the refusal.
    pub refusal: String,
    pub entries: u64,
}

/// Everything after the daemon is up.
pub async fn run(
    place: &Place,
    address: &Address,
    source: Option<Source>,
    command: &Quickstart,
    steps: &mut Steps,
) -> Result<Found, Failure> {
    let operator = Client::new(&place.operator(), address.clone())?;
    let mut daemon = operator.connect().await?;
    store(&mut daemon, (place, address), source, command, steps).await?;
    let fsm = enrol(&mut daemon, place, address, FSM_NAME, FSM_SCRIPT, steps).await?;
    let other = enrol(&mut daemon, place, address, "other", OTHER_SCRIPT, steps).await?;
    let version = allowed(&fsm, steps).await?;
    let refusal = refused(&other, steps).await?;
    let entries = verified(&mut daemon, steps).await?;
    Ok(Found { version, refusal, entries })
}

async fn store(
    daemon: &mut Connection<'_>,
    (place, address): (&Place, &Address),
    source: Option<Source>,
    command: &Quickstart,
    steps: &mut Steps,
) -> Result<(), Failure> {
    if fsm::is_stored(daemon).await? {
        if let Some(advice) = command.unused_files(place, address)? {
            output::tell(advice);
        }
        return steps.say("kept the FSM pair that is stored; a new one takes another --dir");
    }
    let Source { pair, from } = match source {
        Some(source) => source,
        // The last quickstart ended before it stored the pair. Asking blocks, and the daemon must go on.
        None => tokio::task::block_in_place(|| command.source())?,
    };
    daemon.call(pair.call(&[])?).await?;
    steps.say(format!("stored the FSM client ID and client secret ({from})"))
}

/// A service's identity: the last quickstart's if it still works, else a new one.
async fn enrol(
    daemon: &mut Connection<'_>,
    place: &Place,
    address: &Address,
    name: &str,
    script: &str,
    steps: &mut Steps,
) -> Result<Client, Failure> {
    let directory = place.identity(name);
    if let Some(client) = still_good(&directory, address).await {
        steps.say(format!("kept the identity of the service {name} ({script})"))?;
        return Ok(client);
    }
    let fresh = FreshKey::generate()?;
    let form = CallerForm {
        name: name.to_owned(),
        service: Some(ServiceForm { script: script.to_owned(), employees: Vec::new(), suiteapp: None }),
        csr: Some(fresh.request_pem.clone()),
        ..CallerForm::default()
    };
    let answer = match daemon.call(caller_add::enrolment(&form)).await.map_err(Failure::from) {
        Err(failure) if failure.is_status(409) => {
            let name: CallerName = name.parse().map_err(Failure::usage)?;
            caller::end(daemon, &name).await?;
            daemon.call(caller_add::enrolment(&form)).await?
        }
        other => other?,
    };
    let enrolled: Enrolled = answer.read()?;
    place.clear_identity(name)?;
    caller_directory::write(&enrolled, &directory, Some(&fresh.key_pem), caller_add::again)?;
    steps.say(format!("added the service {name} ({script}), identity in {}", directory.display()))?;
    Ok(Client::new(&directory, address.clone())?)
}

/// The identity in a directory, if the daemon takes it and will for a while.
async fn still_good(directory: &Path, address: &Address) -> Option<Client> {
    let client = Client::new(directory, address.clone()).ok()?;
    if client.presented().not_after < Timestamp::now() + LONG_ENOUGH {
        return None;
    }
    client.connect().await.ok()?.call(Call::get("/v1/sys/status")).await.ok()?;
    Some(client)
}

fn fetch() -> Call {
    Call::get(format!("/v1/integrations/{FSM_NAME}/credentials"))
}

async fn allowed(fsm: &Client, steps: &mut Steps) -> Result<u64, Failure> {
    let pair: PairRead = fsm.connect().await?.call(fetch()).await?.read()?;
    if pair.client_id.is_empty() || pair.client_secret.is_none_or(|secret| secret.is_empty()) {
        return Err(Failure::new(Exit::Failed, "the service fsm got an empty pair"));
    }
    let version = pair.version;
    steps.say(format!("fsm may: got version {version}, client_id and client_secret received"))?;
    Ok(version)
}

async fn refused(other: &Client, steps: &mut Steps) -> Result<String, Failure> {
    let failure = match other.connect().await?.call(fetch()).await {
        Ok(_) => return Err(Failure::new(Exit::Failed, "the service other got the pair, which it must not")),
        Err(error) => Failure::from(error),
    };
    let expected = Code::AccessDenied.word();
    match failure.refusal().map(|refusal| (refusal.status, refusal.code.clone())) {
        Some((status, code)) if code == expected => {
            steps.say(format!("other may not: refused with {status} {code}, as it must be"))?;
            Ok(code)
        }
        _ => Err(failure),
    }
}

async fn verified(daemon: &mut Connection<'_>, steps: &mut Steps) -> Result<u64, Failure> {
    let found: Verification = daemon.call(Call::get("/v1/audit/verify")).await?.read()?;
    if !found.intact {
        return Err(Failure::new(Exit::Failed, super::super::audit::verdict(&found).trim_end()));
    }
    steps.say(format!("audit log: {} entries, intact", found.entries))?;
    Ok(found.entries)
}
