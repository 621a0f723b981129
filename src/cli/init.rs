//! `test --init`: a folder of policies → a first suite beside them.

use super::exit::Exit;
use super::system::System;
use super::{complain, complain_of, load, print};
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::jwt::InlineKeys;
use crate::mesh::{Admission, Mesh, MeshInputs};
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
    let loaded = load::resources(&[folder.to_owned()], "default", system);
    let compiled = Diagnostics::gate(loaded.findings).and_then(|warnings| {
        let inputs = MeshInputs {
            resources: vec![&loaded.resources],
            admission: Admission::Enforced,
            ..MeshInputs::default()
        };
        let (mesh, more) = Mesh::compile(inputs)?;
        Ok((mesh, [warnings, more].concat()))
    });
    let (mut mesh, warnings) = match compiled {
        Ok(compiled) => compiled,
        Err(errors) => {
            complain_of(system, &errors.into_vec());
            return Exit::CouldNotAsk;
        }
    };
    complain_of(system, &warnings);
    mesh.token_reader = Some(Box::new(InlineKeys));
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
