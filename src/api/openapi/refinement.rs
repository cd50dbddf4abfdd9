//! What the derived schemas can't say: fields that go together.

use serde_json::{Value, json};

/// Adds to the schema of that name which of its fields exclude each other.
pub fn refine(name: &str, schema: &mut Value) {
    forget_null_defaults(schema);
    let rule = match name {
        "SecretForm" | "VersionForm" => {
            json!({ "oneOf": [given("value", "string"), given("value_base64", "string")] })
        }
        "CallerForm" => json!({
            "oneOf": [given("service", "object"), given("operator", "object")],
            "not": { "allOf": [given("csr", "string"), given("spiffe_id", "string")] },
        }),
        "IntegrationBody" => json!({ "properties": { "template": { "enum": ["fsm", null] } } }),
        "NewPairForm" => json!({ "oneOf": [
            given("client_id", "string"),
            { "required": ["issue"], "properties": { "issue": { "const": true } } },
        ] }),
        "RestrictionsForm" => json!({
            "allOf": [
                box_or_list("allow_all_scripts", "scripts"),
                box_or_list("allow_all_domains", "domains"),
                {
                    "if": { "required": ["available_to_suiteapp"], "properties": { "available_to_suiteapp": { "const": true } } },
                    "then": given("suiteapp_id", "string"),
                    "else": { "properties": { "suiteapp_id": { "type": "null" } } },
                },
            ],
        }),
        _ => return,
    };
    if let Some(members) = rule.as_object() {
        for (key, value) in members {
            merge(&mut schema[key], value);
        }
    }
}

/// Of a shape that may be left out as a whole; what a field is when it isn't given is told in words.
fn forget_null_defaults(schema: &mut Value) {
    let Some(fields) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for field in fields.values_mut().filter_map(Value::as_object_mut) {
        if field.get("default").is_some_and(Value::is_null) {
            field.remove("default");
        }
    }
}

/// A field that is there, and not null.
fn given(field: &str, kind: &str) -> Value {
    json!({ "required": [field], "properties": { field: { "type": kind } } })
}

/// NetSuite's rule: the box is checked and the list empty, or the other way round.
fn box_or_list(all: &str, list: &str) -> Value {
    json!({
        "if": { "required": [all], "properties": { all: { "const": true } } },
        "then": { "properties": { list: { "maxItems": 0 } } },
        "else": { "required": [list], "properties": { list: { "minItems": 1 } } },
    })
}

fn merge(into: &mut Value, value: &Value) {
    match (into, value) {
        (Value::Object(into), Value::Object(value)) => {
            for (key, value) in value {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, value) => *into = value.clone(),
    }
}
