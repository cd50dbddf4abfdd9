//! The binary: whatever the heap gives back is wiped first, then the command line takes over.

use std::alloc::System;
use std::process::ExitCode;

use zeroizing_alloc::ZeroAlloc;

#[global_allocator]
static WIPING: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    fsm_vault::failpoint::set_up();
    fsm_vault::cli::main()
}
