//! `completion`: a shell → the script that completes the words of this program in it.

use clap_complete::{Shell as Script, generate};

use super::args::Completion;
use super::exit::Exit;
use super::flags::Shell;
use super::system::System;
use super::{definition, print};

/// Prints the script.
pub(crate) fn run(arguments: &Completion, system: &mut impl System) -> Exit {
    let script = match arguments.shell {
        Shell::Bash => Script::Bash,
        Shell::Fish => Script::Fish,
        Shell::Power => Script::PowerShell,
        Shell::Zsh => Script::Zsh,
    };
    let mut text = Vec::new();
    generate(script, &mut definition::command("portcullis", 100), "portcullis", &mut text);
    print(system, &String::from_utf8_lossy(&text));
    Exit::Yes
}
