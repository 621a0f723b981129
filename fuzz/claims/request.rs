//! A method, a target, a `Host` line (`-` for none) and header lines: a request is received without a panic, and as the second
//! evaluator receives it.

use std::net::IpAddr;

use portcullis::request::{
    Downstream, ForwardClientCert, HttpRequest, HttpVersion, Normalization, ReceiveContext, Value,
    receive,
};

use super::super::naive::{self, Answer, Connection};

/// The claim.
pub fn holds(bytes: &[u8]) {
    let Some(text) = super::text(bytes) else { return };
    let Some(([settings, method, target, host], rest)) = super::lines::<4>(text) else { return };
    let choice = settings.bytes().next().unwrap_or_default();
    let headers: Vec<(String, String)> = rest
        .split('\n')
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let version = match choice & 3 {
        0 => HttpVersion::Http10,
        1 => HttpVersion::Http2,
        _ => HttpVersion::Http11,
    };
    let request = HttpRequest {
        method: method.to_owned(),
        target: target.to_owned(),
        host: (host != "-").then(|| host.to_owned()),
        headers,
        version,
    };
    let (how, naive_how) = if choice & 4 == 0 {
        (Normalization::Base, naive::Normalization::Base)
    } else {
        (Normalization::None, naive::Normalization::None)
    };
    let edge = match choice >> 3 & 3 {
        0 => Some(0),
        1 => Some(2),
        _ => None,
    };
    let context = ReceiveContext {
        normalization: how,
        edge,
        client_certificate: if edge.is_some() {
            ForwardClientCert::SanitizeSet
        } else {
            ForwardClientCert::AppendForward
        },
        peer: Some(IpAddr::from([10, 1, 2, 3])),
        downstream: if choice & 32 == 0 { Downstream::Plaintext } else { Downstream::MutualTls },
    };
    let connection = Connection {
        tls: choice & 32 != 0,
        mutual: choice & 32 != 0,
        peer: context.peer,
        edge: context.edge,
        normalization: naive_how,
    };
    let naive = naive::receive(
        &naive::sent(
            &request.method,
            &request.target,
            request.host.as_deref(),
            &request.headers,
            match version {
                HttpVersion::Http10 => naive::Version::Http10,
                HttpVersion::Http11 => naive::Version::Http11,
                HttpVersion::Http2 => naive::Version::Http2,
            },
        ),
        &connection,
    );
    match (receive(&request, &context), naive) {
        (_, Err(Answer::NotModelled(_))) => {}
        (Err(refusal), Err(Answer::Rejected(status))) => {
            assert_eq!(refusal.status, status, "{request:?}: {refusal}");
        }
        (Ok(engine), Ok(naive)) => {
            assert_eq!(engine.method, naive.method, "{request:?}");
            assert_eq!(engine.authority, naive.authority, "{request:?}");
            assert_eq!(engine.path.path(), naive.path, "{request:?}");
            assert_eq!(engine.path.path_and_query(), format!("{}{}", naive.path, naive.query));
            assert_eq!(engine.remote_address(), naive.remote_ip, "{request:?}");
            let mut found: Vec<(String, Option<String>)> = engine
                .headers
                .iter()
                .map(|(name, value)| {
                    let value = match value {
                        Value::Known(value) => Some(value.to_owned()),
                        Value::Unknown => None,
                    };
                    (name.to_owned(), value)
                })
                .collect();
            let mut wanted = naive.headers;
            // Lines of one name keep their order; the others need not.
            found.sort_by(|(a, _), (b, _)| a.cmp(b));
            wanted.sort_by(|(a, _), (b, _)| a.cmp(b));
            assert_eq!(found, wanted, "{request:?}");
        }
        (engine, naive) => panic!("{request:?}: {engine:?}, {naive:?}"),
    }
}
