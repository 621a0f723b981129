//! A seed or any bytes → choices.

/// Where choices come from.
#[derive(Clone, Debug)]
pub enum Choices<'b> {
    /// A stream of numbers that a seed begins (`SplitMix64`).
    Seed(u64),
    /// A byte a choice; behind the last all choices are the first one.
    Bytes(&'b [u8]),
}

impl Choices<'_> {
    fn next(&mut self) -> u64 {
        match self {
            Self::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                mixed ^ (mixed >> 31)
            }
            Self::Bytes(bytes) => match bytes.split_first() {
                Some((first, rest)) => {
                    *bytes = rest;
                    u64::from(*first)
                }
                None => 0,
            },
        }
    }

    /// From 0 to `bound`, which is left out.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(1).max(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    /// Once in so many times; never, where the bytes are at their end.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) + 1 == times
    }

    pub fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// Mostly one of the first two.
    pub fn pick_early<T: Copy>(&mut self, of: &[T]) -> T {
        let bound = if self.once_in(6) { of.len() } else { of.len().min(2) };
        of[self.below(bound)]
    }
}
