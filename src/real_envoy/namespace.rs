//! The program → itself in a private network namespace, in which every address is one of this machine.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;

/// An address of documentation (RFC 5737): no machine has it, unless every address is local.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Makes every address local, then becomes what it is given.
const SETUP: &str = "ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo && \
    echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind && exec \"$0\" \"$@\"";

/// How the program fared there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entered {
    /// It ran, and ended with this code.
    Ended(u8),
    /// There is no right to make a namespace, or no program for it, with the reason.
    Refused(String),
}

/// Whether every address is one of this machine.
#[must_use]
pub fn every_address_is_local() -> bool {
    TcpListener::bind(SocketAddr::new(NOBODY, 0)).is_ok()
}

/// Runs `program` with `words` in a namespace of its own, on the same streams.
#[must_use]
pub fn enter(program: &OsStr, words: &[&OsStr]) -> Entered {
    let entered = Command::new("unshare")
        .args(["--map-root-user", "--net", "sh", "-c", SETUP])
        .arg(program)
        .args(words)
        .status();
    match entered {
        Ok(status) => match status.code().and_then(|code| u8::try_from(code).ok()) {
            Some(code) => Entered::Ended(code),
            None => Entered::Refused("it was ended by a signal".to_owned()),
        },
        Err(error) => Entered::Refused(format!("`unshare` cannot be run: {error}")),
    }
}
