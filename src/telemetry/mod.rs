//! What the daemon tells its operator and their monitoring: log lines on standard error, and metrics.
//!
//! Owns the one subscriber of the process, the counters of requests and connections, and the text that a scrape gets.
//! Nothing here names a secret, a caller or a path. The audit log is another room: nothing here decides or releases.

mod exposition;
mod format;
mod logging;
mod meter;
mod queue;

pub use exposition::{Held, Notices, Readings, render};
pub use format::Format;
pub use logging::{TelemetryError, finish, say, start};
pub use meter::{Kind, Meter, OpenConnection, Verdict};
