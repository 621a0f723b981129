//! The webhook as a process of its own, and an open-loop client beside it, on loopback:
//! `cargo bench --features server --bench webhook -- rate=1000 seconds=10`. A plain program: figures for people.
//!
//! A request is due at a fixed time, and its latency runs from then, whether or not those before it are answered:
//! a server that stalls is not asked less. Words: `rate` (requests a second), `seconds` (of each part), `connections`
//! (HTTP/2, kept), `reloads` and `rotations` (under load), `reload_ms` (between two), `slow` (connections that send a byte
//! every two seconds), `half_open` (connections that send nothing). 0 leaves a part out.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a benchmark reads the clock and prints"
)]

mod mesh;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use h2::client::SendRequest;
use hyper::Request;
use hyper::body::Bytes;
use portcullis::admission::{Facts, Known};
use portcullis::ca::{
    CertificateAuthority, Directory, Permissions, Secrets, Settings, SignerKey, Wish,
};
use portcullis::parse::{self, Loaded};
use portcullis::server::{Certificate, Decisions, Limits, Log, Options, Source, start};
use portcullis::spiffe::{SpiffeId, TrustDomain};
use portcullis::suite;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.split_first() {
        Some((first, rest)) if first == "serve" => serve(&rest[0], rest[1].parse().unwrap()),
        _ => drive(&Plan::of(&words)),
    }
}

// The server.

/// What is loaded: the same mesh each time, and a new certificate, as often as standard input says.
struct Again {
    authority: CertificateAuthority<Directory>,
    wanted: Arc<[AtomicUsize; 2]>,
    done: [usize; 2],
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_secs()).unwrap()
}

impl Source for Again {
    fn state(&mut self) -> (String, String) {
        for (done, wanted) in self.done.iter_mut().zip(self.wanted.iter()) {
            *done += usize::from(*done < wanted.load(Ordering::SeqCst));
        }
        (self.done[0].to_string(), self.done[1].to_string())
    }

    fn known(&mut self) -> Result<(Known, Vec<String>), Vec<String>> {
        let mut loaded = Loaded::default();
        parse::resources("mesh.yaml", &mesh::manifests(), "default", &mut loaded);
        let suites = suite::read("guards.test.yaml", &mesh::guards(), &mut loaded.findings);
        assert_eq!(loaded.findings, []);
        let guards = suites
            .into_iter()
            .map(|suite| (suite, Vec::new()))
            .collect();
        let facts = Facts { resources: loaded.resources, guards, ..Facts::default() };
        let (known, _) = Known::prepare(facts).unwrap();
        Ok((known, Vec::new()))
    }

    fn certificate(&mut self) -> Result<Certificate, String> {
        let id = SpiffeId::parse("spiffe://cluster.local/ns/portcullis/sa/webhook").unwrap();
        let dns = vec!["localhost".to_owned()];
        let wish = Wish { id, dns, ttl: None, caller: "bench".to_owned() };
        let svid = self.authority.issue(&wish, now()).unwrap();
        let key = svid.key.as_ref().unwrap().to_pem(None).unwrap();
        Ok(Certificate {
            chain: svid.chain_pem().into_bytes(),
            key: key.as_bytes().to_vec(),
            clients: None,
        })
    }
}

/// Serves until standard input ends. A line there says how often each is to be loaded anew.
fn serve(folder: &str, reload_ms: u64) {
    let store = Directory::create(folder.as_ref(), Permissions::Private).unwrap();
    let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
    let (key, secrets) = (SignerKey::Here, Secrets::default());
    let authority =
        CertificateAuthority::create(store, &settings, key, secrets, now() - 60).unwrap();
    let root: Vec<String> = authority.roots()[0]
        .der()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let wanted = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let source = Again { authority, wanted: Arc::clone(&wanted), done: [0, 0] };
    let loopback: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let options = Options {
        listen: loopback,
        health: Some(loopback),
        tls12: false,
        fail_open: false,
        reload_interval: Duration::from_millis(reload_ms),
        decisions: Decisions::Notable,
        limits: Limits { lag: Duration::ZERO, ..Limits::of(2) },
    };
    let log = Log::to(|line| {
        if line.contains("failed") {
            println!("{line}");
        }
    });
    let running = start(options, source, log).unwrap();
    println!("{} {}", running.address(), running.health().unwrap());
    println!("{}", root.concat());
    for line in std::io::stdin().lines() {
        let line = line.unwrap();
        for (word, wanted) in line.split(' ').zip(wanted.iter()) {
            wanted.fetch_add(word.parse().unwrap(), Ordering::SeqCst);
        }
    }
    assert!(running.stop(), "every connection ended");
}

// The client.

/// What is asked for.
struct Plan(BTreeMap<String, u64>);

impl Plan {
    fn of(words: &[String]) -> Self {
        let usual = "rate=1000 seconds=10 connections=4 reloads=1000 rotations=100 reload_ms=50 slow=300 half_open=5000";
        let given = words.iter().map(String::as_str);
        let pairs = usual.split(' ').chain(given).filter_map(|word| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.parse().unwrap()))
        });
        Self(pairs.collect())
    }

    fn of_word(&self, name: &str) -> u64 {
        self.0[name]
    }
}

/// The server's process, and who may speak to it.
struct Served {
    child: Child,
    address: SocketAddr,
    health: SocketAddr,
    connector: TlsConnector,
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

impl Served {
    fn start(folder: &str, reload_ms: u64) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["serve", folder, &reload_ms.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        let (address, health) = first.split_once(' ').unwrap();
        let root = lines.next().unwrap().unwrap();
        let root: Vec<u8> = root
            .as_bytes()
            .chunks(2)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 16).unwrap())
            .collect();
        drop(std::thread::spawn(move || {
            lines
                .map_while(Result::ok)
                .take(20)
                .for_each(|line| println!("the server: {line}"));
        }));
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(root)).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        // Each handshake sees the certificate.
        config.resumption = rustls::client::Resumption::disabled();
        let connector = TlsConnector::from(Arc::new(config));
        let (address, health) = (address.parse().unwrap(), health.parse().unwrap());
        Self { child, address, health, connector }
    }

    /// The value of a metric; 0 where it is not there.
    fn metric(&self, name: &str) -> u64 {
        let mut stream = std::net::TcpStream::connect(self.health).unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |value| value.trim().parse().unwrap())
    }

    /// What the process holds now and has held at most, in MiB.
    fn memory(&self) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.unwrap_or_default() / 1024
        };
        format!("RSS {} MiB, at most {} MiB", of("VmRSS:"), of("VmHWM:"))
    }
}

/// What a part saw.
#[derive(Default)]
struct Seen {
    /// Microseconds, each from when the request was due.
    took: Vec<u32>,
    failures: BTreeMap<String, usize>,
    handshakes: usize,
}

#[derive(Clone)]
struct Load {
    connector: TlsConnector,
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    bodies: Arc<Vec<Bytes>>,
    waiting: Arc<AtomicUsize>,
}

/// So late a request may be sent.
const TICK: Duration = Duration::from_micros(200);
/// A request that nobody answers is given up after so long.
const PATIENCE: Duration = Duration::from_secs(10);

impl Load {
    async fn tls(&self) -> Result<TlsStream<TcpStream>, String> {
        let tcp = TcpStream::connect(self.address)
            .await
            .map_err(|error| error.to_string())?;
        tcp.set_nodelay(true).map_err(|error| error.to_string())?;
        let name = ServerName::try_from("localhost").unwrap();
        self.connector
            .connect(name, tcp)
            .await
            .map_err(|error| format!("handshake: {error}"))
    }

    async fn connect(&self) -> Result<SendRequest<Bytes>, String> {
        let (sender, connection) = h2::client::handshake(self.tls().await?)
            .await
            .map_err(|error| error.to_string())?;
        drop(tokio::spawn(async move { drop(connection.await) }));
        self.seen.lock().unwrap().handshakes += 1;
        Ok(sender)
    }

    /// Asks once.
    async fn ask(&self, sender: SendRequest<Bytes>, body: usize) -> Result<(), String> {
        let told = |error: h2::Error| error.to_string();
        let mut sender = sender.ready().await.map_err(told)?;
        let request = Request::post("https://localhost/validate")
            .header("content-type", "application/json")
            .body(())
            .unwrap();
        let (response, mut stream) = sender.send_request(request, false).map_err(told)?;
        let body = self.bodies[body % self.bodies.len()].clone();
        stream.send_data(body, true).map_err(told)?;
        let mut response = response.await.map_err(told)?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(data) = response.body_mut().data().await {
            let data = data.map_err(told)?;
            drop(
                response
                    .body_mut()
                    .flow_control()
                    .release_capacity(data.len()),
            );
            answer.extend_from_slice(&data);
        }
        let allowed = b"\"allowed\":true";
        let allowed = answer
            .windows(allowed.len())
            .any(|window| window == allowed);
        if status == 200 && allowed { Ok(()) } else { Err(format!("{status} {allowed}")) }
    }

    fn note(&self, answered: Result<(), String>, due: Instant) {
        let mut seen = self.seen.lock().unwrap();
        match answered {
            Ok(()) => seen.took.push(due.elapsed().as_micros() as u32),
            Err(why) => *seen.failures.entry(why).or_default() += 1,
        }
    }

    /// A new connection with one request, again and again, as those do who see a new certificate.
    async fn newcomers(self, stop: Arc<AtomicBool>) {
        while !stop.load(Ordering::SeqCst) {
            let due = Instant::now();
            let asked = async { self.ask(self.connect().await?, 0).await };
            let answered = timeout(PATIENCE, asked).await;
            let answered = answered.unwrap_or_else(|_| Err("no answer".to_owned()));
            self.note(answered.map_err(|why| format!("new connection: {why}")), due);
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// Asks at a fixed rate until `stop`.
    async fn run(self, plan: (u64, u64), stop: Arc<AtomicBool>) {
        let (rate, connections) = plan;
        let mut senders = Vec::new();
        for _ in 0..connections {
            senders.push(self.connect().await.unwrap());
        }
        let newcomers = tokio::spawn(self.clone().newcomers(Arc::clone(&stop)));
        // The runtime's own timer counts milliseconds, which is longer than an answer takes.
        let (tick, told) = (Arc::new(Notify::new()), Arc::clone(&stop));
        let ticking = Arc::clone(&tick);
        let clock = std::thread::spawn(move || {
            while !told.load(Ordering::SeqCst) {
                std::thread::sleep(TICK);
                ticking.notify_one();
            }
        });
        let started = Instant::now();
        let mut asked = 0_u32;
        while !stop.load(Ordering::SeqCst) {
            let due = started + Duration::from_secs_f64(f64::from(asked) / rate as f64);
            while due > Instant::now() && !stop.load(Ordering::SeqCst) {
                tick.notified().await;
            }
            let sender = senders[asked as usize % senders.len()].clone();
            let (load, body) = (self.clone(), asked as usize);
            self.waiting.fetch_add(1, Ordering::SeqCst);
            drop(tokio::spawn(async move {
                let answered = timeout(PATIENCE, load.ask(sender, body)).await;
                load.note(answered.unwrap_or_else(|_| Err("no answer".to_owned())), due);
                load.waiting.fetch_sub(1, Ordering::SeqCst);
            }));
            asked += 1;
            if asked.is_multiple_of(64) {
                tokio::task::yield_now().await;
            }
        }
        clock.join().unwrap();
        newcomers.await.unwrap();
        while self.waiting.load(Ordering::SeqCst) > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Loads until `until` says so, and prints what was seen.
fn part(what: &str, served: &Served, plan: &Plan, until: impl FnOnce()) {
    let one = r#","selector":{"matchLabels":{"app":"app7"}}"#;
    let bodies = (0..16)
        .map(|path| Bytes::from(mesh::asked(path, one)))
        .collect();
    let load = Load {
        connector: served.connector.clone(),
        address: served.address,
        seen: Arc::default(),
        bodies: Arc::new(bodies),
        waiting: Arc::default(),
    };
    let stop = Arc::new(AtomicBool::new(false));
    let (told, runs) = (Arc::clone(&stop), load.clone());
    let rate = (plan.of_word("rate"), plan.of_word("connections"));
    let started = Instant::now();
    let client = std::thread::spawn(move || runtime().block_on(runs.run(rate, told)));
    until();
    stop.store(true, Ordering::SeqCst);
    let all = started.elapsed();
    client.join().unwrap();
    let mut seen = load.seen.lock().unwrap();
    seen.took.sort_unstable();
    let took = &seen.took;
    let of = |part: usize| {
        let micros = took.get((took.len() * part / 10_000).min(took.len().saturating_sub(1)));
        micros.map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    };
    let average = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!(
        "{what:<34} {:>7.0} requests/s, p50 {:>7.2} ms, p99 {:>7.2} ms, p99.9 {:>7.2} ms, max {:>7.2} ms; {} failed of {}; {} handshakes; {}; load average {}",
        took.len() as f64 / all.as_secs_f64(),
        of(5_000),
        of(9_900),
        of(9_990),
        of(10_000),
        seen.failures.values().sum::<usize>(),
        took.len() + seen.failures.values().sum::<usize>(),
        seen.handshakes,
        served.memory(),
        average.split(' ').next().unwrap_or_default(),
    );
    for (why, count) in seen.failures.iter().take(8) {
        println!("  {count} failed: {why}");
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

/// Connections that send nothing, or a byte of a head every two seconds; whoever is closed comes again.
fn bother(served: &Served, slow: u64, half_open: u64, stop: Arc<AtomicBool>) -> impl FnOnce() {
    let load = Load {
        connector: served.connector.clone(),
        address: served.address,
        seen: Arc::default(),
        bodies: Arc::default(),
        waiting: Arc::default(),
    };
    let thread = std::thread::spawn(move || {
        let runtime = runtime();
        let mut tasks = Vec::new();
        for number in 0..half_open {
            let (address, stop) = (load.address, Arc::clone(&stop));
            tasks.push(runtime.spawn(async move {
                sleep(Duration::from_millis(number % 2_000)).await;
                while !stop.load(Ordering::SeqCst) {
                    // Held until the server closes it, and a while longer.
                    if let Ok(stream) = TcpStream::connect(address).await {
                        drop(timeout(Duration::from_secs(10), stream.readable()).await);
                        sleep(Duration::from_secs(2)).await;
                    }
                    sleep(Duration::from_millis(100)).await;
                }
            }));
        }
        for number in 0..slow {
            let (load, stop) = (load.clone(), Arc::clone(&stop));
            tasks.push(runtime.spawn(async move {
                sleep(Duration::from_millis(number * 7 % 2_000)).await;
                while !stop.load(Ordering::SeqCst) {
                    if let Ok(stream) = load.tls().await {
                        trickle(stream, &stop).await;
                    }
                    sleep(Duration::from_millis(500)).await;
                }
            }));
        }
        runtime.block_on(async {
            while !stop.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(50)).await;
            }
        });
        drop(tasks);
        runtime.shutdown_background();
    });
    move || thread.join().unwrap()
}

async fn trickle(mut stream: TlsStream<TcpStream>, stop: &AtomicBool) {
    use std::future::poll_fn;
    use std::pin::Pin;

    use tokio::io::AsyncWrite as _;
    for byte in b"POST /validate HTTP/1.1\r\nHost: localhost\r\n"
        .iter()
        .cycle()
    {
        let byte = [*byte];
        let written = poll_fn(|context| Pin::new(&mut stream).poll_write(context, &byte)).await;
        let flushed = poll_fn(|context| Pin::new(&mut stream).poll_flush(context)).await;
        if written.is_err() || flushed.is_err() || stop.load(Ordering::SeqCst) {
            return;
        }
        sleep(Duration::from_secs(2)).await;
    }
}

fn drive(plan: &Plan) {
    let folder = std::env::temp_dir().join(format!("portcullis-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let folder = folder.to_string_lossy().into_owned();
    let served = Served::start(&format!("{folder}/ca"), plan.of_word("reload_ms"));
    let seconds = Duration::from_secs(plan.of_word("seconds"));
    let rest = || std::thread::sleep(seconds);
    println!(
        "{} requests/s wanted over {} connections; the server knows {} policies and {} guards with {} cases; {}",
        plan.of_word("rate"),
        plan.of_word("connections"),
        served.metric("portcullis_known{what=\"policies\"}"),
        served.metric("portcullis_known{what=\"guards\"}"),
        served.metric("portcullis_known{what=\"cases\"}"),
        served.memory(),
    );
    part("alone", &served, plan, rest);
    let (reloads, rotations) = (plan.of_word("reloads"), plan.of_word("rotations"));
    if reloads + rotations > 0 {
        let of =
            |what: &str| served.metric(&format!("portcullis_reloads_total{{what=\"{what}\"}}"));
        let wanted = format!("{reloads} {rotations}\n");
        part("with reloads and rotations", &served, plan, || {
            served
                .child
                .stdin
                .as_ref()
                .unwrap()
                .write_all(wanted.as_bytes())
                .unwrap();
            while of("known") < reloads || of("certificate") < rotations {
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        println!("  {} reloads, {} rotations", of("known"), of("certificate"));
    }
    for (what, slow, half_open) in [
        ("beside slow ones", plan.of_word("slow"), 0),
        ("beside half-open ones", 0, plan.of_word("half_open")),
        ("beside both", plan.of_word("slow"), plan.of_word("half_open")),
    ] {
        if slow + half_open == 0 {
            continue;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let ended = bother(&served, slow, half_open, Arc::clone(&stop));
        std::thread::sleep(Duration::from_secs(3));
        part(what, &served, plan, rest);
        stop.store(true, Ordering::SeqCst);
        ended();
    }
    drop(served);
    drop(std::fs::remove_dir_all(folder));
}
