//! Programs that are taken for an Envoy, and a real one: what is said where it does not start, or ends, and what is left.
//!
//! What needs a real Envoy runs where `ENVOY` names one; `tests/envoy/fetch` prints where a pinned one is.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use portcullis::mesh::{EPOCHS, IstioVersion};
use portcullis::real_envoy::{
    self, Agreement, Asked, Failure, Loopback, Program, Reply, Unstarted,
};
use portcullis::{report, suite};
use rstest::rstest;

use crate::support::brief;

/// A folder that goes with this value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("against-envoy-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.join(name);
        #[expect(clippy::disallowed_methods, reason = "a test writes its own files")]
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// A real Envoy; absent, with a printed line, where none is named.
fn real() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the one way to name an Envoy to a test")]
    let named = std::env::var("ENVOY").ok().filter(|path| !path.is_empty());
    if named.is_none() {
        eprintln!("skipped: ENVOY names no Envoy");
    }
    named.map(PathBuf::from)
}

const MESH: &str = "PA foo/p {mtls: {mode: PERMISSIVE}}\n AP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}";
const QUESTIONS: &str = "from: {plaintext: true}, request: {path: /x}, expect: deny
    from: {plaintext: true}, request: {path: /y}, expect: allow";

/// Asks a program about two requests at loopback.
fn ask(program: &Program<'_>, mesh: &str, questions: &str) -> Result<Vec<Agreement>, Failure> {
    let suite = brief::suite(mesh, questions);
    let prepared = suite::prepare(&suite, &[]).unwrap();
    let mut requests = Vec::new();
    for case in &suite.cases {
        requests.extend(prepared.mesh.requests(&case.spec).unwrap());
    }
    // Tests run beside each other: each has addresses of its own.
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = usize::try_from(NEXT.fetch_add(1, Ordering::Relaxed)).unwrap();
    let mut loopback = Loopback::default();
    for request in &mut requests {
        loopback.place(request, number).unwrap();
    }
    let asked = [Asked { mesh: &prepared.mesh, requests: requests.clone() }];
    let to_text = |message: &portcullis::envoy::Message| report::configuration(message).to_line();
    let replies = real_envoy::ask(program, &asked, 1_700_000_000, &to_text)?;
    let compared = |(request, reply): (_, &Reply)| {
        real_envoy::compare(&prepared.mesh, request, &prepared.mesh.decide(request), reply)
    };
    Ok(requests.iter().zip(&replies[0]).map(compared).collect())
}

/// Whether a process runs that has this in its command line.
fn runs(words: &str) -> bool {
    #[expect(clippy::disallowed_methods, reason = "a test looks what it has left behind")]
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = processes.filter_map(|process| {
        #[expect(clippy::disallowed_methods, reason = "a test looks what it has left behind")]
        let line = std::fs::read(process.path().join("cmdline")).ok()?;
        Some(String::from_utf8_lossy(&line).into_owned())
    });
    lines.any(|line| line.contains(words))
}

#[rstest]
#[case::it_ends_at_once(
    "#!/bin/sh\necho no configuration, no Envoy >&2\nexit 3\n",
    "no configuration, no Envoy"
)]
#[case::it_never_listens("#!/bin/sh\nexec tail -f \"$0\"\n", "Envoy did not become ready")]
#[case::it_is_no_program("these are words\n", "Envoy did not become ready")]
fn what_is_no_envoy_is_said_and_ended(#[case] text: &str, #[case] said: &str) {
    let scratch = Scratch::new();
    let path = scratch.write("envoy", text, 0o755);
    let program = Program { patience: Duration::from_millis(700), ..Program::at(&path) };
    let failure = ask(&program, MESH, QUESTIONS).unwrap_err();
    assert!(matches!(&failure, Failure::Unstarted(Unstarted::NotReady { .. })), "{failure}");
    assert!(failure.to_string().contains(said), "{failure}");
    assert!(!runs(&path.display().to_string()), "it still runs");
}

fn command(path: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(words).current_dir(path);
    command.output().unwrap()
}

#[test]
fn what_is_no_envoy_could_not_be_asked() {
    let scratch = Scratch::new();
    scratch.write("envoy", "#!/bin/sh\necho out of order >&2\nexit 1\n", 0o755);
    let text = "apiVersion: portcullis.dev/v1alpha1\nkind: TestSuite\nvacuous: allowed\nworkloads: [{name: a, namespace: b, ip: 10.0.0.9, ports: [{port: 80, protocol: HTTP}]}]\ntests: [{name: t, from: {plaintext: true}, to: 'a.b:80', expect: allow}]\n";
    scratch.write("a.test.yaml", text, 0o644);
    let output = command(&scratch.0, &["test", "--against-envoy=envoy", "a.test.yaml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("out of order"), "{said}");
    let output = command(&scratch.0, &["test", "--against-envoy=nowhere", "a.test.yaml"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_real_envoy_agrees_at_loopback() {
    let Some(path) = real() else { return };
    let agreed = ask(&Program::at(&path), MESH, QUESTIONS).unwrap();
    assert_eq!(agreed, [Agreement::Agree, Agreement::Agree]);
}

#[test]
fn a_port_in_use_is_said() {
    let Some(path) = real() else { return };
    // The first workload of the first mesh.
    let taken = TcpListener::bind("127.1.0.1:5555");
    let program = Program::at(&path);
    let question = "from: {plaintext: true}, to: httpbin.foo:5555, expect: allow";
    let suite = brief::suite(MESH, question);
    let prepared = suite::prepare(&suite, &[]).unwrap();
    let mut request = prepared
        .mesh
        .requests(&suite.cases[0].spec)
        .unwrap()
        .remove(0);
    request.source_ip = Some("127.0.0.1".parse().unwrap());
    request.destination_ip = Some("127.1.0.1".parse().unwrap());
    let asked = [Asked { mesh: &prepared.mesh, requests: vec![request] }];
    let to_text = |message: &portcullis::envoy::Message| report::configuration(message).to_line();
    let failure = real_envoy::ask(&program, &asked, 0, &to_text).unwrap_err();
    drop(taken);
    assert!(failure.to_string().contains("in use"), "{failure}");
}

#[test]
fn an_envoy_that_ends_is_said() {
    let Some(path) = real() else { return };
    let scratch = Scratch::new();
    // It ends when a request has been answered.
    let script = format!(
        "#!/bin/sh\n{} \"$@\" &\nenvoy=$!\n(while kill -0 $envoy; do sleep 0.05; [ -S \"${{2%envoy.json}}admin.sock\" ] && sleep 0.2 && kill -9 $envoy; done) 2>/dev/null &\nwait $envoy\n",
        path.display()
    );
    let path = scratch.write("envoy", &script, 0o755);
    let program = Program::at(&path);
    // So many that they are not all answered before.
    let questions = vec![QUESTIONS; 3_000].join("\n");
    let failure = ask(&program, MESH, &questions).unwrap_err();
    assert!(matches!(failure, Failure::Unstarted(_)), "{failure}");
}

/// Of each epoch a mesh, a question, and what is answered before and since.
fn epochs() -> BTreeMap<&'static str, (&'static str, &'static str)> {
    BTreeMap::from([
        (
            "rbac_match_headers_individually",
            (
                "PA foo/p {mtls: {mode: PERMISSIVE}}\nAP foo/p {action: DENY, rules: [{when: [{key: 'request.headers[x-role]', values: [admin]}]}]}",
                "from: {plaintext: true}, request: {headers: [[x-role, user], [x-role, admin]]}, expect: deny
                 from: {plaintext: true}, request: {headers: [[x-role, 'user,admin']]}, expect: allow",
            ),
        ),
        (
            "http_inspector_use_balsa_parser",
            (
                "PA foo/p {mtls: {mode: PERMISSIVE}}",
                "from: {plaintext: true}, to: httpbin.foo:7000, request: {method: get}, expect: rejected
                 from: {plaintext: true}, to: httpbin.foo:7000, request: {method: QUERY}, expect: rejected
                 from: {plaintext: true}, to: httpbin.foo:7000, request: {path: 'a://'}, expect: rejected",
            ),
        ),
        (
            "strip_dotdot_segments_with_parameters",
            (
                "PA foo/p {mtls: {mode: PERMISSIVE}}\nAP foo/p {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}",
                "from: {plaintext: true}, request: {path: '/..;/admin'}, expect: deny",
            ),
        ),
    ])
}

/// The newest Envoy with the guard of an epoch off does as that epoch's releases: the engine agrees with it as one of
/// them, or says that it does not know, and disagrees as the newest.
#[test]
fn a_guard_that_is_off_brings_an_epoch_back() {
    let Some(path) = real() else { return };
    let cases = epochs();
    for epoch in EPOCHS {
        let Some(guard) = epoch.guard else { continue };
        let (mesh, questions) = cases
            .get(guard)
            .unwrap_or_else(|| panic!("{guard} has no case"));
        let guards = [guard];
        let program = Program { guards_off: &guards, ..Program::at(&path) };
        let newest = ask(&program, mesh, questions).unwrap();
        let differs = |agreement: &Agreement| matches!(agreement, Agreement::Disagree(_));
        assert!(newest.iter().any(differs), "{guard}: {newest:?}");
        let version = before(epoch.until[epoch.until.len() - 1]);
        let older = ask(&program, &format!("istio: {version}\n{mesh}"), questions).unwrap();
        assert!(!older.iter().any(differs), "{guard}, {version}: {older:?}");
        // As it is, it is the newest.
        let agreed = ask(&Program::at(&path), mesh, questions).unwrap();
        assert!(
            agreed
                .iter()
                .all(|agreement| *agreement == Agreement::Agree),
            "{guard}: {agreed:?}"
        );
    }
}

/// A release of the minor one before.
fn before(version: IstioVersion) -> IstioVersion {
    let text = version.to_string();
    let mut parts = text.split('.');
    let minor: u32 = parts.nth(1).unwrap().parse().unwrap();
    format!("1.{}.0", minor - 1).parse().unwrap()
}

/// Every epoch before the Envoys that are its own: `ENVOY_1_36` and `ENVOY_1_38` name them.
#[rstest]
#[case::envoy_1_36("ENVOY_1_36", "1.28.4", &["rbac_match_headers_individually", "http_inspector_use_balsa_parser", "strip_dotdot_segments_with_parameters"])]
#[case::envoy_1_38("ENVOY_1_38", "1.30.0", &["http_inspector_use_balsa_parser", "strip_dotdot_segments_with_parameters"])]
fn an_older_envoy_is_of_its_epochs(
    #[case] named: &str,
    #[case] version: &str,
    #[case] epochs_of: &[&str],
) {
    #[expect(clippy::disallowed_methods, reason = "the one way to name an Envoy to a test")]
    let Some(path) = std::env::var(named).ok().filter(|path| !path.is_empty()) else {
        eprintln!("skipped: {named} names no Envoy");
        return;
    };
    let program = Program::at(Path::new(&path));
    for (guard, (mesh, questions)) in epochs() {
        let differs = |agreement: &Agreement| matches!(agreement, Agreement::Disagree(_));
        let own = ask(&program, &format!("istio: {version}\n{mesh}"), questions).unwrap();
        assert!(!own.iter().any(differs), "{guard}: {own:?}");
        let newest = ask(&program, mesh, questions).unwrap();
        assert_eq!(newest.iter().any(differs), epochs_of.contains(&guard), "{guard}: {newest:?}");
    }
}

/// The commands of docs/envoy.md, in a folder of their own.
#[test]
#[cfg(feature = "ca")]
fn the_walk_through_works() {
    let page = crate::support::project("docs/envoy.md");
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.0.join("policies")).unwrap();
    scratch.write(
        "policies/mesh.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: httpbin, namespace: foo}\nspec: {template: {metadata: {labels: {app: httpbin, sidecar.istio.io/inject: 'true'}}, spec: {serviceAccountName: httpbin, containers: []}}}\n---\napiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: p, namespace: foo}\nspec: {mtls: {mode: STRICT}}\n",
        0o644,
    );
    let mut ran = 0;
    for line in page
        .lines()
        .filter(|line| line.starts_with("portcullis ") && !line.contains("$"))
    {
        let (line, into) = line.split_once(" >").unwrap_or((line, ""));
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let output = command(&scratch.0, &words);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        if !into.is_empty() {
            scratch.write(into, &String::from_utf8(output.stdout).unwrap(), 0o644);
        }
        ran += 1;
    }
    assert_eq!(ran, 4);
    for file in
        ["httpbin/cert-chain.pem", "httpbin/key.pem", "httpbin/root-cert.pem", "sleep/key.pem"]
    {
        assert!(scratch.0.join(file).exists(), "{file}");
    }
    let Some(envoy) = real() else { return };
    let validated = Command::new(envoy)
        .args(["--mode", "validate", "-c", "envoy.json"])
        .current_dir(&scratch.0)
        .output()
        .unwrap();
    assert!(validated.status.success(), "{}", String::from_utf8_lossy(&validated.stderr));
}
