//! The vectors in `tests/vectors/`, made from `docs/formats.md` by a program that shares no code with this one.
//! That they get their verdicts here proves the page. Each is named in what a failure says.

use std::collections::HashMap;
use std::path::Path;

use fsm_vault::audit::Checkpoint;
use fsm_vault::identity::Authority;
use fsm_vault::keys::{FormerChain, Header, HeaderError, KeyRing, OpenError, RecordName, Sealed, StoreKey};
use fsm_vault::model::{
    Caller, CallerName, Integration, IntegrationName, Notice, NoticeId, Secret, SecretId, SecretUses,
    SlotNotes, Tombstone, UsesMark,
};
use fsm_vault::secret::Plaintext;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[path = "vectors/backups.rs"]
mod backups;
#[path = "vectors/disk.rs"]
mod disk;
#[path = "vectors/words.rs"]
mod words;

fn vectors<T: DeserializeOwned>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(file);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Bytes, written as hex.
#[derive(Deserialize, PartialEq, Debug)]
#[serde(try_from = "String")]
struct Hex(Vec<u8>);

impl TryFrom<String> for Hex {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let pairs = (0..text.len()).step_by(2);
        pairs.map(|at| u8::from_str_radix(&text[at..at + 2], 16)).collect::<Result<_, _>>().map(Self)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(text: &str) -> Plaintext {
    Plaintext::new(text.as_bytes().to_vec())
}

fn unlock(header: &[u8], passphrase: &str) -> Result<KeyRing, HeaderError> {
    Header::parse(header)?.unlock(&text(passphrase))
}

#[derive(Deserialize)]
struct Vault {
    header: Hex,
    passphrase: String,
}

fn rings(vaults: &HashMap<String, Vault>) -> HashMap<&str, KeyRing> {
    let unlock = |vault: &Vault| unlock(&vault.header.0, &vault.passphrase).expect("a vault of the vectors");
    vaults.iter().map(|(name, vault)| (name.as_str(), unlock(vault))).collect()
}

#[test]
fn headers() {
    #[derive(Deserialize)]
    struct Headers {
        headers: Vec<Vector>,
    }
    #[derive(Deserialize)]
    struct Vector {
        name: String,
        header: Hex,
        passphrase: String,
        verdict: String,
        vault: Option<String>,
        fingerprint: Option<String>,
    }
    for vector in vectors::<Headers>("header.json").headers {
        let name = &vector.name;
        match unlock(&vector.header.0, &vector.passphrase) {
            Ok(ring) => {
                assert_eq!(vector.verdict, "opens", "{name}");
                assert_eq!(Some(ring.vault().to_string()), vector.vault, "{name}");
                assert_eq!(
                    Some(String::from(ring.fingerprint(&text("fsm-vault")))),
                    vector.fingerprint,
                    "{name}"
                );
                let again = Header::parse(&vector.header.0).expect("it has just been parsed").to_bytes();
                assert_eq!(again, vector.header.0, "{name}");
            }
            Err(error) => {
                let verdict = match error {
                    HeaderError::Damaged => "damaged",
                    HeaderError::Format(_) => "format",
                    HeaderError::Cost(_) => "cost",
                    HeaderError::WrongPassphrase => "wrong_passphrase",
                    other => panic!("{name}: {other}"),
                };
                assert_eq!(vector.verdict, verdict, "{name}");
            }
        }
    }
}

#[derive(Deserialize)]
struct Records {
    vaults: HashMap<String, Vault>,
    names: Vec<NameVector>,
    records: Vec<RecordVector>,
}

#[derive(Deserialize)]
struct NameVector {
    name: Value,
    vault: String,
    kind: String,
    store_key: String,
}

#[derive(Deserialize)]
struct RecordVector {
    name: String,
    vault: String,
    store_key: Hex,
    record: Hex,
    verdict: String,
    kind: Option<String>,
    revision: Option<u64>,
    plaintext: Option<Hex>,
}

#[test]
fn names() {
    fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(name: &Value) -> T {
        name.as_str().expect("a name").parse().expect("a valid name")
    }
    let Records { vaults, names, .. } = vectors("records.json");
    let rings = rings(&vaults);
    for NameVector { name, vault, kind, store_key } in names {
        let key = |of: RecordName| rings[vault.as_str()].store_key(&of);
        let found = match kind.as_str() {
            "authority" => key(RecordName::Authority),
            "secret" => key(RecordName::Secret(&parsed::<SecretId>(&name))),
            "value" => {
                let number = name[1].as_u64().expect("a version");
                key(RecordName::Value(&parsed(&name[0]), number))
            }
            "integration" => key(RecordName::Integration(&parsed::<IntegrationName>(&name))),
            "caller" => key(RecordName::Caller(&parsed::<CallerName>(&name))),
            "checkpoint" => key(RecordName::Checkpoint),
            "tombstone" => key(RecordName::Tombstone(&parsed::<SecretId>(&name))),
            "uses" => key(RecordName::Uses(&parsed::<SecretId>(&name))),
            "uses_mark" => key(RecordName::UsesMark),
            "notice" => key(RecordName::Notice(&parsed::<NoticeId>(&name))),
            "slots" => key(RecordName::Slots),
            "former_chain" => {
                let until = name.as_u64().and_then(|until| until.try_into().ok()).expect("a segment");
                key(RecordName::FormerChain(until))
            }
            other => panic!("{other} is no kind"),
        };
        assert_eq!(hex(&found.to_bytes()), store_key, "{kind} {name}");
    }
}

#[test]
fn records() {
    let Records { vaults, records, .. } = vectors("records.json");
    let rings = rings(&vaults);
    for vector in records {
        let name = &vector.name;
        let sealed = Sealed::from_store(vector.record.0);
        match rings[vector.vault.as_str()].open(&store_key(&vector.store_key), &sealed) {
            Ok(message) => {
                assert_eq!(vector.verdict, "opens", "{name}");
                assert_eq!(sealed.revision(), vector.revision, "{name}");
                assert_eq!(Some(Hex(message.to_vec())), vector.plaintext, "{name}");
                reads_as(vector.kind.as_deref().expect("a kind"), &message, name);
            }
            Err(OpenError::Damaged) => assert_eq!(vector.verdict, "damaged", "{name}"),
            Err(OpenError::Format(_)) => assert_eq!(vector.verdict, "format", "{name}"),
        }
    }
}

fn store_key(bytes: &Hex) -> StoreKey {
    let bytes = bytes.0.as_slice().try_into().expect("33 bytes");
    StoreKey::from_bytes(&bytes).expect("a known kind")
}

/// What the page says of a plaintext is also what this program would write.
fn reads_as(kind: &str, message: &[u8], name: &str) {
    fn same<T: DeserializeOwned + Serialize>(message: &[u8], name: &str) {
        let noun: T = serde_json::from_slice(message).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = serde_json::to_string(&noun).expect("nouns serialise");
        assert_eq!(written, String::from_utf8_lossy(message), "{name}");
    }
    match kind {
        "authority" => {
            let authority = Authority::from_record(message).expect("a CA");
            assert_eq!(authority.trust_domain().as_str(), "fsm-vault.internal");
            assert_eq!(authority.to_record().as_slice(), message);
        }
        "secret" => same::<Secret>(message, name),
        "integration" => same::<Integration>(message, name),
        "caller" => same::<Caller>(message, name),
        "checkpoint" => same::<Checkpoint>(message, name),
        "tombstone" => same::<Tombstone>(message, name),
        "uses" => same::<SecretUses>(message, name),
        "uses_mark" => same::<UsesMark>(message, name),
        "notice" => same::<Notice>(message, name),
        "slots" => same::<SlotNotes>(message, name),
        "former_chain" => {
            let former = FormerChain::from_record(message).expect("a key");
            assert_eq!(former.to_record().as_slice(), message, "{name}");
        }
        "value" => {}
        other => panic!("{other} is no kind"),
    }
}

/// What a reader makes of plaintexts that are a little off.
#[test]
fn plaintexts() {
    #[derive(Deserialize)]
    struct Vector {
        kind: String,
        name: String,
        plaintext: Value,
        verdict: String,
    }
    fn reads<T: DeserializeOwned>(plaintext: &Value) -> bool {
        serde_json::from_slice::<T>(plaintext.to_string().as_bytes()).is_ok()
    }
    for Vector { kind, name, plaintext, verdict } in vectors::<Vec<_>>("plaintexts.json") {
        let reads = match kind.as_str() {
            "secret" => reads::<Secret>(&plaintext),
            "integration" => reads::<Integration>(&plaintext),
            "caller" => reads::<Caller>(&plaintext),
            "checkpoint" => reads::<Checkpoint>(&plaintext),
            "tombstone" => reads::<Tombstone>(&plaintext),
            "uses" => reads::<SecretUses>(&plaintext),
            "uses_mark" => reads::<UsesMark>(&plaintext),
            "notice" => reads::<Notice>(&plaintext),
            "slots" => reads::<SlotNotes>(&plaintext),
            other => panic!("{other} is no kind"),
        };
        assert_eq!(if reads { "reads" } else { "refused" }, verdict, "{kind}: {name}");
    }
}
