//! `man`: the definition of the flags → manual pages.

use std::io;

use clap_mangen::Man as Page;

use super::args::Man;
use super::exit::Exit;
use super::system::System;
use super::{complain, definition, print};

/// Prints the page of the program, or writes all pages to a folder.
pub(crate) fn run(arguments: &Man, system: &mut impl System) -> Exit {
    match pages(arguments, system) {
        Ok(()) => Exit::Yes,
        Err((path, error)) => {
            complain(system, &format!("error: cannot write `{path}`: {error}\n"));
            Exit::CouldNotAsk
        }
    }
}

fn pages(arguments: &Man, system: &mut impl System) -> Result<(), (String, io::Error)> {
    let Some(folder) = &arguments.out else {
        let (name, text) = all().swap_remove(0);
        print(system, &text.map_err(|error| (name, error))?);
        return Ok(());
    };
    for (name, text) in all() {
        let path = format!("{}/{name}.1", folder.trim_end_matches('/'));
        text.and_then(|text| system.write(&path, &text))
            .map_err(|error| (path, error))?;
    }
    Ok(())
}

/// Every page with its name, that of the program first: `portcullis`, `portcullis-can-i` …
fn all() -> Vec<(String, io::Result<String>)> {
    let mut command = definition::command("portcullis", 100);
    command.build();
    let page = |command: clap_mangen::Man| {
        let mut text = Vec::new();
        command.render(&mut text)?;
        String::from_utf8(text).map_err(io::Error::other)
    };
    let mut pages = vec![("portcullis".to_owned(), page(Page::new(command.clone())))];
    for subcommand in command
        .get_subcommands()
        .filter(|found| found.get_name() != "help")
    {
        let name = format!("portcullis-{}", subcommand.get_name());
        let subcommand = subcommand.clone().name(&name).bin_name(&name);
        pages.push((name, page(Page::new(subcommand))));
    }
    pages
}
