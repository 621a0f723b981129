//! `test --init`: a folder of policies → a first suite beside them.

use super::exit::Exit;
use super::system::System;
use super::{complain, complain_of, mesh_of, print};
use crate::diagnostic::{Code, Diagnostic};
use crate::{report, scaffold};

/// The name of the suite's file.
const FILE: &str = "portcullis.test.yaml";

/// Writes a suite for the policies of a folder. A suite that is there stays as it is.
pub(crate) fn run(folder: &str, system: &mut impl System) -> Exit {
    let file = format!("{}/{FILE}", folder.trim_end_matches('/'));
    if system.state(&file).is_some() {
        let message = format!("`{file}` is there already");
        let help = "take it away first, or add to it what `portcullis mutate` finds missing";
        complain_of(system, &[Diagnostic::error(Code::BadRequest, message).help(help)]);
        return Exit::CouldNotAsk;
    }
    let mesh = match mesh_of(folder, system) {
        Ok(mesh) => mesh,
        Err(errors) => {
            complain_of(system, &errors);
            return Exit::CouldNotAsk;
        }
    };
    let sketches = scaffold::sketch(&mesh, Some(system.now()));
    if sketches.is_empty() {
        complain(system, "error: no policy is about a workload of the files\n");
        return Exit::NothingRan;
    }
    let name = folder
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(folder);
    let written = report::sketch_text(&mesh, name, &sketches)
        .map_err(std::io::Error::other)
        .and_then(|text| system.write(&file, &text));
    if let Err(error) = written {
        complain(system, &format!("error: `{file}` cannot be written: {error}\n"));
        return Exit::CouldNotAsk;
    }
    print(system, &format!("{} tests to review in {file}\n", sketches.len()));
    Exit::Yes
}
