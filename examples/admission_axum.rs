//! The gate behind a server of your own, here axum; TLS is up to the host. `cargo run --example admission_axum -- policies.yaml`
#![expect(clippy::disallowed_methods, reason = "an example reads files")]

use std::error::Error;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use portcullis::admission::{Facts, Known, review};
use portcullis::parse::{self, Loaded};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut loaded = Loaded::default();
    for path in std::env::args().skip(1) {
        parse::resources(&path, &std::fs::read_to_string(&path)?, "default", &mut loaded);
    }
    let facts = Facts { resources: loaded.resources, ..Facts::default() };
    let known = Arc::new(Known::prepare(facts)?.0);
    let validate = post(move |asked: String| async move {
        let answer = review(&asked, &known);
        let status = StatusCode::from_u16(answer.http_status).unwrap_or(StatusCode::BAD_REQUEST);
        (status, [(CONTENT_TYPE, "application/json")], answer.body())
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, Router::new().route("/validate", validate)).await?;
    Ok(())
}
