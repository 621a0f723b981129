//! Yes, no, or not to be known here.

/// The value of a condition. Ordered, so that *all of* is the least and *any of* the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    No,
    /// It depends on something that is not known offline.
    Unknown,
    /// It holds.
    Yes,
}

impl Truth {
    /// Any of them; none at all is no. Stops at the first yes.
    pub(crate) fn any(truths: impl IntoIterator<Item = Self>) -> Self {
        let mut greatest = Self::No;
        for truth in truths {
            greatest = greatest.max(truth);
            if greatest == Self::Yes {
                break;
            }
        }
        greatest
    }

    /// The contrary; unknown stays unknown.
    #[must_use]
    pub const fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
            Self::Yes => Self::No,
        }
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, No, Unknown, Yes};

    #[rstest::rstest]
    #[case::nothing(&[], No)]
    #[case::unknown_hides_behind_yes(&[Unknown, Yes], Yes)]
    #[case::unknown_shows_before_no(&[No, Unknown], Unknown)]
    fn any_is_the_greatest(#[case] truths: &[Truth], #[case] any: Truth) {
        assert_eq!(Truth::any(truths.iter().copied()), any);
    }

    #[rstest::rstest]
    #[case(Yes, No)]
    #[case(No, Yes)]
    #[case(Unknown, Unknown)]
    fn the_contrary_of_unknown_is_unknown(#[case] truth: Truth, #[case] want: Truth) {
        assert_eq!(truth.not(), want);
    }
}
