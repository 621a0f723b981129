//! `envoy`: a workload → the configuration of the Envoy before it.

use std::collections::BTreeSet;

use super::envoy_args::{Bootstrap, Envoy, EnvoyCommand, Rbac, Written};
use super::exit::Exit;
use super::flags::{Files, Format};
use super::system::System;
use super::{complain_of, load, names, write};
use crate::diagnostic::{Code, Diagnostic, FieldPath};
use crate::envoy::{self, Layer, Material, Message, Place, Startup};
use crate::mesh::{ListenerClass, Mesh, TokenProvider};
use crate::report;

/// Prints what is asked for.
pub(crate) fn run(arguments: &Envoy, system: &mut impl System) -> Exit {
    match &arguments.command {
        EnvoyCommand::Rbac(arguments) => {
            show(&arguments.files, &arguments.workload, arguments.output, system, |mesh, index| {
                Ok(rbac(arguments, mesh, index))
            })
        }
        EnvoyCommand::Bootstrap(arguments) => {
            show(&arguments.files, &arguments.workload, arguments.output, system, |mesh, index| {
                bootstrap(arguments, mesh, index)
            })
        }
    }
}

/// Reads the files, finds the workload, prints what `make` makes of it.
fn show(
    files: &Files,
    name: &str,
    output: Written,
    system: &mut impl System,
    make: impl FnOnce(&Mesh, usize) -> Result<Message, Diagnostic>,
) -> Exit {
    let (mesh, mut findings) = match load::mesh(files, system) {
        Ok(read) => (read.mesh, read.findings),
        Err(findings) => {
            complain_of(system, &findings);
            return Exit::CouldNotAsk;
        }
    };
    let made = match mesh.caller(name, &files.namespace) {
        Ok(index) => {
            findings.extend(fetched_keys(&mesh, index));
            make(&mesh, index)
        }
        Err(error) => Err(names::unaskable(&mesh, &error)),
    };
    let made = made.map_err(|finding| findings.push(finding));
    complain_of(system, &findings);
    let Ok(message) = made else { return Exit::CouldNotAsk };
    let format = match output {
        Written::Json => Format::Json,
        Written::Yaml => Format::Yaml,
    };
    write(system, format, &report::configuration(&message));
    Exit::Yes
}

/// One warning for each token provider whose keys are not in the files.
fn fetched_keys(mesh: &Mesh, index: usize) -> Vec<Diagnostic> {
    let tokens = mesh
        .enforcement(index)
        .map_or(&[][..], |enforcement| &enforcement.tokens);
    let warning = |provider: &TokenProvider| {
        let message = format!(
            "the keys of issuer `{}` are fetched: they are not in the files, so an empty key set stands here and no token \
             of it verifies",
            provider.issuer
        );
        Diagnostic::warning(Code::NotYetModelled, message)
            .at(&provider.origin.file, provider.origin.position, &FieldPath::root())
            .help("write the key set in place: `jwks: '{\"keys\":[…]}'`")
    };
    tokens
        .iter()
        .filter(|provider| provider.jwks.is_none())
        .map(warning)
        .collect()
}

fn rbac(arguments: &Rbac, mesh: &Mesh, index: usize) -> Message {
    let class = arguments
        .port
        .and_then(|port| Some(mesh.workload(index)?.class_of(port)));
    let mut printed = Message::object([]);
    let Some(enforcement) = mesh.enforcement(index) else { return printed };
    if class != Some(ListenerClass::Tcp) {
        let filters = envoy::connection_manager_filters(mesh, enforcement, &envoy::own_keys, "");
        printed = printed.with("httpFilters", filters);
    }
    if class != Some(ListenerClass::Http) {
        let mut filters = envoy::custom_filters(mesh, enforcement, Layer::Tcp);
        filters.extend(envoy::authorization_filters(mesh, enforcement, Layer::Tcp));
        printed = printed.with("networkFilters", filters);
    }
    printed
}

fn bootstrap(arguments: &Bootstrap, mesh: &Mesh, index: usize) -> Result<Message, Diagnostic> {
    let refused =
        |message: String, help: &str| Err(Diagnostic::error(Code::BadRequest, message).help(help));
    let Some(workload) = mesh.workload(index) else {
        return refused("no workload is meant".to_owned(), "name one of the files");
    };
    let addresses = match arguments.address {
        Some(address) => vec![address],
        None => workload.ips.clone(),
    };
    if addresses.is_empty() {
        let message =
            format!("the files do not say at which address `{}` is", workload.full_name());
        return refused(message, "say where to listen: `--address 127.0.0.1`");
    }
    let mut ports: BTreeSet<u16> = arguments.ports.iter().copied().collect();
    ports.extend(workload.listeners.keys().chain(&workload.container_ports));
    if let Some(enforcement) = mesh.enforcement(index) {
        ports.extend(enforcement.mtls.ports.keys());
    }
    if ports.is_empty() {
        let message = format!("the files declare no port of `{}`", workload.full_name());
        return refused(message, "say at which to listen: `--port 8080`");
    }
    let file = |named: &Option<String>, name: &str| match (named, &arguments.certs) {
        (Some(named), _) => named.clone(),
        (None, Some(folder)) => format!("{}/{name}", folder.trim_end_matches('/')),
        (None, None) => name.to_owned(),
    };
    let material = Material {
        certificate: file(&arguments.certificate, "cert-chain.pem"),
        key: file(&arguments.key, "key.pem"),
        roots: file(&arguments.roots, "root-cert.pem"),
    };
    let mut listeners = Vec::new();
    for address in addresses {
        for port in &ports {
            let place = Place {
                workload: index,
                address,
                port: *port,
                material: &material,
                keys: &envoy::own_keys,
                behind: "",
                connection_log: None,
                http2: true,
            };
            match envoy::listener(mesh, &place) {
                Ok(listener) => listeners.push(listener),
                Err(error) => {
                    return refused(error.to_string(), "only sidecars and gateways are Envoys");
                }
            }
        }
    }
    let authorizers = envoy::authorizers(mesh, "");
    listeners.extend(authorizers.listeners);
    Ok(envoy::bootstrap(listeners, authorizers.clusters, Startup::default()))
}
