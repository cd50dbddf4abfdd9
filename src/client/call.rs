//! One request and its answer, without the connection.

use hyper::Method;
use serde::de::DeserializeOwned;

use super::error::ClientError;
use crate::secret::Plaintext;
use crate::wire;

/// A request. The path is made of checked identifiers only.
pub struct Call {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) body: Option<Plaintext>,
    /// The entity tag that the call depends on, in its quotes.
    pub(super) if_match: Option<String>,
    /// The version that the caller has.
    pub(super) known: Option<u64>,
    /// Whether the answer may take a while.
    pub(super) waits: bool,
}

impl Call {
    pub fn get(path: impl Into<String>) -> Self {
        Self::of(Method::GET, path)
    }

    pub fn delete(path: impl Into<String>) -> Self {
        Self::of(Method::DELETE, path)
    }

    pub fn post(path: impl Into<String>) -> Self {
        Self::of(Method::POST, path)
    }

    pub fn patch(path: impl Into<String>) -> Self {
        Self::of(Method::PATCH, path)
    }

    fn of(method: Method, path: impl Into<String>) -> Self {
        Self { method, target: path.into(), body: None, if_match: None, known: None, waits: false }
    }

    /// Only if the record is still in the state with this entity tag.
    pub fn if_match(self, tag: Option<String>) -> Self {
        Self { if_match: tag, ..self }
    }

    /// Asks for another version than this one: then a 304 is a success too.
    pub fn unless(self, known: Option<u64>) -> Self {
        Self { known, ..self }
    }

    /// Lets the daemon wait for a change that long.
    pub fn waiting(self, wait: Option<&str>) -> Self {
        let waits = wait.is_some();
        Self { waits, ..self.parameter("wait", wait) }
    }

    /// Waits longer than usual for the answer: the daemon goes through all that it has.
    pub fn patiently(self) -> Self {
        Self { waits: true, ..self }
    }

    /// Adds a JSON body.
    pub fn with(self, body: Plaintext) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Adds a query parameter, if it is given.
    pub fn parameter(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.target.push(if self.target.contains('?') { '&' } else { '?' });
            let mut query = form_urlencoded::Serializer::new(String::new());
            self.target.push_str(&query.append_pair(name, &value.to_string()).finish());
        }
        self
    }
}

/// A success: its status and its whole body, which may hold a value.
pub struct Answer {
    pub status: u16,
    /// The entity tag, in its quotes.
    pub tag: Option<String>,
    pub body: Plaintext,
}

impl Answer {
    /// Whether the caller has the version that it would get.
    pub fn is_unchanged(&self) -> bool {
        self.status == 304
    }

    /// The body as one of the API's shapes.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        self.body
            .lend(wire::read)
            .map_err(|_| ClientError::Odd("is not what this version of fsm-vault understands"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;

    assert_not_impl_any!(Call: std::fmt::Debug, Clone);
    assert_not_impl_any!(Answer: std::fmt::Debug, Clone);

    #[test]
    fn parameters_are_encoded() {
        let call = Call::get("/v1/x").parameter("domain", Some("a.b")).parameter("none", None::<u64>);
        let call = call.parameter("employee", Some("Ann & Bob=ü"));
        assert_eq!(call.target, "/v1/x?domain=a.b&employee=Ann+%26+Bob%3D%C3%BC");
    }

    #[test]
    fn an_odd_answer_is_not_repeated() {
        let answer =
            Answer { status: 200, tag: None, body: Plaintext::new(b"{\"version\":\"hush\"}".to_vec()) };
        let told = answer.read::<wire::PairRead>().err().unwrap();
        assert!(!format!("{told} {told:?}").contains("hush"));
    }
}
