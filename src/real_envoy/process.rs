//! A configuration → an Envoy that runs with it, until this value goes.
#![expect(
    clippy::disallowed_methods,
    reason = "this is a door to the outside: files of an Envoy, and its readiness"
)]

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::envoy::Material;

/// The longest wait for it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(20);
/// The file of what it complains of before it has a log.
const ERRORS: &str = "errors.log";
/// So much of its log is told where it does not start.
const TOLD: usize = 2000;

/// Why there is no Envoy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unstarted {
    /// A file of it cannot be written or read.
    #[error("a file of Envoy cannot be written or read: {0}")]
    File(#[source] io::Error),
    /// The program cannot be run.
    #[error("`{program}` cannot be run: {error}")]
    Program {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        error: io::Error,
    },
    /// It ended, or never became ready.
    #[error("Envoy did not become ready; the end of its log:\n{log}")]
    NotReady {
        /// The end of its log.
        log: String,
    },
    /// It was ready, and ended while it was asked.
    #[error("Envoy ended while it was asked; the end of its log:\n{log}")]
    Died {
        /// The end of its log.
        log: String,
    },
}

/// An Envoy that can be started.
#[derive(Clone, Copy, Debug)]
pub struct Program<'p> {
    /// Where it is.
    pub path: &'p Path,
    /// The features that are turned off by their runtime guards: `match_headers_individually`.
    pub guards_off: &'p [&'p str],
    /// The longest wait until it is ready.
    pub patience: Duration,
}

impl<'p> Program<'p> {
    /// The Envoy at `path`, as it is; it has a minute to become ready.
    #[must_use]
    pub const fn at(path: &'p Path) -> Self {
        Self { path, guards_off: &[], patience: PATIENCE }
    }
}

/// A folder for the files of one Envoy, and its number among those of this process. It goes with this value.
#[derive(Debug)]
pub(super) struct Folder(PathBuf, u32);

impl Folder {
    pub(super) fn new() -> Result<Self, Unstarted> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("portcullis-envoy-{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(Unstarted::File)?;
        Ok(Self(path, number))
    }

    pub(super) const fn number(&self) -> u32 {
        self.1
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    pub(super) fn write(&self, name: &str, text: &str) -> Result<String, Unstarted> {
        let path = self.path(name);
        fs::write(&path, text).map_err(Unstarted::File)?;
        Ok(path)
    }

    /// The server's certificate, its key, and the roots of the mesh.
    pub(super) fn material(
        &self,
        server: &[String; 2],
        roots: &str,
    ) -> Result<Material, Unstarted> {
        let [certificate, key] = server;
        Ok(Material {
            certificate: self.write("cert-chain.pem", certificate)?,
            key: self.write("key.pem", key)?,
            roots: self.write("root-cert.pem", roots)?,
        })
    }

    fn read(&self, name: &str) -> String {
        fs::read(self.path(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if fs::remove_dir_all(&self.0).is_err() {
            // Whatever is left lies among temporary files.
        }
    }
}

/// An Envoy that runs.
#[derive(Debug)]
pub struct RealEnvoy {
    child: Child,
    folder: Folder,
}

impl RealEnvoy {
    /// The name of the file that gets a line for every connection.
    pub(super) const CONNECTIONS: &'static str = "connections.log";
    /// The name of the socket of its administration.
    pub(super) const ADMINISTRATION: &'static str = "admin.sock";

    /// Starts `program` with a configuration, and waits until it is ready.
    pub(super) fn start(
        program: &Program<'_>,
        folder: Folder,
        configuration: &str,
    ) -> Result<Self, Unstarted> {
        let file = folder.write("envoy.json", configuration)?;
        let log = folder.path("envoy.log");
        let errors = fs::File::create(folder.path(ERRORS)).map_err(Unstarted::File)?;
        let start = |mut command: Command| {
            command
                .args(["-c", &file, "--log-path", &log, "--log-level", "warning"])
                .args(["--concurrency", "1", "--use-dynamic-base-id"])
                .args(["--file-flush-interval-msec", "10"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(errors.try_clone()?)
                .spawn()
        };
        // Where the kernel is told so, it ends with us, whatever ends us.
        let mut with_us = Command::new("setpriv");
        with_us
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program.path);
        let child = start(with_us)
            .or_else(|_no_setpriv| start(Command::new(program.path)))
            .map_err(|error| Unstarted::Program {
                program: program.path.display().to_string(),
                error,
            })?;
        let mut started = Self { child, folder };
        started.wait(program.patience)?;
        Ok(started)
    }

    fn wait(&mut self, patience: Duration) -> Result<(), Unstarted> {
        let began = Instant::now();
        while began.elapsed() < patience {
            if ready(&self.folder.path(Self::ADMINISTRATION)).unwrap_or(false) {
                return Ok(());
            }
            if self.has_ended() {
                break;
            }
            std::thread::sleep(PAUSE);
        }
        Err(Unstarted::NotReady { log: self.log() })
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Nothing, where it still runs.
    pub(super) fn runs(&mut self) -> Result<(), Unstarted> {
        if self.has_ended() { Err(Unstarted::Died { log: self.log() }) } else { Ok(()) }
    }

    /// The end of its log.
    fn log(&self) -> String {
        let log = self.folder.read(ERRORS) + &self.folder.read("envoy.log");
        let start = log.len().saturating_sub(TOLD);
        let start = (start..=log.len()).find(|at| log.is_char_boundary(*at));
        log.get(start.unwrap_or_default()..)
            .unwrap_or_default()
            .to_owned()
    }

    /// The lines about the connections that have ended so far.
    pub(super) fn connections(&self) -> String {
        self.folder.read(Self::CONNECTIONS)
    }

    /// Waits as long as a line about a connection takes to be written.
    pub(super) fn pause() {
        std::thread::sleep(PAUSE);
    }
}

impl Drop for RealEnvoy {
    fn drop(&mut self) {
        if self.child.kill().is_err() || self.child.wait().is_err() {
            // It has ended before.
        }
    }
}

fn ready(administration: &str) -> io::Result<bool> {
    let mut stream = UnixStream::connect(administration)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
