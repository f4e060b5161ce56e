//! The pictures in the documentation.
//!
//! `make docs-pictures` writes them again. A picture differs from machine to machine by its fonts, so
//! it is not compared; that the pages are there and fit is tested elsewhere.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postmeter::clock::Clock;
use postmeter::synth::{Generator, Profile};
use serde_json::json;

use super::Scene;
use super::accessible::follow_forms;
use crate::support::command::project_file;
use crate::support::ses_client::counts_by;

const FOLDER: &str = "docs/pictures";
/// Most bytes of a picture of the documentation, and of a whole page.
const BYTES_MAX: usize = 200 << 10;
const PAGE_BYTES_MAX: usize = 600 << 10;

/// The pages that the documentation shows, with the names of their pictures.
const PICTURES: [(&str, &str, u32, &str); 4] = [
    ("/", "console-overview", 1280, "light"),
    ("/configuration-sets/prod/event-destinations/counts", "console-destination", 1280, "light"),
    ("/series", "console-series", 1280, "dark"),
    ("/", "console-narrow", 360, "dark"),
];

/// Every page, with the name of its pictures: on a telephone, dark, and on a wide screen, light.
const PAGES: [(&str, &str); 13] = [
    ("/", "overview"),
    ("/configuration-sets", "sets"),
    ("/create-configuration-set", "create-set"),
    ("/configuration-sets/prod", "set"),
    ("/configuration-sets/prod/general", "general"),
    ("/configuration-sets/prod/delete", "delete-set"),
    ("/configuration-sets/prod/add-destination", "wizard-1"),
    ("/configuration-sets/prod/event-destinations/counts", "destination"),
    ("/configuration-sets/prod/event-destinations/counts/edit/destination", "edit"),
    ("/configuration-sets/prod/event-destinations/counts/delete", "delete-destination"),
    ("/series", "series"),
    ("/explain", "explain"),
    ("/health", "health"),
];

/// A scene after nearly three hours of traffic.
async fn busy() -> Option<Scene> {
    const SECONDS: u32 = 10_500;
    const REQUESTS: u32 = 20;
    const EVENTS: u32 = 400;
    let scene = Scene::start(|_| {}).await?;
    let mut destination = counts_by(&["campaign", "genre"]);
    destination["MatchingEventTypes"] = json!(["SEND", "DELIVERY", "BOUNCE", "OPEN"]);
    scene.ses.create_set("prod").await;
    scene.ses.create("prod", "counts", &destination).await;
    let mut events = Generator::new(Profile {
        start_ms: Clock::System.now_ms() - i64::from(SECONDS) * 1000,
        events_per_second: f64::from(REQUESTS * EVENTS) / f64::from(SECONDS),
        configuration_sets: vec!["prod".to_owned()],
        campaigns: 6,
        genres: 3,
        ..Profile::default()
    });
    for request in 0..REQUESTS {
        let records = events.by_ref().take(EVENTS as usize).map(|event| event.json);
        let records: Vec<_> = records.collect();
        let reply = scene.app.firehose().deliver(&request.to_string(), &records).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
    scene.app.settled().await;
    Some(scene)
}

/// Takes a picture if they are to be written, and checks the one that is there.
async fn take(scene: &Scene, name: &str, width: u32, scheme: &str) {
    let file = project_file(FOLDER).join(format!("{name}.png"));
    let is_whole = name.starts_with("pages/");
    if std::env::var_os("POSTMETER_WRITE_PICTURES").is_some_and(|value| value == "1") {
        let hidden = json!({ "hidden": true });
        scene.browser.devtools("Emulation.setScrollbarsHidden", hidden).await;
        scene.browser.look(width, 900, scheme).await;
        let picture = STANDARD.decode(scene.browser.picture(is_whole).await).expect("Base64");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, picture).expect("it can be written");
    }
    let picture = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    assert!(picture.starts_with(b"\x89PNG"), "{name}");
    let bytes_max = if is_whole { PAGE_BYTES_MAX } else { BYTES_MAX };
    assert!(picture.len() < bytes_max, "{name} has {} bytes", picture.len());
}

/// A whole page, narrow and wide.
async fn take_page(scene: &Scene, name: &str) {
    take(scene, &format!("pages/{name}-360"), 360, "dark").await;
    take(scene, &format!("pages/{name}-1600"), 1600, "light").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_show_the_pages() {
    let Some(scene) = busy().await else { return };
    for (path, name, width, scheme) in PICTURES {
        scene.open(path).await;
        take(&scene, name, width, scheme).await;
    }
    for (path, name) in PAGES {
        scene.open(path).await;
        take_page(&scene, name).await;
    }
    scene.open("/series").await;
    scene.browser.click("main tbody th a").await;
    scene.browser.until_text("of one series").await;
    take_page(&scene, "one-series").await;
    follow_forms(&scene, async |page| take_page(&scene, page).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_show_the_sign_in() {
    let Some(scene) = Scene::with_sign_in().await else { return };
    scene.open("/").await;
    take_page(&scene, "sign-in").await;
}
