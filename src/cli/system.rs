//! The door to the outside: files, standard streams, the terminal, the environment, the clock.
#![expect(clippy::disallowed_methods, reason = "this is the door to the outside")]

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Larger files are not read.
const MAX_FILE: u64 = 64 << 20;
/// Deeper folders are not entered.
const MAX_DEPTH: usize = 64;

/// Everything that a command needs from outside.
pub trait System {
    /// The text of a file, or of standard input for `-`.
    ///
    /// # Errors
    /// It is not there, no regular file, too large, or not UTF-8.
    fn read(&mut self, path: &str) -> io::Result<String>;

    /// The files that a path names: itself, everything below a folder that `wanted` takes, or what a pattern
    /// matches; in order of their names.
    ///
    /// # Errors
    /// It names nothing, or cannot be looked at.
    fn expand(&mut self, pattern: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Vec<String>>;

    /// Whether a path names a pipe, which may never end.
    fn is_pipe(&self, path: &str) -> bool;

    /// Writes a file, and the folders above it that are not there.
    ///
    /// # Errors
    /// It cannot be written.
    fn write(&mut self, path: &str, text: &str) -> io::Result<()>;

    /// How many threads can run at a time; at least one.
    fn processors(&self) -> usize;

    /// What tells one state of a file from another; absent where there is no such file.
    fn state(&self, path: &str) -> Option<FileState>;

    /// Lets some time pass. False where there is nothing more to wait for.
    fn wait(&mut self, time: Duration) -> bool;

    /// The folder that relative paths start from.
    ///
    /// # Errors
    /// It is gone, or cannot be named.
    fn current_folder(&self) -> io::Result<String>;

    /// A variable of the environment; absent where it is not set.
    fn variable(&self, name: &str) -> Option<String>;

    /// The variables of the environment whose names begin with `prefix`, in order of their names.
    fn variables(&self, prefix: &str) -> Vec<(String, String)>;

    /// Whether a person sees what is written to a stream.
    fn is_terminal(&self, stream: Stream) -> bool;

    /// How many columns the terminal has; absent where there is none.
    fn width(&self) -> Option<u16>;

    /// Seconds since 1970.
    fn now(&self) -> i64;

    /// How long the program has been running.
    fn running_for(&self) -> Duration;

    /// Where answers go.
    fn stdout(&mut self) -> &mut dyn Write;

    /// Where complaints go.
    fn stderr(&mut self) -> &mut dyn Write;
}

/// A state of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// How long it is, in bytes.
    pub length: u64,
    /// When it was written, in nanoseconds since 1970, or anything else that another writing changes.
    pub written: u128,
}

/// A stream that a command writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Where complaints go.
    Stderr,
    /// Where answers go.
    Stdout,
}

/// The real one.
#[derive(Debug)]
pub struct RealSystem {
    stdout: io::BufWriter<io::Stdout>,
    stderr: io::Stderr,
    started: Instant,
}

impl Default for RealSystem {
    fn default() -> Self {
        Self {
            stdout: io::BufWriter::new(io::stdout()),
            stderr: io::stderr(),
            started: Instant::now(),
        }
    }
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message.into())
}

impl System for RealSystem {
    fn read(&mut self, path: &str) -> io::Result<String> {
        let mut text = Vec::new();
        if path == "-" {
            io::stdin()
                .lock()
                .take(MAX_FILE + 1)
                .read_to_end(&mut text)?;
        } else {
            // A device could go on for ever. A pipe is what `-f <(helm template …)` hands over.
            let kind = fs::metadata(path)?.file_type();
            if !kind.is_file() && !is_pipe(kind) {
                return Err(invalid("neither a file nor a pipe"));
            }
            fs::File::open(path)?
                .take(MAX_FILE + 1)
                .read_to_end(&mut text)?;
        }
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > MAX_FILE {
            return Err(invalid("larger than 64 MiB"));
        }
        String::from_utf8(text).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            invalid(format!("not UTF-8: the byte at offset {at}"))
        })
    }

    fn expand(&mut self, pattern: &str, wanted: &dyn Fn(&str) -> bool) -> io::Result<Vec<String>> {
        if pattern == "-" {
            return Ok(vec![pattern.to_owned()]);
        }
        let path = Path::new(pattern);
        let mut files = Vec::new();
        if path.is_dir() {
            walk(path, 0, wanted, &mut files)?;
        } else if path.exists() {
            files.push(path.to_path_buf());
        } else {
            if !pattern.contains(['*', '?', '[']) {
                return Err(io::Error::new(io::ErrorKind::NotFound, "no such file or folder"));
            }
            let matches = glob::glob(pattern).map_err(|error| invalid(error.to_string()))?;
            for found in matches {
                let found = found.map_err(io::Error::from)?;
                if found.is_file() {
                    files.push(found);
                }
            }
            if files.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the pattern matches no file"));
            }
        }
        files.sort();
        Ok(files
            .iter()
            .map(|file| file.to_string_lossy().into_owned())
            .collect())
    }

    fn is_pipe(&self, path: &str) -> bool {
        fs::metadata(path).is_ok_and(|metadata| is_pipe(metadata.file_type()))
    }

    fn write(&mut self, path: &str, text: &str) -> io::Result<()> {
        if let Some(folder) = Path::new(path).parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, text)
    }

    fn processors(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }

    fn state(&self, path: &str) -> Option<FileState> {
        let metadata = fs::metadata(path).ok()?;
        let written = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(FileState { length: metadata.len(), written: written.as_nanos() })
    }

    fn wait(&mut self, time: Duration) -> bool {
        std::thread::sleep(time);
        true
    }

    fn current_folder(&self) -> io::Result<String> {
        Ok(std::env::current_dir()?.to_string_lossy().into_owned())
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn variables(&self, prefix: &str) -> Vec<(String, String)> {
        let mut variables: Vec<_> = std::env::vars_os()
            .map(|(name, value)| {
                (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
            })
            .filter(|(name, _)| name.starts_with(prefix))
            .collect();
        variables.sort();
        variables
    }

    fn is_terminal(&self, stream: Stream) -> bool {
        match stream {
            Stream::Stderr => self.stderr.is_terminal(),
            Stream::Stdout => self.stdout.get_ref().is_terminal(),
        }
    }

    fn width(&self) -> Option<u16> {
        terminal_size::terminal_size().map(|(width, _)| width.0)
    }

    fn now(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }

    fn running_for(&self) -> Duration {
        self.started.elapsed()
    }

    fn stdout(&mut self) -> &mut dyn Write {
        &mut self.stdout
    }

    fn stderr(&mut self) -> &mut dyn Write {
        &mut self.stderr
    }
}

#[cfg(unix)]
fn is_pipe(kind: fs::FileType) -> bool {
    std::os::unix::fs::FileTypeExt::is_fifo(&kind)
}

#[cfg(not(unix))]
const fn is_pipe(_: fs::FileType) -> bool {
    false
}

/// Everything below a folder, hidden names and links to folders left out.
fn walk(
    folder: &Path,
    depth: usize,
    wanted: &dyn Fn(&str) -> bool,
    files: &mut Vec<PathBuf>,
) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("folders are nested deeper than {MAX_DEPTH}")));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), depth + 1, wanted, files)?;
        } else if wanted(&name) && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
