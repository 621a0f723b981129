//! Named files of a CA's state ↔ one directory on disk: private, locked, and durable when it says so.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use zeroize::Zeroizing;

/// Where a CA keeps its state. Each call is one step that can fail, or be the last before a crash; what is durable is
/// what a `sync` covered. Names are plain: no slash, no leading dot but that of a temporary file.
pub trait Store: Send + Sync {
    /// What a file holds behind its first `from` bytes: nothing where it is not that long; absent where there is no file.
    ///
    /// # Errors
    /// It is there and cannot be read, or is open to others.
    fn read_from(&self, name: &str, from: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>>;

    /// The whole file; absent where there is none.
    ///
    /// # Errors
    /// As of [`Self::read_from`].
    fn read(&self, name: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        self.read_from(name, 0)
    }

    /// How long the last [`Self::sync`] took; zero where that is not known. To wait for others before the next one pays
    /// where that is long.
    fn sync_time(&self) -> Duration {
        Duration::ZERO
    }

    /// After how many lines of the journal another checkpoint pays; at least one. Opening reads about as many again.
    fn lines_of_a_checkpoint(&self) -> u64 {
        LINES_OF_A_CHECKPOINT
    }

    /// The names of all files.
    ///
    /// # Errors
    /// The directory cannot be read.
    fn names(&self) -> io::Result<Vec<String>>;

    /// Makes a new file. It is durable after [`Self::sync`] and [`Self::sync_names`].
    ///
    /// # Errors
    /// It is there already, or cannot be written whole.
    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Writes at the end of a file that is there.
    ///
    /// # Errors
    /// It is not there, or not everything was written.
    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Cuts a file.
    ///
    /// # Errors
    /// It cannot be cut.
    fn truncate(&self, name: &str, length: u64) -> io::Result<()>;

    /// Makes what a file holds durable.
    ///
    /// # Errors
    /// It may not be.
    fn sync(&self, name: &str) -> io::Result<()>;

    /// Gives a file another name, taking that of a file that has it, in one step.
    ///
    /// # Errors
    /// Nothing changed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Makes names durable.
    ///
    /// # Errors
    /// They may not be.
    fn sync_names(&self) -> io::Result<()>;

    /// Takes a file away.
    ///
    /// # Errors
    /// It is still there.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// Reading as many takes some hundredths of a second.
const LINES_OF_A_CHECKPOINT: u64 = 8192;

/// How a temporary file's name ends.
pub(super) const TEMPORARY: &str = ".tmp";

/// Puts `bytes` under `name` whole or not at all: a new file, its content durable, then the name, durable too.
///
/// # Errors
/// The step that failed. The file of that name is the old one or the new one, whole.
pub(super) fn replace(store: &(impl Store + ?Sized), name: &str, bytes: &[u8]) -> io::Result<()> {
    let random = super::key::random::<8>().map_err(io::Error::other)?;
    let temporary = format!(".{name}.{}{TEMPORARY}", super::certificate::hex(&random));
    let written = store
        .create(&temporary, bytes)
        .and_then(|()| store.sync(&temporary))
        .and_then(|()| store.rename(&temporary, name));
    if written.is_err() && store.remove(&temporary).is_err() {
        // Opening the state takes it away.
    }
    written?;
    store.sync_names()
}

/// What a directory may be opened in spite of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permissions {
    /// Only the owner can look in, or it is refused.
    Private,
    /// Whatever they are.
    Unchecked,
}

/// The state's directory, locked for as long as this lives.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    directory: OwnedFd,
    permissions: Permissions,
    /// The file that was written to last: the journal, nearly always.
    open: Mutex<Option<(String, File)>>,
    lock: OwnedFd,
    lines_of_a_checkpoint: u64,
    sync_time: Mutex<Duration>,
}

/// A child that this process is just starting has the lock's file open too, for a moment: closing it is not enough.
impl Drop for Directory {
    fn drop(&mut self) {
        if rustix::fs::flock(&self.lock, FlockOperation::Unlock).is_err() {
            // It ends with the process.
        }
    }
}

/// Files larger than this are not read: the journal of some ten million certificates.
const MAX_FILE: u64 = 4 << 30;

impl Directory {
    /// Opens a directory and locks it. The lock of a process that died is nobody's. On Linux this process can no longer
    /// be looked into by others, nor leave a core file.
    ///
    /// # Errors
    /// It is not there, no directory of this user's alone, or another process has it open (`WouldBlock`).
    pub fn open(path: &Path, permissions: Permissions) -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        // Keys will be in this process: no core file, and no other process of this user may look in.
        rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = rustix::fs::open(path, flags, Mode::empty())?;
        if permissions == Permissions::Private {
            private(&directory, FileType::Directory)?;
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let lock = rustix::fs::openat(&directory, "lock", flags, Mode::RUSR | Mode::WUSR)?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
            if error == rustix::io::Errno::WOULDBLOCK {
                io::Error::new(io::ErrorKind::WouldBlock, "another process has it open")
            } else {
                error.into()
            }
        })?;
        Ok(Self {
            path: path.to_owned(),
            directory,
            permissions,
            open: Mutex::new(None),
            lock,
            lines_of_a_checkpoint: LINES_OF_A_CHECKPOINT,
            sync_time: Mutex::new(Duration::ZERO),
        })
    }

    /// The same, with another number of lines that a checkpoint waits for: less to read when it is opened, and more to
    /// write before.
    #[must_use]
    pub const fn with_lines_of_a_checkpoint(mut self, lines: u64) -> Self {
        self.lines_of_a_checkpoint = lines;
        self
    }

    /// Makes a directory that only this user can look into, where there is none, and opens it.
    ///
    /// # Errors
    /// As of [`Self::open`], or it cannot be made.
    pub fn create(path: &Path, permissions: Permissions) -> io::Result<Self> {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => Self::open(path, permissions),
            Err(error) => Err(error.into()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_at(&self, name: &str, flags: OFlags) -> io::Result<File> {
        // A pipe in a file's place must not make this wait.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mode = Mode::RUSR | Mode::WUSR;
        let file = rustix::fs::openat(&self.directory, name, flags, mode)?;
        if self.permissions == Permissions::Private {
            private(&file, FileType::RegularFile)?;
        }
        Ok(File::from(file))
    }

    /// Does something with a file that is open for writing at its end.
    fn with<T>(&self, name: &str, act: impl FnOnce(&mut File) -> io::Result<T>) -> io::Result<T> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = match open.take() {
            Some((held, file)) if held == name => file,
            _ => self.open_at(name, OFlags::RDWR | OFlags::APPEND)?,
        };
        let (_, file) = open.insert((name.to_owned(), held));
        act(file)
    }

    fn forget(&self, name: &str) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.as_ref().is_some_and(|(held, _)| held == name) {
            *open = None;
        }
    }
}

/// Whether a file or directory is of this kind, this user's, nobody else's to read or write, and has one name only.
fn private(file: &OwnedFd, kind: FileType) -> io::Result<()> {
    let status = rustix::fs::fstat(file)?;
    let refuse = |why: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
    if FileType::from_raw_mode(status.st_mode) != kind {
        return refuse("it is not what it should be: a link, a pipe, or the like".to_owned());
    }
    if status.st_uid != rustix::process::geteuid().as_raw() {
        return refuse(format!("it belongs to user {}", status.st_uid));
    }
    if status.st_mode & 0o077 != 0 {
        return refuse(format!(
            "others may look in (mode {:04o}): `chmod go=` it",
            status.st_mode & 0o7777
        ));
    }
    if kind == FileType::RegularFile && status.st_nlink != 1 {
        return refuse(format!("it has {} names", status.st_nlink));
    }
    Ok(())
}

impl Store for Directory {
    fn lines_of_a_checkpoint(&self) -> u64 {
        self.lines_of_a_checkpoint
    }

    fn read_from(&self, name: &str, from: u64) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let mut file = match self.open_at(name, OFlags::RDONLY) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let length = file.metadata()?.len();
        if length > MAX_FILE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 4 GiB"));
        }
        let length = length.saturating_sub(file.seek(SeekFrom::Start(from))?);
        // Room for all of it at once: a growing buffer would leave copies of a key behind.
        let mut bytes =
            Zeroizing::new(Vec::with_capacity(usize::try_from(length).unwrap_or(0) + 1));
        file.take(MAX_FILE).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.directory)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn create(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut file =
            self.open_at(name, OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::APPEND)?;
        file.write_all(bytes)
    }

    fn append(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.with(name, |file| file.write_all(bytes))
    }

    fn truncate(&self, name: &str, length: u64) -> io::Result<()> {
        self.with(name, |file| file.set_len(length))
    }

    #[expect(clippy::disallowed_methods, reason = "how fast a disk is, is the disk's to say")]
    fn sync(&self, name: &str) -> io::Result<()> {
        let begun = Instant::now();
        self.with(name, |file| file.sync_data())?;
        let mut time = self
            .sync_time
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *time = begun.elapsed();
        Ok(())
    }

    fn sync_time(&self) -> Duration {
        *self
            .sync_time
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.forget(from);
        self.forget(to);
        Ok(rustix::fs::renameat(&self.directory, from, &self.directory, to)?)
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(&self.directory)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.forget(name);
        Ok(rustix::fs::unlinkat(&self.directory, name, AtFlags::empty())?)
    }
}

/// Who may read a file that is written out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Everybody (0644).
    Everybody,
    /// Only the owner (0600).
    Owner,
}

/// Whether files can be written out into a directory, which need not be there yet.
///
/// # Errors
/// It is no directory, or one of the files is there already and is not to be written over.
pub fn prepare_out(directory: &Path, names: &[&str], overwrite: bool) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = match rustix::fs::open(directory, flags, Mode::empty()) {
        Ok(open) => open,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let there = |name: &&&str| rustix::fs::statat(&open, **name, AtFlags::SYMLINK_NOFOLLOW).is_ok();
    match names.iter().find(there) {
        Some(name) if !overwrite => Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{name}: it is there already"),
        )),
        _ => Ok(()),
    }
}

/// Makes the directory (0700) where it is not there.
fn out(directory: &Path) -> io::Result<OwnedFd> {
    match rustix::fs::mkdir(directory, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(directory, flags, Mode::empty())?)
}

/// Puts files into a directory, over those that are there. Each is there whole or not at all.
///
/// # Errors
/// The first step that failed, with the file's name; files before it are there.
pub fn write_out(directory: &Path, files: &[(&str, &[u8], Audience)]) -> io::Result<()> {
    let open = out(directory)?;
    for (name, bytes, audience) in files {
        write_one(&open, name, bytes, *audience)
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    }
    Ok(rustix::fs::fsync(&open)?)
}

fn write_one(directory: &OwnedFd, name: &str, bytes: &[u8], audience: Audience) -> io::Result<()> {
    let random = super::key::random::<8>().map_err(io::Error::other)?;
    let temporary = format!(".{name}.{}{TEMPORARY}", super::certificate::hex(&random));
    let mode = match audience {
        Audience::Everybody => Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH,
        Audience::Owner => Mode::RUSR | Mode::WUSR,
    };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(directory, &temporary, flags, mode)?);
    let written = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| Ok(rustix::fs::renameat(directory, &temporary, directory, name)?));
    if written.is_err() && rustix::fs::unlinkat(directory, &temporary, AtFlags::empty()).is_err() {
        // What is left has a name that says what it is.
    }
    written
}

/// Who runs this, for a journal: `uid 1000`.
#[must_use]
pub fn caller() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}
