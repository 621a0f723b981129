//! Where a webhook is, and what its certificate must lead to → whether it denies, allows and is ready as it must be.

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, Uri};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::tls;

/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 3 << 20;
/// `uid` of the reviews, to be given back.
const UID: &str = "70727463-0000-4000-8000-73656c662d74";

/// Which webhook is asked, and how. Certificates and keys are PEM.
#[derive(Clone)]
pub struct Target {
    /// Where it is: `https://localhost:8443/validate`.
    pub url: String,
    /// The name that its certificate must have.
    pub server_name: String,
    /// The roots that its certificate must lead to.
    pub roots: Vec<u8>,
    /// The certificate to ask with, and its key; absent: none is shown.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
    /// So long connecting, and so long each answer may take: the API server's patience.
    pub patience: Duration,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Something that must be so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What must be so.
    pub claim: &'static str,
    /// What is so instead; absent where it is as it must be.
    pub trouble: Option<String>,
}

/// Asks. What is not as it must be is in the list.
///
/// # Errors
/// Why it could not be asked: no connection, a certificate that does not lead to the roots, no answer.
pub fn self_test(target: &Target) -> Result<Vec<Check>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    runtime.block_on(asked(target))
}

async fn asked(target: &Target) -> Result<Vec<Check>, String> {
    let uri: Uri = target
        .url
        .parse()
        .map_err(|error| format!("`{}` is no URL: {error}", target.url))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let (host, port) = (uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(443));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut client = Client {
        requests: connect(host, port, target).await?,
        authority: authority.to_owned(),
        patience: target.patience,
    };
    let path = uri.path();
    let denied = client.ask(Method::POST, path, &invalid()).await?;
    let allowed = client.ask(Method::POST, path, &harmless()).await?;
    let ready = client.ask(Method::GET, "/readyz", "").await?;
    let metrics = client.ask(Method::GET, "/metrics", "").await?;
    let knows = metrics.1.contains("portcullis_known");
    Ok(vec![
        Check { claim: "an invalid object is denied", trouble: not_denied(&denied) },
        Check { claim: "a harmless change is allowed", trouble: not_allowed(&allowed) },
        Check { claim: "it is ready", trouble: (ready.0 != 200).then(|| told(&ready)) },
        Check {
            claim: "its metrics are told",
            trouble: (metrics.0 != 200 || !knows).then(|| told(&metrics)),
        },
    ])
}

/// A connection over which one request goes after the other.
struct Client {
    requests: SendRequest<Full<Bytes>>,
    authority: String,
    patience: Duration,
}

async fn connect(
    host: &str,
    port: u16,
    target: &Target,
) -> Result<SendRequest<Full<Bytes>>, String> {
    let (config, name) = tls::client(&target.roots, target.client.as_ref(), &target.server_name)?;
    let late = |_| format!("`{}` does not answer within {:?}", target.url, target.patience);
    let failed = |error: std::io::Error| format!("`{}` cannot be reached: {error}", target.url);
    let stream = timeout(target.patience, TcpStream::connect((host, port)))
        .await
        .map_err(late)?
        .map_err(failed)?;
    let stream = timeout(target.patience, TlsConnector::from(config).connect(name, stream))
        .await
        .map_err(late)?
        .map_err(failed)?;
    let (requests, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| format!("`{}` speaks no HTTP: {error}", target.url))?;
    // Its trouble is that of the request that waits for it.
    drop(tokio::spawn(async move { drop(connection.await) }));
    Ok(requests)
}

impl Client {
    /// The status and the body that are answered.
    async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: &str,
    ) -> Result<(u16, String), String> {
        let failed = |error: &dyn std::fmt::Display| format!("`{path}` is not answered: {error}");
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_owned())))
            .map_err(|error| failed(&error))?;
        let requests = &mut self.requests;
        let exchange = async move {
            requests.ready().await.map_err(|error| error.to_string())?;
            let answer = requests.send_request(request).await;
            let answer = answer.map_err(|error| error.to_string())?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            Ok::<_, String>((status, String::from_utf8_lossy(&body).into_owned()))
        };
        match timeout(self.patience, exchange).await {
            Ok(answered) => answered.map_err(|error| failed(&error)),
            Err(_) => Err(failed(&format!("not within {:?}", self.patience))),
        }
    }
}

/// `response` of an AdmissionReview that answers ours.
fn response((status, body): &(u16, String)) -> Option<Value> {
    let review: Value = serde_json::from_str(body).ok()?;
    let response = review.get("response")?;
    let ours = response.get("uid").and_then(Value::as_str) == Some(UID);
    (*status == 200 && ours).then(|| response.clone())
}

fn not_denied(answered: &(u16, String)) -> Option<String> {
    let Some(response) = response(answered) else { return Some(told(answered)) };
    let denied = response.get("allowed") == Some(&Value::Bool(false));
    let reason = response
        .get("status")
        .and_then(|status| status.get("reason"));
    let so = denied && reason.and_then(Value::as_str) == Some("Invalid");
    (!so).then(|| told(answered))
}

fn not_allowed(answered: &(u16, String)) -> Option<String> {
    let Some(response) = response(answered) else { return Some(told(answered)) };
    let so = response.get("allowed") == Some(&Value::Bool(true));
    (!so).then(|| told(answered))
}

/// `200 {"apiVersion":…`, as much of it as says what is wrong.
fn told((status, body): &(u16, String)) -> String {
    let body: String = body.trim_end().chars().take(400).collect();
    format!("the answer is {status} {body}")
}

/// A policy with a block of addresses that is none.
fn invalid() -> String {
    let rules = json!([{"from": [{"source": {"ipBlocks": ["10.0.0.0/99"]}}]}]);
    let object = policy(&json!({"rules": rules}));
    review("CREATE", &object, &Value::Null)
}

/// A policy that there is not is deleted: no lint, guard or budget is against it, whatever they are.
fn harmless() -> String {
    let selector = json!({"matchLabels": {"app": "portcullis-self-test"}});
    let object = policy(&json!({"selector": selector}));
    review("DELETE", &Value::Null, &object)
}

fn policy(spec: &Value) -> Value {
    json!({
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {"name": "portcullis-self-test", "namespace": "portcullis-self-test"},
        "spec": spec,
    })
}

fn review(operation: &str, object: &Value, old: &Value) -> String {
    let review = json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": {"group": "security.istio.io", "version": "v1", "kind": "AuthorizationPolicy"},
            "name": "portcullis-self-test",
            "namespace": "portcullis-self-test",
            "operation": operation,
            "object": object,
            "oldObject": old,
            "dryRun": true,
        },
    });
    review.to_string()
}
