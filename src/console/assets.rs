//! The stylesheet and the scripts, in the binary.
//!
//! Their address has the hash of all of them, so a browser may keep them for good, and modules can
//! import each other by relative names.

use sha2::{Digest, Sha256};

use crate::api::hex;

/// One file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asset {
    pub name: &'static str,
    pub content_type: &'static str,
    pub text: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file, the stylesheet first.
pub(super) const ASSETS: &[Asset] = &[
    Asset { name: "console.css", content_type: CSS, text: include_str!("assets/console.css") },
    Asset { name: "icon.svg", content_type: SVG, text: include_str!("assets/icon.svg") },
    Asset { name: "console.js", content_type: SCRIPT, text: include_str!("assets/console.js") },
    Asset { name: "format.js", content_type: SCRIPT, text: include_str!("assets/format.js") },
    Asset { name: "live.js", content_type: SCRIPT, text: include_str!("assets/live.js") },
];

/// The files and where they are.
#[derive(Debug)]
pub(super) struct Assets {
    version: String,
}

// === impl Assets ===

impl Assets {
    pub(super) fn new() -> Self {
        let mut hash = Sha256::new();
        for asset in ASSETS {
            hash.update(asset.name);
            hash.update([0]);
            hash.update(asset.text);
            hash.update([0]);
        }
        let version = hex(&hash.finalize()[..8]);
        Self { version }
    }

    /// The path of the directory that has them.
    pub(super) fn directory(&self) -> String {
        format!("/assets/{}", self.version)
    }

    /// The file of a version; those of other versions are gone.
    pub(super) fn find(&self, version: &str, name: &str) -> Option<&'static Asset> {
        ASSETS.iter().find(|asset| asset.name == name && version == self.version)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn assets_have_at_most_70_kb_in_gzip() {
        let sizes = ASSETS.iter().map(|asset| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(asset.text.as_bytes()).expect("memory");
            gzip.finish().expect("memory").len()
        });
        let bytes: usize = sizes.sum();
        assert!(bytes <= 70_000, "{bytes}");
    }

    #[test]
    fn assets_load_nothing_from_elsewhere() {
        for asset in ASSETS {
            let text = asset.text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("://") && !text.contains("@import"), "{}", asset.name);
        }
    }

    #[test]
    fn asset_of_another_version_is_not_found() {
        let assets = Assets::new();
        let version = assets.directory().rsplit('/').next().expect("a part").to_owned();
        assert!(assets.find(&version, "console.css").is_some());
        assert!(assets.find(&version, "other.css").is_none());
        assert!(assets.find("0", "console.css").is_none());
    }
}
