//! Named places at which a test lets the daemon die, or a disk fail. There is none in a build without the feature
//! `failpoints`, and no release build has it.
//!
//! ```text
//! FAILPOINTS=store.flush=3*off->return(kill)      the fourth time it comes by, it is killed
//! FAILPOINTS=store.sync=1*return(eio)             the first time, the disk fails: eio, enospc or erofs
//! ```

#[cfg(all(feature = "failpoints", not(debug_assertions)))]
compile_error!("failpoints are for tests: a release build has none");

/// `failpoint!("room.point")`: a place to die at. `failpoint!("room.point", io)`: one that may also fail, for a function
/// whose error an [`std::io::Error`] turns into.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(feature = "failpoints")]
        let _ = $crate::failpoint::passed($name);
    };
    ($name:literal, io) => {
        #[cfg(feature = "failpoints")]
        $crate::failpoint::passed($name)?;
    };
}

/// Does what the environment says of this place.
#[cfg(feature = "failpoints")]
pub(crate) fn passed(name: &str) -> std::io::Result<()> {
    fail::fail_point!(name, |act| match act.as_deref() {
        Some("kill") => {
            // No handler, no destructor and no buffer sees it: as if the power went, but for what the kernel has.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            loop {
                std::thread::park();
            }
        }
        Some("eio") => Err(std::io::Error::from_raw_os_error(libc::EIO)),
        Some("enospc") => Err(std::io::Error::from_raw_os_error(libc::ENOSPC)),
        Some("erofs") => Err(std::io::Error::from_raw_os_error(libc::EROFS)),
        other => panic!("the failpoint {name} knows no {other:?}"),
    });
    Ok(())
}

/// Reads `FAILPOINTS`, once, at the beginning.
#[cfg(feature = "failpoints")]
pub fn set_up() {
    // Its end would take the points away again.
    std::mem::forget(fail::FailScenario::setup());
}
