//! Connections that mean harm, against the running webhook: it lives, keeps within its memory, and answers others.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType, date_time_ymd,
};
use rstest::rstest;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, HandshakeKind};
use serde_json::Value;

use super::process::Process;
use super::support::{Tls, answer, post};
use crate::admission::support::{ask, object};

/// A change that nothing keeps out.
pub(crate) fn harmless() -> String {
    let spec = "{selector: {matchLabels: {app: sleep}}, rules: [{}]}";
    ask("CREATE", &object("AuthorizationPolicy", "harmless", spec), &Value::Null).to_string()
}

/// It answers as ever, and has held no more than it may.
#[track_caller]
pub(crate) fn lives(process: &Process) {
    let (status, body) = process.post(&harmless());
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"allowed\":true"), "{body}");
    assert!(process.memory() < 128, "{} MiB", process.memory());
}

/// Everything that comes until the other side ends it, or says nothing for two seconds.
fn rest(stream: &mut Tls) -> String {
    stream
        .sock
        .set_read_timeout(Some(Duration::from_secs(2)))
        .unwrap();
    let (mut read, mut some) = (Vec::new(), [0; 4_096]);
    while let Ok(length @ 1..) = stream.read(&mut some) {
        read.extend(&some[..length]);
    }
    String::from_utf8_lossy(&read).into_owned()
}

/// The statuses of what was answered.
fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ")
        .skip(1)
        .map(|answer| answer.split(' ').next().unwrap().parse().unwrap())
        .collect()
}

const POST: &str = "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
const HIDDEN: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";

/// Where two readers could disagree about where a request ends, there is one answer, and it is a refusal.
#[rstest]
#[case::cl_te(format!("{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}"), 411)]
#[case::te_cl(format!("{POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{HIDDEN}"), 411)]
#[case::obs_fold(format!("{POST}X: a\r\n  b\r\nContent-Length: 0\r\n\r\n{HIDDEN}"), 400)]
#[case::folded_te(format!("{POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{HIDDEN}"), 400)]
#[case::plus(format!("{POST}Content-Length: +5\r\n\r\n12345{HIDDEN}"), 400)]
#[case::two_lengths(format!("{POST}Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345{HIDDEN}"), 400)]
#[case::xchunked(format!("{POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{HIDDEN}"), 400)]
#[case::chunked_in_1_0(format!("{}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{HIDDEN}", POST.replace("/1.1", "/1.0")), 400)]
#[case::space_before_the_colon(format!("{POST}Content-Length : 5\r\n\r\n12345{HIDDEN}"), 400)]
#[case::nul(format!("{POST}X: a\0b\r\nContent-Length: 0\r\n\r\n{HIDDEN}"), 400)]
#[case::chunked_without_end(format!("{POST}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"a\":\r\n"), 411)]
#[case::ten_thousand_headers(format!("{POST}{}\r\n", "A: b\r\n".repeat(10_000)), 431)]
#[case::a_header_of_a_mebibyte(format!("{POST}A: {}\r\n\r\n", "b".repeat(1 << 20)), 431)]
fn what_can_be_read_in_two_ways_is_refused(#[case] text: String, #[case] status: u16) {
    let process = Process::start(&[]);
    let mut stream = process.connect();
    let sent = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
    let answered = statuses(&rest(&mut stream));
    // Whoever refuses before it has read everything may close: then the answer can be lost on its way (RFC 9112 §9.6).
    if sent.is_ok() || !answered.is_empty() {
        assert_eq!(answered, [status]);
    }
    lives(&process);
}

/// RFC 9112 §2.2 lets a line end so. It is read as one request all the same, and what follows it as the next.
#[test]
fn a_bare_line_feed_ends_a_line_and_hides_nothing() {
    let process = Process::start(&[]);
    let mut stream = process.connect();
    let text = format!("{}Content-Length: 2\n\n{{}}{HIDDEN}", POST.replace('\r', ""));
    stream.write_all(text.as_bytes()).unwrap();
    assert_eq!(statuses(&rest(&mut stream)), [400, 200]);
    lives(&process);
}

/// A `ClientHello` without extensions, as TLS 1.0 and 1.1 had it, RFC 4346 §7.4.1.2.
fn old_hello(minor: u8) -> Vec<u8> {
    let mut hello = vec![3, minor];
    hello.extend([7; 32]);
    hello.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    let length = u8::try_from(hello.len()).unwrap();
    let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
    record.extend(hello);
    record
}

/// A fatal alert, RFC 8446 §6, with a description that nobody has given a meaning.
const ODD_ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 0xf0];

#[rstest]
#[case::tls_1_0(&old_hello(1))]
#[case::tls_1_1(&old_hello(2))]
#[case::plaintext(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")]
#[case::odd_alert(ODD_ALERT)]
#[case::hello_and_odd_alert(&[&old_hello(3), ODD_ALERT].concat())]
#[case::record_of_64_kib(&[&[22, 3, 1, 0xff, 0xff][..], &[1; 70_000]].concat())]
#[case::empty_records(&[22, 3, 1, 0, 0].repeat(20_000))]
fn what_is_no_handshake_is_closed(#[case] bytes: &[u8]) {
    for words in [&[][..], &["--tls12"]] {
        let process = Process::start(words);
        let mut stream = process.tcp();
        if stream.write_all(bytes).is_err() {
            eprintln!("the server closed early");
        }
        let mut read = Vec::new();
        let ended = stream.read_to_end(&mut read).map_err(|error| error.kind());
        assert!(!matches!(ended, Err(ErrorKind::WouldBlock | ErrorKind::TimedOut)), "it is open");
        // Nothing but an alert: 21.
        assert!(read.is_empty() || read.first() == Some(&21), "{read:?}");
        lives(&process);
    }
}

#[test]
fn a_hello_may_come_byte_by_byte() {
    let process = Process::start(&[]);
    let mut stream = process.connect();
    let mut hello = Vec::new();
    stream.conn.write_tls(&mut hello).unwrap();
    for byte in hello {
        stream.sock.write_all(&[byte]).unwrap();
    }
    assert_eq!(post(&mut stream, &harmless()).0, 200);
    lives(&process);
}

/// Does a bit of it every 100 ms with many connections, and meanwhile a good one asks and asks.
fn beside(process: &Process, bad: usize, begin: impl Fn() -> Tls, more: impl Fn(&mut Tls)) {
    let mut kept = process.connect();
    assert_eq!(post(&mut kept, &harmless()).0, 200);
    let mut bad: Vec<Tls> = (0..bad).map(|_| begin()).collect();
    for _ in 0..20 {
        bad.iter_mut().for_each(&more);
        assert_eq!(post(&mut kept, &harmless()).0, 200);
        lives(process);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[rstest]
#[case::head("POST /validate HTTP/1.1\r\nX: ", b"x")]
#[case::body(
    "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n",
    b" "
)]
fn a_request_that_trickles_holds_up_nobody(#[case] start: &str, #[case] byte: &[u8]) {
    let process = Process::start(&[]);
    let begin = || {
        let mut stream = process.connect();
        stream.write_all(start.as_bytes()).unwrap();
        stream
    };
    beside(&process, 100, begin, |stream| {
        if stream
            .write_all(byte)
            .and_then(|()| stream.flush())
            .is_err()
        {
            eprintln!("this one was closed");
        }
    });
}

/// Each body is within its bound, and all together are far beyond theirs: those that are on their way for longest go.
#[test]
fn many_long_bodies_that_do_not_end_go_for_others() {
    let process = Process::start(&[]);
    let part = vec![b' '; 2_900_000];
    let head = "POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\n\r\n";
    let mut bad: Vec<Tls> = Vec::new();
    for _ in 0..60 {
        let mut stream = process.connect();
        if stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(&part))
            .and_then(|()| stream.flush())
            .is_err()
        {
            eprintln!("this one was closed");
        }
        bad.push(stream);
        assert_eq!(process.post(&harmless()).0, 200);
    }
    lives(&process);
    // The first ones have been told.
    assert_eq!(statuses(&rest(&mut bad[0])), [429]);
}

#[rstest]
#[case::half_open(&[])]
#[case::idle_handshakes(&old_hello(3)[..20])]
fn connections_that_say_nothing_hold_up_nobody(#[case] bytes: &[u8]) {
    let process = Process::start(&[]);
    let mut kept = process.connect();
    assert_eq!(post(&mut kept, &harmless()).0, 200);
    let bad: Vec<TcpStream> = (0..2_000)
        .map(|_| {
            let mut stream = process.tcp();
            if stream.write_all(bytes).is_err() {
                eprintln!("this one was closed");
            }
            stream
        })
        .collect();
    assert_eq!(post(&mut kept, &harmless()).0, 200);
    lives(&process);
    drop(bad);
}

/// Where file descriptors run out, those who have not asked anything lose theirs, and accepting goes on.
#[test]
fn running_out_of_file_descriptors_ends_nothing() {
    let process = Process::with_files(40, &[], &[]);
    let mut kept = process.connect();
    assert_eq!(post(&mut kept, &harmless()).0, 200);
    let bad: Vec<TcpStream> = (0..60).map(|_| process.tcp()).collect();
    assert_eq!(post(&mut kept, &harmless()).0, 200);
    lives(&process);
    let failed = |line: &String| line.contains("accept failed");
    assert!(process.log.lock().unwrap().iter().any(failed));
    drop(bad);
    lives(&process);
}

struct Roots {
    known: CertifiedIssuer<'static, KeyPair>,
    other: CertifiedIssuer<'static, KeyPair>,
}

fn issuer() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A client with a certificate for these names; `expired` or not.
fn client(
    process: &Process,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    names: Vec<SanType>,
    expired: bool,
) -> ClientConfig {
    client_called(process, issuer, "somebody", names, expired)
}

/// The same, with a common name.
fn client_called(
    process: &Process,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    common_name: &str,
    names: Vec<SanType>,
    expired: bool,
) -> ClientConfig {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.subject_alt_names = names;
    if expired {
        params.not_after = date_time_ymd(2020, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(process.roots.clone())
        .with_client_auth_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

fn spiffe(name: &str) -> SanType {
    SanType::URI(name.to_owned().try_into().unwrap())
}

fn many_names() -> Vec<SanType> {
    (0..500)
        .map(|number| spiffe(&format!("spiffe://cluster.local/ns/a/sa/{number}")))
        .collect()
}

/// Who asks.
#[derive(Clone, Copy)]
enum Shows {
    Good,
    Nothing,
    Expired,
    OfAnotherTrustDomain,
    AnotherTrustDomainUnderTheSameRoot,
    TwoNames,
    ACommonName,
    ACommonNameBesideAnother,
    FiveHundredNames,
    FiveHundredNamesOfSomebodyElse,
}

impl Shows {
    fn client(self, process: &Process, Roots { known, other }: &Roots) -> ClientConfig {
        let one = |name| vec![spiffe(name)];
        match self {
            Self::Good => client(process, known, one("spiffe://cluster.local/ns/a/sa/b"), false),
            Self::Nothing => process.client.clone(),
            Self::Expired => client(process, known, Vec::new(), true),
            Self::OfAnotherTrustDomain => {
                client(process, other, one("spiffe://elsewhere/ns/a/sa/b"), false)
            }
            Self::AnotherTrustDomainUnderTheSameRoot => {
                client(process, known, one("spiffe://elsewhere/ns/a/sa/b"), false)
            }
            Self::TwoNames => {
                let two = ["spiffe://cluster.local/ns/a/sa/b", "spiffe://elsewhere/ns/a/sa/b"];
                client(process, known, two.map(spiffe).into(), false)
            }
            Self::ACommonName => client_called(process, known, "kube-apiserver", Vec::new(), false),
            Self::ACommonNameBesideAnother => {
                let other = one("spiffe://elsewhere/ns/a/sa/b");
                client_called(process, known, "kube-apiserver", other, false)
            }
            Self::FiveHundredNames => client(process, known, many_names(), false),
            Self::FiveHundredNamesOfSomebodyElse => client(process, other, many_names(), false),
        }
    }
}

#[rstest]
#[case::good(Shows::Good, true, true)]
#[case::none(Shows::Nothing, false, false)]
#[case::expired(Shows::Expired, false, false)]
#[case::of_another_trust_domain(Shows::OfAnotherTrustDomain, false, false)]
#[case::another_trust_domain_under_the_same_root(
    Shows::AnotherTrustDomainUnderTheSameRoot,
    true,
    false
)]
#[case::two_names(Shows::TwoNames, true, false)]
#[case::a_common_name(Shows::ACommonName, true, true)]
#[case::a_common_name_beside_another(Shows::ACommonNameBesideAnother, true, false)]
#[case::five_hundred_names(Shows::FiveHundredNames, true, false)]
#[case::five_hundred_names_of_somebody_else(Shows::FiveHundredNamesOfSomebodyElse, false, false)]
fn who_asks_must_show_a_certificate_where_roots_or_names_are_named(
    #[case] shows: Shows,
    #[case] of_a_root: bool,
    #[case] of_a_name: bool,
) {
    let names =
        ["--client-name", "spiffe://cluster.local/ns/a/sa/b", "--client-name", "kube-apiserver"];
    for (names, served) in [(&[][..], of_a_root), (&names, of_a_name)] {
        let roots = Roots { known: issuer(), other: issuer() };
        let pem = roots.known.pem();
        let words = [&["--client-roots", "@clients.pem"], names].concat();
        let process = Process::with_files(1_024, &words, &[("clients.pem", &pem)]);
        let ask = |client: &ClientConfig| {
            let mut stream = process.tls(client);
            let head = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n";
            // TLS 1.3: the client is done before it hears that it is refused.
            if stream
                .write_all(head)
                .and_then(|()| stream.flush())
                .is_err()
            {
                return 0;
            }
            answer(&mut stream).0
        };
        assert_eq!(ask(&shows.client(&process, &roots)), if served { 200 } else { 0 }, "{names:?}");
        assert_eq!(ask(&Shows::Good.client(&process, &roots)), 200);
    }
}

/// RFC 8446 §2.3: what is sent with a resumed session's hello could be sent again by anybody. No ticket offers it.
#[test]
fn no_early_data_is_taken() {
    let process = Process::start(&[]);
    let mut client = process.client.clone();
    client.enable_early_data = true;
    let kinds = [(); 2].map(|()| {
        let mut stream = process.tls(&client);
        assert!(stream.conn.early_data().is_none());
        assert_eq!(post(&mut stream, &harmless()).0, 200);
        stream.conn.handshake_kind().unwrap()
    });
    assert_eq!(kinds, [HandshakeKind::Full, HandshakeKind::Resumed]);
    lives(&process);
}

/// TLS 1.3 has no renegotiation; a real client of TLS 1.2 that asks for it is told that there is none (RFC 5246 §7.2.2).
#[test]
fn nothing_is_negotiated_anew() {
    let process = Process::start(&["--tls12"]);
    let client = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-legacy_renegotiation", "-connect"])
        .arg(process.address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut client) = client else {
        eprintln!("skipped: openssl is not here");
        return;
    };
    // A line of one `R` asks for it.
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"R\n").unwrap();
    let output = client.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(told.contains("RENEGOTIATING"), "{told}");
    assert!(told.contains("no renegotiation"), "{told}");
    drop(input);
    lives(&process);
}
