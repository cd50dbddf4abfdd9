//! What a call leaves on the stack, overwritten.
//!
//! Wiping on drop reaches a key where it ends, not where it lay before it was moved, and not what the primitives keep in
//! locals. A thread that has nothing to do keeps all that for as long as it lives (seen in the memory of a sealed daemon:
//! its root key, the states of its keyed hashes, the last block of a value).

/// Bytes of stack, more than HMAC and HKDF take.
pub(super) const SHALLOW: usize = 4 * 1024;
/// The same of AES-GCM. On processors with vectors of 512 bits an unoptimised build's frames are larger.
pub(super) const DEEP: usize = if cfg!(debug_assertions) { 32 * 1024 } else { 8 * 1024 };
/// The same of Argon2id.
pub(super) const DEEPEST: usize = 32 * 1024;

/// Does `work` in frames of its own, and overwrites that much of the stack where they were. What it returns is the caller's:
/// a key goes out behind a pointer.
#[inline(always)]
pub(super) fn leaving_none<const BYTES: usize, R>(work: impl FnOnce() -> R) -> R {
    let done = apart(work);
    wipe::<BYTES>();
    done
}

/// Never inlined, so that what the primitives leave lies below the caller's frame, where it is wiped.
#[inline(never)]
fn apart<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[inline(never)]
fn wipe<const BYTES: usize>() {
    // The zeros that it is made of are the wiping: one memset, where `zeroize` writes an array byte for byte.
    let below = [0_u8; BYTES];
    zeroize::optimization_barrier(&below);
}
