//! The whole story of an event destination, by mouse and by keyboard alone.

use std::process::Command;

use serde_json::{Value, json};

use super::Scene;
use super::driver::{PressedKey, WebBrowser};
use crate::support::command::text;
use crate::support::installed::program;

/// How a person works with the pages.
#[derive(Clone, Copy, Debug)]
enum Hand {
    Mouse,
    Keyboard,
}

// === impl Hand ===

impl Hand {
    /// Follows a link or presses a button.
    async fn press(self, browser: &WebBrowser, css: &str) {
        match self {
            Self::Mouse => browser.click(css).await,
            Self::Keyboard => {
                browser.tab_to(css).await;
                browser.press(PressedKey::Enter).await;
            }
        }
    }

    async fn check(self, browser: &WebBrowser, css: &str) {
        match self {
            Self::Mouse => browser.click(css).await,
            Self::Keyboard => {
                browser.tab_to(css).await;
                browser.press(PressedKey::Space).await;
            }
        }
    }

    async fn write(self, browser: &WebBrowser, css: &str, text: &str) {
        match self {
            Self::Mouse => browser.fill(css, text).await,
            Self::Keyboard => {
                browser.tab_to(css).await;
                browser.type_text(text).await;
            }
        }
    }
}

const SET: &str = "/configuration-sets/prod";
const DESTINATION: &str = "/configuration-sets/prod/event-destinations/counts";

/// The destination as the SES API returns it.
fn expected(types: &[&str], enabled: bool) -> Value {
    let dimension = |name: &str| json!({"DimensionName": name, "DimensionValueSource": "MESSAGE_TAG", "DefaultDimensionValue": "none"});
    json!([{
        "Name": "counts",
        "Enabled": enabled,
        "MatchingEventTypes": types,
        "CloudWatchDestination": {
            "DimensionConfigurations": [dimension("campaign"), dimension("genre")],
        },
    }])
}

/// The SES API and the AWS CLI return these destinations.
async fn assert_stored(scene: &Scene, expected: &Value) {
    assert_eq!(scene.ses.destinations("prod").await, *expected);
    let Some(aws) = program("aws") else { return };
    let mut command = Command::new(aws);
    command.args(["sesv2", "get-configuration-set-event-destinations", "--output", "json"]);
    command.args(["--configuration-set-name", "prod"]);
    let url = format!("http://{}", scene.app.ses_api.expect("it listens"));
    command.envs([
        ("AWS_ENDPOINT_URL_SESV2", url.as_str()),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("it starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(found["EventDestinations"], *expected);
}

/// As [`assert_stored`], and the page of the destination shows the same.
async fn assert_shown(scene: &Scene, expected: &Value) {
    assert_stored(scene, expected).await;
    let script = "return document.querySelector('#copy-JSONofpostmeterwitheverything').textContent";
    let shown = scene.browser.run(script).await;
    let shown: Value = serde_json::from_str(shown.as_str().expect("a text")).expect("JSON");
    assert_eq!(shown, expected[0]);
    let page = scene.browser.text("main").await;
    let state = if expected[0]["Enabled"] == json!(true) { "Enabled" } else { "Disabled" };
    assert!(page.contains(state), "{page}");
}

async fn tell(hand: Hand) {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    let browser = &scene.browser;
    scene.ses.create_set("prod").await;
    scene.open("/").await;
    hand.press(browser, "nav a[href='/configuration-sets']").await;
    hand.press(browser, "main a[href='/configuration-sets/prod']").await;
    assert_stored(&scene, &json!([])).await;

    add(hand, &scene).await;
    assert_shown(&scene, &expected(&["BOUNCE", "SEND"], true)).await;
    let page = browser.text("main").await;
    for text in ["Sends", "Hard bounces", "campaign", "genre"] {
        assert!(page.contains(text), "{text}: {page}");
    }

    scene.send("first", &["spring", "spring", "summer"]).await;
    hand.press(browser, "nav a[href='/series']").await;
    browser.until_text("2 of 2 series match").await;
    hand.write(browser, "#dimension", "campaign=spring").await;
    hand.press(browser, "main form button[type=submit]").await;
    browser.until_text("1 of 2 series match").await;
    hand.press(browser, "main tbody th a").await;
    browser.until_text("Send of one series").await;
    assert_eq!(count(browser).await, 2);
    scene.send("second", &["spring"]).await;
    browser.reload().await;
    assert_eq!(count(browser).await, 3, "the metric moves");
    let spring = browser.url().await;

    scene.open(DESTINATION).await;
    hand.press(browser, &format!("main a[href='{DESTINATION}/edit/event-types']")).await;
    hand.check(browser, "#type-CLICK").await;
    hand.press(browser, "button.primary[value=save]").await;
    browser.until_text("The changes were saved.").await;
    assert_shown(&scene, &expected(&["BOUNCE", "CLICK", "SEND"], true)).await;

    hand.press(browser, &format!("form[action='{DESTINATION}/disable'] button")).await;
    browser.until_text("The event destination was disabled.").await;
    assert_shown(&scene, &expected(&["BOUNCE", "CLICK", "SEND"], false)).await;
    scene.send("third", &["spring"]).await;
    browser.open(&spring).await;
    assert_eq!(count(browser).await, 3, "nothing more is counted");

    scene.open(DESTINATION).await;
    hand.press(browser, &format!("form[action='{DESTINATION}/enable'] button")).await;
    browser.until_text("The event destination was enabled.").await;
    assert_shown(&scene, &expected(&["BOUNCE", "CLICK", "SEND"], true)).await;
    scene.send("fourth", &["spring"]).await;
    browser.open(&spring).await;
    assert_eq!(count(browser).await, 4);

    scene.open(DESTINATION).await;
    hand.press(browser, &format!("main a[href='{DESTINATION}/delete']")).await;
    hand.write(browser, "#confirm", "counts").await;
    hand.press(browser, "main form button.danger").await;
    browser.until_text("The event destination was deleted.").await;
    assert_stored(&scene, &json!([])).await;
    scene.assert_quiet().await;
}

/// Adds the destination in three steps.
async fn add(hand: Hand, scene: &Scene) {
    let browser = &scene.browser;
    hand.press(browser, &format!("main a[href='{SET}/add-destination']")).await;
    browser.until_text("Step 1: Select event types").await;
    hand.check(browser, "#type-SEND").await;
    hand.check(browser, "#type-BOUNCE").await;
    hand.press(browser, "button.primary[value=next]").await;
    browser.until_text("Step 2: Specify destination").await;
    hand.write(browser, "#name", "counts").await;
    hand.write(browser, "#dimension-0-name", "campaign").await;
    hand.write(browser, "#dimension-0-default", "none").await;
    hand.press(browser, "button[value=add-dimension]").await;
    browser.until("a second row", "document.querySelector('#dimension-1-name')").await;
    hand.write(browser, "#dimension-1-name", "genre").await;
    hand.write(browser, "#dimension-1-default", "none").await;
    assert_eq!(scene.ses.destinations("prod").await, json!([]), "nothing before the last step");
    hand.press(browser, "button.primary[value=next]").await;
    browser.until_text("Step 3: Review").await;
    hand.press(browser, "button.primary[value=create]").await;
    browser.until_text("The event destination was added.").await;
}

/// The number of counts on the page of a series.
async fn count(browser: &WebBrowser) -> u64 {
    let script = "return Number(document.querySelector('main dl data').value)";
    browser.run(script).await.as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn story_of_a_destination_is_told_by_mouse() {
    tell(Hand::Mouse).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn story_of_a_destination_is_told_by_keyboard() {
    tell(Hand::Keyboard).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn story_of_a_destination_is_told_without_scripts() {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    scene.ses.create_set("prod").await;
    scene.browser.scripts(false).await;
    scene.open(SET).await;
    add(Hand::Mouse, &scene).await;
    assert_eq!(scene.ses.destinations("prod").await, expected(&["BOUNCE", "SEND"], true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn second_of_two_editors_is_told_and_overwrites_nothing() {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    let browser = &scene.browser;
    scene.ses.create_set("prod").await;
    scene.open(SET).await;
    add(Hand::Mouse, &scene).await;
    browser.click(&format!("main a[href='{DESTINATION}/edit/event-types']")).await;
    browser.click("#type-CLICK").await;
    // Another editor, who is faster.
    let theirs = expected(&["OPEN"], true)[0].clone();
    scene.ses.update("prod", "counts", &theirs).await;
    browser.click("button.primary[value=save]").await;
    browser.until_text("changed by somebody else").await;
    assert_eq!(scene.ses.destinations("prod").await, expected(&["OPEN"], true));
}
