//! The parameters of calls: in the path, in the query, and the conditions in the head.

use serde_json::{Value, json};
use utoipa::PartialSchema;

use super::super::query::{MOST, USUAL};
use crate::model::{CallerName, Domain, Employee, IntegrationName, NoticeId, SecretId, SlotId};

/// One parameter.
#[derive(Clone)]
pub struct Parameter {
    pub name: &'static str,
    pub place: &'static str,
    pub description: &'static str,
    pub schema: Value,
    /// One that a newly set up vault knows, so that a description can be tried out.
    pub example: Option<Value>,
}

impl Parameter {
    pub fn query(name: &'static str, description: &'static str, schema: Value) -> Self {
        Self { name, place: "query", description, schema, example: None }
    }

    /// Those in the braces of a path. What they mean goes by the word before them.
    pub fn of_path(path: &'static str) -> Vec<Self> {
        let segments: Vec<&str> = path.split('/').collect();
        segments.windows(2).filter_map(|pair| Self::in_braces(pair[0], pair[1])).collect()
    }

    fn in_braces(noun: &str, segment: &'static str) -> Option<Self> {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let (description, schema, example) = match noun {
            "secrets" => (
                "ID of a secret, with or without `custsecret`.",
                spelled::<SecretId>(),
                Some("custsecret_crm_key".into()),
            ),
            "integrations" => ("Name of an integration.", spelled::<IntegrationName>(), Some("fsm".into())),
            "notices" => (
                "ID of a notice.",
                spelled::<NoticeId>(),
                Some("expiry.custsecret_crm_key.2027-06-30".into()),
            ),
            "callers" => ("Name of a caller.", spelled::<CallerName>(), Some("fsm".into())),
            "versions" | "credentials" => {
                ("Number of a version.", json!({ "type": "integer", "minimum": 1 }), Some(1.into()))
            }
            "keyslots" => ("ID of a key slot.", spelled::<SlotId>(), None),
            _ => ("", json!({ "type": "string", "pattern": "^[A-Za-z0-9._-]+$" }), None),
        };
        Some(Self { name, place: "path", description, schema, example })
    }

    pub fn if_none_match() -> Self {
        Self {
            name: "If-None-Match",
            place: "header",
            description: "Entity tags that the client has; `*`, which the pattern leaves out, is any.",
            schema: json!({ "type": "string", "pattern": r#"^((W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)?$"# }),
            example: Some("\"2\"".into()),
        }
    }

    pub fn last_event_id() -> Self {
        Self {
            name: "Last-Event-ID",
            place: "header",
            description: "ID of the last event that was heard, to hear what came after it.",
            schema: json!({ "type": "string", "pattern": "^([0-9a-f]{16})?$" }),
            example: None,
        }
    }

    pub fn if_match() -> Self {
        Self {
            name: "If-Match",
            place: "header",
            description: "Entity tags of what was looked at, or `*`.",
            schema: json!({ "anyOf": [
                { "const": "*" },
                { "type": "string", "pattern": r#"^(W/)?"[^"]*"( *, *(W/)?"[^"]*"){0,15}$"# },
            ] }),
            example: Some("*".into()),
        }
    }

    /// As OpenAPI has it.
    pub fn described(&self) -> Value {
        let mut described = json!({
            "name": self.name,
            "in": self.place,
            "required": self.place == "path",
            "description": self.description,
            "schema": self.schema,
        });
        if let Some(example) = &self.example {
            described["example"] = example.clone();
        }
        described
    }
}

/// Of every list; `cursor` is spelled like the keys of the list.
pub fn paging(cursor: Value) -> [Parameter; 2] {
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL });
    [
        Parameter::query(
            "limit",
            "Most items on the page; it may have fewer and still not be the last.",
            limit,
        ),
        Parameter::query("cursor", "`next_cursor` of the page before.", cursor),
    ]
}

/// Of calls that may take a version from those who hold it.
pub fn force() -> Parameter {
    let schema = json!({ "type": "boolean", "default": false });
    Parameter::query(
        "force",
        "Take the version from who fetched it last, too; else that is a conflict.",
        schema,
    )
}

/// Of every read by a service.
pub fn reading() -> [Parameter; 4] {
    let version = json!({ "type": "string", "pattern": "^(current|previous|[1-9][0-9]*)$" });
    [
        Parameter::query(
            "domain",
            "The host that the value is meant for; required where the rules list domains. An IP address only where it is listed.",
            spelled::<Domain>(),
        ),
        Parameter::query(
            "employee",
            "On whose behalf; required if the service has several employees.",
            spelled::<Employee>(),
        ),
        Parameter::query("version", "A number, `current` (default) or `previous`.", version),
        Parameter::query(
            "wait",
            "Hold the answer until there is another version: a length of time up to `5m`. For the current version alone.",
            json!({ "type": "string", "examples": ["60s"] }),
        ),
    ]
}

/// The schema of a word, as `wire` describes it.
pub fn spelled<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).expect("utoipa's schemas have string keys and no failing serialiser")
}
