//! The pictures in the documentation.
//!
//! `make docs-pictures` writes them again. A picture differs from machine to machine by its fonts, so
//! it is not compared; that the pages are there and fit is tested elsewhere.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::accessible::counted;
use crate::support::command::project_file;

const FOLDER: &str = "docs/pictures";

/// The pages that the documentation shows, with the names of their pictures.
const PICTURES: [(&str, &str, u32, &str); 4] = [
    ("/", "console-overview", 1280, "light"),
    ("/configuration-sets/prod/event-destinations/counts", "console-destination", 1280, "light"),
    ("/series", "console-series", 1280, "dark"),
    ("/", "console-narrow", 360, "dark"),
];

/// Every page, with the name of its pictures: on a telephone, dark, and on a wide screen, light.
const PAGES: [(&str, &str); 11] = [
    ("/", "overview"),
    ("/configuration-sets", "sets"),
    ("/create-configuration-set", "create-set"),
    ("/configuration-sets/prod", "set"),
    ("/configuration-sets/prod/general", "general"),
    ("/configuration-sets/prod/add-destination", "wizard"),
    ("/configuration-sets/prod/event-destinations/counts", "destination"),
    ("/configuration-sets/prod/event-destinations/counts/edit/destination", "edit"),
    ("/series", "series"),
    ("/explain", "explain"),
    ("/health", "health"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_show_the_pages() {
    let is_written = std::env::var_os("POSTMETER_WRITE_PICTURES").is_some_and(|value| value == "1");
    let Some(scene) = counted().await else { return };
    let screens = [(360, "dark"), (1600, "light")];
    let all = PAGES.iter().flat_map(|(path, name)| {
        screens.map(|(width, scheme)| (*path, format!("pages/{name}-{width}"), width, scheme))
    });
    let shown = PICTURES.map(|(path, name, width, scheme)| (path, name.to_owned(), width, scheme));
    for (path, name, width, scheme) in shown.into_iter().chain(all) {
        let file = project_file(FOLDER).join(format!("{name}.png"));
        let is_whole = name.starts_with("pages/");
        if is_written {
            scene.browser.look(width, 900, scheme).await;
            let hidden = json!({ "hidden": true });
            scene.browser.devtools("Emulation.setScrollbarsHidden", hidden).await;
            scene.open(path).await;
            let picture = STANDARD.decode(scene.browser.picture(is_whole).await).expect("Base64");
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(&file, picture).expect("it can be written");
        }
        let picture = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(picture.starts_with(b"\x89PNG"), "{name}");
        let bytes_max = if is_whole { 600 << 10 } else { 200 << 10 };
        assert!(picture.len() < bytes_max, "{name} has {} bytes", picture.len());
    }
}
