//! A CA's files by name → the manifest of Istio's `cacerts` secret. [CA-20]

use zeroize::Zeroizing;

use super::pem::base64;

/// A Secret `cacerts` of a namespace, as YAML.
#[must_use]
pub fn kubernetes_secret(
    namespace: &str,
    files: &[(&str, Zeroizing<String>)],
) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(64 << 10));
    text.push_str("apiVersion: v1\nkind: Secret\nmetadata:\n  name: cacerts\n");
    text.push_str(&format!("  namespace: {namespace}\ntype: Opaque\ndata:\n"));
    for (name, content) in files {
        text.push_str("  ");
        text.push_str(name);
        text.push_str(": ");
        text.push_str(&base64(content.as_bytes()));
        text.push('\n');
    }
    text
}
