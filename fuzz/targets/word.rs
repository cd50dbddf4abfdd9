//! Identifiers: each has one spelling, which is the same again when it is read; secret IDs, script IDs and SPIFFE IDs
//! against a naive reading of their rules.
#![no_main]

use std::fmt::Display;
use std::str::FromStr;

use fsm_vault::model::{
    AccountId, CallerName, Employee, IntegrationName, KeyHash, NoticeId, ScriptId, SecretId, SpiffeId,
    SuiteAppId, TrustDomain, UnitName, VersionWanted,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let found = one_spelling::<SecretId>(text);
    assert_eq!(found, prefixed(text, "custsecret", true), "{text:?}");
    assert_eq!(found, one_spelling::<SecretId>(&text.to_ascii_uppercase()));
    let found = one_spelling::<ScriptId>(text);
    assert_eq!(found, prefixed(text, "customscript", false), "{text:?}");
    assert_eq!(found, one_spelling::<ScriptId>(&text.to_ascii_uppercase()));
    assert_eq!(one_spelling::<SpiffeId>(text), spiffe(text), "{text:?}");
    if let Ok(id) = text.parse::<SpiffeId>() {
        let domain = id.trust_domain();
        assert!(text.starts_with(&format!("spiffe://{domain}/")));
    }
    for folded in [one_spelling::<SuiteAppId>, one_spelling::<IntegrationName>, one_spelling::<AccountId>] {
        assert_eq!(folded(text), folded(&text.to_ascii_uppercase()));
    }
    for exact in [
        one_spelling::<CallerName>,
        one_spelling::<Employee>,
        one_spelling::<TrustDomain>,
        one_spelling::<UnitName>,
        one_spelling::<NoticeId>,
    ] {
        assert!(exact(text).is_none_or(|spelled| spelled == text));
    }
    if let Ok(id) = text.parse::<NoticeId>() {
        assert_eq!(id.subject().parse(), Ok::<String, std::convert::Infallible>(id.subject().to_owned()));
        let _ = id.concern();
    }
    if let Ok(VersionWanted::Number(number)) = text.parse() {
        assert_eq!(number.to_string(), text);
    }
    if let Ok(hash) = text.parse::<KeyHash>() {
        assert_eq!(String::from(hash), text);
    }
});

/// The spelling that is kept, if this is a `T`.
fn one_spelling<T: FromStr + Display>(text: &str) -> Option<String> {
    let kept = text.parse::<T>().ok()?.to_string();
    let again = kept.parse::<T>().ok().map(|again| again.to_string());
    assert_eq!(again.as_deref(), Some(kept.as_str()), "{text:?} is kept as another one");
    assert!(!kept.chars().any(char::is_control));
    Some(kept)
}

/// NETSUITE.md: a prefix that may be left out, or not, and 1 to 89 letters, digits or underscores.
fn prefixed(text: &str, prefix: &str, may_lack_it: bool) -> Option<String> {
    let folded = text.to_ascii_lowercase();
    let suffix = match folded.strip_prefix(prefix) {
        Some(suffix) => suffix,
        None if may_lack_it => &folded,
        None => return None,
    };
    let holds = suffix.chars().all(|each| matches!(each, 'a'..='z' | '0'..='9' | '_'));
    (holds && (1..=89).contains(&suffix.len())).then(|| format!("{prefix}{suffix}"))
}

/// The SPIFFE-ID standard, section 2, character by character.
fn spiffe(text: &str) -> Option<String> {
    let segments: Vec<&str> = text.split('/').collect();
    let ["spiffe:", "", domain, path @ ..] = segments.as_slice() else { return None };
    let of = |text: &str, more: fn(char) -> bool| {
        !text.is_empty()
            && text.chars().all(|each| matches!(each, 'a'..='z' | '0'..='9' | '.' | '-' | '_') || more(each))
    };
    let holds = of(domain, |_| false)
        && domain.len() <= 255
        && !path.is_empty()
        && path
            .iter()
            .all(|each| of(each, |each| each.is_ascii_uppercase()) && *each != "." && *each != "..")
        && text.len() <= 2048;
    holds.then(|| text.to_owned())
}
