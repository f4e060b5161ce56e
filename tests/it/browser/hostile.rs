//! What others chose is text; what others send is rejected.

use hyper::Method;
use serde_json::json;

use super::Scene;
use crate::support::browser::Browser;

/// Markup, a control character, an escape sequence, and marks that turn the direction of text.
const PLANTED: &str = "<img src=x onerror=\"document.title='owned'\">\u{7}\u{1b}[31m\u{202e}gnp.exe\u{2066}</textarea><script>document.title='owned'</script>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_markup_is_text_on_every_page() {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    let browser = &scene.browser;
    scene.ses.create_set("prod").await;
    let body = json!({"ResourceArn": "arn:aws:ses:us-east-1:000000000000:configuration-set/prod",
        "Tags": [{"Key": "planted", "Value": "<b onclick=x>\u{202e}</b>"}]});
    // A set's tags may hold anything that a person wrote.
    let _ = scene.ses.ask(Method::POST, "/v2/email/tags", &body).await;
    let dimension = |source: &str, name: &str| json!({"DimensionName": name, "DimensionValueSource": source, "DefaultDimensionValue": "none"});
    let destination = json!({"Enabled": true, "MatchingEventTypes": ["SEND"], "CloudWatchDestination": {
        "DimensionConfigurations": [dimension("MESSAGE_TAG", "campaign"), dimension("EMAIL_HEADER", "X-Planted")],
    }});
    scene.ses.create("prod", "counts", &destination).await;
    let event = json!({"eventType": "Send", "mail": {
        "tags": {"ses:configuration-set": ["prod"], "campaign": [PLANTED], PLANTED: [PLANTED]},
        "headers": [{"name": "X-Planted", "value": PLANTED}, {"name": PLANTED, "value": PLANTED}],
    }})
    .to_string();
    let unknown = json!({"eventType": PLANTED, "mail": {}}).to_string();
    let reply = scene.app.firehose().deliver("planted", &[&event, &unknown]).await;
    assert_eq!(reply.status, 200);
    for page in
        ["/", "/configuration-sets/prod", "/configuration-sets/prod/add-destination", "/series"]
    {
        scene.open(page).await;
        assert_harmless(&scene, page).await;
    }
    for (text, shown) in [(&event, "not a valid dimension value"), (&unknown, "is not one of the")]
    {
        scene.open("/explain").await;
        let script = format!("document.querySelector('#event').value = {}", json!(text));
        browser.run(&script).await;
        browser.click("main form button[type=submit]").await;
        browser.until_text(shown).await;
        assert_harmless(&scene, "/explain").await;
        let result = browser.text("#result").await;
        assert!(result.contains("<img src=x"), "{result}");
        let is_plain = |letter: char| letter == '\n' || !letter.is_control();
        assert!(result.chars().all(is_plain) && !result.contains('\u{202e}'), "{result:?}");
    }
    // A search for it is shown as it was typed, in its field.
    let query = form_urlencoded::byte_serialize(PLANTED.as_bytes()).collect::<String>();
    scene.open(&format!("/series?namespace={query}&dimension={query}")).await;
    assert_harmless(&scene, "/series").await;
    scene.open(&format!("/series/one?namespace={query}&metric={query}")).await;
    assert_harmless(&scene, "/series/one").await;
    let complaints = browser.complaints().await;
    let is_expected = |line: &String| line.contains("404");
    assert!(complaints.iter().all(is_expected), "{complaints:#?}");
}

/// Nothing of it became an element.
async fn assert_harmless(scene: &Scene, page: &str) {
    let script = "return [document.title.includes('owned'), document.querySelectorAll('img').length, \
        document.querySelectorAll('script:not([src])').length, document.querySelectorAll('[onclick]').length]";
    assert_eq!(scene.browser.run(script).await, json!([false, 0, 0, 0]), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn form_of_another_site_changes_nothing() {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    let browser = &scene.browser;
    scene.ses.create_set("prod").await;
    // A page of another origin: it has no address at all.
    let form = format!(
        "<form method=post action='{}/create-configuration-set'><input name=name value=theirs></form>",
        scene.console
    );
    let encoded: String =
        percent_encoding::utf8_percent_encode(&form, percent_encoding::NON_ALPHANUMERIC)
            .to_string();
    browser.open(&format!("data:text/html,{encoded}")).await;
    browser.run("document.forms[0].submit()").await;
    browser.until("the answer", &format!("location.href.startsWith('{}')", scene.console)).await;
    assert_eq!(scene.ses.sets().await, json!(["prod"]));
    assert_eq!(scene.app.metric("postmeter_http_rejected_total{reason=\"cross_site\"}").await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn page_under_another_host_name_is_not_served() {
    let Some(scene) = Scene::start(|_| {}).await else { return };
    // What a name that was rebound to loopback would send.
    let client = Browser::new(scene.app.console.as_ref().expect("it listens").address);
    for path in ["/", "/live", "/series", "/explain"] {
        let page = client.send(Method::GET, path, "", &[("host", "rebound.example")]).await;
        assert_eq!(page.status, 421, "{path}");
    }
}
