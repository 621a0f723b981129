//! Settings, or Istio's plugged-in files → a CA in a store that had none.

use serde_json::json;
use zeroize::Zeroizing;

use super::issue::{BACKDATE, serial};
use super::{
    AuthorityError, CertificateAuthority, Secrets, TOKEN_KEY, event, key_error, root_file,
    signer_file, store_error,
};
use crate::ca::certificate::{Certificate, hex};
use crate::ca::checkpoint::CHECKPOINT;
use crate::ca::journal::{Journal, JournalError};
use crate::ca::key::{Algorithm, KeyError, PrivateKey, sha256};
use crate::ca::profile::{self, Signer, Validity};
use crate::ca::state::{Generation, STATE, State, Status};
use crate::ca::store::{Store, TEMPORARY, replace};
use crate::ca::time::UnixTime;
use crate::ca::{history, pem};
use crate::spiffe::TrustDomain;

/// What a new CA is to be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its trust domain.
    pub trust_domain: TrustDomain,
    /// What keys it makes for itself.
    pub algorithm: Algorithm,
    /// How long root and intermediate last, in seconds.
    pub ca_ttl: i64,
    /// How long a certificate lasts where nobody says, in seconds. [CA-9]
    pub default_ttl: i64,
    /// How long a certificate may last, in seconds. [CA-9]
    pub max_ttl: i64,
    /// How long a bundle takes to reach everybody, in seconds: a new root signs only after that.
    pub propagation: i64,
}

impl Settings {
    /// As Citadel: ten years, 24 hours, 90 days; P-256 where Citadel has RSA.
    #[must_use]
    pub const fn of(trust_domain: TrustDomain) -> Self {
        Self {
            trust_domain,
            algorithm: Algorithm::EcdsaP256,
            ca_ttl: 3650 * 86_400,
            default_ttl: 86_400,
            max_ttl: 90 * 86_400,
            propagation: 86_400,
        }
    }
}

/// Where a new CA's signing key comes from.
#[derive(Debug)]
pub enum SignerKey {
    /// Made and kept here.
    Here,
    /// In a module.
    Given(Box<PrivateKey>),
}

/// A CA that comes from elsewhere: PEM texts of Istio's `cacerts`. [CA-20]
#[derive(Clone, Debug)]
pub struct PluggedIn {
    /// `ca-cert.pem`: the certificate that signs.
    pub ca_cert: String,
    /// `ca-key.pem`: its key.
    pub ca_key: Zeroizing<String>,
    /// `root-cert.pem`: the root that the chain leads to; others that are to be trusted may be beside it.
    pub root_cert: String,
    /// `cert-chain.pem`: the certificate that signs and those above it; the root may be among them.
    pub cert_chain: String,
}

impl<S: Store> CertificateAuthority<S> {
    /// Begins a CA in an empty store, or in one where a beginning was cut short.
    ///
    /// # Errors
    /// [`AuthorityError`]; then there is no CA in the store.
    pub fn create(
        store: S,
        settings: &Settings,
        signer_key: SignerKey,
        secrets: Secrets,
        at: UnixTime,
    ) -> Result<Self, AuthorityError> {
        begin(&store, settings)?;
        let (generation, signer) = new_generation(&store, settings, &secrets, 1, signer_key, at)?;
        Self::found(store, settings, (generation, Vec::new()), signer, secrets, at)
    }

    /// Begins a CA from plugged-in files. [CA-20]
    ///
    /// # Errors
    /// [`AuthorityError`] where a file is not what it should be, or they do not fit together.
    pub fn import(
        store: S,
        settings: &Settings,
        files: &PluggedIn,
        secrets: Secrets,
        at: UnixTime,
    ) -> Result<Self, AuthorityError> {
        begin(&store, settings)?;
        let (generation, other_roots) = plugged_in(files, at)?;
        let key = PrivateKey::from_pem(
            &files.ca_key,
            secrets.passphrase.as_ref().map(|text| text.as_str()),
        )
        .map_err(key_error("ca-key.pem"))?;
        let Some(first) = generation.chain.first() else {
            return Err(AuthorityError::Damaged { reason: "a generation without a signer" });
        };
        let signer = Signer::new(first.clone(), key)?;
        let name = signer_file(1);
        let text = key_file(signer.key(), Some(first), &secrets).map_err(key_error(&name))?;
        replace(&store, &name, text.as_bytes()).map_err(store_error(&name))?;
        Self::found(store, settings, (generation, other_roots), signer, secrets, at)
    }

    /// Writes what every new CA has; the last step, the state, makes it one.
    fn found(
        store: S,
        settings: &Settings,
        (generation, other_roots): (Generation, Vec<Certificate>),
        signer: Signer,
        secrets: Secrets,
        at: UnixTime,
    ) -> Result<Self, AuthorityError> {
        let token = PrivateKey::generate(Algorithm::EcdsaP256).map_err(key_error(TOKEN_KEY))?;
        let text = key_file(&token, None, &secrets).map_err(key_error(TOKEN_KEY))?;
        replace(&store, TOKEN_KEY, text.as_bytes()).map_err(store_error(TOKEN_KEY))?;
        let begun = json!({
            "event": "init",
            "trustDomain": settings.trust_domain.as_str(),
            "root": hex(&sha256(generation.root.der())),
            "pluggedIn": generation.plugged_in,
        });
        Journal::begin(&store, at, event(begun))?;
        let state = State {
            trust_domain: settings.trust_domain.clone(),
            default_ttl: settings.default_ttl,
            max_ttl: settings.max_ttl,
            propagation: settings.propagation,
            generations: vec![generation],
            other_roots,
        };
        replace(&store, STATE, state.to_json().as_bytes()).map_err(store_error(STATE))?;
        let (journal, _) = Journal::open(&store)?;
        Ok(Self { store, state, journal, signer, secrets })
    }
}

/// Key and certificate in one file, so that neither is ever there without the other.
fn key_file(
    key: &PrivateKey,
    certificate: Option<&Certificate>,
    secrets: &Secrets,
) -> Result<Zeroizing<String>, KeyError> {
    let passphrase = secrets.passphrase.as_ref().map(|text| text.as_str());
    let mut text = Zeroizing::new(String::with_capacity(16 << 10));
    text.push_str(&key.to_pem(passphrase)?);
    if let Some(certificate) = certificate {
        text.push_str(&pem::to_text("CERTIFICATE", certificate.der()));
    }
    Ok(text)
}

/// Makes a root and an intermediate, and puts their keys into the store. Nothing names them yet.
pub(super) fn new_generation(
    store: &impl Store,
    settings: &Settings,
    secrets: &Secrets,
    number: u64,
    signer_key: SignerKey,
    at: UnixTime,
) -> Result<(Generation, Signer), AuthorityError> {
    let (root_name, signer_name) = (root_file(number), signer_file(number));
    let make = |name| PrivateKey::generate(settings.algorithm).map_err(key_error(name));
    let serial = || serial().map_err(key_error("serial number"));
    let not_after = at.saturating_add(settings.ca_ttl);
    let validity = Validity { not_before: at.saturating_sub(BACKDATE).max(0), not_after };
    let trust_domain = &settings.trust_domain;
    let root = profile::root(
        trust_domain,
        &format!("Root CA {number}"),
        make(&root_name)?,
        &serial()?,
        validity,
    )?;
    let key = match signer_key {
        SignerKey::Here => make(&signer_name)?,
        SignerKey::Given(key) => *key,
    };
    let name = format!("Intermediate CA {number}");
    let signer = profile::intermediate(&root, trust_domain, &name, key, &serial()?, validity)?;
    for (name, signer) in [(&root_name, &root), (&signer_name, &signer)] {
        let text =
            key_file(signer.key(), Some(&signer.certificate), secrets).map_err(key_error(name))?;
        replace(store, name, text.as_bytes()).map_err(store_error(name))?;
    }
    let generation = Generation {
        number,
        status: Status::Active,
        plugged_in: false,
        published_at: at,
        root: root.certificate,
        chain: vec![signer.certificate.clone()],
    };
    Ok((generation, signer))
}

/// Whether a CA may begin in a store. What an earlier beginning left is taken away.
fn begin(store: &impl Store, settings: &Settings) -> Result<(), AuthorityError> {
    if store.read(STATE).map_err(store_error(STATE))?.is_some() {
        return Err(AuthorityError::Exists);
    }
    if settings.default_ttl <= 0 || settings.max_ttl < settings.default_ttl {
        return Err(AuthorityError::Settings(
            "the default length of certificates is not within 1 second and the longest",
        ));
    }
    if settings.ca_ttl <= settings.max_ttl || settings.propagation <= 0 {
        return Err(AuthorityError::Settings(
            "a CA lasts longer than what it issues, and a bundle takes time to arrive",
        ));
    }
    // A beginning that was cut short leaves a journal of one line. A longer one is of a CA that lost its state.
    match history::events(store) {
        Err(JournalError::Missing) => {}
        Ok((events, _)) if events.len() == 1 => {}
        Ok(_) | Err(_) => return Err(AuthorityError::Orphaned),
    }
    for name in store.names().map_err(store_error("."))? {
        if name.ends_with(TEMPORARY)
            || name.ends_with("-root.pem")
            || name.ends_with("-signer.pem")
            || name == CHECKPOINT
        {
            store.remove(&name).map_err(store_error(&name))?;
        }
    }
    Ok(())
}

/// Reads Istio's four files. The chain must lead from the signer to the root.
fn plugged_in(
    files: &PluggedIn,
    at: UnixTime,
) -> Result<(Generation, Vec<Certificate>), AuthorityError> {
    let wrong = |name: &'static str, reason: String| AuthorityError::PluggedIn { name, reason };
    let read = |name: &'static str, text: &str| {
        let blocks = pem::parse(text).map_err(|error| wrong(name, error.to_string()))?;
        if blocks.iter().any(|block| block.label != "CERTIFICATE") {
            return Err(wrong(name, "it holds something else than certificates".to_owned()));
        }
        blocks
            .iter()
            .map(|block| {
                Certificate::from_der(&block.bytes).map_err(|error| wrong(name, error.to_string()))
            })
            .collect::<Result<Vec<_>, _>>()
    };
    let one = |name: &'static str, mut list: Vec<Certificate>| match (list.pop(), list.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(wrong(name, "it does not hold exactly one certificate".to_owned())),
    };
    let signer = one("ca-cert.pem", read("ca-cert.pem", &files.ca_cert)?)?;
    let mut roots = read("root-cert.pem", &files.root_cert)?;
    let mut chain = vec![signer];
    for certificate in read("cert-chain.pem", &files.cert_chain)? {
        if !roots.contains(&certificate) && !chain.contains(&certificate) {
            chain.push(certificate);
        }
    }
    let astray = || {
        wrong("cert-chain.pem", "it does not lead from `ca-cert.pem` to `root-cert.pem`".to_owned())
    };
    let leads = |root: &Certificate| {
        // A root that signs leaves itself stands in both files.
        let above = chain.iter().skip(1).chain([root]);
        chain.iter().zip(above).all(|(certificate, above)| {
            certificate.der == root.der || certificate.is_signed_by(above) == Some(true)
        })
    };
    if chain.iter().any(|certificate| !certificate.is_ca()) {
        return Err(wrong("cert-chain.pem", "it holds a certificate that is no CA's".to_owned()));
    }
    let place = roots.iter().position(leads).ok_or_else(astray)?;
    let root = roots.remove(place);
    Ok((
        Generation {
            number: 1,
            status: Status::Active,
            plugged_in: true,
            published_at: at,
            root,
            chain,
        },
        roots,
    ))
}
