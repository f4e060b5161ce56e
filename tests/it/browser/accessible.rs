//! Every page passes the rules of axe, in light and dark, and has room on a narrow screen.

use serde_json::{Value, json};

use super::Scene;

/// Every page with something to show, by its address.
async fn pages(scene: &Scene) -> Vec<String> {
    let destination = "/configuration-sets/prod/event-destinations/counts";
    let mut pages: Vec<String> = [
        "/",
        "/configuration-sets",
        "/create-configuration-set",
        "/configuration-sets/prod",
        "/configuration-sets/prod/general",
        "/configuration-sets/prod/delete",
        "/configuration-sets/prod/add-destination",
        "/series",
        "/series?namespace=nothing",
        "/series/one?namespace=nothing",
        "/explain",
        "/health",
        "/no-such-page",
    ]
    .map(str::to_owned)
    .into();
    for end in ["", "/edit/event-types", "/edit/destination", "/delete"] {
        pages.push(format!("{destination}{end}"));
    }
    scene.open("/series").await;
    let script = "return document.querySelector('tbody a').getAttribute('href')";
    let one = scene.browser.run(script).await;
    pages.push(one.as_str().expect("a link").to_owned());
    pages
}

/// What axe finds on the page of now, in the colours of both schemes.
async fn assert_accessible(scene: &Scene, page: &str) {
    for scheme in ["light", "dark"] {
        scene.browser.look(1280, 900, scheme).await;
        let violations = violations(scene).await;
        assert_eq!(violations, json!([]), "{page}, {scheme}: {violations:#}");
    }
}

async fn violations(scene: &Scene) -> Value {
    let axe = std::fs::read_to_string(&scene.axe).expect("axe can be read");
    scene.browser.run(&format!("{axe}; return true")).await;
    let script = "const done = arguments[arguments.length - 1]; \
        axe.run(document, {resultTypes: ['violations']}).then( \
            found => done(found.violations.map(rule => [rule.id, rule.nodes.map(node => node.html)])), \
            error => done(String(error)))";
    scene.browser.run_async(script).await
}

/// Goes to the pages that a form leads to, and shows each by a name.
pub(super) async fn follow_forms(scene: &Scene, show: impl AsyncFn(&'static str)) {
    let browser = &scene.browser;
    scene.open("/explain").await;
    browser.fill("#event", &super::event("Send", "spring")).await;
    browser.click("main form button[type=submit]").await;
    browser.until_text("Send event").await;
    show("explained").await;

    scene.open("/configuration-sets/prod/add-destination").await;
    browser.click("button.primary[value=next]").await;
    browser.until("an error", "document.querySelector('[role=alert]')").await;
    show("wizard-1-error").await;
    browser.click("#type-SEND").await;
    browser.click("button.primary[value=next]").await;
    browser.until_text("Step 2: Specify destination").await;
    show("wizard-2").await;
    browser.fill("#name", "two words").await;
    browser.click("button.primary[value=next]").await;
    browser.until("an error", "document.querySelector('[role=alert]')").await;
    show("wizard-2-errors").await;
    browser.fill("#name", "second").await;
    browser.fill("#dimension-0-name", "campaign").await;
    browser.fill("#dimension-0-default", "none").await;
    browser.click("button.quiet[value=preview]").await;
    browser.until_text("of them match").await;
    show("wizard-2-preview").await;
    browser.click("button.primary[value=next]").await;
    browser.until_text("Step 3: Review").await;
    show("wizard-3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_on_any_page() {
    let Some(scene) = Scene::counted().await else { return };
    for page in pages(&scene).await {
        scene.open(&page).await;
        assert_accessible(&scene, &page).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_where_forms_lead() {
    let Some(scene) = Scene::counted().await else { return };
    follow_forms(&scene, async |page| assert_accessible(&scene, page).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn axe_finds_nothing_where_one_signs_in() {
    let Some(scene) = Scene::with_sign_in().await else { return };
    scene.open("/").await;
    scene.browser.until_text("Sign in").await;
    assert_accessible(&scene, "sign in").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_fit_a_screen_of_360_pixels() {
    let Some(scene) = Scene::counted().await else { return };
    for page in pages(&scene).await {
        scene.open(&page).await;
        for width in [360, 1600] {
            scene.browser.look(width, 800, "light").await;
            let script = "const page = document.documentElement; \
                return page.scrollWidth <= page.clientWidth";
            assert_eq!(scene.browser.run(script).await, json!(true), "{page} at {width}");
        }
    }
    // Pages that are not there say so.
    let complaints = scene.browser.complaints().await;
    assert!(complaints.iter().all(|line| line.contains("404")), "{complaints:#?}");
}
