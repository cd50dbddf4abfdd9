//! Asks an unsealed vault for everything, and compares.

use fsm_vault::model::{FSM_NAME, FSM_SECRETS, VersionWanted};
use fsm_vault::policy::Ask;
use fsm_vault::vault::{Session, Vault, VaultError};

use super::prepared::{People, SMALL, asker, plain, value};

/// What may come out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// This version's value.
    Version(u64),
    /// Nothing.
    Refusal,
}

/// Of which state of the vault the answers may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    Newest,
    /// Nothing outside the store was left that could have told its age: any state that there was.
    Any,
}

struct Question<'a> {
    who: &'a Session,
    id: &'static str,
    domain: Option<&'static str>,
    employee: Option<&'static str>,
    wanted: VersionWanted,
    right: Right,
}

/// Everything wrong with what the vault answers. `rotated`: whether the first of the small ones has been since.
pub async fn ask(vault: &Vault, people: &People, held: Held, rotated: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    for question in questions(people, rotated) {
        let Question { who, id, domain, employee, wanted, right } = question;
        let (domain, employee) = (domain.map(parsed), employee.map(parsed));
        let ask = Ask { domain: domain.as_ref(), employee: employee.as_ref(), version: wanted };
        let answer = vault.read_value(asker(who), &parsed(id), ask).await;
        let told = match &answer {
            Ok(opened) => match held {
                Held::Any => (1..=3).any(|version| opened.value.same_as(&plain(&value(name(id), version)))),
                Held::Newest => {
                    matches!(right, Right::Version(version) if opened.value.same_as(&plain(&value(name(id), version))))
                }
            },
            Err(error) => {
                right == Right::Refusal && is_refusal(error) || held == Held::Any || is_damage(error)
            }
        };
        if !told {
            let found = answer.map_or_else(
                |error| error.to_string(),
                |opened| format!("a value, version {}", opened.version),
            );
            wrong.push(format!("{id} {wanted:?} for {}: {found}, not {right:?}", who.presented.spiffe_id));
        }
    }
    wrong.extend(ask_pair(vault, people, held).await);
    wrong
}

async fn ask_pair(vault: &Vault, people: &People, held: Held) -> Option<String> {
    let any = Ask { domain: None, employee: None, version: VersionWanted::Current };
    match vault.read_pair(asker(&people.fsm), &parsed(FSM_NAME), any).await {
        Ok(pair) => {
            let is = |version| {
                let secret = pair.client_secret.as_ref();
                pair.client_id.same_as(&plain(&value("id", version)))
                    && secret.is_some_and(|secret| secret.same_as(&plain(&value("secret", version))))
            };
            let right = if held == Held::Any { is(1) || is(2) } else { is(2) };
            (!right).then(|| format!("another pair, version {}", pair.version))
        }
        Err(error) => (held == Held::Newest && !is_damage(&error)).then(|| format!("the pair: {error}")),
    }
}

fn questions(people: &People, rotated: bool) -> Vec<Question<'_>> {
    let People { reader, worker, fsm, revoked, stranger, .. } = people;
    let (current, first) = (VersionWanted::Current, VersionWanted::Number(1));
    let question =
        |who, id, right| Question { who, id, domain: None, employee: None, wanted: current, right };
    let version = Right::Version;
    let mut all = vec![
        question(reader, "_plain", version(2)),
        Question { wanted: first, ..question(reader, "_plain", version(1)) },
        question(reader, "_domain", Right::Refusal),
        Question { domain: Some("b.example"), ..question(reader, "_domain", Right::Refusal) },
        Question { domain: Some("a.example"), ..question(reader, "_domain", version(1)) },
        question(worker, "_employee", Right::Refusal),
        Question { employee: Some("8"), ..question(worker, "_employee", Right::Refusal) },
        Question { employee: Some("7"), ..question(worker, "_employee", version(1)) },
        question(reader, "_large", version(1)),
        question(reader, "_tight", Right::Refusal),
        question(reader, "_gone", Right::Refusal),
        question(reader, FSM_SECRETS[1], Right::Refusal),
        question(fsm, FSM_SECRETS[1], version(2)),
        question(fsm, "_plain", Right::Refusal),
    ];
    for id in SMALL {
        let now = if rotated && id == SMALL[0] { 2 } else { 1 };
        all.push(question(reader, id, version(now)));
    }
    for who in [revoked, stranger] {
        all.extend(
            ["_plain", "_large", "_tight", "_gone", "_s1"].map(|id| question(who, id, Right::Refusal)),
        );
    }
    all
}

/// What a secret's values were made with.
fn name(id: &'static str) -> &'static str {
    if id == FSM_SECRETS[1] { "secret" } else { id }
}

fn is_refusal(error: &VaultError) -> bool {
    matches!(error, VaultError::Denied(_) | VaultError::NotFound(_))
}

/// Found when it was to be read: no value, and it says so.
fn is_damage(error: &VaultError) -> bool {
    matches!(error, VaultError::Damaged(_) | VaultError::Store(_) | VaultError::StoreUnavailable(_))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().expect("a name of its kind")
}
