//! A vault in a temporary directory, its operator, and services to call it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::super::*;
use crate::audit::{Durability, Look, Settings, Start};
use crate::clock::ManualClock;
use crate::crypto::Argon2Cost;
use crate::identity::{Identity, Peer, Presented};
use crate::model::{
    CallerName, Denial, Employee, FSM_NAME, FSM_SECRETS, IntegrationForm, Lacking, Level, Pins, Release,
    Restrictions, RestrictionsForm, Role, SpiffeId, VersionWanted,
};
use crate::policy::Ask;
use crate::secret::Plaintext;
use crate::store::Store;

/// What is refused to all operators but those of level full.
pub const FULL: Denial = Denial::Level(Lacking::Level(Level::Full));
pub const ANY: Ask<'static> = Ask { domain: None, employee: None, version: VersionWanted::Current };

pub struct Site {
    pub directory: Directory,
    pub clock: Arc<ManualClock>,
    pub vault: Vault,
    pub admin: Session,
    /// Removes the directory at the end.
    pub _keep: TempDir,
}

pub fn plain(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

pub fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

pub fn settings(directory: &Directory) -> Settings {
    Settings {
        dir: directory.audit(),
        durability: Durability::Write,
        segment_bytes: 1 << 20,
        retain: 0,
        journal: None,
        figures: Arc::default(),
    }
}

/// Any local connection; tests of pins make their own.
pub fn here() -> Peer {
    Peer::Unix { uid: 7, pid: Some(1), unit: None }
}

impl Site {
    /// Unsealed, with the FSM pair stored.
    pub async fn with_fsm() -> Self {
        let site = Self::unsealed().await;
        site.vault.create_integration(site.admin(), new_fsm("the id", "the secret")).await.unwrap();
        site
    }

    pub async fn unsealed() -> Self {
        let site = Self::sealed().await;
        site.vault.unseal_locally(plain("right")).await.unwrap();
        site
    }

    pub async fn sealed() -> Self {
        let keep = TempDir::new().unwrap();
        let directory = Directory::at(keep.path().join("vault"));
        let clock = Arc::new(ManualClock::at(noon()));
        create(new_vault(&directory, &clock)).await.unwrap();
        let presented = Identity::load(&directory.identity("admin")).unwrap().presented().unwrap();
        let vault = reopened(&directory, &clock).await;
        Self { directory, clock, vault, admin: session(presented, here()), _keep: keep }
    }

    /// What would make this vault again.
    pub fn new_vault(&self) -> NewVault {
        new_vault(&self.directory, &self.clock)
    }

    /// The same directory, opened anew.
    pub async fn restarted(self) -> Self {
        self.restarted_after(async |_| {}).await
    }

    /// The same, with something done while nobody holds the directory.
    pub async fn restarted_after(self, meanwhile: impl AsyncFnOnce(NewVault)) -> Self {
        let new = self.new_vault();
        let Self { directory, clock, vault, admin, _keep } = self;
        drop(vault);
        meanwhile(new).await;
        let vault = reopened(&directory, &clock).await;
        vault.unseal_locally(plain("right")).await.unwrap();
        Self { directory, clock, vault, admin, _keep }
    }

    pub fn admin(&self) -> Asker<'_> {
        asker(&self.admin)
    }

    pub fn later(&self, seconds: i64) {
        self.clock.turn(SignedDuration::from_secs(seconds));
    }

    pub async fn service(&self, name: &str, script: &str, employees: &[&str]) -> Session {
        let employees = employees.iter().map(|each| each.parse().unwrap()).collect();
        let role = Role::Service { script: script.parse().unwrap(), employees, suiteapp: None };
        self.enrol(name, role, Pins::default()).await
    }

    pub async fn operator(&self, name: &str, level: Level, employee: &str) -> Session {
        let role = Role::Operator { level, employee: employee.parse().unwrap() };
        self.enrol(name, role, Pins::default()).await
    }

    pub async fn enrol(&self, name: &str, role: Role, pins: Pins) -> Session {
        let (mail, valid) = (None, None);
        let name: CallerName = name.parse().unwrap();
        let new = NewCaller { name, role, pins, mail, source: CertificateSource::FreshKey, valid };
        let EnrolledCaller { caller, .. } = self.vault.enrol_caller(self.admin(), new).await.unwrap();
        // Its key has left.
        self.admin.outgoing.flushes().flushed();
        let key = &caller.keys[0];
        let spiffe_id: SpiffeId = caller.spiffe_id;
        let presented = Presented {
            spiffe_id,
            key: key.spki_sha256,
            serial: key.serial.clone(),
            not_after: key.not_after,
        };
        session(presented, here())
    }

    pub async fn secret(&self, id: &str, value: &str, rules: &str) -> Result<SeenSecret, VaultError> {
        self.vault.create_secret(self.admin(), new_secret(id, value, rules)).await
    }

    /// What the log says last, newest first.
    pub async fn log(&self, entries: usize) -> Vec<crate::audit::LoggedEntry> {
        let log = Arc::clone(&self.vault.live().unsealed().ok().unwrap().log);
        let look = Look { start: Start::Newest, limit: entries, numbers: 0..=u64::MAX };
        log.page(look, |_| true).await.unwrap().entries
    }
}

impl Vault {
    /// The first page, as it is shown to who asks for it.
    pub async fn first_notices(
        &self,
        asker: Asker<'_>,
        least: crate::model::NoticeLevel,
        limit: usize,
    ) -> Result<Page<SeenNotice>, VaultError> {
        self.evaluate_notices(asker).await?;
        self.list_notices(asker, least, None, limit).await
    }
}

pub fn new_secret(id: &str, value: &str, rules: &str) -> NewSecret {
    let form: RestrictionsForm = serde_json::from_str(rules).unwrap();
    let restrictions: Restrictions = form.check("").unwrap();
    let owners: Vec<Employee> = Vec::new();
    NewSecret {
        id: id.parse().unwrap(),
        name: String::new(),
        description: String::new(),
        owners,
        release: Release::Reveal,
        restrictions,
        expires_on: None,
        max_age_days: None,
        value: plain(value),
    }
}

/// The FSM record with a pair.
pub fn new_fsm(id: &str, secret: &str) -> NewIntegration {
    let [id_at, secret_at] = FSM_SECRETS.map(|text| Some(text.parse().unwrap()));
    NewIntegration {
        name: FSM_NAME.parse().unwrap(),
        form: IntegrationForm::fsm(),
        is_template: true,
        client_id_secret: id_at,
        client_secret_secret: secret_at,
        pair: Some(given(id, Some(secret))),
    }
}

/// Whether a pair has these halves.
pub fn holds(pair: &OpenedPair, id: &str, secret: Option<&str>) -> bool {
    let same = match (&pair.client_secret, secret) {
        (Some(found), Some(secret)) => found.same_as(&plain(secret)),
        (found, secret) => found.is_none() && secret.is_none(),
    };
    same && pair.client_id.same_as(&plain(id))
}

/// A pair that somebody brings; a public client's has no secret.
pub fn given(id: &str, secret: Option<&str>) -> PairSource {
    PairSource::Given { client_id: plain(id), client_secret: secret.map(plain) }
}

/// A connection of somebody who has more than enough of everything.
pub fn session(presented: Presented, peer: Peer) -> Session {
    let plenty = Bound { all: 1000, caller: 1000 };
    let bounds =
        Bounds { connections: plenty, waiting: plenty, large: plenty, caller_requests: 1000, rate: None };
    let share = Shares::new(bounds).of(Holder::Untold(presented.spiffe_id.clone()), noon());
    Session::new(presented, peer, share)
}

pub fn asker(session: &Session) -> Asker<'_> {
    Asker { session, request_id: "r" }
}

pub fn denied<T>(outcome: Result<T, VaultError>) -> Denial {
    match outcome {
        Err(VaultError::Denied(denial)) => denial,
        Err(other) => panic!("another refusal: {other}"),
        Ok(_) => panic!("allowed"),
    }
}

fn new_vault(directory: &Directory, clock: &Arc<ManualClock>) -> NewVault {
    NewVault {
        directory: directory.clone(),
        passphrase: plain("right"),
        cost: Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 },
        trust_domain: "fsm-vault.internal".parse().unwrap(),
        operator: "admin".parse().unwrap(),
        employee: "1".parse().unwrap(),
        audit: settings(directory),
        clock: clock.clone(),
    }
}

pub async fn reopened(directory: &Directory, clock: &Arc<ManualClock>) -> Vault {
    let store: Arc<dyn Store> = open_store(directory).unwrap();
    let (directory, audit, notices) = (directory.clone(), settings(directory), NoticeRules::default());
    Vault::open(Opening { directory, store, audit, notices, clock: clock.clone() }).await.unwrap()
}
