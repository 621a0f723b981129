//! `webhook manifests`: how a webhook is to run → the manifests of a cluster, on standard output.

use super::exit::Exit;
use super::system::System;
use super::webhook_args::{Manifests, Part, Printed};
use super::webhook_cluster::{istio_namespace, of_no_cluster};
use super::{complain, complain_of, load, print};
use crate::diagnostic::{Code, Diagnostic};
use crate::report::{Document, WebhookMesh, WebhookSetting, list_document};

/// Prints them.
pub(crate) fn run(arguments: Manifests, system: &mut impl System) -> Exit {
    let Manifests { part, output, .. } = arguments;
    let setting = match setting(arguments, system) {
        Ok(setting) => setting,
        Err(finding) => {
            complain_of(system, &[finding]);
            return Exit::CouldNotAsk;
        }
    };
    let mut all = Vec::new();
    // What runs elsewhere is not run here, too.
    if part == Part::Server || (part == Part::All && setting.url.is_none()) {
        all.extend(setting.server());
    }
    if part != Part::Server {
        all.push(setting.registration());
        if setting.ca_bundle.is_none() {
            let message =
                "`caBundle` is a placeholder: the API server will not take the webhook for itself";
            let finding = Diagnostic::warning(Code::BadRequest, message)
                .help("give the root of its certificate: `--ca-bundle serving/root-cert.pem`");
            complain_of(system, &[finding]);
        }
    }
    match text(&all, output) {
        Ok(text) => {
            print(system, &text);
            Exit::Yes
        }
        Err(error) => {
            complain(system, &format!("error: {error}\n"));
            Exit::CouldNotAsk
        }
    }
}

fn setting(arguments: Manifests, system: &mut impl System) -> Result<WebhookSetting, Diagnostic> {
    let ca_bundle = arguments
        .ca_bundle
        .map(|path| {
            let text = system.read(&path);
            let text = text.map_err(|error| load::unreadable(&path, &error))?;
            if text.contains("-----BEGIN CERTIFICATE-----") {
                return Ok(text);
            }
            let message = format!("`{path}` holds no certificate as PEM");
            Err(Diagnostic::error(Code::BadRequest, message))
        })
        .transpose()?;
    let about =
        [("--istio-namespace", &arguments.istio_namespace), ("--revision", &arguments.revision)];
    let mesh = if arguments.from_cluster {
        WebhookMesh::Cluster {
            istio_namespace: istio_namespace(arguments.istio_namespace.as_deref()),
            revision: arguments.revision.unwrap_or_default(),
        }
    } else if let Some(finding) = of_no_cluster(&about) {
        return Err(finding);
    } else {
        WebhookMesh::ConfigMap(arguments.policies)
    };
    Ok(WebhookSetting {
        name: arguments.name,
        namespace: arguments.namespace,
        image: arguments.image,
        replicas: arguments.replicas,
        certificate: arguments.certificate,
        mesh,
        guards: arguments.guards,
        options: arguments.options,
        fail_open: arguments.fail_open,
        ca_bundle,
        url: arguments.url,
    })
}

/// YAML documents one after the other, or one JSON document.
fn text(all: &[Document], output: Printed) -> Result<String, String> {
    if output == Printed::Json {
        return list_document(all).to_text(false);
    }
    let all: Result<Vec<String>, String> = all.iter().map(|one| one.to_text(true)).collect();
    Ok(all?.join("---\n"))
}
