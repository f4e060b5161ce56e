//! A browser of its own, driven by the `WebDriver` protocol through `chromedriver`.
//!
//! A dozen JSON commands over HTTP: the crates that offer them bring forty others.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

use crate::support::app::PATIENCE;

/// The key under which `WebDriver` passes elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A browser with an empty profile. Ends when it is dropped.
pub(super) struct WebBrowser {
    driver: Child,
    client: Client<HttpConnector, Full<Bytes>>,
    /// The URL of the session.
    session: String,
    profile: TempDir,
}

/// A key of the keyboard that writes no character.
#[derive(Clone, Copy, Debug)]
pub(super) enum PressedKey {
    Tab,
    Enter,
    Space,
}

// === impl WebBrowser ===

impl WebBrowser {
    pub(super) async fn start() -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let mut driver = Command::new("chromedriver")
            .args(["--port=0", "--allowed-ips=127.0.0.1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("chromedriver starts");
        let stdout = BufReader::new(driver.stdout.take().expect("stdout is piped"));
        let port = tokio::task::spawn_blocking(move || {
            let mut lines = stdout.lines().map_while(Result::ok);
            let port = lines.find_map(|line| {
                let text = line.split("started successfully on port ").nth(1)?;
                text.trim_end_matches('.').parse::<u16>().ok()
            });
            // The pipe must not fill up.
            std::thread::spawn(move || lines.for_each(drop));
            port.expect("chromedriver says its port")
        });
        let port = port.await.expect("no panic");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let session = format!("http://127.0.0.1:{port}/session");
        let mut browser = Self { driver, client, session, profile };
        let made = browser.command(Method::POST, "", &capabilities(&browser)).await;
        let id = made["sessionId"].as_str().expect("a session");
        browser.session = format!("{}/{id}", browser.session);
        browser
    }

    async fn command(&self, method: Method, path: &str, body: &Value) -> Value {
        self.try_command(method, path, body).await.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    async fn try_command(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        let body = if method == Method::GET { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.session))
            .header("content-type", "application/json")
            .body(Full::new(body.into()))
            .expect("a request");
        let response = timeout(PATIENCE, self.client.request(request)).await;
        let response = response.expect("it answers in time").map_err(|error| error.to_string())?;
        let body = response.into_body().collect().await.map_err(|error| error.to_string())?;
        let mut body: Value = serde_json::from_slice(&body.to_bytes()).expect("JSON");
        let value = body["value"].take();
        match value["error"].as_str() {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        self.command(Method::POST, path, body).await
    }

    pub(super) async fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).await;
    }

    pub(super) async fn reload(&self) {
        self.post("/refresh", &json!({})).await;
    }

    pub(super) async fn url(&self) -> String {
        self.command(Method::GET, "/url", &Value::Null).await.as_str().expect("a URL").to_owned()
    }

    /// Runs the body of a function in the page.
    pub(super) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []})).await
    }

    /// Runs a function body that calls its last argument with the result.
    pub(super) async fn run_async(&self, script: &str) -> Value {
        self.post("/execute/async", &json!({"script": script, "args": []})).await
    }

    /// A command of Chromium's own protocol.
    pub(super) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": parameters})).await
    }

    /// The first element of a selector, once it is there.
    async fn element(&self, css: &str) -> String {
        let query = json!({"using": "css selector", "value": css});
        let find = async {
            loop {
                match self.try_command(Method::POST, "/element", &query).await {
                    Ok(found) => break found[ELEMENT].as_str().expect("an element").to_owned(),
                    Err(_) => sleep(Duration::from_millis(20)).await,
                }
            }
        };
        if let Ok(element) = timeout(PATIENCE, find).await {
            return element;
        }
        panic!("{css} is not on {}:\n{}", self.url().await, self.page_text().await)
    }

    pub(super) async fn click(&self, css: &str) {
        let element = self.element(css).await;
        self.post(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// Replaces the text of a field.
    pub(super) async fn fill(&self, css: &str, text: &str) {
        let element = self.element(css).await;
        self.post(&format!("/element/{element}/clear"), &json!({})).await;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    /// The visible text of an element.
    pub(super) async fn text(&self, css: &str) -> String {
        let element = self.element(css).await;
        let path = format!("/element/{element}/text");
        let text = self.command(Method::GET, &path, &Value::Null).await;
        text.as_str().expect("text").to_owned()
    }

    async fn page_text(&self) -> String {
        let text = self.run("return document.body.innerText").await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until a script returns true.
    pub(super) async fn until(&self, what: &str, script: &str) {
        let script = format!("return Boolean({script})");
        let body = json!({"script": script, "args": []});
        let there = async {
            while self.try_command(Method::POST, "/execute/sync", &body).await != Ok(json!(true)) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let is_there = timeout(PATIENCE, there).await.is_ok();
        assert!(is_there, "{what}: not on {}:\n{}", self.url().await, self.page_text().await);
    }

    /// Waits for a text in the page.
    pub(super) async fn until_text(&self, text: &str) {
        let script = format!("document.body.innerText.includes({})", json!(text));
        self.until(text, &script).await;
    }

    /// Presses a key, for the element that has the focus.
    pub(super) async fn press(&self, key: PressedKey) {
        let code = match key {
            PressedKey::Tab => "\u{e004}",
            PressedKey::Enter => "\u{e007}",
            PressedKey::Space => " ",
        };
        self.type_text(code).await;
    }

    /// Types for the element that has the focus.
    pub(super) async fn type_text(&self, text: &str) {
        let keys = text.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}))
        });
        let keys: Vec<_> = keys.collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": keys}]});
        self.post("/actions", &actions).await;
    }

    /// Presses Tab until the focus is on an element of this selector.
    pub(super) async fn tab_to(&self, css: &str) {
        let script = format!("return document.activeElement?.matches({})", json!(css));
        for _ in 0..200 {
            self.press(PressedKey::Tab).await;
            if self.run(&script).await == json!(true) {
                return;
            }
        }
        panic!("{css} is not reached by Tab on {}", self.url().await);
    }

    /// A picture of the window, or of the whole page, as PNG in Base64.
    pub(super) async fn picture(&self, is_whole: bool) -> String {
        let parameters = json!({"format": "png", "captureBeyondViewport": is_whole});
        let taken = self.devtools("Page.captureScreenshot", parameters).await;
        taken["data"].as_str().expect("a picture").to_owned()
    }

    /// The size of the window and the colours that the reader prefers.
    pub(super) async fn look(&self, width: u32, height: u32, scheme: &str) {
        let size =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let features = json!({"features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// Switches scripts on or off, for the next page.
    pub(super) async fn scripts(&self, are_on: bool) {
        let off = json!({ "value": !are_on });
        self.devtools("Emulation.setScriptExecutionDisabled", off).await;
    }

    /// What the console of the browser says, such as errors and reports of the content policy,
    /// since the last time.
    pub(super) async fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"})).await;
        let entries = entries.as_array().expect("a list").iter();
        entries.map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// The URLs that the browser has requested since the last time.
    pub(super) async fn requests(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "performance"})).await;
        let entries = entries.as_array().expect("a list").iter();
        let urls = entries.filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            (message["method"] == "Network.requestWillBeSent")
                .then(|| message["params"]["request"]["url"].as_str().map(str::to_owned))?
        });
        urls.collect()
    }
}

impl Drop for WebBrowser {
    fn drop(&mut self) {
        // The driver ends its browser at the end of the session.
        let host = self.session.split('/').nth(2).unwrap_or_default();
        let path = self.session.split_once(host).map_or("", |(_, path)| path);
        if let Ok(mut stream) = TcpStream::connect(host) {
            let _ = write!(stream, "DELETE {path} HTTP/1.0\r\nHost: {host}\r\n\r\n");
            let _ = stream.set_read_timeout(Some(PATIENCE));
            let _ = stream.read_to_end(&mut Vec::new());
        }
        // If it could not, the browser is still in the driver's group.
        let group = format!("-{}", self.driver.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.driver.wait();
    }
}

fn capabilities(browser: &WebBrowser) -> Value {
    let profile = browser.profile.path().join("profile");
    let profile = format!("--user-data-dir={}", profile.display());
    let flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-default-apps",
        "--lang=en-US",
        "--force-device-scale-factor=1",
        &profile,
    ];
    json!({"capabilities": {"alwaysMatch": {
        "browserName": "chrome",
        "goog:chromeOptions": {"args": flags},
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
    }}})
}
