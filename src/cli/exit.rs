//! What a command ends with, the same for every output format.

use std::process::ExitCode;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: yes, or everything passed.
    Yes,
    /// 1: no, or something failed.
    No,
    /// 2: it could not be asked.
    CouldNotAsk,
    /// 3: it cannot be decided offline.
    Unknown,
    /// 4: nothing ran.
    NothingRan,
}

impl Exit {
    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::CouldNotAsk => 2,
            Self::Unknown => 3,
            Self::NothingRan => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
