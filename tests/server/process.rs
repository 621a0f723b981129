//! `portcullis webhook serve` as a process of its own, with files, a certificate and a client.

use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::support::{Citadel, Tls, client, post};
use crate::admission::support::{GUARDS, MESH};
use crate::ca::support::Scratch;

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) log: Arc<Mutex<Vec<String>>>,
    pub(crate) client: ClientConfig,
    pub(crate) roots: RootCertStore,
    pub(crate) scratch: Scratch,
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

impl Process {
    pub(crate) fn start(words: &[&str]) -> Self {
        Self::with_files(20_000, words, &[])
    }

    /// `files` is how many file descriptors it may have; `written` are further files, whose names stand in `words` behind
    /// an `@`.
    pub(crate) fn with_files(files: usize, words: &[&str], written: &[(&str, &str)]) -> Self {
        let scratch = Scratch::new();
        let citadel = Citadel::new();
        let certificate = citadel.certificate();
        let mesh = scratch.write("mesh.yaml", MESH);
        let guards = scratch.write("guards.test.yaml", GUARDS);
        let chain = scratch.write("chain.pem", &certificate.chain);
        let key = scratch.write("key.pem", &certificate.key);
        for (name, text) in written {
            scratch.write(name, text);
        }
        let words = words.iter().map(|word| match word.strip_prefix('@') {
            Some(name) => scratch.path(name),
            None => (*word).to_owned(),
        });
        let mut child = Command::new("sh")
            .args(["-c", &format!("ulimit -n {files}; exec \"$0\" \"$@\"")])
            .arg(env!("CARGO_BIN_EXE_portcullis"))
            .args(["webhook", "serve", "--listen", "127.0.0.1:0", "--reload-interval", "1"])
            .args(["-f", &mesh, "--guard", &guards, "--certificate", &chain, "--key", &key])
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().expect("it ended").unwrap();
            let line: serde_json::Value = serde_json::from_str(&line).unwrap();
            if line["event"] == "listening" {
                break line["address"].as_str().unwrap().parse().unwrap();
            }
        };
        let log = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&log);
        drop(std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .for_each(|line| told.lock().unwrap().push(line));
        }));
        Self { child, address, log, client: client(&citadel), roots: citadel.roots(), scratch }
    }

    pub(crate) fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let patience = Some(Duration::from_secs(10));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    pub(crate) fn tls(&self, client: &ClientConfig) -> Tls {
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(client.clone()), name).unwrap();
        StreamOwned::new(connection, self.tcp())
    }

    pub(crate) fn connect(&self) -> Tls {
        self.tls(&self.client)
    }

    pub(crate) fn post(&self, body: &str) -> (u16, String) {
        post(&mut self.connect(), body)
    }

    /// What the process has held at most, in MiB; 0 where the system does not tell.
    #[expect(clippy::disallowed_methods, reason = "the system tells it in a file")]
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.unwrap_or_default() / 1024
    }
}
