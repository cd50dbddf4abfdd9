//! The document as a whole, put together once.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use super::operation::{Body, Named, Operation, Success};
use super::parameter::Parameter;
use super::refinement::refine;
use super::{callers, integrations, notices, secrets, system};
use crate::wire::{Code, Problem};

const ABOUT: &str = "HTTP/1.1 and HTTP/2 over TLS 1.3 with a client certificate, on loopback TCP and on the Unix \
    socket alike (server name `localhost`). Unknown or repeated fields and query parameters are refused. A method \
    that a path doesn't have is 405 `method_not_allowed`, an unknown path 404 `not_found`.";

/// All operations, in the order of the document.
pub fn operations() -> Vec<Operation> {
    [
        system::operations(),
        secrets::operations(),
        integrations::operations(),
        callers::operations(),
        notices::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The OpenAPI 3.1 document.
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| assembled(operations()));
    &DOCUMENT
}

fn assembled(operations: Vec<Operation>) -> Value {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    add(&mut schemas, problem_schemas());
    for operation in operations {
        let path = paths.entry(operation.path).or_insert_with(|| json!({}));
        path[operation.method.to_ascii_lowercase()] = described(&operation);
        add(&mut schemas, operation.schemas);
    }
    json!({
        "openapi": "3.1.1",
        "info": {
            "title": "fsm-vault",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache License 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "https://127.0.0.1:8271", "description": "Where it listens unless told otherwise" }],
        "security": [{ "mutualTLS": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": headers(),
            "securitySchemes": {
                "mutualTLS": {
                    "type": "mutualTLS",
                    "description": "A client certificate with a SPIFFE ID, of a registered caller.",
                },
            },
        },
    })
}

fn add(schemas: &mut Map<String, Value>, found: Vec<Named>) {
    for (name, mut schema) in found {
        refine(&name, &mut schema);
        schemas.insert(name, schema);
    }
}

fn described(operation: &Operation) -> Value {
    let mut responses = Map::new();
    for success in &operation.successes {
        responses.insert(success.status.to_string(), answer(success));
    }
    for (status, codes) in &operation.problems {
        responses.insert(status.to_string(), problem(*status, codes));
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "description": format!("For: {}.", operation.who),
        "tags": [operation.path.split('/').nth(2)],
        "responses": responses,
    });
    if !operation.parameters.is_empty() {
        described["parameters"] = operation.parameters.iter().map(Parameter::described).collect();
    }
    if let Some(Body { schema, required, most, example }) = &operation.body {
        described["requestBody"] = json!({
            "description": format!("At most {most} bytes."),
            "required": required,
            "content": { "application/json": { "schema": schema } },
        });
        if let Some(example) = example {
            described["requestBody"]["content"]["application/json"]["example"] = example.clone();
        }
    }
    described
}

fn answer(success: &Success) -> Value {
    let mut headers = every_answer();
    if success.tagged {
        headers["ETag"] = json!({ "$ref": "#/components/headers/ETag" });
    }
    let mut answer = json!({ "description": success.description, "headers": headers });
    if !success.content.is_empty() {
        let content = success.content.iter();
        answer["content"] =
            content.map(|(kind, schema)| ((*kind).to_owned(), json!({ "schema": schema }))).collect();
    }
    answer
}

/// The problem document with exactly the codes that this call may answer with this status.
fn problem(status: u16, codes: &[Code]) -> Value {
    let told: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.word(), code.title())).collect();
    let words: Vec<String> = codes.iter().map(|code| code.word()).collect();
    let mut headers = every_answer();
    if codes.contains(&Code::RateLimited) {
        headers["Retry-After"] = json!({ "$ref": "#/components/headers/Retry-After" });
    }
    json!({
        "description": told.join("; "),
        "headers": headers,
        "content": { "application/problem+json": { "schema": {
            "allOf": [{ "$ref": "#/components/schemas/Problem" }],
            "properties": { "status": { "const": status }, "code": { "enum": words } },
        } } },
    })
}

fn every_answer() -> Value {
    json!({
        "x-request-id": { "$ref": "#/components/headers/x-request-id" },
        "Cache-Control": { "$ref": "#/components/headers/Cache-Control" },
    })
}

fn headers() -> Value {
    let required = |description: &str, schema: Value| json!({ "description": description, "required": true, "schema": schema });
    json!({
        "x-request-id": required(
            "The audit entries of the call have the same.",
            json!({ "type": "string", "pattern": "^[0-9a-f]{24}$" }),
        ),
        "Cache-Control": required("Nothing may be stored.", json!({ "const": "no-store" })),
        "ETag": required("The state that was answered.", json!({ "type": "string", "pattern": "^\"[^\"]+\"$" })),
        "Retry-After": required("In seconds.", json!({ "type": "integer", "minimum": 1 })),
    })
}

fn problem_schemas() -> Vec<Named> {
    let mut found = vec![("Problem".to_owned(), Problem::schema())];
    Problem::schemas(&mut found);
    let known = "utoipa's schemas have string keys and no failing serialiser";
    found.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).expect(known))).collect()
}
