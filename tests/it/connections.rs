//! What a connection must do to stay open, access to the admin listener, and TLS.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use postmeter::config::AccessKey;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::support::app::{KEY, PATIENCE, TestApp};
use crate::support::command::{postmeter, text};
use crate::support::firehose::{Firehose, body_of, get, post};
use crate::support::process::Daemon;
use crate::support::raw::{End, Raw};
use crate::support::traffic::send_of;

const MIB: u64 = 1 << 20;
const TOKEN: &str = "an-admin-token-for-tests";
const LOOPBACK_ANY: &str = "127.0.0.1:0";

fn closed(reason: &str) -> String {
    format!("postmeter_connections_closed_total{{reason=\"{reason}\"}}")
}

fn rejected(reason: &str) -> String {
    format!("postmeter_http_rejected_total{{reason=\"{reason}\"}}")
}

/// A request whose response repeats its long ID: 400, and the connection stays open.
fn long_request() -> Vec<u8> {
    // As long as headers may be without a budget; few responses of this length fill a buffer.
    let id = "x".repeat(15 << 10);
    let head = format!(
        "POST /firehose HTTP/1.1\r\nHost: x\r\nX-Amz-Firehose-Access-Key: {KEY}\r\n\
         X-Amz-Firehose-Request-Id: {id}\r\nContent-Length: 0\r\n\r\n"
    );
    head.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_method_is_answered_with_those_that_are_allowed() {
    let app = TestApp::in_memory(|_| {}).await;
    let client = Client::builder(TokioExecutor::new()).build_http();
    for (address, method, path, allowed) in [
        (app.http, "GET", "/firehose", "POST"),
        (app.http, "DELETE", "/firehose", "POST"),
        (app.http, "POST", "/livez", "GET,HEAD"),
        (app.http, "PUT", "/readyz", "GET,HEAD"),
        (app.admin, "POST", "/livez", "GET,HEAD"),
        (app.admin, "DELETE", "/series", "GET,HEAD"),
        (app.admin, "POST", "/metrics", "GET,HEAD"),
    ] {
        let request = Request::builder().method(method).uri(format!("http://{address}{path}"));
        let request = request.body(Full::new(Bytes::new())).expect("a request");
        let response = client.request(request).await.expect("an answer");
        let allow = response.headers().get("allow").and_then(|value| value.to_str().ok());
        assert_eq!((response.status().as_u16(), allow), (405, Some(allowed)), "{method} {path}");
    }
}

// === progress ===

#[tokio::test(flavor = "multi_thread")]
async fn connection_that_reads_no_response_is_closed() {
    const CONNECTIONS: u64 = 200;
    let app = TestApp::in_memory(|_| {}).await;
    let request = Arc::new(long_request());
    let mut senders = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (http, request) = (app.http, Arc::clone(&request));
        senders.spawn(async move {
            let mut raw = Raw::connect_with_buffer(http, 4096).await;
            // Sends as long as the daemon reads, and reads nothing.
            while raw.send(&request).await {}
        });
    }
    let mut delivered = 0;
    let all = async { while senders.join_next().await.is_some() {} };
    tokio::pin!(all);
    let started = Instant::now();
    let ended = loop {
        tokio::select! {
            () = &mut all => break started.elapsed(),
            () = sleep(Duration::from_millis(500)) => {}
        }
        delivered += 1;
        let reply = app.firehose().deliver(&format!("honest-{delivered}"), &[send_of("a")]).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    };
    println!("{CONNECTIONS} connections that read nothing were closed after {ended:?}");
    assert!(ended < 2 * PATIENCE, "{ended:?}");
    assert!(delivered > 5, "honest deliveries meanwhile: {delivered}");
    app.until_metric(&closed("unread"), |connections| connections == CONNECTIONS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_body_is_cut_and_its_place_is_freed() {
    let app = TestApp::in_memory(|config| config.limits.in_flight_requests = 1).await;
    let mut raw = Raw::connect(app.http).await;
    raw.begin("slow", KEY, 1000).await;
    raw.send(b"{").await;
    app.until_metric("postmeter_in_flight_requests", |requests| requests == 1).await;
    assert_eq!(app.firehose().deliver("beside", &[send_of("a")]).await.status, 503);
    let dripping = async {
        loop {
            sleep(Duration::from_secs(1)).await;
            if !raw.send(b" ").await || raw.status_within(Duration::ZERO).await.is_some() {
                break;
            }
        }
    };
    timeout(PATIENCE, dripping).await.expect("it is cut");
    app.until_metric("postmeter_in_flight_requests", |requests| requests == 0).await;
    assert_eq!(app.firehose().deliver("beside", &[send_of("a")]).await.status, 200);
    assert_eq!(app.metric(&closed("slow_body")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_head_is_cut_however_it_drips() {
    let app = TestApp::in_memory(|_| {}).await;
    let mut raw = Raw::connect(app.http).await;
    raw.send(b"GET /livez HTTP/1.1\r\nX-Slow: ").await;
    let dripping = async {
        while raw.send(b"x").await {
            sleep(Duration::from_secs(1)).await;
        }
    };
    timeout(PATIENCE, dripping).await.expect("it is cut");
    assert_eq!(app.metric(&closed("slow_head")).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn request_in_pieces_with_pauses_is_served() {
    let app = TestApp::in_memory(|_| {}).await;
    let body = body_of("pieces", &[send_of("a")]);
    let mut raw = Raw::connect(app.http).await;
    for piece in ["POST /firehose HTTP/1.1\r\n", "Host: x\r\n"] {
        raw.send(piece.as_bytes()).await;
        sleep(Duration::from_secs(2)).await;
    }
    let rest =
        format!("X-Amz-Firehose-Access-Key: {KEY}\r\nContent-Length: {}\r\n\r\n", body.len());
    raw.send(rest.as_bytes()).await;
    for piece in body.chunks(body.len().div_ceil(3)) {
        sleep(Duration::from_secs(2)).await;
        raw.send(piece).await;
    }
    assert_eq!(raw.status().await, Some(200));
}

// === /series ===

/// Ten series for each event.
fn many_series() -> String {
    let destination = |number: usize| {
        json!({
            "Name": format!("d{number}"),
            "Enabled": true,
            "MatchingEventTypes": ["SEND"],
            "CloudWatchDestination": {
                "DimensionConfigurations": [
                    {"DimensionName": "campaign", "DimensionValueSource": "MESSAGE_TAG",
                     "DefaultDimensionValue": "none"},
                    {"DimensionName": format!("n{number}"), "DimensionValueSource": "MESSAGE_TAG",
                     "DefaultDimensionValue": "none"},
                ],
            },
        })
    };
    let destinations: Vec<_> = (0..10).map(destination).collect();
    json!({"ConfigurationSets": [
        {"ConfigurationSetName": "*", "EventDestinations": destinations}
    ]})
    .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_series_that_do_not_read_cost_little() {
    const ENTRIES: usize = 200_000;
    const READERS: usize = 20;
    let daemon = Daemon::start(&[
        ("POSTMETER__DEFINITIONS", "env:DEFINITIONS"),
        ("DEFINITIONS", &many_series()),
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__LIMITS__SERIES", "1000000"),
        ("POSTMETER__FIREHOSE__ACCESS_KEYS", KEY),
    ]);
    let firehose = Firehose::new(daemon.http, KEY);
    for request in 0..20 {
        let event = |at: usize| send_of(&format!("campaign-{request}-{at}"));
        let records: Vec<_> = (0..ENTRIES / 10 / 20).map(event).collect();
        assert_eq!(firehose.deliver(&request.to_string(), &records).await.status, 200);
    }
    daemon.until_metric("postmeter_pending_counts", |counts| counts == 0).await;
    let before = daemon.memory();
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        let admin = daemon.admin;
        readers.spawn(async move {
            let mut raw = Raw::connect_with_buffer(admin, 4096).await;
            raw.send(b"GET /series HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
            let status = raw.status().await;
            (status, raw)
        });
    }
    let readers = readers.join_all().await;
    let of = |wanted| readers.iter().filter(|(status, _)| *status == Some(wanted)).count();
    assert_eq!((of(200), of(503)), (2, READERS - 2));
    daemon.until_metric(&closed("unread"), |connections| connections == 2).await;
    if let (Some(before), Some(after)) = (before, daemon.memory()) {
        let grown = after.peak.saturating_sub(before.now);
        println!("{READERS} readers of {ENTRIES} entries: {} KiB more", grown >> 10);
        // The peak of both includes the memory for counting.
        assert!(after.peak <= before.peak.max(before.now + 50 * MIB), "{before:?} {after:?}");
    }
    drop(readers);
    let (status, lines) = get(daemon.admin, "/series").await;
    let lines: Vec<_> = lines.lines().collect();
    assert_eq!((status, lines.len()), (200, ENTRIES));
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), ENTRIES);
}

// === Host, web pages, token ===

#[tokio::test(flavor = "multi_thread")]
async fn request_of_a_web_page_is_not_counted_where_no_key_is_required() {
    let app = TestApp::in_memory(|config| config.firehose.access_keys.clear()).await;
    let headers = |more: &[(&'static str, &'static str)]| {
        let own = [("x-amz-firehose-request-id", "page"), ("content-type", "text/plain")];
        [&own[..], more].concat()
    };
    let body = || body_of("page", &[send_of("a")]);
    for (more, status) in [
        ([("host", "rebound.example")], 421),
        ([("origin", "https://page.example")], 403),
        ([("origin", "null")], 403),
        ([("sec-fetch-site", "cross-site")], 403),
    ] {
        let reply = post(app.http, "/firehose", &headers(&more), body()).await;
        assert_eq!(reply.status, status, "{more:?} {}", reply.body);
        let own = app.admin.to_string();
        let mut admin = Raw::connect(app.admin).await;
        let host = if more[0].0 == "host" { "" } else { &format!("Host: {own}\r\n") };
        let (name, value) = more[0];
        let head = format!("GET /metrics HTTP/1.1\r\n{host}{name}: {value}\r\n\r\n");
        admin.send(head.as_bytes()).await;
        assert_eq!(admin.status().await, Some(status), "{head}");
    }
    assert_eq!(app.metric("postmeter_events_total{routing=\"matched\"}").await, 0);
    assert_eq!(app.metric("postmeter_requests_total{outcome=\"acknowledged\"}").await, 0);
    assert_eq!(
        (app.metric(&rejected("host")).await, app.metric(&rejected("cross_site")).await),
        (2, 6)
    );
    // A program on this machine is served, and health under any name.
    assert_eq!(post(app.http, "/firehose", &headers(&[]), body()).await.status, 200);
    for address in [app.http, app.admin] {
        let mut probe = Raw::connect(address).await;
        probe.send(b"GET /livez HTTP/1.1\r\nHost: 10.0.0.7\r\n\r\n").await;
        assert_eq!(probe.status().await, Some(200));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_is_enough_whatever_the_host() {
    let app = TestApp::in_memory(|_| {}).await;
    let headers = [("x-amz-firehose-access-key", KEY), ("host", "postmeter.example")];
    let reply = post(app.http, "/firehose", &headers, body_of("x", &[send_of("a")])).await;
    assert_eq!(reply.status, 200);
}

async fn get_with(address: SocketAddr, path: &str, header: &str) -> (Option<u16>, String) {
    let mut raw = Raw::connect(address).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{header}Connection: close\r\n\r\n");
    raw.send(head.as_bytes()).await;
    let all = raw.read_to_end().await;
    (all.split(' ').nth(1).and_then(|status| status.parse().ok()), all)
}

#[tokio::test(flavor = "multi_thread")]
async fn admin_token_is_required_for_metrics_and_series() {
    let app =
        TestApp::in_memory(|config| config.listen.admin_token = Some(AccessKey::new(TOKEN))).await;
    for path in ["/metrics", "/series"] {
        for wrong in [
            String::new(),
            "Authorization: Bearer wrong\r\n".to_owned(),
            format!("Authorization: Basic {TOKEN}\r\n"),
            format!("Authorization: Bearer {TOKEN}x\r\n"),
        ] {
            let (status, answer) = get_with(app.admin, path, &wrong).await;
            assert_eq!(status, Some(401), "{path} {wrong}");
            assert!(answer.to_ascii_lowercase().contains("www-authenticate: bearer"), "{answer}");
            assert!(!answer.contains(TOKEN), "{answer}");
        }
        let right = format!("Authorization: Bearer {TOKEN}\r\n");
        assert_eq!(get_with(app.admin, path, &right).await.0, Some(200), "{path}");
    }
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    let metrics = get_with(app.admin, "/metrics", &right).await.1;
    assert!(metrics.contains(&format!("{} 8", rejected("token"))), "{metrics}");
    for path in ["/livez", "/readyz"] {
        assert_eq!(get_with(app.admin, path, "").await.0, Some(200), "{path}");
    }
}

// === TLS ===

/// A certificate authority, which signs for servers and clients.
struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

/// Files of a daemon that speaks TLS.
struct Files {
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key in PEM.
    fn sign(&self, usage: ExtendedKeyUsagePurpose) -> (String, String) {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let files = Self { directory, authority: Authority::new() };
        files.renew(&files.authority);
        fs::write(files.path("ca.pem"), files.authority.certificate.pem()).expect("written");
        files
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a new certificate and key in place.
    fn renew(&self, authority: &Authority) {
        let (certificate, key) = authority.sign(ExtendedKeyUsagePurpose::ServerAuth);
        fs::write(self.path("certificate.pem"), certificate).expect("written");
        fs::write(self.path("key.pem"), key).expect("written");
    }

    fn variables(&self, with_clients: bool) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.path(name).to_str().expect("a name in UTF-8").to_owned();
        let mut all = vec![
            ("POSTMETER__LISTEN__TLS_CERTIFICATE", path("certificate.pem")),
            ("POSTMETER__LISTEN__TLS_KEY", path("key.pem")),
            ("POSTMETER__FIREHOSE__ACCESS_KEYS", KEY.to_owned()),
            ("POSTMETER__CLOUDWATCH__PUBLISH", "memory".to_owned()),
        ];
        if with_clients {
            all.push(("POSTMETER__LISTEN__TLS_CLIENT_CA", path("ca.pem")));
        }
        all
    }

    fn start(&self, with_clients: bool) -> Daemon {
        let variables = self.variables(with_clients);
        let variables: Vec<_> = variables.iter().map(|(name, text)| (*name, &**text)).collect();
        Daemon::start(&variables)
    }
}

/// A client that trusts an authority, and shows a certificate if it has one.
struct TlsClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl TlsClient {
    fn new(authority: &Authority, own: Option<(String, String)>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.certificate.der().clone()).expect("a certificate");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match own {
            Some((certificate, key)) => {
                let chain = CertificateDer::from_pem_slice(certificate.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key");
                config.with_client_auth_cert(vec![chain.expect("a certificate")], key)
            }
            None => Ok(config.with_no_client_auth()),
        };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config.expect("a certificate that fits its key"))
            .https_only()
            .enable_http1()
            .build();
        Self(Client::builder(TokioExecutor::new()).build(connector))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(u16, String), String> {
        let answer = async {
            let response = self.0.request(request).await.map_err(|error| format!("{error:?}"))?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
            Ok((status, String::from_utf8_lossy(&body.to_bytes()).into_owned()))
        };
        timeout(PATIENCE, answer).await.expect("in time")
    }

    async fn get(&self, address: SocketAddr, path: &str) -> Result<(u16, String), String> {
        let uri = format!("https://{address}{path}");
        self.send(Request::get(uri).body(Full::default()).expect("a request")).await
    }

    async fn deliver(&self, address: SocketAddr, id: &str) -> Result<u16, String> {
        let request = Request::post(format!("https://{address}/firehose"))
            .header("x-amz-firehose-request-id", id)
            .header("x-amz-firehose-access-key", KEY)
            .body(Full::new(body_of(id, &[send_of("a")]).into()))
            .expect("a request");
        self.send(request).await.map(|(status, _)| status)
    }

    async fn metric(&self, admin: SocketAddr, name: &str) -> u64 {
        let (_, text) = self.get(admin, "/metrics").await.expect("an answer");
        crate::support::app::metric_of(&text, name)
    }

    /// Polls a metric until it has a value.
    async fn until_metric(&self, admin: SocketAddr, name: &str, value: u64) {
        let there = async {
            while self.metric(admin, name).await != value {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, there).await.unwrap_or_else(|_| panic!("{name} is not {value}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_over_tls_is_counted_and_plain_http_is_closed() {
    let files = Files::new();
    let daemon = files.start(false);
    let client = TlsClient::new(&files.authority, None);
    assert_eq!(client.deliver(daemon.http, "tls").await, Ok(200));
    let counted = client.metric(daemon.admin, "postmeter_events_total{routing=\"matched\"}").await;
    assert_eq!(counted, 1);
    // A client that trusts another authority does not connect.
    let stranger = TlsClient::new(&Authority::new(), None);
    assert!(stranger.deliver(daemon.http, "stranger").await.is_err());

    client.until_metric(daemon.admin, &closed("tls_failed"), 1).await;
    let mut plain = Raw::connect(daemon.http).await;
    plain.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let started = Instant::now();
    let said = plain.read_to_end().await;
    assert!(!said.contains("HTTP/1.1"), "{said}");
    assert!(started.elapsed() < PATIENCE);
    client.until_metric(daemon.admin, &closed("tls_failed"), 2).await;
    // A silent connection is closed as well.
    let silent = Raw::connect(daemon.http).await;
    assert_eq!(silent.end().await, End::Closed);
    client.until_metric(daemon.admin, &closed("tls_slow"), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_certificate_is_required_of_senders_and_not_of_probes() {
    let files = Files::new();
    let daemon = files.start(true);
    let sign = |authority: &Authority| authority.sign(ExtendedKeyUsagePurpose::ClientAuth);
    let right = TlsClient::new(&files.authority, Some(sign(&files.authority)));
    let wrong = TlsClient::new(&files.authority, Some(sign(&Authority::new())));
    let none = TlsClient::new(&files.authority, None);
    assert_eq!(right.deliver(daemon.http, "right").await, Ok(200));
    assert!(wrong.deliver(daemon.http, "wrong").await.is_err());
    assert!(none.deliver(daemon.http, "none").await.is_err());
    none.until_metric(daemon.admin, &closed("tls_failed"), 2).await;
    let counted = none.metric(daemon.admin, "postmeter_events_total{routing=\"matched\"}").await;
    assert_eq!(counted, 1);
    healthcheck(&files, daemon.admin, Some(0)).await;
    daemon.end().await;
}

/// Runs `postmeter healthcheck` with the configuration of the daemon.
async fn healthcheck(files: &Files, admin: SocketAddr, expected: Option<i32>) {
    let mut command = postmeter(&["healthcheck", "--ready"]);
    command.envs(files.variables(true)).env("POSTMETER__LISTEN__ADMIN", admin.to_string());
    command.env("POSTMETER__DEFINITIONS", "config/definitions.json");
    let output = tokio::task::spawn_blocking(move || command.output().expect("it runs"));
    let output = output.await.expect("it ends");
    assert_eq!(output.status.code(), expected, "{}", text(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_certificate_is_used_and_open_connections_stay() {
    let files = Files::new();
    let mut daemon = files.start(false);
    let first = TlsClient::new(&files.authority, None);
    assert_eq!(first.deliver(daemon.http, "first").await, Ok(200));

    // Invalid files change nothing.
    fs::write(files.path("key.pem"), "not a key").expect("written");
    daemon.signal("HUP");
    let said = daemon.wait_for_line("TLS files rejected");
    assert!(said.contains("key.pem") && !said.contains("not a key"), "{said}");
    let after = TlsClient::new(&files.authority, None);
    assert_eq!(after.deliver(daemon.http, "after").await, Ok(200));

    let next = Authority::new();
    files.renew(&next);
    daemon.signal("HUP");
    daemon.wait_for_line("TLS certificate reloaded");
    let new = TlsClient::new(&next, None);
    assert_eq!(new.deliver(daemon.http, "new").await, Ok(200));
    // The first client keeps its connection; a new one would have to trust the new authority.
    assert_eq!(first.deliver(daemon.http, "first again").await, Ok(200));
    let fresh = TlsClient::new(&files.authority, None);
    assert!(fresh.deliver(daemon.http, "fresh").await.is_err());
    let reloads = "postmeter_tls_reloads_total{outcome=\"loaded\"}";
    assert_eq!(new.metric(daemon.admin, reloads).await, 1);
    healthcheck(&files, daemon.admin, Some(0)).await;
}

#[test]
fn invalid_tls_files_are_named_before_the_daemon_starts() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = directory.path().join("missing.pem");
    let with = |args: &[&str], certificate: &Path| {
        let mut command = postmeter(args);
        command.env("POSTMETER__LISTEN__TLS_CERTIFICATE", certificate);
        command.env("POSTMETER__LISTEN__TLS_KEY", certificate);
        command.env("POSTMETER__LISTEN__HTTP", LOOPBACK_ANY);
        command.env("POSTMETER__LISTEN__ADMIN", LOOPBACK_ANY);
        command.env("POSTMETER__DEFINITIONS", "config/definitions.json");
        command.output().expect("it runs")
    };
    for args in [&["serve"][..], &["check", "--config", "config/examples/memory.toml"]] {
        let output = with(args, &missing);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let said = text(&output.stderr);
        assert!(said.contains("missing.pem") && said.contains("No such file"), "{said}");
    }
}
