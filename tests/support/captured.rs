//! A system whose streams are captured; files come from memory, and from the project where memory has none.

use std::collections::BTreeMap;
use std::io::{self, Write};

use portcullis::cli::{Exit, RealSystem, System};

/// Noon of a day on which nothing of the tests has expired.
const NOW: i64 = 1_790_000_000;

#[derive(Default)]
pub(crate) struct Captured {
    files: BTreeMap<String, String>,
    written: BTreeMap<String, String>,
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

    /// Runs the words behind `portcullis`.
    pub(crate) fn run(mut self, words: &[&str]) -> Call {
        let words = std::iter::once("portcullis")
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

    fn now(&self) -> i64 {
        NOW
    }

    fn processors(&self) -> usize {
        2
    }

    fn stdout(&mut self) -> &mut dyn Write {
        &mut self.out
    }

    fn stderr(&mut self) -> &mut dyn Write {
        &mut self.err
    }
}
