//! `webhook self-test`: a webhook that runs, or what one is to serve → whether it denies, allows and is ready as it must be.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::exit::Exit;
use super::settings::Settings;
use super::system::System;
use super::webhook::start;
use super::webhook_args::{SelfTest, Serve};
use super::{complain, complain_of, load, print};
use crate::diagnostic::Diagnostic;
use crate::server::{Limits, Log, Options, Running, Target, self_test};

/// `timeoutSeconds` of the registration: whoever answers later has not answered.
const PATIENCE: Duration = Duration::from_secs(3);
/// So long a cluster may take to tell everything once,
const LISTED: Duration = Duration::from_secs(30);
/// and so often it is asked whether it has.
const STEP: Duration = Duration::from_millis(100);

/// Asks, and tells a line for each thing that must be so.
pub(crate) fn run(arguments: SelfTest, settings: &Settings, system: &mut impl System) -> Exit {
    let mut target = match target(&arguments, system) {
        Ok(target) => target,
        Err(finding) => {
            complain_of(system, &[*finding]);
            return Exit::CouldNotAsk;
        }
    };
    let running = match arguments.url {
        Some(_) => None,
        None => match here(arguments.serve, settings, system) {
            Some(running) => {
                target.url = format!("https://{}/validate", running.address());
                Some(running)
            }
            None => return Exit::CouldNotAsk,
        },
    };
    let checks = self_test(&target);
    if running.is_some_and(|running| !running.stop()) {
        complain(system, "warning: the webhook did not end in time\n");
    }
    let checks = match checks {
        Ok(checks) => checks,
        Err(error) => {
            complain(system, &format!("error: the webhook could not be asked: {error}\n"));
            return Exit::CouldNotAsk;
        }
    };
    let mut exit = Exit::Yes;
    for check in checks {
        match check.trouble {
            None => print(system, &format!("ok: {}\n", check.claim)),
            Some(trouble) => {
                exit = Exit::No;
                print(system, &format!("failed: {}: {trouble}\n", check.claim));
            }
        }
    }
    exit
}

/// Starts one at a free port, which says nothing but what is wrong with its files.
fn here(serve: Serve, settings: &Settings, system: &mut impl System) -> Option<Running> {
    let alone = |options: Options| Options {
        listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        health: None,
        limits: Limits { lag: Duration::ZERO, ..options.limits },
        ..options
    };
    let running = start(serve, alone, Log::to(|_| {}), settings, system)?;
    // A cluster has to tell everything first; where it does not, that is found out soon enough.
    let mut left = LISTED;
    while !running.is_ready() && !left.is_zero() && system.wait(STEP) {
        left = left.saturating_sub(STEP);
    }
    Some(running)
}

fn target(arguments: &SelfTest, system: &mut impl System) -> Result<Target, Box<Diagnostic>> {
    let mut read = |path: &str| {
        let text = system.read(path).map(String::into_bytes);
        text.map_err(|error| Box::new(load::unreadable(path, &error)))
    };
    let client = match (&arguments.client_certificate, &arguments.client_key) {
        (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?)),
        _ => None,
    };
    Ok(Target {
        url: arguments.url.clone().unwrap_or_default(),
        server_name: arguments.server_name.clone(),
        roots: read(&arguments.ca_bundle)?,
        client,
        patience: PATIENCE,
    })
}
