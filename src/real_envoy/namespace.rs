//! The program → itself in a private network namespace, in which every address is one of this machine.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::request::Request;

/// An address of documentation (RFC 5737): no machine has it, unless every address is local.
const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

/// Makes every address local, then becomes what it is given.
const SETUP: &str = "ip link set lo up && ip route add local 0.0.0.0/0 dev lo && ip -6 route add local ::/0 dev lo && \
    echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind && exec \"$0\" \"$@\"";
/// The words that make a namespace and do that in it.
const ENTER: &[&str] = &["--map-root-user", "--net", "sh", "-c", SETUP];

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

/// The addresses of loopback that stand for workloads where no other address is local, and what is known of each.
#[derive(Debug, Default)]
pub struct Loopback(BTreeMap<SocketAddr, Result<(), String>>);

impl Loopback {
    /// Makes a request one that can be sent where only the addresses of loopback are local: it goes to an address there
    /// that the workload of this mesh has alone, and comes from one.
    ///
    /// # Errors
    /// The caller is said to be elsewhere, or nothing can listen at the port.
    pub fn place(&mut self, request: &mut Request, mesh: usize) -> Result<(), String> {
        let from = *request
            .source_ip
            .get_or_insert(IpAddr::V4(Ipv4Addr::LOCALHOST));
        if !from.is_loopback() || !from.is_ipv4() {
            return Err("the caller's address is none of this machine".to_owned());
        }
        let [.., high, low] = mesh.to_be_bytes();
        let (high, workload) = (high.checked_add(1), u8::try_from(request.workload + 1));
        let (Some(high), Ok(workload)) = (high, workload) else {
            return Err("loopback has no address left for the workload".to_owned());
        };
        let to = IpAddr::V4(Ipv4Addr::new(127, high, low, workload));
        request.destination_ip = Some(to);
        let to = SocketAddr::new(to, request.port);
        self.0.entry(to).or_insert_with(|| can_listen(to)).clone()
    }
}

/// How often an address in use is tried again, and how long after: a program that is being started may hold what listened
/// there, until it runs.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// Whether something can listen there.
fn can_listen(to: SocketAddr) -> Result<(), String> {
    let mut tries = 1;
    loop {
        match TcpListener::bind(to) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AddrInUse && tries < TRIES => {
                tries += 1;
                thread::sleep(PAUSE);
            }
            Err(error) => {
                return Err(format!("nothing can listen at port {}: {error}", to.port()));
            }
        }
    }
}

/// Runs `program` with `words` in a namespace of its own, on the same streams.
#[must_use]
pub fn enter(program: &OsStr, words: &[&OsStr]) -> Entered {
    // What cannot be made is told apart from what the program says by making one for nothing.
    let refused = match Command::new("unshare").args(ENTER).arg("true").output() {
        Ok(tried) if tried.status.success() => None,
        Ok(tried) => {
            let said = String::from_utf8_lossy(&tried.stderr);
            Some(said.lines().last().unwrap_or("`unshare` fails").to_owned())
        }
        Err(error) => Some(format!("`unshare` cannot be run: {error}")),
    };
    if let Some(why) = refused {
        return Entered::Refused(why);
    }
    let entered = Command::new("unshare")
        .args(ENTER)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Payload;

    #[test]
    fn an_address_in_use_for_a_moment_is_free() {
        let listener = TcpListener::bind("127.77.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let held = thread::spawn(move || {
            thread::sleep(3 * PAUSE);
            drop(listener);
        });
        assert_eq!(can_listen(to), Ok(()));
        held.join().unwrap();
    }

    #[test]
    fn an_address_in_use_is_said_and_asked_once() {
        let listener = TcpListener::bind("127.1.7.1:0").unwrap();
        let mut request = Request {
            workload: 0,
            port: listener.local_addr().unwrap().port(),
            source_ip: None,
            remote_ip: None,
            destination_ip: None,
            tls: None,
            payload: Payload::Bytes,
            tokens: Vec::new(),
            now: None,
            doubt: None,
        };
        let mut loopback = Loopback::default();
        let said = loopback.place(&mut request, 7).unwrap_err();
        assert!(said.contains("in use"), "{said}");
        // What was found stays: a request more costs nothing.
        drop(listener);
        assert_eq!(loopback.place(&mut request, 7), Err(said));
        assert_eq!(loopback.place(&mut request, 8), Ok(()));
    }
}
