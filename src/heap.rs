//! The heap: how it is divided, and what was freed given back to the system. The room's only unsafe code.
#![allow(unsafe_code)]
#![deny(unsafe_op_in_unsafe_fn)]

/// Lets so many arenas be made at most, before there are threads. glibc by itself makes eight for each processor, one
/// for each thread that comes along, and what a short-lived one leaves behind in its own is of no use to the others.
///
/// Does nothing where the C library has no such call.
pub fn divide_into(arenas: usize) {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes two numbers and sets one of the allocator's own, under its lock.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, libc::c_int::try_from(arenas).unwrap_or(libc::c_int::MAX));
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = arenas;
}

/// Returns the free pages of the whole heap, also those between pieces in use: glibc by itself returns only what lies at
/// the heap's end. Takes a moment for each hundred MiB; for after a step that needed far more than it leaves behind.
///
/// Does nothing where the C library has no such call.
pub fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointer, touches free memory alone and locks each arena as an allocation would.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_in_use_stays_as_it_is() {
        let mut kept = Vec::new();
        for number in 0..10_000_u32 {
            // Each second one is freed at once, and leaves a hole.
            let (stays, _goes) = (vec![number; 64], vec![number; 64]);
            kept.push(stays);
        }
        super::give_back();
        assert!((0..).zip(&kept).all(|(number, words)| words.iter().all(|word| *word == number)));
    }
}
