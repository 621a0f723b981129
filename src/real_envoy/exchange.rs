//! A connection and bytes → what came back, and what that says.

use std::io::{ErrorKind, Read as _, Write as _};

use super::connection::{Connection, First};
use crate::decide::Verdict;

/// The header in which the configuration makes Envoy say what gave an answer.
const DETAILS: &str = "x-envoy-response-code-details";
/// No answer here is longer.
const LONGEST: usize = 1 << 16;
/// So many requests are on their way at once: Envoy stops reading behind the second that it answers by itself.
const PIPELINED: usize = 2;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The connection was closed before anything came.
    Closed,
    /// The bytes, or the caller's own greeting, came back as they were: they were let through.
    Echoed,
    /// An HTTP response.
    Response {
        status: u16,
        /// What gave it, in the proxy's words; empty where it does not say.
        details: String,
        /// Whether another request can follow it.
        open: bool,
    },
    /// Nothing came in time.
    Silent,
    /// Something else came.
    Strange(String),
}

/// What a real Envoy did with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The word for it.
    pub verdict: Verdict,
    /// The status of its answer; absent on TCP and for a closed connection.
    pub status: Option<u16>,
    /// The id of the policy that it names; absent where it names none.
    pub policy: Option<String>,
    /// Its own words.
    pub details: String,
}

/// Sends bytes, and reads what comes back. `bodiless` says that no body follows a response, as with HEAD.
pub(super) fn exchange(connection: &mut Connection, bytes: &[u8], bodiless: bool) -> Answer {
    // The other end may have closed before: then that is what is read.
    let written = connection
        .write_all(bytes)
        .and_then(|()| connection.flush());
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(answer) = recognise(&received, bytes, bodiless) {
            return answer;
        }
        match connection.first() {
            First::Its => {}
            First::Ours => return Answer::Echoed,
            First::Http => return plain(connection, bodiless),
        }
        let count = connection.read(&mut chunk);
        match count {
            // What was no TLS is looked at again.
            _ if connection.first() != First::Its => continue,
            Ok(0) => break,
            Ok(count) => received.extend(chunk.iter().take(count)),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Answer::Silent;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => break,
        }
        if received.len() > LONGEST {
            return Answer::Strange("more bytes than any answer here has".to_owned());
        }
    }
    if received.is_empty() {
        return Answer::Closed;
    }
    let cut =
        || Answer::Strange(format!("{} bytes, then the end; sent: {written:?}", received.len()));
    response(&received, true).unwrap_or_else(cut)
}

/// What a port of plaintext answers where TLS is spoken to it: HTTP, and the end.
fn plain(connection: &mut Connection, bodiless: bool) -> Answer {
    let raw = connection.raw(|bytes| response(bytes, bodiless).is_some());
    response(&raw, bodiless)
        .or_else(|| response(&raw, true))
        .unwrap_or(Answer::Closed)
}

/// Sends requests of HTTP over one connection, two at a time, and reads what comes back: the responses, in the order of
/// the requests, as many as come before the other end closes or falls silent.
pub(super) fn exchange_all(connection: &mut Connection, requests: &[(&[u8], bool)]) -> Vec<Answer> {
    let mut answers = Vec::with_capacity(requests.len());
    for pair in requests.chunks(PIPELINED) {
        let before = answers.len();
        exchange_some(connection, pair, &mut answers);
        let open = matches!(answers.last(), Some(Answer::Response { open: true, .. }));
        if !open || answers.len() < before + pair.len() {
            break;
        }
    }
    answers
}

fn exchange_some(
    connection: &mut Connection,
    requests: &[(&[u8], bool)],
    answers: &mut Vec<Answer>,
) {
    let bytes: Vec<u8> = requests
        .iter()
        .flat_map(|(bytes, _)| *bytes)
        .copied()
        .collect();
    if connection
        .write_all(&bytes)
        .and_then(|()| connection.flush())
        .is_err()
    {
        // The other end may have answered some of them and closed: that is read.
    }
    if connection.first() != First::Its {
        return;
    }
    let mut received = Vec::new();
    let mut chunk = [0; 1 << 12];
    for (_, bodiless) in requests {
        let (answer, length) = loop {
            if let Some(measured) = measured_response(&received, *bodiless) {
                break measured;
            }
            match connection.read(&mut chunk) {
                Ok(count) if count > 0 => received.extend(chunk.iter().take(count)),
                _ => return,
            }
        };
        received.drain(..length.min(received.len()));
        let last = matches!(answer, Answer::Response { open: false, .. });
        answers.push(answer);
        if last {
            return;
        }
        connection.hurry();
    }
}

/// A whole answer, where that is what has come.
fn recognise(received: &[u8], sent: &[u8], bodiless: bool) -> Option<Answer> {
    if received.is_empty() {
        return None;
    }
    if received.starts_with(b"HTTP/1.") {
        return response(received, bodiless);
    }
    let echoed = received.len() >= sent.len() && received.starts_with(sent);
    echoed.then_some(Answer::Echoed)
}

/// An HTTP response, where all of it has come.
fn response(received: &[u8], bodiless: bool) -> Option<Answer> {
    measured_response(received, bodiless).map(|(answer, _)| answer)
}

/// An HTTP response, where all of it has come, and how long it is.
fn measured_response(received: &[u8], bodiless: bool) -> Option<(Answer, usize)> {
    let end = received
        .windows(4)
        .position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(received.get(..end)?);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut details = String::new();
    let mut length = 0;
    let mut open = true;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            DETAILS => value.clone_into(&mut details),
            "content-length" => length = value.parse().ok()?,
            "connection" => open = !value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    let length = end + 4 + if bodiless { 0 } else { length };
    let whole = received.len() >= length;
    whole.then_some((Answer::Response { status, details, open }, length))
}

/// What a response says.
pub(super) fn observed(status: u16, details: &str) -> Observed {
    let policy = denying_policy(details);
    let verdict = if policy.is_some() || details.starts_with("ext_authz") {
        Verdict::Deny
    } else if details.starts_with("jwt_authn") {
        Verdict::Unauthenticated
    } else if status == 200 {
        Verdict::Allow
    } else {
        Verdict::Rejected
    };
    Observed { verdict, status: Some(status), policy, details: details.to_owned() }
}

/// What an end without an answer says, by the line that the proxy writes about the connection.
pub(super) fn closed(line: &str) -> Observed {
    let policy = denying_policy(line);
    // The flag of a connection that an external authorizer did not let through.
    let denied = policy.is_some() || line.ends_with("UAEX");
    Observed {
        verdict: if denied { Verdict::Deny } else { Verdict::Refused },
        status: None,
        policy,
        details: line.replace('\t', " "),
    }
}

/// That bytes were let through.
pub(super) fn let_through() -> Observed {
    Observed { verdict: Verdict::Allow, status: None, policy: None, details: "echo".to_owned() }
}

/// `x` of `rbac_access_denied_matched_policy[x]`.
fn denying_policy(words: &str) -> Option<String> {
    let (_, rest) = words.split_once("rbac_access_denied_matched_policy[")?;
    let end = rest.find(['\t', '\n', ' ']).unwrap_or(rest.len());
    rest.get(..end)?.strip_suffix(']').map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::denied(
        "rbac_access_denied_matched_policy[ns[a]-policy[b]-rule[0]]",
        Some("ns[a]-policy[b]-rule[0]")
    )]
    #[case::nothing_allows("rbac_access_denied_matched_policy[none]", Some("none"))]
    #[case::in_a_line("1.2.3.4:5\t-\trbac_access_denied_matched_policy[none]\t-", Some("none"))]
    #[case::other("direct_response", None)]
    fn a_refusal_names_its_policy(#[case] words: &str, #[case] policy: Option<&str>) {
        assert_eq!(denying_policy(words).as_deref(), policy);
    }

    #[rstest]
    #[case::half(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nx", false, None)]
    #[case::whole(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nxy", false, Some((403, true)))]
    #[case::head(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", true, Some((200, true)))]
    #[case::last(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", false, Some((400, false)))]
    fn a_response_is_whole_or_none(
        #[case] bytes: &[u8],
        #[case] bodiless: bool,
        #[case] want: Option<(u16, bool)>,
    ) {
        let answer = |(status, open)| Answer::Response { status, details: String::new(), open };
        assert_eq!(response(bytes, bodiless), want.map(answer));
    }
}
