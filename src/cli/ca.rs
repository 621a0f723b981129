//! `ca`: words → certificates, keys, bundles and verdicts about them, on disk or on standard output.

use std::path::Path;

use super::ca_args::{
    Ca, CaCommand, Export, Handshake, Init, Inspect, Issue, List, MintJwt, Sign, Terms, Verify,
};
use super::flags::Format;
use super::{Exit, System, complain_of, print, write};
use crate::ca::bundle::{read_bundle, read_certificates, to_document, to_pem, token_jwks};
use crate::ca::handshake::{Endpoint, handshake};
use crate::ca::time::{UnixTime, length_text, to_text};
use crate::ca::{
    Audience, Certificate, CertificateAuthority, Crl, Directory, EnvoyAnswer, Permissions,
    PluggedIn, PrivateKey, Rotation, Secrets, Settings, SignerKey, TrustBundle, Usage, Wish,
    X509Svid, audit, caller, kubernetes_secret, pem, prepare_out, write_out,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::report::certificate as report;
use crate::report::certificate::Answers;
use crate::spiffe::{SpiffeId, TrustDomain};

type Authority = CertificateAuthority<Directory>;
type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// The files that `issue` writes, as Istio's agent names them.
const CHAIN: &str = "cert-chain.pem";
const KEY: &str = "key.pem";
const ROOTS: &str = "root-cert.pem";

fn fail(code: Code, message: impl std::fmt::Display) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(code, message.to_string()))
}

fn refuse(message: impl std::fmt::Display) -> Box<Diagnostic> {
    fail(Code::CertificateAuthority, message)
}

fn unreadable(file: &str, why: impl std::fmt::Display) -> Box<Diagnostic> {
    fail(Code::CertificateUnreadable, format!("`{file}`: {why}"))
}

/// Runs `ca`.
pub(super) fn run(arguments: &Ca, system: &mut impl System) -> Exit {
    let mut call = Call { arguments, system };
    match call.command() {
        Ok(exit) => exit,
        Err(finding) => {
            complain_of(call.system, &[*finding]);
            Exit::CouldNotAsk
        }
    }
}

struct Call<'a, S> {
    arguments: &'a Ca,
    system: &'a mut S,
}

impl<S: System> Call<'_, S> {
    fn command(&mut self) -> Result<Exit> {
        match &self.arguments.command {
            CaCommand::Audit(audit) => {
                let super::ca_args::AuditCommand::Verify { head } = &audit.command;
                self.audit(head.as_deref())
            }
            CaCommand::Bundle(bundle) => self.bundle(bundle.spiffe),
            CaCommand::Crl(crl) => self.crl(crl.ttl),
            CaCommand::Doctor => self.doctor(),
            CaCommand::Export(export) => self.export(export),
            CaCommand::Handshake(arguments) => self.handshake(arguments),
            CaCommand::Init(init) => self.init(init),
            CaCommand::Inspect(inspect) => self.inspect(inspect),
            CaCommand::Issue(issue) => self.issue(issue),
            CaCommand::List(list) => self.list(list),
            CaCommand::MintJwt(token) => self.mint(token),
            CaCommand::Revoke(revoke) => self.revoke(&revoke.what),
            CaCommand::RotateRoot => self.rotate(),
            CaCommand::Sign(sign) => self.sign(sign),
            CaCommand::Verify(verify) => self.verify(verify),
        }
    }

    fn text(&self) -> bool {
        self.arguments.output == Format::Text
    }

    /// Prints text, or a document of named values.
    fn say(&mut self, kind: &str, text: &str, values: &[(&str, String)]) {
        if self.text() {
            print(self.system, text);
        } else {
            write(self.system, self.arguments.output, &report::values_document(kind, values));
        }
    }

    fn read(&mut self, file: &str) -> Result<String> {
        self.system.read(file).map_err(|error| {
            let mut finding = unreadable(file, &error);
            if error.kind() == std::io::ErrorKind::InvalidInput
                && error.to_string().contains("UTF-8")
            {
                finding.help =
                    Some(format!("DER? make it PEM with `openssl x509 -inform der -in {file}`"));
            }
            finding
        })
    }

    /// The first line of a secret's file; absent where no file is named.
    fn secret(&mut self, file: Option<&str>) -> Result<Option<zeroize::Zeroizing<String>>> {
        let Some(file) = file else { return Ok(None) };
        let text = zeroize::Zeroizing::new(self.read(file)?);
        match text.lines().next() {
            Some(line) if !line.is_empty() => Ok(Some(zeroize::Zeroizing::new(line.to_owned()))),
            _ => Err(unreadable(file, "its first line is empty")),
        }
    }

    fn secrets(&mut self) -> Result<Secrets> {
        let arguments = self.arguments;
        Ok(Secrets {
            passphrase: self.secret(arguments.passphrase_file.as_deref())?,
            pin: self.secret(arguments.pin_file.as_deref())?,
        })
    }

    fn permissions(&self) -> Permissions {
        if self.arguments.allow_insecure_permissions {
            Permissions::Unchecked
        } else {
            Permissions::Private
        }
    }

    fn directory(&self) -> Result<Directory> {
        let state = &self.arguments.state;
        Directory::open(Path::new(state), self.permissions()).map_err(|error| {
            let mut finding = refuse(format!("`{state}`: {error}"));
            if error.kind() == std::io::ErrorKind::NotFound {
                finding.help = Some(
                    "begin a CA with `portcullis ca init`, or name its directory with `--state`"
                        .to_owned(),
                );
            }
            finding
        })
    }

    fn authority(&mut self) -> Result<Authority> {
        let (authority, warnings) = self.opened()?;
        complain_of(self.system, &warnings);
        Ok(authority)
    }

    /// The CA, and what was odd about opening it.
    fn opened(&mut self) -> Result<(Authority, Vec<Diagnostic>)> {
        let secrets = self.secrets()?;
        let (authority, opened) = Authority::open(self.directory()?, secrets).map_err(refuse)?;
        let warning = |text| Diagnostic::warning(Code::CertificateAuthority, text);
        Ok((authority, opened.warnings.into_iter().map(warning).collect()))
    }

    fn init(&mut self, init: &Init) -> Result<Exit> {
        let secrets = self.secrets()?;
        let trust_domain = TrustDomain::parse_name_or_id(&init.trust_domain).map_err(|error| {
            refuse(format!("`{}` is no trust domain: {error}", init.trust_domain))
        })?;
        if trust_domain.as_str() != init.trust_domain {
            return Err(refuse(format!(
                "`{}` is not the trust domain's own spelling: `{trust_domain}` is",
                init.trust_domain
            )));
        }
        let settings = Settings {
            algorithm: init.key.into(),
            ca_ttl: init.ca_ttl,
            default_ttl: init.ttl,
            max_ttl: init.max_ttl,
            propagation: init.propagation,
            ..Settings::of(trust_domain)
        };
        let plugged_in = match &init.from {
            Some(folder) => Some(self.plugged_in(folder)?),
            None => None,
        };
        let signer_key = self.signer_key(init, &secrets)?;
        let state = &self.arguments.state;
        let store = Directory::create(Path::new(state), self.permissions())
            .map_err(|error| refuse(format!("`{state}`: {error}")))?;
        let at = self.system.now();
        let authority = match plugged_in {
            Some(files) => Authority::import(store, &settings, &files, secrets, at),
            None => Authority::create(store, &settings, signer_key, secrets, at),
        }
        .map_err(refuse)?;
        let root = authority
            .roots()
            .first()
            .map(|root| root.facts(at).fingerprint)
            .unwrap_or_default();
        let trust_domain = authority.trust_domain().to_string();
        self.say(
            "CertificateAuthority",
            &format!("a CA for `{trust_domain}` is in {state}; its root has SHA-256 {root}\n"),
            &[("trustDomain", trust_domain), ("state", state.clone()), ("rootSha256", root)],
        );
        Ok(Exit::Yes)
    }

    #[cfg(feature = "hsm")]
    #[expect(clippy::unused_self, reason = "the same signature with and without the feature")]
    fn signer_key(&self, init: &Init, secrets: &Secrets) -> Result<SignerKey> {
        let (Some(module), Some(token)) = (&init.hsm_module, &init.hsm_token) else {
            return Ok(SignerKey::Here);
        };
        let pin = secrets
            .pin
            .as_ref()
            .ok_or_else(|| refuse("a PKCS#11 token wants its PIN: `--pin-file`"))?;
        let key = crate::ca::hsm::generate(module, token, pin).map_err(refuse)?;
        Ok(SignerKey::Given(Box::new(key)))
    }

    #[cfg(not(feature = "hsm"))]
    #[expect(clippy::unused_self, reason = "the same signature with and without the feature")]
    fn signer_key(&self, init: &Init, _secrets: &Secrets) -> Result<SignerKey> {
        match (&init.hsm_module, &init.hsm_token) {
            (None, None) => Ok(SignerKey::Here),
            _ => Err(refuse("this build has no PKCS#11: build it with `--features hsm`")),
        }
    }

    fn plugged_in(&mut self, folder: &str) -> Result<PluggedIn> {
        let mut file = |name: &str| self.read(&format!("{folder}/{name}"));
        Ok(PluggedIn {
            ca_cert: file("ca-cert.pem")?,
            ca_key: zeroize::Zeroizing::new(file("ca-key.pem")?),
            root_cert: file(ROOTS)?,
            cert_chain: file(CHAIN)?,
        })
    }

    /// `namespace/account`, or a whole SPIFFE ID.
    fn identity(authority: &Authority, text: &str) -> Result<SpiffeId> {
        let id = if text.contains("://") {
            SpiffeId::parse(text)
        } else {
            match text.split_once('/') {
                Some((namespace, account)) => SpiffeId::from_segments(
                    authority.trust_domain(),
                    &["ns", namespace, "sa", account],
                ),
                None => {
                    return Err(refuse(format!(
                        "`{text}` is neither `namespace/account` nor a SPIFFE ID"
                    )));
                }
            }
        };
        let id = id.map_err(|error| refuse(format!("`{text}` is no SPIFFE ID: {error}")))?;
        if text.contains("://") && id.as_str() != text {
            // Envoy compares bytes: another spelling would be another peer.
            return Err(refuse(format!("`{text}` is not the ID's own spelling: `{id}` is")));
        }
        if id.as_str().len() > SpiffeId::MAX_MADE_BYTES {
            return Err(refuse(format!(
                "an ID that is made has at most {} bytes",
                SpiffeId::MAX_MADE_BYTES
            )));
        }
        Ok(id)
    }

    fn wish(&self, authority: &Authority, id: &str, terms: &Terms, at: UnixTime) -> Result<Wish> {
        let id = Self::identity(authority, id)?;
        if terms.accept_clock {
            authority.accept_clock(&caller(), at).map_err(refuse)?;
        }
        Ok(Wish { id, dns: terms.dns.clone(), ttl: terms.ttl, caller: caller() })
    }

    /// What is given out is verified first, with the CA's own bundle and by both readers.
    fn hold(authority: &Authority, svid: &X509Svid, at: UnixTime) -> Result<()> {
        let chain: std::result::Result<Vec<Certificate>, _> = svid
            .chain
            .iter()
            .map(|der| Certificate::from_der(der))
            .collect();
        let chain = chain.map_err(refuse)?;
        for usage in [Usage::Client, Usage::Server] {
            authority
                .bundle()
                .verify(&chain, usage, at)
                .map_err(|error| {
                    refuse(format!(
                        "the certificate does not verify, and is not given out: {error}"
                    ))
                })?;
        }
        Ok(())
    }

    fn issue(&mut self, issue: &Issue) -> Result<Exit> {
        let authority = self.authority()?;
        let at = self.system.now();
        let wish = self.wish(&authority, &issue.id, &issue.terms, at)?;
        Self::prepare(&issue.out, &[CHAIN, KEY, ROOTS], issue.force)?;
        let svid = authority.issue(&wish, at).map_err(refuse)?;
        Self::hold(&authority, &svid, at)?;
        let key = svid
            .key
            .as_ref()
            .ok_or_else(|| refuse("no key"))?
            .to_pem(None)
            .map_err(refuse)?;
        let chain = svid.chain_pem();
        let roots = to_pem(&authority.roots());
        let files = [
            (CHAIN, chain.as_bytes(), Audience::Everybody),
            (KEY, key.as_bytes(), Audience::Owner),
            (ROOTS, roots.as_bytes(), Audience::Everybody),
        ];
        Self::put(&issue.out, &files)?;
        self.say(
            "IssuedCertificate",
            &format!("{} until {} in {}\n", svid.id, to_text(svid.not_after), issue.out),
            &[
                ("id", svid.id.to_string()),
                ("serial", svid.serial.clone()),
                ("notAfter", to_text(svid.not_after)),
                ("directory", issue.out.clone()),
            ],
        );
        Ok(Exit::Yes)
    }

    /// Whether files can be put into a folder, before anything is made for it.
    fn prepare(folder: &str, names: &[&str], force: bool) -> Result<()> {
        prepare_out(Path::new(folder), names, force).map_err(|error| {
            let mut finding = refuse(format!("`{folder}`: {error}"));
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                finding.help = Some("`--force` writes over it".to_owned());
            }
            finding
        })
    }

    fn put(folder: &str, files: &[(&str, &[u8], Audience)]) -> Result<()> {
        write_out(Path::new(folder), files).map_err(|error| refuse(format!("`{folder}`: {error}")))
    }

    fn sign(&mut self, sign: &Sign) -> Result<Exit> {
        let text = self.read(&sign.request)?;
        let blocks = pem::parse(&text).map_err(|error| unreadable(&sign.request, error))?;
        let is_request =
            |label: &str| ["CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"].contains(&label);
        let [block] = blocks.as_slice() else {
            return Err(unreadable(
                &sign.request,
                "it does not hold exactly one block, a `CERTIFICATE REQUEST`",
            ));
        };
        if !is_request(&block.label) {
            return Err(unreadable(
                &sign.request,
                format!("it holds a `{}`, and no `CERTIFICATE REQUEST`", block.label),
            ));
        }
        let authority = self.authority()?;
        let at = self.system.now();
        let wish = self.wish(&authority, &sign.id, &sign.terms, at)?;
        let svid = match authority.sign_request(&block.bytes, &wish, at) {
            Ok(svid) => svid,
            Err(error) => {
                complain_of(self.system, &[*refuse(error)]);
                return Ok(Exit::No);
            }
        };
        Self::hold(&authority, &svid, at)?;
        let chain = svid.chain_pem();
        self.say(
            "IssuedCertificate",
            &chain,
            &[
                ("id", svid.id.to_string()),
                ("serial", svid.serial.clone()),
                ("notAfter", to_text(svid.not_after)),
                ("chain", chain.clone()),
            ],
        );
        Ok(Exit::Yes)
    }

    fn certificates(&mut self, file: &str) -> Result<Vec<Certificate>> {
        let text = self.read(file)?;
        let certificates = read_certificates(&text).map_err(|error| unreadable(file, error))?;
        if certificates.is_empty() {
            return Err(unreadable(file, "no certificate in it"));
        }
        Ok(certificates)
    }

    fn verify(&mut self, verify: &Verify) -> Result<Exit> {
        let chain = self.certificates(&verify.certificate)?;
        let at = verify.at.unwrap_or_else(|| self.system.now());
        let mut bundle = TrustBundle::default();
        let own = chain.first().and_then(|leaf| {
            let mut ids = leaf.uris().filter_map(|uri| SpiffeId::parse(uri).ok());
            ids.next().map(|id| id.trust_domain().clone())
        });
        for named in &verify.bundle {
            let (trust_domain, file) = match named.split_once('=') {
                Some((name, file)) => {
                    let trust_domain = TrustDomain::parse(name)
                        .map_err(|error| refuse(format!("`{name}` is no trust domain: {error}")))?;
                    (Some(trust_domain), file)
                }
                None => (own.clone(), named.as_str()),
            };
            let text = self.read(file)?;
            let roots = read_bundle(&text).map_err(|error| unreadable(file, error))?;
            // A certificate without an ID belongs nowhere; it is refused for that, with the roots at hand.
            let nobody = || TrustDomain::parse("unknown");
            let trust_domain = match trust_domain {
                Some(trust_domain) => trust_domain,
                None => nobody().map_err(refuse)?,
            };
            bundle.insert(trust_domain, roots);
        }
        if verify.bundle.is_empty() {
            bundle = self.authority()?.bundle();
        }
        for file in &verify.crl {
            let text = self.read(file)?;
            for block in pem::parse(&text).map_err(|error| unreadable(file, error))? {
                let crl = Crl::from_der(&block.bytes).map_err(|error| unreadable(file, error))?;
                bundle.insert_crls([crl]);
            }
        }
        let accepted: Vec<String> = if verify.trust_domains.is_empty() {
            bundle
                .iter()
                .map(|(trust_domain, _)| trust_domain.to_string())
                .collect()
        } else {
            verify.trust_domains.clone()
        };
        let verification = bundle.verification(&chain, verify.usage.into(), at, &accepted);
        let answers = match (verify.strict, verify.as_envoy) {
            (true, _) => Answers::Strict,
            (_, true) => Answers::Envoy,
            _ => Answers::Both,
        };
        if self.text() {
            print(self.system, &report::verification_text(&verification, answers));
        } else {
            write(
                self.system,
                self.arguments.output,
                &report::verification_document(&verification, answers),
            );
        }
        if let (Answers::Both, Some(difference)) = (answers, verification.difference()) {
            complain_of(self.system, &[Diagnostic::warning(Code::EnvoyDiffers, difference)]);
        }
        Ok(match (answers, &verification.strict, &verification.envoy) {
            (Answers::Envoy, _, EnvoyAnswer::Accepted { .. })
            | (Answers::Both | Answers::Strict, Ok(_), _) => Exit::Yes,
            (Answers::Envoy, _, EnvoyAnswer::Unknown { .. }) => Exit::Unknown,
            (Answers::Envoy, _, EnvoyAnswer::Refused { .. }) | (_, Err(_), _) => Exit::No,
        })
    }

    fn inspect(&mut self, inspect: &Inspect) -> Result<Exit> {
        let certificates = self.certificates(&inspect.file)?;
        let at = inspect.at.unwrap_or_else(|| self.system.now());
        let facts: Vec<_> = certificates
            .iter()
            .map(|certificate| certificate.facts(at))
            .collect();
        if self.text() {
            print(self.system, &report::facts_text(&facts));
        } else {
            write(self.system, self.arguments.output, &report::facts_document(&facts));
        }
        Ok(Exit::Yes)
    }

    fn list(&mut self, list: &List) -> Result<Exit> {
        let authority = self.authority()?;
        let at = self.system.now();
        let mut records = authority.records().map_err(refuse)?;
        if let Some(length) = list.expiring {
            let soon = at..=at.saturating_add(length);
            records.retain(|record| record.revoked.is_none() && soon.contains(&record.not_after));
        }
        if self.text() {
            print(self.system, &report::records_text(&records, at));
        } else {
            write(self.system, self.arguments.output, &report::records_document(&records, at));
        }
        Ok(Exit::Yes)
    }

    fn rotate(&mut self) -> Result<Exit> {
        let mut authority = self.authority()?;
        let at = self.system.now();
        let (number, step, due, text) = match authority.rotate_root(at).map_err(refuse)? {
            Rotation::Prepared { number, due } => (
                number,
                "prepared",
                Some(due),
                format!(
                    "root {number} is in the bundle; it may sign from {} on: give the bundle out, then call this again",
                    to_text(due)
                ),
            ),
            Rotation::Waiting { number, due } => (
                number,
                "waiting",
                Some(due),
                format!(
                    "root {number} waits until {}: {} left",
                    to_text(due),
                    length_text(due.saturating_sub(at))
                ),
            ),
            Rotation::Activated { number } => (
                number,
                "activated",
                None,
                format!(
                    "root {number} signs now; the old one stays in the bundle until its last certificate expires"
                ),
            ),
        };
        self.say(
            "Rotation",
            &format!("{text}\n"),
            &[
                ("root", number.to_string()),
                ("step", step.to_owned()),
                ("due", due.map(to_text).unwrap_or_default()),
            ],
        );
        Ok(Exit::Yes)
    }

    fn revoke(&mut self, what: &str) -> Result<Exit> {
        let is_serial = what.len() == 32 && what.bytes().all(|byte| byte.is_ascii_hexdigit());
        let serial = if is_serial {
            what.to_ascii_lowercase()
        } else {
            // An encoded serial number leaves leading zeros out.
            let serial = self
                .certificates(what)?
                .first()
                .map(Certificate::serial)
                .unwrap_or_default();
            format!("{serial:0>32}")
        };
        let authority = self.authority()?;
        let at = self.system.now();
        match authority.revoke(&serial, &caller(), at).map_err(refuse)? {
            None => {
                complain_of(
                    self.system,
                    &[*refuse(format!(
                        "no certificate with serial number `{serial}` was issued here"
                    ))],
                );
                Ok(Exit::No)
            }
            Some(now) => {
                let text = if now {
                    "revoked; give the new CRL out (`ca crl`)"
                } else {
                    "was revoked before"
                };
                self.say(
                    "Revocation",
                    &format!("{serial} {text}\n"),
                    &[("serial", serial.clone())],
                );
                Ok(Exit::Yes)
            }
        }
    }

    fn crl(&mut self, length: i64) -> Result<Exit> {
        let authority = self.authority()?;
        let at = self.system.now();
        let crls = authority.crls(length, at).map_err(refuse)?;
        let text: String = crls
            .iter()
            .map(|der| pem::to_text("X509 CRL", der).to_string())
            .collect();
        self.say("Crl", &text, &[("pem", text.clone())]);
        Ok(Exit::Yes)
    }

    fn bundle(&mut self, spiffe: bool) -> Result<Exit> {
        let authority = self.authority()?;
        let text = if spiffe {
            let key = authority.token_key().map_err(refuse)?;
            to_document(
                &authority.roots(),
                &key,
                authority.bundle_sequence(),
                authority.refresh_hint(),
            )
        } else {
            to_pem(&authority.roots())
        };
        print(self.system, &text);
        Ok(Exit::Yes)
    }

    fn export(&mut self, export: &Export) -> Result<Exit> {
        let authority = self.authority()?;
        let at = self.system.now();
        if let Some(folder) = &export.istio_cacerts {
            let names = ["ca-cert.pem", "ca-key.pem", ROOTS, CHAIN];
            Self::prepare(folder, &names, export.force)?;
        }
        let files = authority.istio_cacerts(&caller(), at).map_err(refuse)?;
        if let Some(folder) = &export.istio_cacerts {
            let files: Vec<_> = files
                .iter()
                .map(|(name, text)| {
                    let audience =
                        if name.contains("key") { Audience::Owner } else { Audience::Everybody };
                    (*name, text.as_bytes(), audience)
                })
                .collect();
            Self::put(folder, &files)?;
            self.say(
                "Export",
                &format!("{} files in {folder}; ca-key.pem is the CA's key\n", files.len()),
                &[("directory", folder.clone())],
            );
        } else {
            let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if export.namespace.is_empty() || !export.namespace.chars().all(named) {
                return Err(refuse(format!("`{}` is no namespace", export.namespace)));
            }
            print(self.system, &kubernetes_secret(&export.namespace, &files));
        }
        Ok(Exit::Yes)
    }

    fn mint(&mut self, token: &MintJwt) -> Result<Exit> {
        let authority = self.authority()?;
        let key = authority.token_key().map_err(refuse)?;
        if token.jwks {
            print(self.system, &token_jwks(&key));
            return Ok(Exit::Yes);
        }
        let at = self.system.now();
        let mut subject = token.subject.clone().unwrap_or_default();
        if token.svid {
            let id = Self::identity(&authority, &subject)?;
            if !id.is_member_of(authority.trust_domain()) || id.path().is_empty() {
                return Err(refuse(format!(
                    "`{id}` is no workload of `{}`",
                    authority.trust_domain()
                )));
            }
            if token.audiences.is_empty() {
                return Err(refuse(crate::ca::token::TokenError::NoAudience));
            }
            subject = id.to_string();
        }
        let claims = crate::ca::token::Claims {
            issuer: token.issuer.clone(),
            subject,
            audiences: token.audiences.clone(),
            expires: at.saturating_add(token.ttl),
            issued: at,
            further: token.claims.clone(),
        };
        let text = crate::ca::token::mint(&key, &claims).map_err(refuse)?;
        authority
            .record_token(&claims.subject, claims.expires, &caller(), at)
            .map_err(refuse)?;
        print(self.system, &format!("{text}\n"));
        Ok(Exit::Yes)
    }

    fn audit(&mut self, head: Option<&str>) -> Result<Exit> {
        let directory = self.directory()?;
        let (summary, there) = match audit(&directory, head) {
            Ok(found) => found,
            Err(error) => {
                complain_of(self.system, &[*refuse(error)]);
                return Ok(Exit::No);
            }
        };
        if !there {
            let head = head.unwrap_or_default();
            complain_of(
                self.system,
                &[*refuse(format!(
                    "no line has the hash `{head}`: the journal was cut or rewritten"
                ))],
            );
            return Ok(Exit::No);
        }
        if summary.torn > 0 {
            let text =
                format!("{} bytes at the end are of a write that was cut short", summary.torn);
            complain_of(self.system, &[Diagnostic::warning(Code::CertificateAuthority, text)]);
        }
        self.say(
            "Audit",
            &format!(
                "{} lines hold, {} certificates issued; the last line has hash {}\n",
                summary.lines, summary.issued, summary.head
            ),
            &[
                ("lines", summary.lines.to_string()),
                ("issued", summary.issued.to_string()),
                ("head", summary.head),
            ],
        );
        Ok(Exit::Yes)
    }

    fn doctor(&mut self) -> Result<Exit> {
        let at = self.system.now();
        let (authority, mut warnings) = self.opened()?;
        let mut findings: Vec<Diagnostic> = Vec::new();
        for text in authority.ailments(at).map_err(refuse)? {
            findings.push(Diagnostic::warning(Code::CertificateAuthority, text));
        }
        // What was odd about opening it may be a finding, too.
        warnings.retain(|warning| findings.iter().all(|one| one.message != warning.message));
        complain_of(self.system, &warnings);
        complain_of(self.system, &findings);
        let sound = findings.is_empty();
        self.say(
            "Doctor",
            &format!(
                "{}\n",
                if sound { "sound".to_owned() } else { format!("{} findings", findings.len()) }
            ),
            &[("findings", findings.len().to_string())],
        );
        Ok(if sound { Exit::Yes } else { Exit::No })
    }

    fn handshake(&mut self, arguments: &Handshake) -> Result<Exit> {
        let at = arguments.at.unwrap_or_else(|| self.system.now());
        let expects = match &arguments.expect {
            Some(text) => Some(
                SpiffeId::parse(text)
                    .map_err(|error| refuse(format!("`{text}` is no SPIFFE ID: {error}")))?,
            ),
            None => None,
        };
        let client = self.end(&arguments.client)?;
        let server = self.end(&arguments.server)?;
        let client_end = Endpoint {
            key: Some(&client.key),
            chain: client.chain,
            bundle: client.bundle,
            expects,
            alpn: Vec::new(),
        };
        let server_end = Endpoint {
            key: Some(&server.key),
            chain: server.chain,
            bundle: server.bundle,
            expects: None,
            alpn: Vec::new(),
        };
        let outcome = handshake(&client_end, &server_end, at).map_err(refuse)?;
        if self.text() {
            print(self.system, &report::handshake_text(&outcome));
        } else {
            write(self.system, self.arguments.output, &report::handshake_document(&outcome));
        }
        Ok(if outcome.succeeded() { Exit::Yes } else { Exit::No })
    }

    /// What `issue` wrote into a directory. Its roots are taken for those of the certificate's own trust domain.
    fn end(&mut self, folder: &str) -> Result<End> {
        let chain = self.certificates(&format!("{folder}/{CHAIN}"))?;
        let file = format!("{folder}/{KEY}");
        let text = zeroize::Zeroizing::new(self.read(&file)?);
        let key = PrivateKey::from_pem(&text, None).map_err(|error| unreadable(&file, error))?;
        let file = format!("{folder}/{ROOTS}");
        let text = self.read(&file)?;
        let roots = read_bundle(&text).map_err(|error| unreadable(&file, error))?;
        let id = chain
            .first()
            .and_then(|leaf| leaf.uris().find_map(|uri| SpiffeId::parse(uri).ok()));
        let trust_domain = id
            .map(|id| id.trust_domain().clone())
            .ok_or_else(|| unreadable(folder, "its certificate has no SPIFFE ID"))?;
        Ok(End {
            chain: chain
                .iter()
                .map(|certificate| certificate.der().to_vec())
                .collect(),
            key,
            bundle: TrustBundle::new(trust_domain, roots),
        })
    }
}

/// One end of a handshake, read from a directory.
struct End {
    chain: Vec<Vec<u8>>,
    key: PrivateKey,
    bundle: TrustBundle,
}
