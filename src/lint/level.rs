//! How grave a finding is, and the words for it.

use std::fmt;
use std::str::FromStr;

/// How grave a finding is, the least grave first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Worth knowing.
    Low,
    /// A habit that goes wrong sooner or later.
    Medium,
    /// Admits or refuses what it should not.
    High,
    /// Gives access away.
    Critical,
    /// The policy cannot do what it says, or would be refused.
    Error,
}

/// The word is none for a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a level is one of low, medium, high, critical, error")]
pub struct NotALevel;

impl Level {
    /// Every level, the least grave first.
    pub const ALL: [Self; 5] = [Self::Low, Self::Medium, Self::High, Self::Critical, Self::Error];

    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = NotALevel;

    fn from_str(word: &str) -> Result<Self, NotALevel> {
        Self::ALL
            .into_iter()
            .find(|level| level.as_str() == word)
            .ok_or(NotALevel)
    }
}
