//! A request's line and headers: a path is plain words or no call; a query is known parameters, each once, and the same
//! when it is written anew; `If-Match` is its tags.
#![no_main]

use fsm_vault::api::fuzzing::{Call, if_match, is_fetch, query, route};
use fsm_vault::model::{Domain, Employee, VersionWanted};
use fsm_vault::vault::IfMatch;
use fsm_vault_fuzz::Input;
use hyper::Method;
use hyper::header::{HeaderMap, HeaderValue, IF_MATCH};
use libfuzzer_sys::fuzz_target;

const KNOWN: &[&str] = &["domain", "employee", "version", "wait", "limit", "cursor"];

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    match input.byte() {
        b'/' => path(&mut input),
        b'?' => parameters(&mut input),
        _ => tags(input.0),
    }
});

fn path(input: &mut Input) {
    let methods = [Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT, Method::HEAD];
    let method = &methods[usize::from(input.byte()) % methods.len()];
    let path = input.line();
    let found = route(method, path);
    let fetches = matches!(found, Ok(Call::Value(_) | Call::Credentials(_)));
    assert_eq!(is_fetch(method, path), fetches, "{method} {path}");
    match found {
        Ok(call) => {
            let rest = path.strip_prefix('/').expect("a path begins with a slash");
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
            assert!(
                rest.split('/').all(|word| !matches!(word, "" | "." | "..") && word.bytes().all(plain)),
                "{call:?}"
            );
            assert!(rest.starts_with("v1/"));
            assert!(route(&Method::HEAD, path).is_err(), "no call answers HEAD");
        }
        Err(problem) => assert!(matches!(problem.status, 400 | 404 | 405)),
    }
}

fn parameters(input: &mut Input) {
    let text = input.line();
    match query(text, KNOWN) {
        Ok(read) => {
            let mut anew = String::new();
            let mut values = Vec::new();
            for name in KNOWN {
                let value = read.optional::<String>(name).ok().flatten();
                if let Some(value) = &value {
                    let escaped: String = value.bytes().map(|byte| format!("%{byte:02X}")).collect();
                    anew.push_str(&format!("&{name}={escaped}"));
                }
                values.push(value);
            }
            let again = query(anew.trim_start_matches('&'), KNOWN).expect("known parameters, each once");
            let values_again = KNOWN.iter().map(|name| again.optional::<String>(name).ok().flatten());
            assert_eq!(values_again.collect::<Vec<_>>(), values);
            assert!(read.limit().is_ok_and(|limit| (1..=1000).contains(&limit)) || values[4].is_some());
            let _ =
                (read.optional::<Domain>("domain").is_ok(), read.optional::<Employee>("employee").is_ok());
            let _ = read.optional::<VersionWanted>("version").is_ok();
        }
        Err(problem) => {
            assert_eq!(problem.status, 422);
            // A parameter's name is told if it looks like one; its value never is.
            fsm_vault_fuzz::repeats_nothing(text.as_bytes(), &problem);
        }
    }
}

fn tags(text: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(text) else { return };
    if let Ok(IfMatch::OneOf(tags)) = if_match(&HeaderMap::from_iter([(IF_MATCH, value)])) {
        assert!(tags.len() <= 16);
        let written: Vec<String> = tags.iter().map(|tag| format!("\"{tag}\"")).collect();
        if !written.is_empty() {
            let value = HeaderValue::from_str(&written.join(", ")).expect("it came from a header");
            let again = if_match(&HeaderMap::from_iter([(IF_MATCH, value)]));
            assert_eq!(again.ok(), Some(IfMatch::OneOf(tags)));
        }
    }
}
