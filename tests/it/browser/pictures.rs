//! The pictures in the documentation.
//!
//! `make docs-pictures` writes them again. A picture differs from machine to machine by its fonts, so
//! it is not compared; that the pages are there and fit is tested elsewhere.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::accessible::{counted, pages};
use crate::support::command::project_file;

const FOLDER: &str = "docs/pictures";

/// The pages that the documentation shows, with the names of their pictures.
const PICTURES: [(&str, &str, u32, &str); 4] = [
    ("/", "console-overview", 1280, "light"),
    ("/configuration-sets/prod/event-destinations/counts", "console-destination", 1280, "light"),
    ("/series", "console-series", 1280, "dark"),
    ("/", "console-narrow", 360, "dark"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_show_the_pages() {
    let is_written = std::env::var_os("POSTMETER_WRITE_PICTURES").is_some_and(|value| value == "1");
    let everything = std::env::var_os("POSTMETER_EVERY_PICTURE");
    let Some(scene) = counted().await else { return };
    for (path, name, width, scheme) in PICTURES {
        let file = project_file(FOLDER).join(format!("{name}.png"));
        if is_written {
            scene.browser.look(width, 900, scheme).await;
            let hidden = json!({ "hidden": true });
            scene.browser.devtools("Emulation.setScrollbarsHidden", hidden).await;
            scene.open(path).await;
            let picture = STANDARD.decode(scene.browser.picture(false).await).expect("Base64");
            fs::create_dir_all(project_file(FOLDER)).expect("a folder");
            fs::write(&file, picture).expect("it can be written");
        }
        let picture = fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(picture.starts_with(b"\x89PNG") && picture.len() < 200 << 10, "{name}");
    }
    // For people who look at all pages.
    if let Some(folder) = everything {
        for (number, page) in pages(&scene).await.iter().enumerate() {
            for (width, scheme) in [(360, "dark"), (1600, "light")] {
                scene.browser.look(width, 900, scheme).await;
                scene.open(page).await;
                let picture = STANDARD.decode(scene.browser.picture(true).await).expect("Base64");
                let file = format!("{number:02}-{width}.png");
                fs::write(std::path::Path::new(&folder).join(file), picture).expect("a folder");
            }
        }
    }
}
