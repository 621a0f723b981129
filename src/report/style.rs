//! How text for people is laid out and coloured.

use std::fmt;

use anstyle::{AnsiColor, Style as Look};

use super::answer::Word;

/// How text for people is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether colours may be used: a terminal that wants them.
    pub colour: bool,
    /// The width in columns to which quoted lines are cut.
    pub width: usize,
    /// Everything that is known, instead of about a screen of it.
    pub full: bool,
}

impl Default for Style {
    /// No colour, 110 columns, a screen.
    fn default() -> Self {
        Self { colour: false, width: 110, full: false }
    }
}

impl Style {
    /// The word of an answer, in its colour.
    pub(super) fn word(self, word: Word) -> Coloured<'static> {
        let colour = match word {
            Word::Yes => AnsiColor::Green,
            Word::No => AnsiColor::Red,
            Word::Unknown => AnsiColor::Yellow,
        };
        self.painted(word.as_str(), colour.on_default().bold())
    }

    /// Text that matters less.
    pub(super) fn faint(self, text: &str) -> Coloured<'_> {
        self.painted(text, Look::new().dimmed())
    }

    /// Text that leads.
    pub(super) fn strong(self, text: &str) -> Coloured<'_> {
        self.painted(text, Look::new().bold())
    }

    const fn painted(self, text: &str, look: Look) -> Coloured<'_> {
        Coloured { text, look: if self.colour { look } else { Look::new() } }
    }
}

/// Text in a colour; padded as plain text is.
pub(super) struct Coloured<'t> {
    text: &'t str,
    look: Look,
}

impl fmt::Display for Coloured<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.look.render())?;
        f.pad(self.text)?;
        write!(f, "{}", self.look.render_reset())
    }
}
