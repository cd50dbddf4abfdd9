//! A vault with something of everything in it, an older copy of it, a backup, and who may read what.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fsm_vault::audit::{Durability, Settings};
use fsm_vault::clock::{Clock, ManualClock};
use fsm_vault::crypto::Argon2Cost;
use fsm_vault::identity::{Identity, Peer, Presented};
use fsm_vault::model::{
    FSM_NAME, FSM_SECRETS, IntegrationForm, Pins, Release, Restrictions, RestrictionsForm, Role,
    VersionWanted,
};
use fsm_vault::policy::Ask;
use fsm_vault::secret::Plaintext;
use fsm_vault::vault::{
    Asker, Bound, Bounds, CertificateSource, Directory, Holder, IfMatch, NewCaller, NewIntegration, NewPair,
    NewSecret, NewVault, NewVersion, NoticeRules, Opening, PairSource, SecretEdit, Session, Shares, Spread,
    Vault, create, open_store,
};
use jiff::Timestamp;
use tempfile::TempDir;

use super::harm::copy;

const PASSPHRASE: &str = "correct horse";
/// As small as the configuration has them, so that there are several.
const SEGMENT: u64 = 64 << 10;
/// Fetches that fill the log.
const FETCHES: usize = 400;

/// For whom one service speaks; a rule names the first.
const EMPLOYEES: [&str; 2] = ["7", "8"];

/// Secrets that nothing special is about.
pub const SMALL: [&str; 8] = ["_s0", "_s1", "_s2", "_s3", "_s4", "_s5", "_s6", "_s7"];

pub struct Prepared {
    pub newest: PathBuf,
    pub older: PathBuf,
    pub backup: PathBuf,
    pub clock: Arc<ManualClock>,
    pub people: People,
    pub keep: TempDir,
}

/// Connections of callers that the newest vault knows.
pub struct People {
    pub admin: Session,
    pub reader: Session,
    /// The reader's script, for two employees, of whom it has to name one.
    pub worker: Session,
    pub fsm: Session,
    /// The reader's script, and revoked since the older copy.
    pub revoked: Session,
    /// A script that no rule lists.
    pub stranger: Session,
}

pub fn plain(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

pub fn passphrase() -> Plaintext {
    plain(PASSPHRASE)
}

/// A version's value: its own, and long where the secret is a large one.
pub fn value(id: &str, version: u64) -> String {
    let filling = if id == "_large" { "x".repeat(200_000) } else { String::new() };
    format!("{id}, version {version}{filling}")
}

pub fn settings(directory: &Directory) -> Settings {
    Settings {
        dir: directory.audit(),
        durability: Durability::Write,
        segment_bytes: SEGMENT,
        // As configured unless somebody says otherwise.
        retain: 64,
        journal: None,
        figures: Arc::default(),
    }
}

impl Prepared {
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Makes them in a temporary directory; the vaults are closed.
    pub async fn new() -> Self {
        let keep = TempDir::new().expect("a temporary directory");
        let [newest, older, backup] = ["newest", "older", "backup"].map(|name| keep.path().join(name));
        let start: Timestamp = "2026-11-22T12:00:00Z".parse().expect("a time");
        let clock = Arc::new(ManualClock::at(start));
        let directory = Directory::at(&newest);
        create(new_vault(&directory, &clock)).await.expect("a vault is made");
        let presented = Identity::load(&directory.identity("admin")).and_then(|admin| admin.presented());
        let admin = session(presented.expect("its operator"), start);

        let vault = opened(&newest, &clock).await;
        let people = fill(&vault, admin, start).await;
        vault.close().await.expect("it is closed");
        drop(vault);
        copy(&newest, &older).expect("it is copied");

        let vault = opened(&newest, &clock).await;
        change(&vault, &people).await;
        std::fs::write(&backup, backed_up(&vault, people.admin()).await).expect("the backup is kept");
        vault.close().await.expect("it is closed");
        drop(vault);
        Self { newest, older, backup, clock, people, keep }
    }
}

impl People {
    pub fn admin(&self) -> Asker<'_> {
        asker(&self.admin)
    }
}

pub fn asker(session: &Session) -> Asker<'_> {
    Asker { session, request_id: "damage" }
}

fn new_vault(directory: &Directory, clock: &Arc<ManualClock>) -> NewVault {
    NewVault {
        directory: directory.clone(),
        passphrase: passphrase(),
        cost: Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 },
        trust_domain: "fsm-vault.internal".parse().expect("a trust domain"),
        operator: "admin".parse().expect("a name"),
        employee: "1".parse().expect("an employee"),
        audit: settings(directory),
        clock: clock.clone(),
    }
}

async fn opened(path: &Path, clock: &Arc<ManualClock>) -> Vault {
    let directory = Directory::at(path);
    let store = open_store(&directory).expect("the store opens");
    let audit = settings(&directory);
    let opening = Opening { directory, store, audit, notices: NoticeRules::default(), clock: clock.clone() };
    let vault = Vault::open(opening).await.expect("the vault opens");
    vault.unseal_locally(passphrase()).await.expect("it is unsealed");
    vault
}

/// What the older copy has, too.
async fn fill(vault: &Vault, admin: Session, now: Timestamp) -> People {
    let by = asker(&admin);
    let reader = enrol(vault, by, "reader", "customscript_reader", &[], now).await;
    let worker = enrol(vault, by, "worker", "customscript_reader", &EMPLOYEES, now).await;
    let fsm = enrol(vault, by, "fsm", "customscript_nx_suitelet2", &[], now).await;
    let revoked = enrol(vault, by, "revoked", "customscript_reader", &[], now).await;
    let stranger = enrol(vault, by, "stranger", "customscript_stranger", &[], now).await;
    let any = r#"{"scripts":["customscript_reader"],"allow_all_domains":true}"#;
    let domain = r#"{"scripts":["customscript_reader"],"domains":["a.example"]}"#;
    let employee = r#"{"scripts":["customscript_reader"],"allow_all_domains":true,"employees":["7"]}"#;
    let special = [
        ("_plain", any),
        ("_domain", domain),
        ("_employee", employee),
        ("_large", any),
        ("_tight", any),
        ("_gone", any),
    ];
    for (id, rules) in SMALL.map(|id| (id, any)).into_iter().chain(special) {
        vault.create_secret(by, new_secret(id, rules)).await.expect("a secret is made");
    }
    let [client_id_secret, client_secret_secret] = FSM_SECRETS.map(|id| Some(id.parse().expect("an ID")));
    let new = NewIntegration {
        name: FSM_NAME.parse().expect("a name"),
        form: IntegrationForm::fsm(),
        is_template: true,
        client_id_secret,
        client_secret_secret,
        pair: Some(pair(1)),
    };
    vault.create_integration(by, new).await.expect("the pair is made");
    People { admin, reader, worker, fsm, revoked, stranger }
}

/// What the newest has beyond that.
async fn change(vault: &Vault, people: &People) {
    let by = people.admin();
    let id = |text: &str| text.parse().expect("an ID");
    let new = NewVersion { value: plain(&value("_plain", 2)), spread: spread() };
    vault.rotate_secret(by, &id("_plain"), new, &IfMatch::Any).await.expect("it is rotated");
    let new = NewPair { source: pair(2), spread: spread() };
    vault
        .rotate_pair(by, &FSM_NAME.parse().expect("a name"), new, &IfMatch::Any)
        .await
        .expect("the pair is rotated");
    let rules = restrictions(r#"{"scripts":["customscript_other"],"allow_all_domains":true}"#);
    let edit = SecretEdit { restrictions: Some(rules), ..SecretEdit::default() };
    vault.edit_secret(by, &id("_tight"), edit, &IfMatch::Any).await.expect("its rules are changed");
    vault.delete_secret(by, &id("_gone"), &IfMatch::Any).await.expect("it is deleted");
    vault.revoke_caller(by, &"revoked".parse().expect("a name"), &IfMatch::Any).await.expect("it is revoked");
    let ask = Ask { domain: None, employee: None, version: VersionWanted::Current };
    for number in 0..FETCHES {
        let id = id(SMALL[number % SMALL.len()]);
        vault.read_value(asker(&people.reader), &id, ask).await.expect("a value is read");
    }
}

async fn backed_up(vault: &Vault, by: Asker<'_>) -> Vec<u8> {
    let backup = vault.begin_backup(by).await.expect("a backup is begun");
    let mut bytes = Vec::new();
    while let Some(more) = vault.go_on(&backup).await.expect("it goes on") {
        bytes.extend(more);
    }
    bytes
}

pub fn spread() -> Spread {
    Spread { grace: None, activate: true, note: None, force: true }
}

fn pair(version: u64) -> PairSource {
    let half = |name| plain(&value(name, version));
    PairSource::Given { client_id: half("id"), client_secret: Some(half("secret")) }
}

fn restrictions(rules: &str) -> Restrictions {
    let form: RestrictionsForm = serde_json::from_str(rules).expect("rules");
    form.check("").expect("rules that hold")
}

fn new_secret(id: &str, rules: &str) -> NewSecret {
    NewSecret {
        id: id.parse().expect("an ID"),
        name: String::new(),
        description: String::new(),
        owners: Vec::new(),
        release: Release::Reveal,
        restrictions: restrictions(rules),
        expires_on: None,
        max_age_days: None,
        value: plain(&value(id, 1)),
    }
}

async fn enrol(
    vault: &Vault,
    by: Asker<'_>,
    name: &str,
    script: &str,
    for_whom: &[&str],
    now: Timestamp,
) -> Session {
    let employees = for_whom.iter().map(|each| each.parse().expect("an employee")).collect();
    let new = NewCaller {
        name: name.parse().expect("a name"),
        role: Role::Service { script: script.parse().expect("a script"), employees, suiteapp: None },
        pins: Pins::default(),
        mail: None,
        source: CertificateSource::FreshKey,
        valid: None,
    };
    let caller = vault.enrol_caller(by, new).await.expect("a caller is enrolled").caller;
    let key = &caller.keys[0];
    let (key, serial, not_after) = (key.spki_sha256, key.serial.clone(), key.not_after);
    session(Presented { spiffe_id: caller.spiffe_id, key, serial, not_after }, now)
}

fn session(presented: Presented, now: Timestamp) -> Session {
    let plenty = Bound { all: 1000, caller: 1000 };
    let bounds =
        Bounds { connections: plenty, waiting: plenty, large: plenty, caller_requests: 1000, rate: None };
    let share = Shares::new(bounds).of(Holder::Untold(presented.spiffe_id.clone()), now);
    Session::new(presented, Peer::Unix { uid: 0, pid: Some(1), unit: None }, share)
}
