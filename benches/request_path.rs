//! What one fetch costs inside the daemon: decide, write the audit entry, open the value. No TLS, no HTTP.
//!
//! `cargo bench --bench request_path`. Each line is one request on one task; the log lies in a temporary
//! directory, so that `fsync` costs what it costs on that disk.

use std::sync::Arc;

use divan::Bencher;
use fsm_vault::audit::{Durability, Settings};
use fsm_vault::clock::{Clock, SystemClock};
use fsm_vault::crypto::Argon2Cost;
use fsm_vault::identity::{Identity, Peer, Presented};
use fsm_vault::model::{FSM_NAME, FSM_SECRETS, IntegrationForm, Pins, Role, VersionWanted};
use fsm_vault::policy::Ask;
use fsm_vault::secret::Plaintext;
use fsm_vault::vault::{
    Asker, Bound, Bounds, CertificateSource, Directory, Holder, NewCaller, NewIntegration, NewVault,
    NoticeRules, Opening, PairSource, Session, Shares, Vault, create, open_store,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

fn main() {
    divan::main();
}

struct Site {
    runtime: Runtime,
    vault: Vault,
    allowed: Session,
    refused: Session,
    _keep: TempDir,
}

fn plain(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

impl Site {
    fn with(durability: Durability) -> Self {
        let runtime = Runtime::new().expect("a runtime starts");
        let keep = TempDir::new().expect("a temporary directory");
        let directory = Directory::at(keep.path().join("vault"));
        let audit = Settings {
            dir: directory.audit(),
            durability,
            segment_bytes: 1 << 30,
            retain: 0,
            journal: None,
            figures: Arc::default(),
        };
        let (vault, allowed, refused) = runtime.block_on(Self::fill(&directory, audit));
        Self { runtime, vault, allowed, refused, _keep: keep }
    }

    async fn fill(directory: &Directory, audit: Settings) -> (Vault, Session, Session) {
        let clock = Arc::new(SystemClock);
        let new = NewVault {
            directory: directory.clone(),
            passphrase: plain("passphrase"),
            cost: Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 },
            trust_domain: "fsm-vault.internal".parse().expect("a trust domain"),
            operator: "admin".parse().expect("a name"),
            employee: "admin".parse().expect("an employee"),
            audit: audit.clone(),
            clock: clock.clone(),
        };
        create(new).await.expect("a vault");
        let store = open_store(directory).expect("its store");
        let opening =
            Opening { directory: directory.clone(), store, audit, notices: NoticeRules::default(), clock };
        let vault = Vault::open(opening).await.expect("a vault");
        vault.unseal_locally(plain("passphrase")).await.expect("unsealed");
        let presented = Identity::load(&directory.identity("admin")).and_then(|admin| admin.presented());
        let admin = session(presented.expect("an identity"), here());
        let asker = Asker { session: &admin, request_id: "bench" };
        let (client_id, client_secret) = (plain(&"a1".repeat(32)), plain(&"b2".repeat(32)));
        let [client_id_secret, client_secret_secret] = FSM_SECRETS.map(|id| Some(id.parse().expect("an ID")));
        let new = NewIntegration {
            name: FSM_NAME.parse().expect("a name"),
            form: IntegrationForm::fsm(),
            is_template: true,
            client_id_secret,
            client_secret_secret,
            pair: Some(PairSource::Given { client_id, client_secret: Some(client_secret) }),
        };
        vault.create_integration(asker, new).await.expect("the pair");
        let allowed = enrol(&vault, asker, "fsm", "customscript_nx_suitelet2").await;
        let refused = enrol(&vault, asker, "other", "customscript_other").await;
        (vault, allowed, refused)
    }
}

fn here() -> Peer {
    Peer::Unix { uid: 0, pid: Some(1), unit: None }
}

fn session(presented: Presented, peer: Peer) -> Session {
    let plenty = Bound { all: 1000, caller: 1000 };
    let bounds =
        Bounds { connections: plenty, waiting: plenty, large: plenty, caller_requests: 1000, rate: None };
    let share = Shares::new(bounds).of(Holder::Untold(presented.spiffe_id.clone()), SystemClock.now());
    Session::new(presented, peer, share)
}

async fn enrol(vault: &Vault, admin: Asker<'_>, name: &str, script: &str) -> Session {
    let role = Role::Service { script: script.parse().expect("a script"), employees: vec![], suiteapp: None };
    let new = NewCaller {
        name: name.parse().expect("a name"),
        role,
        pins: Pins::default(),
        mail: None,
        source: CertificateSource::FreshKey,
        valid: None,
    };
    let caller = vault.enrol_caller(admin, new).await.expect("a caller").caller;
    let key = &caller.keys[0];
    let (key, serial, not_after) = (key.spki_sha256, key.serial.clone(), key.not_after);
    session(Presented { spiffe_id: caller.spiffe_id, key, serial, not_after }, here())
}

const ASK: Ask<'static> = Ask { domain: None, employee: None, version: VersionWanted::Current };
const DURABILITIES: [&str; 2] = ["write", "fsync"];

fn durability(word: &str) -> Durability {
    if word == "fsync" { Durability::Fsync } else { Durability::Write }
}

#[divan::bench(args = DURABILITIES)]
fn one_secret(bencher: Bencher, word: &str) {
    let site = Site::with(durability(word));
    let id = "_fsm_oauth2_client_secret".parse().expect("an ID");
    let asker = Asker { session: &site.allowed, request_id: "bench" };
    bencher.bench_local(|| {
        site.runtime.block_on(site.vault.read_value(asker, &id, ASK)).map(|value| value.version).ok()
    });
}

#[divan::bench(args = DURABILITIES)]
fn the_pair(bencher: Bencher, word: &str) {
    let site = Site::with(durability(word));
    let name = "fsm".parse().expect("a name");
    let asker = Asker { session: &site.allowed, request_id: "bench" };
    bencher.bench_local(|| {
        site.runtime.block_on(site.vault.read_pair(asker, &name, ASK)).map(|pair| pair.version).ok()
    });
}

/// Most of these are counted instead of written: a looping service can't fill the log.
#[divan::bench]
fn a_refusal(bencher: Bencher) {
    let site = Site::with(Durability::Write);
    let name = "fsm".parse().expect("a name");
    let asker = Asker { session: &site.refused, request_id: "bench" };
    bencher.bench_local(|| site.runtime.block_on(site.vault.read_pair(asker, &name, ASK)).is_err());
}
