//! What the process gives up before it touches a secret. Runs before there is a second thread.

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Resource, Rlimit};

use super::exit::Exit;
use super::failure::Failure;

/// New files are their owner's alone; no core dump, no debugger and no other process of the same user gets at
/// the memory.
pub fn harden() -> Result<(), Failure> {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    match rustix::process::setrlimit(Resource::Core, none) {
        // Whoever forbids it has set the limit too.
        Ok(()) | Err(Errno::PERM) => {}
        Err(error) => return Err(failed("switch off core dumps", error)),
    }
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(|error| failed("keep other processes from this one's memory", error))
}

fn failed(what: &str, error: Errno) -> Failure {
    Failure::new(Exit::Failed, format!("can't {what}: {error}"))
}
