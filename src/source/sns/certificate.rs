//! One certificate that messages refer to: the content of its file, and whether it belongs to SNS.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls::RootCertStore;
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use x509_cert::Certificate;
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::{Decode, Encode};
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::ext::pkix::{AuthorityInfoAccessSyntax, SubjectAltName};

use super::certificate_error::CertificateError;
use super::topic::Topic;

/// Maximum number of certificates in one file.
const IN_FILE_MAX: usize = 8;
/// The host suffix of Amazon's issuer certificates.
const ISSUERS_SUFFIX: &str = ".amazontrust.com";
/// `id-ad-caIssuers` of RFC 5280.
const CA_ISSUERS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.2");

/// The content of a file, not verified yet.
#[derive(Debug)]
pub(super) struct CertificateFile {
    leaf: CertificateDer<'static>,
    issuers: Vec<CertificateDer<'static>>,
    parsed: Certificate,
}

/// A signing key of SNS, and its validity.
#[derive(Clone, Debug)]
pub(super) struct SigningKey {
    /// `SubjectPublicKeyInfo` in DER.
    public_key: Vec<u8>,
    /// Start and end, in Unix milliseconds.
    valid_ms: (i64, i64),
}

/// The location of an issuer's certificate, through plain HTTP: what is fetched from there is
/// verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct IssuerUrl {
    pub host: String,
    pub path: String,
}

// === impl CertificateFile ===

impl CertificateFile {
    /// Reads a PEM file: the certificate, and optionally its issuers.
    ///
    /// # Errors
    /// Why the file is not valid.
    pub(super) fn read(pem: &[u8]) -> Result<Self, CertificateError> {
        let mut all = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            all.push(certificate.map_err(|_| CertificateError::NotPem)?);
            if all.len() > IN_FILE_MAX {
                return Err(CertificateError::TooMany);
            }
        }
        let mut all = all.into_iter();
        let leaf = all.next().ok_or(CertificateError::Empty)?;
        let parsed = Certificate::from_der(&leaf).map_err(|_| CertificateError::Unreadable)?;
        Ok(Self { leaf, issuers: all.collect(), parsed })
    }

    /// The whole content in PEM, as [`CertificateFile::read`] accepts it.
    #[must_use]
    pub(super) fn to_pem(&self) -> Vec<u8> {
        let mut pem = String::new();
        for certificate in [&self.leaf].into_iter().chain(&self.issuers) {
            pem.push_str("-----BEGIN CERTIFICATE-----\n");
            let text = STANDARD.encode(certificate);
            for line in text.as_bytes().chunks(64) {
                pem.push_str(&String::from_utf8_lossy(line));
                pem.push('\n');
            }
            pem.push_str("-----END CERTIFICATE-----\n");
        }
        pem.into_bytes()
    }

    /// Whether the file contains issuers.
    #[must_use]
    pub(super) fn has_issuers(&self) -> bool {
        !self.issuers.is_empty()
    }

    /// The location of the issuer's certificate, if given and at Amazon.
    #[must_use]
    pub(super) fn issuer_url(&self) -> Option<IssuerUrl> {
        let tbs = self.parsed.tbs_certificate();
        let (_, access) = tbs.get_extension::<AuthorityInfoAccessSyntax>().ok()??;
        access.0.iter().filter(|one| one.access_method == CA_ISSUERS).find_map(|one| {
            match &one.access_location {
                GeneralName::UniformResourceIdentifier(url) => IssuerUrl::read(url.as_str()),
                _ => None,
            }
        })
    }

    /// Adds the issuer's certificate, in DER or PEM.
    pub(super) fn add_issuer(&mut self, bytes: Vec<u8>) {
        let issuer = CertificateDer::from_pem_slice(&bytes);
        self.issuers.push(issuer.unwrap_or_else(|_| bytes.into()));
    }

    /// Verifies that the certificate belongs to SNS in the topic's region at this time (Unix
    /// milliseconds): by its names and, with `roots`, by a chain to one of them.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub(super) fn verify(
        &self,
        topic: &Topic,
        roots: Option<&RootCertStore>,
        now_ms: i64,
    ) -> Result<SigningKey, CertificateError> {
        let tbs = self.parsed.tbs_certificate();
        let names = tbs.get_extension::<SubjectAltName>().ok().flatten();
        let is_of_sns = names.is_some_and(|(_, names)| {
            names.0.iter().any(|name| match name {
                GeneralName::DnsName(name) => topic.is_name_of_sns(name.as_str()),
                _ => false,
            })
        });
        if !is_of_sns {
            return Err(CertificateError::NotOfSns);
        }
        let public_key = tbs.subject_public_key_info().to_der();
        let public_key = public_key.map_err(|_| CertificateError::Key)?;
        let validity = tbs.validity();
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        let first = ms(validity.not_before.to_unix_duration());
        let last = ms(validity.not_after.to_unix_duration());
        let key = SigningKey { public_key, valid_ms: (first, last) };
        if !key.is_valid_at(now_ms) {
            return Err(CertificateError::NotNow);
        }
        if let Some(roots) = roots {
            self.check_chain(roots, now_ms)?;
        }
        Ok(key)
    }

    fn check_chain(&self, roots: &RootCertStore, now_ms: i64) -> Result<(), CertificateError> {
        let leaf = ParsedCertificate::try_from(&self.leaf).map_err(CertificateError::Unfit)?;
        let now = Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
        let now = UnixTime::since_unix_epoch(now);
        let ways = default_provider().signature_verification_algorithms.all;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, &self.issuers, now, ways)
            .map_err(CertificateError::Issuer)
    }
}

// === impl SigningKey ===

impl SigningKey {
    #[must_use]
    pub(super) fn public_key(&self) -> &[u8] {
        &self.public_key
    }

    /// Whether it is valid at this time, in Unix milliseconds.
    #[must_use]
    pub(super) fn is_valid_at(&self, now_ms: i64) -> bool {
        let (first, last) = self.valid_ms;
        (first..=last).contains(&now_ms)
    }
}

#[cfg(test)]
impl SigningKey {
    /// A key that is always valid.
    pub(super) fn eternal() -> Self {
        Self { public_key: Vec::new(), valid_ms: (i64::MIN, i64::MAX) }
    }
}

// === impl IssuerUrl ===

impl IssuerUrl {
    fn read(url: &str) -> Option<Self> {
        let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
        let is_host = host.ends_with(ISSUERS_SUFFIX)
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let is_path =
            path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        (is_host && is_path && url.len() <= 256)
            .then(|| Self { host: host.to_owned(), path: format!("/{path}") })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, CertificateParams, CustomExtension, ExtendedKeyUsagePurpose, IsCa,
        Issuer, KeyPair, date_time_ymd,
    };

    use super::*;
    use crate::config::TopicArn;

    /// 2026-11-22.
    const NOW_MS: i64 = 1_795_305_600_000;

    fn topic() -> Topic {
        let arn = "arn:aws:sns:eu-west-1:123456789012:ses-events";
        Topic::new(TopicArn::parse(arn).unwrap())
    }

    fn authority(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        (params, KeyPair::generate().unwrap())
    }

    fn leaf(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params
    }

    fn roots(certificates: &[&rcgen::Certificate]) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate.der().clone()).unwrap();
        }
        roots
    }

    /// A root, its intermediate, and a leaf.
    struct Chain {
        root: rcgen::Certificate,
        between: rcgen::Certificate,
        leaf: rcgen::Certificate,
    }

    fn chain(leaf: &CertificateParams) -> Chain {
        let (root, root_key) = authority("root");
        let (between, between_key) = authority("between");
        let root_issuer = Issuer::from_params(&root, &root_key);
        let between_certificate = between.signed_by(&between_key, &root_issuer).unwrap();
        let between_issuer = Issuer::from_params(&between, &between_key);
        let leaf_key = KeyPair::generate().unwrap();
        Chain {
            leaf: leaf.signed_by(&leaf_key, &between_issuer).unwrap(),
            between: between_certificate,
            root: root.self_signed(&root_key).unwrap(),
        }
    }

    fn why(result: Result<SigningKey, CertificateError>) -> String {
        result.map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn certificate_of_sns_is_verified_up_to_a_root() {
        let Chain { root, between, leaf } = chain(&leaf("sns.amazonaws.com"));
        let roots = roots(&[&root]);
        let whole =
            CertificateFile::read(format!("{}{}", leaf.pem(), between.pem()).as_bytes()).unwrap();
        assert!(whole.has_issuers());
        assert!(whole.verify(&topic(), Some(&roots), NOW_MS).is_ok());
        for issuer in [between.der().to_vec(), between.pem().into_bytes()] {
            let mut alone = CertificateFile::read(leaf.pem().as_bytes()).unwrap();
            assert!(!alone.has_issuers());
            let missing = why(alone.verify(&topic(), Some(&roots), NOW_MS));
            assert!(missing.contains("issuer is not trusted"), "{missing}");
            assert!(alone.verify(&topic(), None, NOW_MS).is_ok(), "not asked for");
            alone.add_issuer(issuer);
            assert!(alone.verify(&topic(), Some(&roots), NOW_MS).is_ok());
            let kept = CertificateFile::read(&alone.to_pem()).unwrap();
            assert!(kept.has_issuers() && kept.verify(&topic(), Some(&roots), NOW_MS).is_ok());
        }
    }

    #[test]
    fn certificate_of_another_name_time_or_issuer_is_rejected() {
        let good = chain(&leaf("sns.amazonaws.com"));
        let known = roots(&[&good.root]);
        let read = |chain: &Chain| {
            CertificateFile::read(format!("{}{}", chain.leaf.pem(), chain.between.pem()).as_bytes())
        };
        for name in ["sns.us-east-1.amazonaws.com", "*.amazonaws.com", "evil.example"] {
            let other = chain(&leaf(name));
            let why = why(read(&other).unwrap().verify(&topic(), None, NOW_MS));
            assert!(why.contains("does not belong to SNS"), "{name}: {why}");
        }
        let stranger = read(&chain(&leaf("sns.amazonaws.com"))).unwrap();
        let why_not = why(stranger.verify(&topic(), Some(&known), NOW_MS));
        assert!(why_not.contains("issuer is not trusted"), "{why_not}");
        // The issuer of another certificate does not help.
        let mut stolen =
            CertificateFile::read(chain(&leaf("sns.amazonaws.com")).leaf.pem().as_bytes()).unwrap();
        stolen.add_issuer(good.between.der().to_vec());
        assert!(stolen.verify(&topic(), Some(&known), NOW_MS).is_err());
        for years in [-1, 1] {
            let then = NOW_MS + years * 366 * 86_400_000;
            for roots in [None, Some(&known)] {
                let why = why(read(&good).unwrap().verify(&topic(), roots, then));
                assert!(why.contains("not valid now"), "{why}");
            }
        }
        // An authority signs certificates, not messages.
        let mut params = leaf("sns.amazonaws.com");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = chain(&params);
        let own = roots(&[&authority.root]);
        assert!(read(&authority).unwrap().verify(&topic(), Some(&own), NOW_MS).is_err());
    }

    #[test]
    fn files_without_a_certificate_are_rejected() {
        let good = chain(&leaf("sns.amazonaws.com")).leaf.pem();
        for bytes in [
            "",
            "<html>",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            &good[..good.len() - 40],
            &good.repeat(9),
        ] {
            assert!(CertificateFile::read(bytes.as_bytes()).is_err(), "{bytes}");
        }
    }

    /// `AuthorityInfoAccess` with one URL.
    fn access(url: &str) -> CustomExtension {
        let length = |bytes: usize| u8::try_from(bytes).unwrap();
        let oid = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];
        let address = [&[0x86, length(url.len())], url.as_bytes()].concat();
        let inner = [&oid[..], &address].concat();
        let description = [&[0x30, length(inner.len())][..], &inner].concat();
        let content = [&[0x30, length(description.len())][..], &description].concat();
        CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
    }

    #[test]
    fn issuers_are_fetched_from_amazons_authority_only() {
        let url_of = |url: &str| {
            let mut params = leaf("sns.amazonaws.com");
            params.custom_extensions = vec![access(url)];
            CertificateFile::read(chain(&params).leaf.pem().as_bytes()).unwrap().issuer_url()
        };
        let host = "crt.r2m01.amazontrust.com".to_owned();
        let expected = IssuerUrl { host, path: "/r2m01.cer".to_owned() };
        assert_eq!(url_of("http://crt.r2m01.amazontrust.com/r2m01.cer"), Some(expected));
        for url in [
            "http://evil.example/r2m01.cer",
            "http://amazontrust.com.evil.example/a",
            "http://evil.example#.amazontrust.com/a",
            "http://u@x.amazontrust.com/a",
            "http://x.amazontrust.com:8080/a",
            "http://x.amazontrust.com/a?b",
            "http://x.amazontrust.com",
            "ftp://x.amazontrust.com/a",
            "http://169.254.169.254/.amazontrust.com/",
        ] {
            assert_eq!(url_of(url), None, "{url}");
        }
        assert_eq!(
            CertificateFile::read(chain(&leaf("a")).leaf.pem().as_bytes()).unwrap().issuer_url(),
            None
        );
    }
}
