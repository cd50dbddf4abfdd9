//! Draws for tests: a seed repeats them.

/// The same numbers from the same seed (SplitMix64).
pub struct Lots(u64);

impl Lots {
    pub fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// Below `bound`, which isn't 0.
    pub fn draw(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).expect("below a usize")
    }
}
