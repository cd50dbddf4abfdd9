//! Holds the description and the routes together.

use std::collections::{BTreeMap, BTreeSet};

use hyper::Method;

use super::super::failure::Failure;
use super::super::route::{Call, route};
use super::call::DOCUMENT;
use super::document::{document, operations};
use super::operation::Operation;

const ROUTES: &str = include_str!("../route.rs");
const HOW: &str = "add an entry for it in src/api/openapi, in the file of its resource, like those around it";

/// A path with words in its braces.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect::<Vec<_>>().join("/")
}

/// `Secret` of `Secret("1")`.
fn variant(call: &Call<'_>) -> String {
    format!("{call:?}").split('(').next().unwrap_or_default().to_owned()
}

/// The variants of `Call`, read from the source: an enum can't tell its own.
fn variants() -> BTreeSet<String> {
    let body = ROUTES.split("pub enum Call<'a> {").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let lines =
        body.lines().map(str::trim).filter(|line| line.starts_with(|first: char| first.is_uppercase()));
    lines.map(|line| line.split(['(', ',']).next().unwrap().to_owned()).collect()
}

/// The arms of `any`, as method and path with `{}` for what is a name.
fn arms() -> BTreeSet<String> {
    let body = ROUTES.split("fn any<'a>").nth(1).and_then(|rest| rest.split("\n}").next()).unwrap();
    let heads = body.lines().map(str::trim).filter(|line| line.starts_with("(\""));
    heads
        .map(|line| {
            let (method, rest) = line[2..].split_once("\", [").unwrap();
            let (segments, _) = rest.split_once(']').unwrap();
            let path = segments
                .split(", ")
                .map(|each| each.strip_prefix('"').map_or("{}", |word| word.trim_end_matches('"')));
            format!("{method} /{}", path.collect::<Vec<_>>().join("/"))
        })
        .collect()
}

/// Set, a test writes the document anew: `FSM_VAULT_RENEW=1 cargo test api::openapi`.
const RENEW: &str = "FSM_VAULT_RENEW";

/// The document as text: whole, without white space, but for a line of its own for each path and schema, so that a
/// change can be seen.
fn written() -> String {
    fn members(out: &mut String, object: &serde_json::Value, depth: usize) {
        let Some(object) = object.as_object().filter(|object| depth > 0 && !object.is_empty()) else {
            return out.push_str(&object.to_string());
        };
        for (at, (name, value)) in object.iter().enumerate() {
            out.push_str(if at == 0 { "{\n" } else { ",\n" });
            out.push_str(&serde_json::Value::from(name.as_str()).to_string());
            out.push(':');
            // Schemas are one level deeper than paths.
            members(out, value, if name == "components" { 2 } else { depth - 1 });
        }
        out.push('}');
    }
    let mut out = String::new();
    members(&mut out, document(), 2);
    out.push('\n');
    out
}

#[test]
fn what_is_served_is_what_is_described() {
    let written = written();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), *document());
    if std::env::var_os(RENEW).is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/api/openapi/document.json");
        return std::fs::write(path, written).unwrap();
    }
    assert!(DOCUMENT == written, "src/api/openapi/document.json is stale: {RENEW}=1 cargo test api::openapi");
}

#[test]
fn every_call_has_one_operation_and_every_operation_is_a_call() {
    let operations = operations();
    let described: BTreeSet<String> = operations
        .iter()
        .map(|each| {
            let path = each.path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part });
            format!("{} {}", each.method, path.collect::<Vec<_>>().join("/"))
        })
        .collect();
    assert_eq!(described.len(), operations.len(), "a method and path is described twice");
    let routed = arms();
    let undescribed: Vec<_> = routed.difference(&described).collect();
    assert!(undescribed.is_empty(), "routed but not described: {undescribed:?}: {HOW}");
    let unrouted: Vec<_> = described.difference(&routed).collect();
    assert!(unrouted.is_empty(), "described, but no arm of any() in src/api/route.rs: {unrouted:?}");
    let mut called: BTreeMap<String, &Operation> = BTreeMap::new();
    for each in &operations {
        let path = filled(each.path);
        let call = route(&Method::from_bytes(each.method.as_bytes()).unwrap(), &path);
        let call = call.unwrap_or_else(|failure| panic!("{} {path}: {failure:?}", each.method));
        if let Some(other) = called.insert(variant(&call), each) {
            panic!("{} and {} are one call", other.id, each.id);
        }
    }
    assert_eq!(called.into_keys().collect::<BTreeSet<_>>(), variants(), "calls that no path leads to: {HOW}");
}

#[test]
fn other_methods_are_told_the_methods_that_are_described() {
    let mut methods: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for each in operations() {
        methods.entry(each.path).or_default().insert(each.method);
    }
    for (path, described) in methods {
        let Err(Failure::Method(told)) = route(&Method::TRACE, &filled(path)) else {
            panic!("{path} is missing in the table of methods in src/api/route.rs");
        };
        assert_eq!(
            told.split(", ").collect::<BTreeSet<_>>(),
            described,
            "{path}: fn methods in src/api/route.rs"
        );
    }
}

#[test]
fn a_sealed_daemon_answers_what_is_described_so() {
    for each in operations() {
        let path = filled(each.path);
        let call = route(&Method::from_bytes(each.method.as_bytes()).unwrap(), &path).ok().unwrap();
        assert_eq!(call.is_system(), each.who.contains("also while sealed"), "{}", each.id);
    }
}

#[test]
fn a_body_is_described_where_one_is_read() {
    for each in operations() {
        let path = filled(each.path);
        let call = route(&Method::from_bytes(each.method.as_bytes()).unwrap(), &path).ok().unwrap();
        assert_eq!(call.reads_a_body().is_some(), each.body.is_some(), "{}", each.id);
        // All other POSTs take an empty object for none.
        let bears = each.method == "POST" && each.body.is_none();
        assert_eq!(call.bears_an_empty_body().is_some(), bears, "{}", each.id);
    }
}

#[test]
fn every_code_is_described() {
    let document = document();
    let codes = document["components"]["schemas"]["Code"]["enum"].as_array().unwrap();
    let described = document["paths"].to_string();
    for code in codes.iter().map(|code| code.as_str().unwrap()) {
        // Of methods that no path has.
        let elsewhere = code == "method_not_allowed";
        assert_ne!(
            described.contains(&format!("`{code}`")),
            elsewhere,
            "{code}: name it with .may() where it is answered"
        );
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    let document = document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let used: BTreeSet<&str> =
        text.split("\"#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(used, schemas.keys().map(String::as_str).collect());
}

#[test]
fn what_is_read_refuses_unknown_fields() {
    let document = document();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(name) = schema.as_str().and_then(|text| text.rsplit('/').next()) else { continue };
            let schema = &document["components"]["schemas"][name];
            assert_eq!(schema["additionalProperties"], false, "{path}: {name}");
        }
    }
}
