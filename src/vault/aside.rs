//! Work that takes milliseconds: large values are opened and written out beside the other requests, not before them.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does the work while another thread goes on with the tasks of this one. For what would keep them waiting: it costs a
/// change of threads. On a runtime of one thread alone they wait.
pub fn aside<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_meanwhile() {
        let (told, heard) = mpsc::channel();
        // Where tasks run: this one and the next share the only worker.
        let working = tokio::spawn(async move {
            tokio::spawn(async move { told.send(()).unwrap() });
            aside(|| heard.recv_timeout(Duration::from_secs(60)))
        });
        assert_eq!(working.await.unwrap(), Ok(()));
    }

    #[tokio::test]
    async fn one_thread_does_it_itself() {
        assert_eq!(aside(|| 7), 7);
    }
}
