//! The OpenAPI 3.1 description of the API.
//!
//! What is served is `document.json`, as it is there. One entry for each call, in the file of its resource, and the
//! shapes of `wire` make it: in tests alone, so that the daemon carries the text and not what wrote it. A call that has
//! no entry, an entry that routes elsewhere, or a text that isn't what they make, fails a test. Describes only: nothing
//! here decides or answers anything else.

mod call;
#[cfg(test)]
mod callers;
#[cfg(test)]
mod document;
#[cfg(test)]
mod integrations;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod operation;
#[cfg(test)]
mod parameter;
#[cfg(test)]
mod refinement;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod system;
#[cfg(test)]
mod tests;

pub use call::describe;
