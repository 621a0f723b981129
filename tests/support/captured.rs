//! A system whose streams are captured; files come from memory, and from the project where memory has none. Its
//! environment is empty and nobody sees its streams, unless a test says otherwise.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use portcullis::cli::{Exit, FileState, RealSystem, Stream, System};

/// Noon of a day on which nothing of the tests has expired.
const NOW: i64 = 1_790_000_000;

#[derive(Default)]
pub(crate) struct Captured {
    files: BTreeMap<String, String>,
    written: BTreeMap<String, String>,
    changes: Vec<(String, String)>,
    variables: BTreeMap<String, String>,
    terminal: bool,
    /// What the clock gains whenever it is looked at.
    pace: Duration,
    running_for: Cell<Duration>,
    real: RealSystem,
    out: Vec<u8>,
    err: Vec<u8>,
}

/// What a call came to.
pub(crate) struct Call {
    pub(crate) exit: Exit,
    pub(crate) out: String,
    pub(crate) err: String,
    /// The files that were written.
    pub(crate) written: BTreeMap<String, String>,
}

impl Captured {
    /// With these files, by name.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let files = files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Self { files: files.collect(), ..Self::default() }
    }

    /// With these variables in its environment.
    pub(crate) fn variables(mut self, variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.variables.extend(variables);
        self
    }

    /// With files that are written while somebody waits, one after the other.
    pub(crate) fn changing(mut self, changes: &[(&str, &str)]) -> Self {
        let changes = changes
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        self.changes.extend(changes);
        self
    }

    /// At a terminal.
    pub(crate) fn at_a_terminal(mut self) -> Self {
        self.terminal = true;
        self
    }

    /// With a clock that goes on by so much whenever it is looked at.
    pub(crate) fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Runs the words behind `portcullis`.
    pub(crate) fn run(self, words: &[&str]) -> Call {
        self.run_as("portcullis", words)
    }

    /// Runs words under another name of the program.
    pub(crate) fn run_as(mut self, program: &str, words: &[&str]) -> Call {
        let words = std::iter::once(program)
            .chain(words.iter().copied())
            .map(Into::into);
        let exit = portcullis::cli::run(words, &mut self);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Call { exit, out: text(self.out), err: text(self.err), written: self.written }
    }
}

impl System for Captured {
    fn read(&mut self, path: &str) -> io::Result<String> {
        match self.files.get(path) {
            Some(text) => Ok(text.clone()),
            None => self.real.read(path),
        }
    }

    fn expand(&mut self, pattern: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Vec<String>> {
        if self.files.contains_key(pattern) {
            return Ok(vec![pattern.to_owned()]);
        }
        self.real.expand(pattern, wanted)
    }

    fn is_pipe(&self, path: &str) -> bool {
        self.real.is_pipe(path)
    }

    fn write(&mut self, path: &str, text: &str) -> io::Result<()> {
        self.written.insert(path.to_owned(), text.to_owned());
        Ok(())
    }

    fn current_folder(&self) -> io::Result<String> {
        Ok("/team/mesh".to_owned())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        let variables = self.variables.iter();
        variables
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn is_terminal(&self, _: Stream) -> bool {
        self.terminal
    }

    fn width(&self) -> Option<u16> {
        self.terminal.then_some(80)
    }

    fn now(&self) -> i64 {
        NOW
    }

    fn processors(&self) -> usize {
        2
    }

    fn state(&self, path: &str) -> Option<FileState> {
        let Some(text) = self.files.get(path) else { return self.real.state(path) };
        let written = text
            .bytes()
            .fold(0_u128, |sum, byte| sum.wrapping_mul(257) + u128::from(byte));
        Some(FileState { length: u64::try_from(text.len()).unwrap(), written })
    }

    fn wait(&mut self, _: Duration) -> bool {
        if self.changes.is_empty() {
            return false;
        }
        let (name, text) = self.changes.remove(0);
        self.files.insert(name, text);
        true
    }

    fn running_for(&self) -> Duration {
        self.running_for.set(self.running_for.get() + self.pace);
        self.running_for.get()
    }

    fn stdout(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    fn stderr(&mut self) -> &mut dyn Write {
        &mut self.err
    }
}
