//! The console, by plain HTTP: a browser without scripts.

use std::path::Path;
use std::time::Duration;

use hyper::Method;
use postmeter::app::Environment;
use postmeter::aws::AwsEnvironment;
use postmeter::clock::Clock;
use postmeter::config::{
    AccessKey, ApiAuth, Config, ConsoleRole, ConsoleUser, DefinitionsSource, Publish,
};
use serde_json::{Value, json};

use crate::support::app::TestApp;
use crate::support::browser::{Browser, Page};
use crate::support::command::{run, run_with_stdin, text};
use crate::support::ses_client::{SesClient, counts_by};

/// The hash of `correct horse`, with few passes, because tests sign in often.
const HASH: &str = "$argon2id$v=19$m=64,t=1,p=1$9J/YUlCabI2YI72fT56d/w$o6EFxULJMagbhXHdoVxIN4efafSNecikVBOaT7biCmQ";
const PASSWORD: &str = "correct horse";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The console on a free port, and the SES API beside it, with changes stored in a file.
fn with_console(config: &mut Config, definitions: &Path) {
    config.definitions = Some(DefinitionsSource::Path(definitions.to_owned()));
    config.definitions_interval = Duration::from_millis(50);
    config.console.listen = Some(([127, 0, 0, 1], 0).into());
    config.console.write = true;
    config.ses_api.listen = Some(([127, 0, 0, 1], 0).into());
    config.ses_api.auth = ApiAuth::None;
    config.ses_api.requests_per_second = 10_000;
}

struct Started {
    app: TestApp,
    browser: Browser,
    ses: SesClient,
    _folder: tempfile::TempDir,
}

async fn start_with(change: impl FnOnce(&mut Config)) -> Started {
    let aws = AwsEnvironment::Endpoint { url: "http://127.0.0.1:9".to_owned() };
    start_in(Environment { aws, ..Environment::default() }, change).await
}

async fn start_in(environment: Environment, change: impl FnOnce(&mut Config)) -> Started {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let app = TestApp::start_in(environment, |config| {
        config.cloudwatch.publish = Publish::Memory;
        with_console(config, &path);
        change(config);
    })
    .await;
    let browser = Browser::new(app.console.as_ref().expect("it listens").address);
    let ses = SesClient::new(app.ses_api.expect("it listens"));
    Started { app, browser, ses, _folder: folder }
}

async fn start() -> Started {
    start_with(|_| {}).await
}

fn user(name: &str, role: ConsoleRole) -> ConsoleUser {
    ConsoleUser { name: name.to_owned(), role, hash: AccessKey::new(HASH) }
}

async fn sign_in(browser: &Browser, name: &str, password: &str) -> Page {
    let page = browser.open("/sign-in").await;
    browser.submit(&page.form("/sign-in").with("name", name).with("password", password)).await
}

#[track_caller]
fn assert_status(page: &Page, status: u16) {
    assert_eq!(page.status, status, "{}: {}", page.path, page.text());
}

/// The wizard of a set up to its review, for sends and bounces by `campaign`.
async fn review(browser: &Browser, set: &str, name: &str) -> Page {
    let path = format!("/configuration-sets/{set}/add-destination");
    let page = browser.open(&path).await;
    assert!(page.text().contains("Step 1: Select event types"), "{}", page.text());
    let form = page.form(&path).and("type", "SEND").and("type", "BOUNCE").press("next");
    let page = browser.submit(&form).await;
    let form = page.form(&path).with("name", name).with("dimension.name", "campaign");
    let page = browser.submit(&form.with("dimension.default", "none").press("next")).await;
    assert!(page.text().contains("Add destination Cancel"), "{}", page.text());
    page
}

async fn add(browser: &Browser, set: &str, name: &str) -> Page {
    let path = format!("/configuration-sets/{set}/add-destination");
    let page = review(browser, set, name).await;
    let page = browser.submit(&page.form(&path).press("create")).await;
    assert_status(&page, 200);
    page
}

#[tokio::test]
async fn every_response_has_the_headers_and_only_assets_are_kept() {
    let started = start().await;
    let Started { browser, .. } = &started;
    let page = browser.open("/").await;
    let from = page.body.find("href=\"/assets/").expect("a stylesheet") + "href=\"".len();
    let asset = page.body[from..].split('"').next().expect("an address");
    for (path, status, cache) in [
        ("/", 200, "no-store"),
        ("/configuration-sets", 200, "no-store"),
        ("/no-such-page", 404, "no-store"),
        ("/livez", 200, "no-store"),
        ("/assets/0/console.css", 404, "no-store"),
        (asset, 200, "public, max-age=31536000, immutable"),
    ] {
        let page = browser.open(path).await;
        let header = |name: &str| page.headers[name].to_str().expect("text").to_owned();
        assert_eq!(page.status, status, "{path}");
        assert_eq!(header("content-security-policy"), POLICY, "{path}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header("cache-control"), cache, "{path}");
    }
    // No inline script or style, which the policy forbids.
    for path in ["/", "/configuration-sets", "/create-configuration-set"] {
        let body = browser.open(path).await.body;
        for inline in ["style=", "<style", " onclick=", " onload=", "javascript:"] {
            assert!(!body.contains(inline), "{inline}: {body}");
        }
        assert!(!body.replace("<script type=\"module\" src=", "").contains("<script"), "{body}");
    }
}

#[tokio::test]
async fn request_for_another_host_or_of_another_site_is_rejected() {
    let started = start().await;
    let Started { app, browser, .. } = &started;
    let create = "/create-configuration-set";
    let form = browser.open(create).await.form(create).with("name", "prod");
    let foreign = [
        &[("host", "example.com")][..],
        &[("origin", "https://example.com")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "null")],
    ];
    for headers in foreign {
        let page = browser.send(Method::POST, create, &form.encoded(), headers).await;
        assert!(matches!(page.status, 403 | 421), "{headers:?}: {}", page.status);
    }
    let rebound = browser.send(Method::GET, "/", "", &[("host", "example.com:8129")]).await;
    assert_status(&rebound, 421);
    // A form without the token, or with another one.
    for form in [form.clone().without("form_token"), form.clone().with("form_token", "1.x")] {
        assert_status(&browser.submit(&form).await, 403);
    }
    assert!(!browser.open("/configuration-sets").await.text().contains("prod"));
    let own = [("sec-fetch-site", "same-origin"), ("origin", "null")];
    let page = browser.send(Method::POST, create, &form.encoded(), &own).await;
    assert_status(&page, 303);
    assert_eq!(app.metric("postmeter_http_rejected_total{reason=\"form_token\"}").await, 2);
    for method in [Method::PUT, Method::DELETE] {
        assert_status(&browser.send(method, create, "", &[]).await, 405);
    }
}

#[tokio::test]
async fn wizard_makes_what_the_ses_api_makes() {
    let started = start().await;
    let Started { browser, ses, app, .. } = &started;
    let create = "/create-configuration-set";
    let form = browser.open(create).await.form(create).with("name", "prod");
    let page = browser.submit(&form).await;
    assert!(page.text().contains("The configuration set was created."), "{}", page.text());

    let page = review(browser, "prod", "counts").await;
    let text = page.text();
    for expected in [
        "Hard bounces, Sends",
        "Message tag",
        "aws sesv2 create-configuration-set-event-destination --cli-input-json",
        "AWS::SES::ConfigurationSetEventDestination",
        "SES can hold all of it.",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    assert_eq!(ses.destinations("prod").await, json!([]), "nothing before the last step");
    let path = "/configuration-sets/prod/add-destination";
    let page = browser.submit(&page.form(path).press("create")).await;
    assert_eq!(page.path, "/configuration-sets/prod/event-destinations/counts?done=created");

    ses.create_set("other").await;
    let mut definition = counts_by(&["campaign"]);
    definition["MatchingEventTypes"] = json!(["SEND", "BOUNCE"]);
    ses.create("other", "counts", &definition).await;
    assert_eq!(ses.destinations("prod").await, ses.destinations("other").await);
    assert_eq!(app.metric("postmeter_console_changes_total{outcome=\"answered\"}").await, 2);
}

#[tokio::test]
async fn wizard_keeps_entries_over_errors_rows_and_steps_back() {
    let started = start().await;
    let Started { browser, ses, .. } = &started;
    ses.create_set("prod").await;
    let path = "/configuration-sets/prod/add-destination";
    let page = browser.open(path).await;
    let page = browser.submit(&page.form(path).press("next")).await;
    assert_status(&page, 400);
    assert!(page.body.contains("href=\"#types\"") && page.body.contains("role=\"alert\""));
    let page = browser.submit(&page.form(path).press("select-all")).await;
    assert_eq!(page.form(path).fields.iter().filter(|(name, _)| name == "type").count(), 10);
    let page = browser.submit(&page.form(path).press("next")).await;

    let form = page.form(path).with("name", "two words").with_row(0, "dimension.name", "campaign");
    let page = browser.submit(&form.press("next")).await;
    assert_status(&page, 400);
    for field in ["name", "dimension-0-default"] {
        assert!(page.body.contains(&format!("href=\"#{field}\"")), "{field}");
        assert!(page.body.contains(&format!("id=\"{field}-error\"")), "{field}");
    }
    let page = browser.submit(&page.form(path).press("add-dimension")).await;
    let page = browser.submit(&page.form(path).press("add-field")).await;
    let form = page.form(path).with("name", "all").with_row(0, "dimension.default", "none");
    let form = form.with_row(1, "dimension.first", "EMAIL_HEADER");
    let form =
        form.with_row(1, "dimension.name", "x-team").with_row(1, "dimension.default", "none");
    let form = form.with_row(0, "field.first", "mailbox_provider");
    let form = form.with_row(0, "field.default", "other").with("namespace", "Own");
    let form = form.with("count_by", "sets").with("sets", "campaign, x-team\nmailbox_provider");
    let page = browser.submit(&form.and("total", "on").press("next")).await;
    assert_status(&page, 200);
    assert!(page.text().contains("SES cannot hold all of it:"), "{}", page.text());
    let page = browser.submit(&page.form(path).press("back")).await;
    let form = page.form(path);
    assert_eq!(form.value("namespace"), Some("Own"));
    let page = browser.submit(&form.press("remove-dimension.1")).await;
    let form = page.form(path).with("sets", "campaign\nmailbox_provider");
    let page = browser.submit(&form.press("next")).await;
    let page = browser.submit(&page.form(path).press("create")).await;
    assert_status(&page, 200);

    let stored = stored(ses, "all").await;
    assert_eq!(stored["Namespace"], "Own");
    assert_eq!(stored["DimensionSets"], json!([[], ["campaign"], ["mailbox_provider"]]));
    assert_eq!(stored["EventDimensions"][0]["Field"], "mailbox_provider");
    // A second one of the same name.
    let page = browser.open(path).await;
    let page = browser.submit(&page.form(path).and("type", "SEND").press("next")).await;
    let form = page.form(path).with("name", "all").with("dimension.name", "a");
    let page = browser.submit(&form.with("dimension.default", "b").press("next")).await;
    assert_status(&page, 400);
    assert!(page.text().contains("Event destination all exists already."), "{}", page.text());
}

/// The extensions of a destination of the set `prod`.
async fn stored(ses: &SesClient, name: &str) -> Value {
    let path = format!("/postmeter/v1/configuration-sets/prod/event-destinations/{name}");
    let (status, _, body) = ses.ask(Method::GET, &path, &Value::Null).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn destination_is_edited_disabled_enabled_and_deleted() {
    let started = start().await;
    let Started { browser, ses, .. } = &started;
    ses.create_set("prod").await;
    let path = "/configuration-sets/prod/event-destinations/counts";
    add(browser, "prod", "counts").await;
    let first = async || ses.destinations("prod").await[0].clone();

    let edit = format!("{path}/edit/event-types");
    let form = browser.open(&edit).await.form(&edit).without("type").and("type", "CLICK");
    let page = browser.submit(&form.press("save")).await;
    assert!(page.text().contains("The changes were saved."), "{}", page.text());
    assert_eq!(first().await["MatchingEventTypes"], json!(["CLICK"]));

    let edit = format!("{path}/edit/destination");
    let form = browser.open(&edit).await.form(&edit).with_row(0, "dimension.first", "LINK_TAG");
    assert_status(&browser.submit(&form.press("save")).await, 200);
    let dimension = &first().await["CloudWatchDestination"]["DimensionConfigurations"][0];
    assert_eq!(dimension["DimensionValueSource"], "LINK_TAG");

    for (button, enabled) in [("disable", false), ("enable", true)] {
        let action = format!("{path}/{button}");
        let form = browser.open(path).await.form(&action);
        let page = browser.submit(&form).await;
        assert!(page.text().contains(&format!("The event destination was {button}d.")));
        assert_eq!(first().await["Enabled"], enabled);
    }

    let delete = format!("{path}/delete");
    let form = browser.open(&delete).await.form(&delete);
    assert_status(&browser.submit(&form.clone().with("confirm", "other")).await, 400);
    assert_eq!(first().await["Name"], "counts");
    let page = browser.submit(&form.with("confirm", "counts")).await;
    assert!(page.text().contains("The event destination was deleted."), "{}", page.text());
    assert_eq!(ses.destinations("prod").await, json!([]));
    assert_status(&browser.open(path).await, 404);
}

#[tokio::test]
async fn second_of_two_editors_is_told_and_loses_nothing() {
    let started = start().await;
    let Started { browser, ses, .. } = &started;
    ses.create_set("prod").await;
    add(browser, "prod", "counts").await;
    let path = "/configuration-sets/prod/event-destinations/counts";
    let edit = format!("{path}/edit/destination");
    let mine = browser.open(&edit).await.form(&edit).with("dimension.name", "mine");
    let disable = browser.open(path).await.form(&format!("{path}/disable"));
    let delete_path = format!("{path}/delete");
    let delete = browser.open(&delete_path).await.form(&delete_path).with("confirm", "counts");
    // Somebody else changes it, by the SES API.
    ses.update("prod", "counts", &counts_by(&["theirs"])).await;
    let theirs = ses.destinations("prod").await;

    let page = browser.submit(&mine.press("save")).await;
    assert_status(&page, 409);
    let text = page.text();
    assert!(text.contains("changed by somebody else") && text.contains("theirs"), "{text}");
    let again = page.form(&edit);
    assert_eq!(again.value("dimension.name"), Some("mine"), "the entries are kept");
    for form in [disable, delete] {
        assert_status(&browser.submit(&form).await, 409);
    }
    assert_eq!(ses.destinations("prod").await, theirs, "nothing was overwritten");
    // Having seen theirs, the editor may replace it.
    assert_status(&browser.submit(&again.press("save")).await, 200);
    let name = &ses.destinations("prod").await[0]["CloudWatchDestination"]["DimensionConfigurations"]
        [0]["DimensionName"];
    assert_eq!(name, "mine");
}

#[tokio::test]
async fn general_settings_are_saved_and_the_set_is_deleted() {
    let started = start().await;
    let Started { browser, ses, .. } = &started;
    ses.create_set("prod").await;
    let path = "/configuration-sets/prod/general";
    let form = browser.open(path).await.form(path).with("namespace", "Mail");
    let form = form.with_row(0, "tag.key", "team").with_row(0, "tag.value", "<b>&\"mail\"");
    let stale = form.clone();
    let page = browser.submit(&form).await;
    assert!(page.text().contains("The changes were saved."), "{}", page.text());
    assert_eq!(page.form(path).value("tag.value"), Some("<b>&\"mail\""));
    assert!(!page.body.contains("<b>"), "{}", page.body);
    assert_status(&browser.submit(&stale).await, 409);
    let again = browser.open(path).await.form(path);
    let repeated = again.with_row(1, "tag.key", "team");
    assert_status(&browser.submit(&repeated).await, 400);
    let (_, _, extensions) =
        ses.ask(Method::GET, "/postmeter/v1/configuration-sets/prod", &Value::Null).await;
    assert_eq!(extensions["Namespace"], "Mail");
    let (_, _, set) = ses.ask(Method::GET, "/v2/email/configuration-sets/prod", &Value::Null).await;
    assert_eq!(set["Tags"], json!([{"Key": "team", "Value": "<b>&\"mail\""}]));

    let delete = "/configuration-sets/prod/delete";
    let form = browser.open(delete).await.form(delete);
    let page = browser.submit(&form.with("confirm", "prod")).await;
    assert!(page.text().contains("The configuration set was deleted."), "{}", page.text());
    assert_status(&browser.open(path).await, 404);
}

#[tokio::test]
async fn console_without_write_or_with_a_variable_only_shows() {
    let started = start_with(|config| config.console.write = false).await;
    let Started { browser, ses, .. } = &started;
    ses.create_set("prod").await;
    ses.create("prod", "counts", &counts_by(&["campaign"])).await;
    let set = browser.open("/configuration-sets/prod").await;
    assert!(set.text().contains("The console only shows definitions."), "{}", set.text());
    assert!(!set.text().contains("Add destination"), "{}", set.text());
    let destination = "/configuration-sets/prod/event-destinations/counts";
    let page = browser.open(destination).await;
    assert!(!page.body.contains("/disable") && !page.body.contains("/edit/"), "{}", page.body);
    for path in ["/create-configuration-set", "/configuration-sets/prod/add-destination"] {
        assert_status(&browser.open(path).await, 403);
    }
    let aws = AwsEnvironment::Endpoint { url: "http://127.0.0.1:9".to_owned() };
    let app = TestApp::start_in(Environment { aws, ..Environment::default() }, |config| {
        config.cloudwatch.publish = Publish::Memory;
        config.definitions = None;
        config.console.listen = Some(([127, 0, 0, 1], 0).into());
        config.console.write = true;
    })
    .await;
    let browser = Browser::new(app.console.as_ref().expect("it listens").address);
    let list = browser.open("/configuration-sets").await;
    assert!(list.text().contains("Create set"), "definitions in memory may change");
}

#[tokio::test]
async fn users_sign_in_with_their_roles() {
    let users = vec![user("ada", ConsoleRole::Writer), user("rob", ConsoleRole::Reader)];
    let started = start_with(move |config| config.console.users = users).await;
    let Started { browser, ses, app, .. } = &started;
    ses.create_set("prod").await;
    let page = browser.open("/configuration-sets/prod").await;
    assert_eq!(page.path, "/sign-in?next=%2Fconfiguration-sets%2Fprod");
    // A script gets a status, not a page.
    let live = browser.send(Method::GET, "/series", "", &[("accept", "text/event-stream")]).await;
    assert_status(&live, 401);

    let form = page.form("/sign-in").with("name", "ada").with("password", PASSWORD);
    let wrong = browser.submit(&form.clone().with("password", "wrong")).await;
    assert_status(&wrong, 401);
    assert!(wrong.text().contains("The name or the password is wrong."), "{}", wrong.text());
    assert!(!wrong.body.contains("value=\"wrong\""), "the password is not sent back");
    let page = browser.submit(&form).await;
    assert_eq!(page.path, "/configuration-sets/prod", "it goes on where it was");
    assert!(page.text().contains("ada (writer) Sign out"), "{}", page.text());
    add(browser, "prod", "counts").await;

    let reader = Browser::new(app.console.as_ref().expect("it listens").address);
    let page = sign_in(&reader, "rob", PASSWORD).await;
    assert!(page.text().contains("rob (reader)"), "{}", page.text());
    let path = "/configuration-sets/prod/event-destinations/counts";
    let page = reader.open(path).await;
    assert!(page.text().contains("rob has the role reader"), "{}", page.text());
    // The writer's form is of another session.
    let form = browser.open(path).await.form(&format!("{path}/disable"));
    assert_status(&reader.submit(&form).await, 403);
    // With a token of the reader's own.
    let token = page.form("/sign-out").value("form_token").expect("a token").to_owned();
    assert_status(&reader.submit(&form.with("form_token", &token)).await, 403);
    assert_eq!(ses.destinations("prod").await[0]["Enabled"], true);

    let out = browser.open("/").await.form("/sign-out");
    assert_eq!(browser.submit(&out).await.path, "/sign-in");
    assert!(browser.open("/health").await.path.starts_with("/sign-in"));
}

#[tokio::test]
async fn session_expires_and_a_changed_cookie_is_rejected() {
    let clock = Clock::manual(1_795_348_800_000);
    let aws = AwsEnvironment::Endpoint { url: "http://127.0.0.1:9".to_owned() };
    let environment = Environment { clock: clock.clone(), aws, ..Environment::default() };
    let users = vec![user("ada", ConsoleRole::Writer)];
    let started = start_in(environment, move |config| {
        config.console.users = users;
        config.console.session = Duration::from_hours(1);
    })
    .await;
    let Started { browser, .. } = &started;
    let page = sign_in(browser, "ada", PASSWORD).await;
    assert_status(&page, 200);
    let cookie = browser.cookie().expect("a session");
    let header = page.headers.get("set-cookie");
    assert!(header.is_none(), "only the sign-in sets it");
    browser.set_cookie(&cookie.replace("postmeter_session=", "postmeter_session=x"));
    assert!(browser.open("/").await.path.starts_with("/sign-in"));
    browser.set_cookie(&cookie);
    let create = "/create-configuration-set";
    let form = browser.open(create).await.form(create).with("name", "prod");
    clock.set_ms(1_795_348_800_000 + 3_600_000);
    assert_status(&browser.submit(&form).await, 401);
    assert!(browser.open("/").await.path.starts_with("/sign-in"));
}

#[tokio::test]
async fn sixth_attempt_to_sign_in_waits() {
    let users = vec![user("ada", ConsoleRole::Writer)];
    let started = start_with(move |config| config.console.users = users).await;
    let Started { browser, app, .. } = &started;
    for _ in 0..5 {
        assert_status(&sign_in(browser, "ada", "wrong").await, 401);
    }
    let page = sign_in(browser, "ada", PASSWORD).await;
    assert_status(&page, 429);
    let wait: u64 = page.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(app.metric("postmeter_http_rejected_total{reason=\"sign_in\"}").await, 6);
}

#[tokio::test]
async fn one_time_token_gets_in_once_where_others_share_the_loopback() {
    let aws = AwsEnvironment::Endpoint { url: "http://127.0.0.1:9".to_owned() };
    let environment = Environment { aws, in_container: true, ..Environment::default() };
    let started = start_in(environment, |_| {}).await;
    let Started { app, browser, .. } = &started;
    let entry = app.console.as_ref().expect("it listens");
    assert_status(&browser.open("/").await, 401);
    let url = entry.url();
    let path = &url[url.find("/?token=").expect("a token")..];
    let page = browser.open(path).await;
    assert_eq!((page.status, page.path.as_str()), (200, "/"), "the token leaves the address");
    assert_status(&browser.open("/configuration-sets").await, 200);
    let second = Browser::new(entry.address);
    assert_status(&second.open(path).await, 401);
    let again = entry.url();
    assert_status(&second.open(&again[again.find("/?token=").expect("a token")..]).await, 200);
}

#[tokio::test]
async fn markup_in_names_and_tags_is_text() {
    const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x>\u{202e}";
    let started = start().await;
    let Started { browser, ses, .. } = &started;
    ses.create_set("prod").await;
    let body = json!({"Tags": [{"Key": "<b>k</b>", "Value": HOSTILE}]});
    let arn = "arn:aws:ses:us-east-1:000000000000:configuration-set/prod";
    let path = "/v2/email/tags";
    let mut tag = body;
    tag["ResourceArn"] = json!(arn);
    let tagged = ses.ask(Method::POST, path, &tag).await;
    assert_eq!(tagged.0, 200, "{}", tagged.2);
    let encoded: String = form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20");
    let wizard = "/configuration-sets/prod/add-destination";
    let form = browser.open(wizard).await.form(wizard).and("type", "SEND").press("next");
    let page = browser.submit(&form).await;
    let hostile = page.form(wizard).with("name", HOSTILE).with("dimension.name", HOSTILE);
    let mut pages = vec![browser.submit(&hostile.press("next")).await];
    for path in [
        "/configuration-sets/prod/general".to_owned(),
        format!("/configuration-sets/{encoded}"),
        format!("/configuration-sets/prod/event-destinations/{encoded}"),
        format!("/configuration-sets?done={encoded}"),
    ] {
        pages.push(browser.open(&path).await);
    }
    for page in pages {
        assert!(!page.body.contains("<script>") && !page.body.contains("<img"), "{}", page.path);
        assert!(!page.body.contains("<b>"), "{}", page.path);
    }
}

#[test]
fn password_is_hashed_from_stdin_and_the_hash_is_a_user() {
    let hashed = run_with_stdin(&["hash-password"], b"correct horse battery\n");
    assert_eq!(hashed.status.code(), Some(0), "{}", text(&hashed.stderr));
    let hash = text(&hashed.stdout).trim().to_owned();
    for (stdin, arguments) in [
        (&b"short\n"[..], &["hash-password"][..]),
        (b"two lines\nof a password\n", &["hash-password"]),
        (b"", &["hash-password", "correct horse battery"]),
    ] {
        assert_eq!(run_with_stdin(arguments, stdin).status.code(), Some(2), "{arguments:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("postmeter.toml");
    let check = |users: &str| {
        let listen =
            "definitions = \"config/definitions.json\"\n[console]\nlisten = \"0.0.0.0:0\"\n";
        std::fs::write(&path, format!("{listen}{users}\n")).expect("it is written");
        let arguments = ["check", "--config", path.to_str().expect("text")];
        let output = run_with_stdin(&arguments, b"");
        (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
    };
    let (code, said) = check("");
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the console has no users; set console.users"), "{said}");
    let (code, said) = check(&format!("users = [\"ada:writer:{hash}\"]"));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("over plain HTTP, passwords included"), "{said}");
    assert!(!said.contains(&hash), "{said}");
}

/// Every figure of a preview is one that `postmeter plan` prints for the same events.
#[tokio::test]
async fn preview_is_what_plan_says_of_the_events() {
    const START_MS: i64 = 1_795_348_800_000;
    let clock = Clock::manual(START_MS);
    let aws = AwsEnvironment::Endpoint { url: "http://127.0.0.1:9".to_owned() };
    let environment = Environment { clock: clock.clone(), aws, ..Environment::default() };
    let started = start_in(environment, |_| {}).await;
    let Started { app, browser, ses, .. } = &started;
    ses.create_set("prod").await;
    // Twenty minutes with a few campaigns each, one without, and one that SES would drop.
    let mut all = Vec::new();
    for minute in 0..20 {
        clock.set_ms(START_MS + minute * 60_000);
        let campaigns: Vec<_> = (0..=minute % 4).map(|number| format!("c{number}")).collect();
        let mut tags: Vec<_> = campaigns.iter().map(|name| json!({"campaign": [name]})).collect();
        tags.extend([json!({}), json!({"campaign": [format!("two words {minute}")]})]);
        let time = postmeter::ses::Minute::of_ms(START_MS + minute * 60_000).to_string();
        let events: Vec<_> = tags
            .into_iter()
            .map(|mut tags| {
                tags["ses:configuration-set"] = json!(["prod"]);
                let mail = json!({"timestamp": time, "tags": tags});
                json!({"eventType": "Send", "mail": mail}).to_string()
            })
            .collect();
        let reply = app.firehose().deliver(&format!("minute-{minute}"), &events).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        all.extend(events);
    }

    let path = "/configuration-sets/prod/add-destination";
    let form = browser.open(path).await.form(path).and("type", "SEND").press("next");
    let form = browser.submit(&form).await.form(path).with("name", "counts");
    let form = form.with("dimension.name", "campaign").with("dimension.default", "none");
    let page = browser.submit(&form.press("preview")).await;
    assert_status(&page, 200);
    // Without the space that stands for the end of an element.
    let preview = page.text().replace(" :", ":");

    let folder = tempfile::tempdir().expect("a folder");
    let (definitions, events) = (folder.path().join("d.json"), folder.path().join("e.ndjson"));
    let mut destination = counts_by(&["campaign"]);
    destination["Name"] = json!("counts");
    let set = json!({"ConfigurationSetName": "prod", "EventDestinations": [destination]});
    let document = json!({"Version": 1, "ConfigurationSets": [set]});
    std::fs::write(&definitions, document.to_string()).expect("it is written");
    std::fs::write(&events, all.join("\n")).expect("it is written");
    let [definitions, events] = [&definitions, &events].map(|path| path.to_str().expect("UTF-8"));
    let output = run(&["plan", "--definitions", definitions, "--format", "json", events]);
    let plan: Value = serde_json::from_str(text(&output.stdout)).expect("JSON");
    let plan = &plan["destinations"][0];
    let number = |value: &Value| value.as_u64().expect("a number");
    let percent = |value: &Value| format!("{:.1} %", value.as_f64().expect("a share") * 100.0);

    let all = all.len();
    let lost = &plan["lost_at_ses"];
    assert_eq!((number(&plan["events"]), number(&lost["events"])), (all as u64, 20));
    let dollars = plan["dollars_a_month"]["at_this_rate"].as_f64().expect("dollars");
    let dimension = &plan["dimensions"][0];
    let mut expected = vec![
        format!("All {all} events of the last 20 minutes, of this task. {all} of them match."),
        format!("Series at least {}", number(&plan["series"])),
        format!("Dollars a month at least ${dollars:.2}"),
        format!("Lost at SES 20 events ({})", percent(&lost["share"])),
        format!("campaign: {} values", number(&dimension["values"])),
    ];
    let entries = |name: &str| dimension[name].as_array().expect("a list").clone();
    let share = |one: &Value| format!("{} ({})", number(&one["count"]), percent(&one["share"]));
    for value in entries("commonest").iter().take(5) {
        expected.push(format!("{}: {}", value["value"].as_str().expect("a text"), share(value)));
    }
    let defaults = entries("defaults");
    expected.extend(defaults.iter().map(|one| format!("Default for Send: {}", share(one))));
    let (invalid, form) = (entries("invalid"), "the form of a value");
    assert_eq!((defaults.len(), invalid.is_empty()), (1, false));
    expected.extend(invalid.iter().take(5).map(|one| {
        let (form, with) = (one["form"].as_str().expect(form), one["with"].as_str().expect(form));
        format!("Not valid: {form} (with {with}): {}", number(&one["count"]))
    }));
    for expected in expected {
        assert!(preview.contains(&expected), "{expected} is not in\n{preview}");
    }
}
