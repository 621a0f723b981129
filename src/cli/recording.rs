//! The real system with its streams kept, for those who call from Rust.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::load;
use super::system::{FileState, RealSystem, Stream, System};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::jwt::InlineKeys;
use crate::mesh::{Mesh, MeshInputs};

/// Files and clock are real; what is printed is kept.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    real: RealSystem,
    out: Vec<u8>,
    err: Vec<u8>,
}

impl Recording {
    /// What was printed: the answers, and then the complaints.
    pub(crate) fn text(&self) -> String {
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        format!("{}{}", text(&self.out), text(&self.err))
    }
}

impl System for Recording {
    fn read(&mut self, path: &str) -> io::Result<String> {
        self.real.read(path)
    }

    fn expand(&mut self, pattern: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Vec<String>> {
        self.real.expand(pattern, wanted)
    }

    fn is_pipe(&self, path: &str) -> bool {
        self.real.is_pipe(path)
    }

    fn write(&mut self, path: &str, text: &str) -> io::Result<()> {
        self.real.write(path, text)
    }

    fn processors(&self) -> usize {
        self.real.processors()
    }

    fn state(&self, path: &str) -> Option<FileState> {
        self.real.state(path)
    }

    fn wait(&mut self, _: Duration) -> bool {
        false
    }

    fn current_folder(&self) -> io::Result<String> {
        self.real.current_folder()
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.real.variable(name)
    }

    fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        self.real.variables(prefix)
    }

    fn is_terminal(&self, _: Stream) -> bool {
        false
    }

    fn width(&self) -> Option<u16> {
        None
    }

    fn now(&self) -> i64 {
        self.real.now()
    }

    fn running_for(&self) -> Duration {
        self.real.running_for()
    }

    fn stdout(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    fn stderr(&mut self) -> &mut dyn Write {
        &mut self.err
    }
}

/// The mesh of the files that a path names, as `can-i -f` reads it.
///
/// # Errors
/// Everything that is wrong with them.
pub(crate) fn mesh_of(path: &str, system: &mut impl System) -> Result<Mesh, Vec<Diagnostic>> {
    let loaded = load::resources(&[path.to_owned()], "default", system);
    let inputs = MeshInputs { resources: vec![&loaded.resources], ..MeshInputs::default() };
    let compiled = Diagnostics::gate(loaded.findings).and_then(|_warnings| Mesh::compile(inputs));
    let (mut mesh, _warnings) = compiled.map_err(Diagnostics::into_vec)?;
    mesh.token_reader = Some(Arc::new(InlineKeys));
    Ok(mesh)
}
