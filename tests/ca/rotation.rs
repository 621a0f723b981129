//! A root goes and another comes, again and again: no certificate that is valid fails against a bundle that is current.

use portcullis::ca::{
    Certificate, CertificateAuthority, Directory, Permissions, Rotation, Secrets, Settings,
    SignerKey, TrustBundle, Usage, Wish,
};
use portcullis::spiffe::{SpiffeId, TrustDomain};

use super::support::Scratch;

const START: i64 = 1_790_000_000;
const HOUR: i64 = 3_600;

/// `ROTATION=1000,20 cargo test rotation` does as many certificates and rotations as it says; 40 and 3 where unsaid.
fn size() -> (usize, usize) {
    #[expect(clippy::disallowed_methods, reason = "a way to run it longer")]
    let size = std::env::var("ROTATION").unwrap_or_else(|_| "40,3".to_owned());
    let (leaves, rotations) = size.split_once(',').unwrap();
    (leaves.parse().unwrap(), rotations.parse().unwrap())
}

#[test]
fn no_valid_certificate_fails_while_roots_rotate() {
    let (leaves, rotations) = size();
    let scratch = Scratch::new();
    let store = Directory::create(scratch.path("ca").as_ref(), Permissions::Private).unwrap();
    let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
    let mut authority =
        CertificateAuthority::create(store, &settings, SignerKey::Here, Secrets::default(), START)
            .unwrap();
    let id = SpiffeId::parse("spiffe://cluster.local/ns/foo/sa/sleep").unwrap();
    let wish = Wish { id, dns: Vec::new(), ttl: Some(24 * HOUR), caller: "test".to_owned() };
    let issue = |authority: &CertificateAuthority<Directory>,
                 count: usize,
                 at: i64|
     -> Vec<(i64, Vec<Certificate>)> {
        let svids = authority.issue_all(&vec![wish.clone(); count], at).unwrap();
        let read = |ders: &[Vec<u8>]| {
            ders.iter()
                .map(|der| Certificate::from_der(der).unwrap())
                .collect()
        };
        svids
            .iter()
            .map(|svid| (svid.not_after, read(&svid.chain)))
            .collect()
    };
    // All workloads begin at once, and renew one by one as theirs are half through.
    let mut held = issue(&authority, leaves, START);
    let (mut at, mut done, mut verified) = (START, 0, 0_u64);
    let mut old_bundles: Vec<(i64, TrustBundle)> = Vec::new();
    let mut most_roots = 0;
    while done < rotations {
        at += 2 * HOUR;
        if matches!(authority.rotate_root(at).unwrap(), Rotation::Activated { .. }) {
            done += 1;
        }
        for (index, held) in held.iter_mut().enumerate() {
            // Jitter, so that certificates of two generations live side by side.
            let due = held.0 - 12 * HOUR + i64::try_from(index % 7).unwrap() * HOUR;
            if at >= due {
                *held = issue(&authority, 1, at).remove(0);
            }
        }
        most_roots = most_roots.max(authority.roots().len());
        // Some verifiers have a bundle that is as old as a bundle may be.
        old_bundles.push((at, authority.bundle()));
        old_bundles.retain(|(fetched, _)| at - fetched <= settings.propagation);
        let bundles = [&old_bundles[0].1, &old_bundles.last().unwrap().1];
        for (not_after, chain) in &held {
            assert!(*not_after > at);
            for bundle in bundles {
                let verdict = bundle.verify(chain, Usage::Client, at);
                assert!(verdict.is_ok(), "rotation {done}: {verdict:?}");
                verified += 1;
            }
        }
    }
    println!(
        "{leaves} certificates through {rotations} rotations: {verified} verifications, at most {most_roots} roots at once"
    );
    assert!(most_roots >= 2 && authority.roots().len() <= 3);
}
