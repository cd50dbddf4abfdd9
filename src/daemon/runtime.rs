//! The threads that the daemon's tasks run on.

use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::runtime::{Builder, Runtime};

use crate::heap;

/// What tokio reads by itself.
const BY_HAND: &str = "TOKIO_WORKER_THREADS";

/// A runtime with one worker for every two processors, unless `TOKIO_WORKER_THREADS` says otherwise.
///
/// The other half is for those whom the vault serves: a sidecar's callers run on the same host, and a worker more
/// costs more in shared cache lines and wake-ups than it serves (two processors, both sides of the load on them: twice
/// the CPU time per request with two workers).
pub fn runtime() -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all();
    let workers = workers(available_parallelism().map_or(1, NonZero::get));
    if std::env::var_os(BY_HAND).is_none() {
        builder.worker_threads(workers);
    }
    // One for each worker, and one for all the threads that now and then have something to do.
    heap::divide_into(workers + 1);
    builder.build()
}

fn workers(processors: usize) -> usize {
    (processors / 2).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_processors_and_at_least_one() {
        for (processors, expected) in [(1, 1), (2, 1), (3, 1), (4, 2), (64, 32)] {
            assert_eq!(workers(processors), expected, "{processors}");
        }
    }
}
