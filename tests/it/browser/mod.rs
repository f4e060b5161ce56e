//! The console in a real browser. Runs if `make test` has installed one.

mod accessible;
mod driver;
mod hostile;
mod live;
mod pictures;
mod story;

use std::path::{Path, PathBuf};
use std::time::Duration;

use postmeter::app::Environment;
use postmeter::aws::AwsEnvironment;
use postmeter::config::{
    AccessKey, ApiAuth, Config, ConsoleRole, ConsoleUser, DefinitionsSource, Publish,
};
use serde_json::json;

use self::driver::WebBrowser;
use crate::support::app::TestApp;
use crate::support::installed;
use crate::support::ses_client::{SesClient, counts_by};

/// The hash of `correct horse`, with few passes.
const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$9J/YUlCabI2YI72fT56d/w$o6EFxULJMagbhXHdoVxIN4efafSNecikVBOaT7biCmQ";

/// A daemon with its console, and a browser.
struct Scene {
    app: TestApp,
    browser: WebBrowser,
    ses: SesClient,
    /// `http://` and the address of the console.
    console: String,
    axe: PathBuf,
    folder: tempfile::TempDir,
}

// === impl Scene ===

impl Scene {
    /// `None` without a browser.
    async fn start(change: impl FnOnce(&mut Config)) -> Option<Self> {
        let axe = installed::axe()?;
        let folder = tempfile::tempdir().expect("a folder");
        let app = daemon(folder.path(), change).await;
        let console = app.console.as_ref().expect("it listens").url();
        let ses = SesClient::new(app.ses_api.expect("it listens"));
        let browser = WebBrowser::start().await;
        Some(Self {
            app,
            browser,
            ses,
            console: console.trim_end_matches('/').to_owned(),
            axe,
            folder,
        })
    }

    /// With a set, a destination and some counts.
    async fn counted() -> Option<Self> {
        let scene = Self::start(|_| {}).await?;
        scene.ses.create_set("prod").await;
        scene.ses.create("prod", "counts", &counts_by(&["campaign", "genre"])).await;
        scene.send("first", &["spring", "spring", "summer", "autumn"]).await;
        Some(scene)
    }

    /// Whose console asks for the name `ada` and the password `correct horse`.
    async fn with_sign_in() -> Option<Self> {
        let user = ConsoleUser {
            name: "ada".to_owned(),
            role: ConsoleRole::Writer,
            hash: AccessKey::new(HASH),
        };
        Self::start(|config| config.console.users = vec![user]).await
    }

    async fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.console)).await;
    }

    /// Delivers Send events of these campaigns, and waits until they are published.
    async fn send(&self, id: &str, campaigns: &[&str]) {
        let events: Vec<_> = campaigns.iter().map(|campaign| event("Send", campaign)).collect();
        let reply = self.app.firehose().deliver(id, &events).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        self.app.settled().await;
    }

    /// The browser has complained of nothing, and has requested nothing from elsewhere.
    async fn assert_quiet(&self) {
        let complaints = self.browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:#?}");
        let requests = self.browser.requests().await;
        let is_own = |url: &String| url.starts_with(&self.console);
        assert!(requests.iter().any(is_own), "it records requests");
        // The browser's own pages are not requests.
        let is_request = |url: &String| url.starts_with("http") || url.starts_with("ws");
        let foreign: Vec<_> =
            requests.iter().filter(|url| is_request(url) && !is_own(url)).collect();
        assert!(foreign.is_empty(), "{foreign:#?}");
    }
}

/// A daemon that publishes to memory, with the console and the SES API.
async fn daemon(folder: &Path, change: impl FnOnce(&mut Config)) -> TestApp {
    let definitions = folder.join("definitions.json");
    let aws = AwsEnvironment::Endpoint { url: "http://127.0.0.1:9".to_owned() };
    TestApp::start_in(Environment { aws, ..Environment::default() }, |config| {
        config.cloudwatch.publish = Publish::Memory;
        config.definitions = Some(DefinitionsSource::Path(definitions));
        config.definitions_interval = Duration::from_millis(50);
        config.console.listen = Some(([127, 0, 0, 1], 0).into());
        config.console.write = true;
        config.ses_api.listen = Some(([127, 0, 0, 1], 0).into());
        config.ses_api.auth = ApiAuth::None;
        config.ses_api.requests_per_second = 10_000;
        change(config);
    })
    .await
}

/// An event of the configuration set `prod`, of now.
fn event(event_type: &str, campaign: &str) -> String {
    json!({"eventType": event_type, "mail": {
        "destination": ["ann@example.com"],
        "tags": {"ses:configuration-set": ["prod"], "campaign": [campaign], "genre": ["jazz"]},
    }})
    .to_string()
}
