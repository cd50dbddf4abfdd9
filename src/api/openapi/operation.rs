//! One operation: what it takes, what it answers, and every problem that may come instead.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::parameter::Parameter;
use crate::wire::{Code, IssuedRead};

/// What any call may be answered: the path or query is bad, the caller isn't one of ours, or takes more than its share, the
/// daemon can't.
const ANY: &[Code] = &[
    Code::Malformed,
    Code::InvalidField,
    Code::CallerUnknown,
    Code::CallerRevoked,
    Code::WrongPeer,
    Code::RateLimited,
    Code::AuditUnavailable,
    Code::ShuttingDown,
    Code::Internal,
];
/// To a service that reads: the rules, a version that can't be read, a record that changes too fast.
const READING: &[Code] = &[
    Code::PermissionDenied,
    Code::AccessDenied,
    Code::EmployeeRequired,
    Code::DomainRequired,
    Code::DomainNotAllowed,
    Code::UseOnly,
    Code::NotFound,
    Code::Conflict,
    Code::StorageUnavailable,
];

/// A schema with a name, and those that it refers to.
pub type Named = (String, Value);

/// One call, as the document has it.
pub struct Operation {
    pub method: &'static str,
    pub path: &'static str,
    pub id: &'static str,
    pub summary: &'static str,
    pub who: String,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub successes: Vec<Success>,
    /// By status.
    pub problems: BTreeMap<u16, Vec<Code>>,
    pub schemas: Vec<Named>,
}

/// A request body.
pub struct Body {
    pub schema: Value,
    pub required: bool,
    /// In bytes.
    pub most: usize,
    pub example: Option<Value>,
}

/// An answer that is no problem.
pub struct Success {
    pub status: u16,
    pub description: &'static str,
    /// Media type and schema; none for an answer without a body.
    pub content: Vec<(&'static str, Value)>,
    pub tagged: bool,
}

impl Operation {
    fn new(method: &'static str, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        let operation = Self {
            method,
            path,
            id,
            summary,
            who: "any caller, also while sealed".to_owned(),
            parameters: Parameter::of_path(path),
            body: None,
            successes: Vec::new(),
            problems: BTreeMap::new(),
            schemas: Vec::new(),
        };
        operation.may(ANY)
    }

    pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("GET", path, id, summary)
    }

    pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("POST", path, id, summary).changes()
    }

    pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("PATCH", path, id, summary).changes()
    }

    pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self::new("DELETE", path, id, summary).changes()
    }

    fn changes(self) -> Self {
        self.may(&[Code::Conflict, Code::StorageFull, Code::StorageUnavailable])
    }

    /// Problems beyond those that go with the kind of call.
    pub fn may(mut self, codes: &[Code]) -> Self {
        for code in codes {
            let with_status = self.problems.entry(code.status()).or_default();
            if !with_status.contains(code) {
                with_status.push(*code);
            }
        }
        self
    }

    /// For any registered caller, unless the vault is sealed.
    pub fn anyone(mut self) -> Self {
        "any caller".clone_into(&mut self.who);
        self.may(&[Code::Sealed, Code::Conflict])
    }

    /// For services, inside the rules of what they ask for.
    pub fn service(mut self) -> Self {
        "service".clone_into(&mut self.who);
        self.may(&[Code::Sealed]).may(READING)
    }

    /// For operators of a level. What a path names may be unknown, or not theirs to see.
    pub fn operator(mut self, level: &'static str) -> Self {
        self.who = format!("operator, level {level}");
        let named = self.path.contains('{');
        let operation = self.may(&[Code::Sealed, Code::PermissionDenied, Code::Conflict]);
        if named { operation.may(&[Code::NotFound]) } else { operation }
    }

    /// For operators of level full, also while sealed.
    pub fn custodian(mut self) -> Self {
        "operator, level full; also while sealed".clone_into(&mut self.who);
        self.may(&[Code::PermissionDenied])
    }

    /// For operators of a level; while sealed, for those who may unseal.
    pub fn operator_or_custodian(mut self, level: &'static str) -> Self {
        self.who = format!("operator, level {level}; also while sealed, level full");
        self.may(&[Code::PermissionDenied])
    }

    /// Parameters beside those of the path.
    pub fn takes(mut self, parameters: &[Parameter]) -> Self {
        self.parameters.extend_from_slice(parameters);
        self
    }

    /// A JSON body of at most `most` bytes.
    pub fn body<T: ToSchema>(mut self, most: usize) -> Self {
        let schema = self.refer::<T>();
        self.body = Some(Body { schema, required: true, most, example: None });
        self.may(&[Code::TooLarge, Code::UnsupportedMediaType])
    }

    /// A body that may be left out.
    pub fn optional_body<T: ToSchema>(self, most: usize) -> Self {
        let mut operation = self.body::<T>(most);
        operation.body = operation.body.map(|body| Body { required: false, ..body });
        operation
    }

    /// A body that may be sent as it stands, to a vault with the names that the parameters' examples have.
    pub fn example(mut self, example: Value) -> Self {
        if let Some(body) = &mut self.body {
            body.example = Some(example);
        }
        self
    }

    /// 200 with a shape.
    pub fn ok<T: ToSchema>(self, description: &'static str) -> Self {
        self.json::<T>(200, description)
    }

    /// 201 with a shape.
    pub fn created<T: ToSchema>(self, description: &'static str) -> Self {
        self.json::<T>(201, description)
    }

    fn json<T: ToSchema>(mut self, status: u16, description: &'static str) -> Self {
        let schema = self.refer::<T>();
        self.answers(status, description, vec![("application/json", schema)])
    }

    /// 200 with a JSON object of whatever shape.
    pub fn object(self, description: &'static str) -> Self {
        self.answers(200, description, vec![("application/json", json!({ "type": "object" }))])
    }

    /// 200 with text of another kind than JSON.
    pub fn text(self, media_type: &'static str, description: &'static str) -> Self {
        self.answers(200, description, vec![(media_type, json!({ "type": "string" }))])
    }

    /// 200 with bytes.
    pub fn bytes(self, description: &'static str) -> Self {
        self.answers(200, description, vec![("application/octet-stream", json!({}))])
    }

    /// 200 with server-sent events; OpenAPI 3.1 has the schema of one of them.
    pub fn events(self, names: &[&str], description: &'static str) -> Self {
        let event = json!({
            "type": "object",
            "properties": {
                "event": { "enum": names },
                "id": { "type": "string", "pattern": "^[0-9a-f]{16}$" },
                "data": { "type": "string", "contentMediaType": "application/json" },
                "retry": { "type": "integer" },
            },
            "required": ["event", "data"],
        });
        self.answers(200, description, vec![("text/event-stream", event)])
    }

    /// 200 with one page of a list.
    pub fn page<T: ToSchema>(self, description: &'static str) -> Self {
        self.listed::<T>(200, description)
    }

    /// 201 with a list of what was made.
    pub fn created_page<T: ToSchema>(self, description: &'static str) -> Self {
        self.listed::<T>(201, description)
    }

    fn listed<T: ToSchema>(mut self, status: u16, description: &'static str) -> Self {
        let items = self.refer::<T>();
        let cursor = json!({ "type": ["string", "null"], "description": "Null on the last page." });
        let page = json!({
            "type": "object",
            "properties": { "items": { "type": "array", "items": items }, "next_cursor": cursor },
            "required": ["items", "next_cursor"],
        });
        self.answers(status, description, vec![("application/json", page)])
    }

    /// 204.
    pub fn deleted(self, description: &'static str) -> Self {
        self.answers(204, description, Vec::new())
    }

    /// Another media type of the answer named last, as text or bytes.
    pub fn or_as(mut self, media_type: &'static str) -> Self {
        if let Some(success) = self.successes.last_mut() {
            success.content.push((media_type, json!({})));
        }
        self
    }

    /// The answer named last has also the pair that the daemon made up, if it was asked to.
    pub fn or_issued(mut self) -> Self {
        let pair = self.refer::<IssuedRead>();
        if let Some((_, schema)) = self.successes.last_mut().and_then(|success| success.content.last_mut()) {
            *schema = json!({ "allOf": [schema], "properties": { "credentials": pair } });
        }
        self
    }

    /// The answer named last has an entity tag; with `If-None-Match` it is 304 instead.
    pub fn conditional(self) -> Self {
        let mut operation = self.tagged();
        operation.parameters.push(Parameter::if_none_match());
        operation.answers(304, "What `If-None-Match` names is what there is.", Vec::new()).tagged()
    }

    /// The answer named last has an entity tag.
    pub fn tagged(mut self) -> Self {
        if let Some(success) = self.successes.last_mut() {
            success.tagged = true;
        }
        self
    }

    /// Made only on what was looked at, if `If-Match` says so.
    pub fn if_match(mut self) -> Self {
        self.parameters.push(Parameter::if_match());
        self.may(&[Code::PreconditionFailed])
    }

    fn answers(
        mut self,
        status: u16,
        description: &'static str,
        content: Vec<(&'static str, Value)>,
    ) -> Self {
        self.successes.push(Success { status, description, content, tagged: false });
        self
    }

    fn refer<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let mut found = vec![(name.clone(), T::schema())];
        T::schemas(&mut found);
        let known = "utoipa's schemas have string keys and no failing serialiser";
        self.schemas.extend(
            found.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).expect(known))),
        );
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }
}
