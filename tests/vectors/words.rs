//! Identifiers, host names and redirect URIs.

use fsm_vault::model::{Domain, DomainPattern, SecretId, redirect_uri};
use serde::Deserialize;

use super::vectors;

#[test]
fn secret_ids() {
    #[derive(Deserialize)]
    struct Vector {
        typed: String,
        stored: Option<String>,
    }
    for Vector { typed, stored } in vectors::<Vec<_>>("secret_ids.json") {
        let found = typed.parse::<SecretId>().ok().map(String::from);
        assert_eq!(found, stored, "{typed:?}");
    }
}

#[test]
fn domains() {
    #[derive(Deserialize)]
    struct Vector {
        pattern: String,
        host: String,
        verdict: String,
    }
    for Vector { pattern, host, verdict } in vectors::<Vec<_>>("domains.json") {
        let found = match (pattern.parse::<DomainPattern>(), host.parse::<Domain>()) {
            (Err(_), _) => "no_pattern",
            (_, Err(_)) => "no_host",
            (Ok(pattern), Ok(host)) if pattern.allows(&host) => "allowed",
            _ => "refused",
        };
        assert_eq!(found, verdict, "{pattern:?} {host:?}");
    }
}

#[test]
fn redirect_uris() {
    #[derive(Deserialize)]
    struct Vector {
        uri: String,
        verdict: String,
    }
    for Vector { uri, verdict } in vectors::<Vec<_>>("redirect_uris.json") {
        let found = if redirect_uri(&uri).is_ok() { "allowed" } else { "refused" };
        assert_eq!(found, verdict, "{uri:?}");
    }
}
