//! What is wrong with a piece of input, and the shape that all short identifiers share.

/// Why a text is no valid identifier: a sentence that names the rule, never the text itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

/// A problem with one field of a request, as RFC 9457's `errors` extension shows it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the field, or `?name` for a query parameter.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

impl FieldError {
    pub fn new(pointer: impl Into<String>, detail: impl ToString) -> Self {
        Self { pointer: pointer.into(), detail: detail.to_string() }
    }
}

/// Why a text is no line that people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadLine {
    #[error("has a control character; it takes one line of plain text")]
    Control,
    /// With the most characters that it takes.
    #[error("is too long: at most {0} characters")]
    Long(usize),
}

/// A one-line text that people read (a name, a description): up to `most` characters, none a control.
pub fn line_of_text(text: &str, most: usize) -> Result<(), BadLine> {
    if text.chars().any(char::is_control) {
        return Err(BadLine::Control);
    }
    if text.chars().count() > most {
        return Err(BadLine::Long(most));
    }
    Ok(())
}

/// Declares an identifier: an immutable text that a `parse` has let through, cheap to clone.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $parse:path) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, shared instead of copied.
            pub fn shared(&self) -> std::sync::Arc<str> {
                self.0.clone()
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::model::word::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $parse(text).map(|checked| Self(checked.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = crate::model::word::Invalid;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(word: $name) -> Self {
                word.as_str().to_owned()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }
    };
}
pub(super) use word;
