//! The OpenAPI 3.1 description of the API.
//!
//! One entry for each call, in the file of its resource; the shapes are those of `wire`. A call that has no entry,
//! or an entry that routes elsewhere, fails a test. Describes only: nothing here decides or answers anything else.

mod call;
mod callers;
mod document;
mod integrations;
mod notices;
mod operation;
mod parameter;
mod refinement;
mod secrets;
mod system;
#[cfg(test)]
mod tests;

pub use call::describe;
