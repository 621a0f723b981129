//! How fast a CA issues with its journal on disk, against the bare signing of its library: `cargo bench --bench issue`.
//! A plain program: figures for people, no threshold. `DIR` says on which disk; the build's own where unsaid.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::indexing_slicing,
    reason = "a benchmark reads the clock and prints"
)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use portcullis::ca::{
    CertificateAuthority, Directory, Permissions, Secrets, Settings, SignerKey, Wish,
};
use portcullis::spiffe::{SpiffeId, TrustDomain};
use rcgen::{
    CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
    SerialNumber,
};

const CLIENTS: usize = 8;
const LENGTH: Duration = Duration::from_secs(5);

/// How many a second, with `CLIENTS` threads at it.
fn rate(work: impl Fn() -> usize + Sync) -> f64 {
    let done = AtomicUsize::new(0);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while begun.elapsed() < LENGTH {
                    done.fetch_add(work(), Ordering::Relaxed);
                }
            });
        }
    });
    done.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64()
}

/// How long the disk takes to make some lines durable, as a journal's, with nobody else at it: the middle of many.
fn sync_time(path: &Path, bytes: usize) -> Duration {
    let mut file = std::fs::File::create(path).unwrap();
    let mut times: Vec<Duration> = (0..500)
        .map(|_| {
            let begun = Instant::now();
            file.write_all(&vec![b'.'; bytes]).unwrap();
            file.sync_data().unwrap();
            begun.elapsed()
        })
        .collect();
    std::fs::remove_file(path).unwrap();
    times.sort();
    times[times.len() / 2]
}

fn main() {
    let folder = std::env::var("DIR")
        .map_or_else(|_| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = folder.join(format!("issue-{}", std::process::id()));
    let now = 1_790_000_000;
    let store = Directory::create(&folder, Permissions::Private).unwrap();
    let settings = Settings::of(TrustDomain::parse("cluster.local").unwrap());
    let authority =
        CertificateAuthority::create(store, &settings, SignerKey::Here, Secrets::default(), now)
            .unwrap();
    let id = "spiffe://cluster.local/ns/foo/sa/sleep";
    let wish = Wish {
        id: SpiffeId::parse(id).unwrap(),
        dns: Vec::new(),
        ttl: None,
        caller: "bench".to_owned(),
    };

    // The same certificate, by the library alone: a key, a serial number, a signature.
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(CertificateParams::default(), key);
    let bare = || {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&[1; 16]));
        params.subject_alt_names = vec![SanType::URI(id.try_into().unwrap())];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages =
            vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        usize::from(!params.signed_by(&key, &issuer).unwrap().der().is_empty())
    };
    let bare = rate(bare);
    println!("{CLIENTS} clients, {} s each", LENGTH.as_secs());
    let sync = sync_time(&folder.join("sync"), 4 * 600);
    println!("a write of four lines and its sync   {sync:>9.0?}");
    println!("library alone                        {bare:>9.0} certificates/s");
    for batch in [1, 8, 64] {
        let wishes = vec![wish.clone(); batch];
        let durable = rate(|| authority.issue_all(&wishes, now).unwrap().len());
        println!(
            "durable, {batch:>2} in a request per client  {durable:>9.0} certificates/s, {:.2} of it",
            durable / bare
        );
    }
    drop(authority);
    let begun = Instant::now();
    let store = Directory::open(&folder, Permissions::Private).unwrap();
    let (_, opened) = CertificateAuthority::open(store, Secrets::default()).unwrap();
    println!(
        "opening a journal of {} certificates takes {:?}",
        opened.journal.issued,
        begun.elapsed()
    );
    std::fs::remove_dir_all(folder).unwrap();
}
