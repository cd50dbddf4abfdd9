//! What this program finds in a fixture, held against what an independent reader found in it.
//!
//! A later format may add members to a record, never take one away or give it another value: what is expected has to be
//! among what is found.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fsm_vault::backup::Counts;
use fsm_vault::model::{Domain, Employee, NoticeLevel, VersionWanted};
use fsm_vault::policy::Ask;
use fsm_vault::secret::Plaintext;
use fsm_vault::vault::{SecretFilter, Vault, VaultError};
use serde::Serialize;
use serde_json::{Value, json};

use super::fixture::{Fixture, asker};

const ALL: usize = 1000;

/// Every record that an operator may see.
pub async fn nouns(fixture: &Fixture, vault: &Vault) {
    let admin = fixture.session("admin");
    let admin = asker(&admin);
    let secrets = vault.list_secrets(admin, &SecretFilter::default(), None, ALL).await.unwrap().items;
    same(fixture, "secret", "id", secrets.iter().map(|seen| &*seen.secret));
    let records = vault.list_integrations(admin, None, ALL).await.unwrap().items;
    same(fixture, "integration", "name", records.iter().map(|seen| &*seen.record));
    let callers = vault.list_callers(admin, None, ALL).await.unwrap().items;
    same(fixture, "caller", "name", callers.iter().map(|caller| &**caller));

    let slots = vault.list_slots(admin).await.unwrap();
    assert_eq!(slots.len(), fixture.passphrases().len(), "{}", fixture.name);
    let notes = json!({ "slots": slots.iter().filter_map(|slot| slot.note.as_ref()).collect::<Vec<_>>() });
    holds(&fixture.nouns("slots")[0], &notes, &format!("{}: slots", fixture.name));

    vault.evaluate_notices(admin).await.unwrap();
    let standing = vault.list_notices(admin, NoticeLevel::Info, None, ALL).await.unwrap().items;
    let standing = standing.iter().map(|seen| {
        let rung = seen.standing.rung;
        json!({ "id": seen.id, "rung": rung, "since": seen.since, "acknowledged": seen.acknowledged })
    });
    let told = |notice: &Value| {
        let members = ["id", "rung", "since", "acknowledged"];
        Value::from_iter(members.map(|member| (member, notice[member].clone())))
    };
    let expected: Vec<_> = fixture.nouns("notice").iter().map(told).collect();
    assert!(expected.iter().any(|notice| !notice["acknowledged"].is_null()), "{}", fixture.name);
    each(&fixture.name, "notice", "id", &expected, standing);

    for uses in fixture.nouns("uses") {
        let id = uses["id"].as_str().unwrap().parse().unwrap();
        let consumers = vault.list_consumers(admin, &id, None, ALL).await.unwrap().items;
        let told = consumers.iter().map(|seen| {
            let fsm_vault::vault::Use { version, at, count } = seen.last;
            json!({ "caller": seen.caller, "version": version, "at": at, "count": count })
        });
        let what = format!("uses of {id}");
        each(&fixture.name, &what, "caller", uses["callers"].as_array().unwrap(), told);
    }
}

/// What services are answered: values, and refusals by their reason.
pub async fn answers(fixture: &Fixture, vault: &Vault) {
    for asked in fixture.expected["answers"].as_array().unwrap() {
        answer(fixture, vault, asked).await;
    }
}

pub async fn answer(fixture: &Fixture, vault: &Vault, asked: &Value) {
    let session = fixture.session(asked["caller"].as_str().unwrap());
    let domain: Option<Domain> = asked["domain"].as_str().map(|text| text.parse().unwrap());
    let employee: Option<Employee> = asked["employee"].as_str().map(|text| text.parse().unwrap());
    let version = match asked["version"].as_str() {
        Some(previous) => {
            assert_eq!(previous, "previous");
            VersionWanted::Previous
        }
        None => VersionWanted::Current,
    };
    let ask = Ask { domain: domain.as_ref(), employee: employee.as_ref(), version };
    let told = match asked["pair"].as_str() {
        Some(name) => vault.read_pair(asker(&session), &name.parse().unwrap(), ask).await.map(|pair| {
            let halves = [Some(pair.client_id), pair.client_secret];
            halves.into_iter().flatten().map(bytes).collect::<Vec<_>>().join(&b'/')
        }),
        None => {
            let id = asked["secret"].as_str().unwrap().parse().unwrap();
            vault.read_value(asker(&session), &id, ask).await.map(|opened| bytes(opened.value))
        }
    };
    let what = format!("{}: {asked}", fixture.name);
    let asked = asked.as_object().unwrap();
    match &told {
        Ok(value) if asked.contains_key("kept") => {
            assert_eq!(*value, kept(fixture, &asked["secret"]), "{what}")
        }
        Ok(value) => assert_eq!(Some(&json!(String::from_utf8_lossy(value))), asked.get("text"), "{what}"),
        Err(VaultError::Denied(denial)) => {
            assert_eq!(Some(&json!(denial.reason())), asked.get("denied"), "{what}")
        }
        Err(other) => panic!("{what}: {other}"),
    }
}

/// The log is whole, and has all entries that it had.
pub async fn log(fixture: &Fixture, vault: &Vault) {
    let admin = fixture.session("admin");
    let report = vault.verify_log(asker(&admin)).await.unwrap();
    assert_eq!((report.first_bad, report.head_matches_checkpoint), (None, Some(true)), "{}", fixture.name);
    let audit = &fixture.expected["audit"];
    assert!(report.entries > audit["entries"].as_u64().unwrap(), "{}", fixture.name);
    assert_eq!(u64::from(report.segments), audit["segments"].as_u64().unwrap(), "{}", fixture.name);
}

/// A backup's records, by kind.
pub fn counts(fixture: &Fixture, counts: &Counts) {
    let kinds = fixture.expected["nouns"].as_object().unwrap();
    let expected = kinds.iter().map(|(kind, nouns)| (kind.clone(), nouns.as_array().unwrap().len()));
    let mut expected: BTreeMap<String, u64> = expected.map(|(kind, count)| (kind, count as u64)).collect();
    expected.insert("value".to_owned(), fixture.expected["values"].as_array().unwrap().len() as u64);
    // Keys, which the reader keeps to itself.
    expected.insert("authority".to_owned(), 1);
    expected.insert("former_chain".to_owned(), 1);
    assert_eq!(counts.records, expected, "{}", fixture.name);
}

fn bytes(value: Plaintext) -> Vec<u8> {
    value.lend(<[u8]>::to_vec)
}

/// The value of a secret's first version, as the reader found it.
fn kept(fixture: &Fixture, id: &Value) -> Vec<u8> {
    let all = fixture.expected["values"].as_array().unwrap();
    let kept = all.iter().find(|each| each["id"] == *id && each["version"] == 1).expect("a kept version");
    STANDARD.decode(kept["value"].as_str().unwrap()).unwrap()
}

/// The nouns of a kind are those that are expected, neither more nor fewer.
fn same<'a, T: Serialize + 'a>(
    fixture: &Fixture,
    kind: &str,
    name: &str,
    found: impl Iterator<Item = &'a T>,
) {
    let found = found.map(|noun| serde_json::to_value(noun).unwrap());
    each(&fixture.name, kind, name, fixture.nouns(kind), found);
}

fn each(fixture: &str, kind: &str, name: &str, expected: &[Value], found: impl Iterator<Item = Value>) {
    let found: BTreeMap<_, _> = found.map(|noun| (noun[name].as_str().unwrap().to_owned(), noun)).collect();
    assert!(!expected.is_empty(), "{fixture}: no {kind} is expected");
    assert_eq!(found.len(), expected.len(), "{fixture}: {kind}: {:?}", found.keys());
    for noun in expected {
        let which = noun[name].as_str().unwrap();
        let what = format!("{fixture}: {kind} {which}");
        holds(noun, found.get(which).unwrap_or_else(|| panic!("{what} is missing")), &what);
    }
}

/// Whatever is expected is found, at every depth.
fn holds(expected: &Value, found: &Value, what: &str) {
    match (expected, found) {
        (Value::Object(members), Value::Object(_)) => {
            for (name, member) in members {
                holds(member, &found[name], &format!("{what}: {name}"));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            assert_eq!(expected.len(), found.len(), "{what}");
            expected.iter().zip(found).for_each(|(one, other)| holds(one, other, what));
        }
        _ => assert_eq!(expected, found, "{what}"),
    }
}
