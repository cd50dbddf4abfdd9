//! Random numbers from the kernel.

use zeroize::Zeroizing;

use super::Failed;

/// Fills `buffer` with random bytes from `getrandom(2)`.
pub fn fill(buffer: &mut [u8]) -> Result<(), Failed> {
    getrandom::fill(buffer).map_err(|_| Failed)
}

/// `N` random bytes that are wiped on drop.
pub fn fresh<const N: usize>() -> Result<Zeroizing<[u8; N]>, Failed> {
    let mut bytes = Zeroizing::new([0; N]);
    fill(bytes.as_mut())?;
    Ok(bytes)
}
