//! SNS from the view of an HTTPS subscriber: signed messages, certificates, confirmations; and the
//! authority that issued the certificates.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::Full;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use postmeter::app::WebEnvironment;
use postmeter::clock::Clock;
use postmeter::ses::Minute;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, PKCS_RSA_SHA256, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::endpoint::Endpoint;

pub(crate) const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:ses-events";
pub(crate) const HOST: &str = "sns.us-east-1.amazonaws.com";
/// The certificate that messages are signed by.
pub(crate) const CERTIFICATE: &str = "/SimpleNotificationService-0a1b2c.pem";

/// The response of SNS to a path: status, body, and an optional redirect.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    pub location: Option<String>,
}

/// The servers. They end when this is dropped.
pub(crate) struct FakeSns {
    https: SocketAddr,
    /// Serves issuers' certificates, and everything else over plain HTTP.
    pub http: Endpoint,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
    authority: Authority,
    pub signer: Signer,
    _end: DropGuard,
}

/// Signs messages, with a key and its certificate.
pub(crate) struct Signer {
    key: RsaKeyPair,
    pub pem: String,
}

/// Issues certificates: a root, and an intermediate authority.
pub(crate) struct Authority {
    pub root: rcgen::Certificate,
    pub between: rcgen::Certificate,
    between_params: CertificateParams,
    between_key: KeyPair,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new() -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new([]).expect("no names");
            params.distinguished_name.push(DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            (params, KeyPair::generate().expect("a key"))
        };
        let (root_params, root_key) = authority("root");
        let (between_params, between_key) = authority("between");
        let root = Issuer::from_params(&root_params, &root_key);
        Self {
            between: between_params.signed_by(&between_key, &root).expect("a certificate"),
            root: root_params.self_signed(&root_key).expect("a certificate"),
            between_params,
            between_key,
        }
    }

    /// A certificate for a name, from one year to another, as SNS has them.
    pub(crate) fn signer(&self, name: &str, years: (i32, i32)) -> Signer {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        params.custom_extensions = vec![issuer_at("http://crt.r2m01.amazontrust.com/r2m01.cer")];
        let key = KeyPair::generate_for(&PKCS_RSA_SHA256).expect("a key");
        let issuer = Issuer::from_params(&self.between_params, &self.between_key);
        let pem = params.signed_by(&key, &issuer).expect("a certificate").pem();
        let key = RsaKeyPair::from_pkcs8(&key.serialize_der()).expect("the same key");
        Signer { key, pem }
    }

    fn server(&self) -> ServerConfig {
        let params = CertificateParams::new([HOST.to_owned()]).expect("a name");
        let key = KeyPair::generate().expect("a key");
        let issuer = Issuer::from_params(&self.between_params, &self.between_key);
        let own = params.signed_by(&key, &issuer).expect("a certificate");
        let chain = vec![own.der().clone(), self.between.der().clone()];
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the versions are known");
        config.with_no_client_auth().with_single_cert(chain, key).expect("they fit")
    }
}

/// `AuthorityInfoAccess` with the URL of the issuer's certificate.
fn issuer_at(url: &str) -> CustomExtension {
    let part = |tag: u8, content: &[u8]| {
        let len = u8::try_from(content.len()).expect("it is short");
        [&[tag, len], content].concat()
    };
    let method = [6, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];
    let description = [&method[..], &part(0x86, url.as_bytes())].concat();
    let content = part(0x30, &part(0x30, &description));
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], content)
}

// === impl Signer ===

impl Signer {
    /// Signs a message (version 2), as in SNS's documentation.
    pub(crate) fn sign(&self, mut message: Value) -> Value {
        let names: &[&str] = if message["Type"] == "Notification" {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let members = names.iter().filter_map(|name| Some([*name, message.get(name)?.as_str()?]));
        let text = members.flatten().flat_map(|line| [line, "\n"]).collect::<String>();
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self.key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature);
        signed.expect("it signs");
        message["SignatureVersion"] = "2".into();
        message["Signature"] = STANDARD.encode(signature).into();
        message
    }
}

// === impl FakeSns ===

impl FakeSns {
    pub(crate) async fn start() -> Self {
        let authority = Authority::new();
        let signer = authority.signer("sns.amazonaws.com", (2020, 2100));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let https = listener.local_addr().expect("its address");
        let issuer = authority.between.der().to_vec();
        let http = Endpoint::with(move |_, received| {
            let body =
                if received.path.ends_with("/r2m01.cer") { issuer.clone() } else { Vec::new() };
            async move { Response::new(body.into()) }
        })
        .await;
        let (answers, asked): (Arc<Mutex<HashMap<_, _>>>, Arc<Mutex<Vec<_>>>) = Default::default();
        let end = CancellationToken::new();
        let serving = serve(
            listener,
            TlsAcceptor::from(Arc::new(authority.server())),
            Arc::clone(&answers),
            Arc::clone(&asked),
        );
        tokio::spawn(end.clone().run_until_cancelled_owned(serving));
        let sns = Self { https, http, answers, asked, authority, signer, _end: end.drop_guard() };
        sns.answer(CERTIFICATE, 200, sns.signer.pem.clone());
        sns
    }

    /// The environment for a daemon.
    pub(crate) fn web(&self) -> WebEnvironment {
        self.web_with(&[self.authority.root.der().clone()])
    }

    pub(crate) fn web_with(&self, roots: &[CertificateDer<'static>]) -> WebEnvironment {
        let http = self.http.address;
        WebEnvironment::StandIn { https: self.https, http, roots: roots.to_vec() }
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Sets the response to paths with this prefix.
    pub(crate) fn answer(&self, path: &str, status: u16, body: impl Into<Vec<u8>>) {
        self.answer_with(path, Answer { status, body: body.into(), location: None });
    }

    pub(crate) fn answer_with(&self, path: &str, answer: Answer) {
        self.answers.lock().expect("nobody panics with it").insert(path.to_owned(), answer);
    }

    /// The paths requested over HTTPS, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("nobody panics with it").clone()
    }

    /// How often a path was requested.
    pub(crate) fn asked_for(&self, path: &str) -> usize {
        self.asked().iter().filter(|asked| asked.starts_with(path)).count()
    }

    /// A signed notification with the current time.
    pub(crate) fn notification(&self, id: &str, text: &str) -> Value {
        self.signer.sign(notification(id, text))
    }

    /// A signed request to confirm a subscription.
    pub(crate) fn confirmation(&self, id: &str, topic: &str) -> Value {
        self.signer.sign(confirmation(id, topic))
    }
}

/// An unsigned notification.
pub(crate) fn notification(id: &str, text: &str) -> Value {
    json!({
        "Type": "Notification",
        "MessageId": id,
        "TopicArn": TOPIC,
        "Subject": "Amazon SES Email Event Notification",
        "Message": text,
        "Timestamp": time_of(Clock::System.now_ms()),
        "SigningCertURL": format!("https://{HOST}{CERTIFICATE}"),
        "UnsubscribeURL": format!("https://{HOST}/?Action=Unsubscribe"),
    })
}

/// An unsigned request to confirm a subscription.
pub(crate) fn confirmation(id: &str, topic: &str) -> Value {
    let token = format!("token{}", id.replace('-', ""));
    let query = format!("Action=ConfirmSubscription&TopicArn={topic}&Token={token}");
    json!({
        "Type": "SubscriptionConfirmation",
        "MessageId": id,
        "Token": token,
        "TopicArn": topic,
        "Message": format!("You have chosen to subscribe to the topic {topic}.\nTo confirm, visit."),
        "SubscribeURL": format!("https://{HOST}/?{query}"),
        "Timestamp": time_of(Clock::System.now_ms()),
        "SigningCertURL": format!("https://{HOST}{CERTIFICATE}"),
    })
}

/// A time as SNS writes it, to the second.
pub(crate) fn time_of(ms: i64) -> String {
    let minute = Minute::of_ms(ms).to_string();
    format!("{}{:02}.{:03}Z", &minute[..17], ms / 1000 % 60, ms % 1000)
}

async fn serve(
    listener: TcpListener,
    tls: TlsAcceptor,
    answers: Arc<Mutex<HashMap<String, Answer>>>,
    asked: Arc<Mutex<Vec<String>>>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answers, asked) = (tls.clone(), Arc::clone(&answers), Arc::clone(&asked));
        tokio::spawn(async move {
            // A client that does not trust this server disconnects.
            let Ok(stream) = tls.accept(stream).await else { return };
            let service = service_fn(move |request: Request<hyper::body::Incoming>| {
                let path = request.uri().to_string();
                let answers = answers.lock().expect("nobody panics with it");
                let found = answers.iter().find(|(begin, _)| path.starts_with(begin.as_str()));
                let answer = found.map(|(_, answer)| answer.clone());
                let answer = answer.unwrap_or(Answer { status: 404, ..Answer::default() });
                asked.lock().expect("nobody panics with it").push(path);
                let mut response = Response::builder().status(answer.status);
                if let Some(location) = answer.location {
                    response = response.header("location", location);
                }
                let response = response.body(Full::new(Bytes::from(answer.body)));
                async move { Ok::<_, Infallible>(response.expect("a response")) }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
