//! `--color`, the environment and the streams → whether text is coloured, and how wide it may be.

use super::flags::ColorChoice;
use super::system::{Stream, System};
use crate::report::Style;

/// Wider lines are hard to read.
const MAX_WIDTH: u16 = 110;
/// Where nobody says how wide the terminal is.
const USUAL_WIDTH: u16 = 100;

/// Whether text for a stream is coloured: as the flag says, else at a terminal that can, unless `NO_COLOR` is set to
/// anything (<https://no-color.org>).
pub(crate) fn colored(choice: ColorChoice, stream: Stream, system: &impl System) -> bool {
    let set = |name| system.variable(name).is_some_and(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => {
            system.is_terminal(stream)
                && !set("NO_COLOR")
                && system.variable("TERM").as_deref() != Some("dumb")
        }
    }
}

/// How many columns text may take.
pub(crate) fn width(system: &impl System) -> u16 {
    system.width().unwrap_or(USUAL_WIDTH).min(MAX_WIDTH)
}

/// How text for standard output is written.
pub(crate) fn style(choice: ColorChoice, system: &impl System) -> Style {
    Style {
        colour: colored(choice, Stream::Stdout, system),
        width: width(system).into(),
        ..Style::default()
    }
}
