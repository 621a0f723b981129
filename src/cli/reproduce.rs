//! A case → the command line that asks the same question again.

use super::can_i;
use crate::mesh::{Admission, Mesh, ProviderStub};
use crate::report;
use crate::request::{Caller, HostSpec, Protocol, RequestSpec, TlsChoice};
use crate::suite::{Case, Policies, Suite};

/// The command line for a case, its words quoted for a shell. `paths` are what the suite's `resources` name.
pub(crate) fn command(suite: &Suite, paths: &[String], mesh: &Mesh, case: &Case) -> String {
    question(suite, paths, mesh, &case.spec).unwrap_or_else(|| again(suite, case))
}

/// The command line for a question. Absent where a part of the mesh stands in the suite itself.
pub(crate) fn question(
    suite: &Suite,
    paths: &[String],
    mesh: &Mesh,
    spec: &RequestSpec,
) -> Option<String> {
    let files = files(&suite.policies, paths)?;
    if let Some(mut words) = words(spec) {
        words.extend(files.iter().cloned());
        if asks_the_same(&words, mesh, spec) {
            return Some(format!("portcullis can-i {}", shell(&words)));
        }
    }
    let line = shell(&[report::question_line(spec)?]);
    Some(format!("printf %s {line} | portcullis can-i --requests - {}", shell(&files)))
}

/// The case itself, by its name: for a mesh that no files hold.
fn again(suite: &Suite, case: &Case) -> String {
    let name = regex_lite::escape(&case.name);
    let words = ["test".to_owned(), suite.file.to_string(), "-t".to_owned(), format!("^{name}$")];
    format!("portcullis {}", shell(&words))
}

/// The words that give `can-i` the suite's mesh; absent where a part of it stands in the suite itself.
fn files(policies: &Policies, paths: &[String]) -> Option<Vec<String>> {
    let own = policies.config == crate::istio::MeshConfig::default()
        && policies.resources.is_empty()
        && policies.workloads.is_empty();
    if !own || paths.is_empty() {
        return None;
    }
    let mut words = Vec::new();
    for path in paths {
        words.extend(["-f".to_owned(), path.clone()]);
    }
    if !policies.revision.is_empty() {
        words.extend(["--revision".to_owned(), policies.revision.clone()]);
    }
    if let Some(version) = policies.istio_version {
        words.extend(["--istio".to_owned(), version.to_string()]);
    }
    if policies.admission == Some(Admission::Bypassed) {
        words.push("--admission-bypassed".to_owned());
    }
    for (name, stub) in &policies.stubs {
        let answer = match stub {
            ProviderStub::Allow => "allow",
            ProviderStub::Deny => "deny",
            ProviderStub::Error => "error",
            ProviderStub::AllowWhen { .. } => return None,
        };
        words.extend(["--provider".to_owned(), format!("{name}={answer}")]);
    }
    Some(words)
}

/// The words of `can-i` for a question; absent for one that they cannot ask. Whether they ask the same is still to be
/// seen: a Service may have the name of a workload.
fn words(spec: &RequestSpec) -> Option<Vec<String>> {
    let http = &spec.http;
    let mut words = Vec::new();
    match &spec.from {
        Caller::Certificate { uris, foreign: false } => match uris.as_slice() {
            [one] => {
                let principal = one.strip_prefix("spiffe://")?;
                let bare = principal.split('/').count() >= 5;
                words.push(if bare { principal.to_owned() } else { one.clone() });
            }
            _ => return None,
        },
        Caller::Plaintext => words.push("--plaintext".to_owned()),
        Caller::Workload(name) => words.push(name.clone()),
        Caller::Certificate { foreign: true, .. } | Caller::External => return None,
    }
    words.extend(http.method.clone());
    let scheme = match (spec.protocol, spec.tls) {
        (Some(Protocol::Tcp), _) => "tcp",
        (Some(Protocol::Tls), _) => "tls",
        (_, TlsChoice::Tls) => "https",
        _ => "http",
    };
    let target = http.target.as_deref().unwrap_or("/");
    let target = if matches!(scheme, "tcp" | "tls") { "" } else { target };
    let port = spec
        .port
        .map_or_else(String::new, |port| format!(":{port}"));
    words.push(format!("{scheme}://{}{port}{target}", spec.to));
    let mut header = |line: String| words.extend(["-H".to_owned(), line]);
    if let HostSpec::Given(host) = &http.host {
        header(format!("Host: {host}"));
    }
    let is_stated = |value: &str| spec.tokens.iter().any(|token| value.ends_with(&token.text));
    for (name, value) in http.headers.iter().filter(|(_, value)| !is_stated(value)) {
        header(format!("{name}: {value}"));
    }
    if let Some(stated) = spec.tokens.first() {
        words.extend(["--jwt-claims".to_owned(), report::claims(&stated.claims)]);
    }
    if let Some(ip) = spec.source_ip {
        words.extend(["--source-ip".to_owned(), ip.to_string()]);
    }
    Some(words)
}

/// Whether `can-i` with these words would put the same requests to the same proxies.
fn asks_the_same(words: &[String], mesh: &Mesh, spec: &RequestSpec) -> bool {
    let asked = can_i::question_of(words, mesh);
    let asked = asked.map(|asked| mesh.requests(&RequestSpec { now: spec.now, ..asked }));
    asked.is_some_and(|asked| asked.is_ok() && asked == mesh.requests(spec))
}

/// Words as a POSIX shell takes them apart again; one with characters that drive a terminal, as `bash` and `zsh` do.
pub(crate) fn shell(words: &[String]) -> String {
    words
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    if crate::diagnostic::printable(word) == word {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut text = "$'".to_owned();
    for c in word.chars() {
        match c {
            '\'' | '\\' => text.extend(['\\', c]),
            c if crate::diagnostic::printable(c.encode_utf8(&mut [0; 4])).len() > c.len_utf8() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    text.push_str(&format!("\\x{byte:02x}"));
                }
            }
            c => text.push(c),
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a line of words apart as a shell does.
    fn taken_apart(line: &str) -> Vec<String> {
        let output = std::process::Command::new("bash")
            .args(["-c", &format!("printf '%s\\0' {line}")])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.strip_suffix('\0')
            .unwrap_or(&text)
            .split('\0')
            .map(str::to_owned)
            .collect()
    }

    #[rstest::rstest]
    #[case::plain(&["can-i", "a.b", "http://c.d:80/x"], "can-i a.b http://c.d:80/x")]
    #[case::a_shell_would_read_it(&["$HOME", "a;b", "*", "~", "?a=b&c"], "'$HOME' 'a;b' '*' '~' '?a=b&c'")]
    #[case::quotes(&["it's", "\"", "\\"], "'it'\\''s' '\"' '\\'")]
    #[case::empty(&["", "x"], "'' x")]
    #[case::other_scripts(&["grüße"], "'grüße'")]
    #[case::what_drives_a_terminal(&["a\u{1b}[31m", "\u{202e}'", "line\nline"], "$'a\\x1b[31m' $'\\xe2\\x80\\xae\\'' $'line\\x0aline'")]
    fn a_shell_gives_back_the_words(#[case] words: &[&str], #[case] want: &str) {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(shell(&words), want);
        if std::process::Command::new("bash")
            .arg("--version")
            .output()
            .is_err()
        {
            println!("skipped: bash is not here");
            return;
        }
        assert_eq!(taken_apart(&shell(&words)), words);
    }
}
