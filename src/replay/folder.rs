//! Objects in local folders.

use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use super::listing_error::ListingError;
use super::object::{ObjectPlace, ObjectStamp};
use super::plan::{FoundObject, TooManyObjects};

/// Finds a file, or all files below a folder except hidden ones. Follows links to files, but links
/// to folders only at the top.
///
/// # Errors
/// What cannot be read; or an error of `each`.
pub(crate) fn list(
    path: &Path,
    each: &mut impl FnMut(FoundObject) -> Result<(), TooManyObjects>,
) -> Result<(), ListingError> {
    let path = fs::canonicalize(path).map_err(ListingError::at(path))?;
    let metadata = fs::metadata(&path).map_err(ListingError::at(&path))?;
    if !metadata.is_dir() {
        return Ok(each(found(path, &metadata))?);
    }
    let mut folders = vec![path];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(ListingError::at(&folder))?;
        for entry in entries {
            let entry = entry.map_err(ListingError::at(&folder))?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
                continue;
            }
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let path = if is_link { fs::canonicalize(path) } else { Ok(path) };
            // A broken link is skipped.
            let Ok(path) = path else { continue };
            let metadata = fs::metadata(&path).map_err(ListingError::at(&path))?;
            if metadata.is_file() {
                each(found(path, &metadata))?;
            }
        }
    }
    Ok(())
}

fn found(path: PathBuf, metadata: &Metadata) -> FoundObject {
    let stamp = ObjectStamp::of(metadata);
    let written_ms = i64::try_from(stamp.written_ns / 1_000_000).unwrap_or(0);
    FoundObject { place: ObjectPlace::File { path, stamp }, bytes: stamp.bytes, written_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &Path) -> Result<Vec<String>, ListingError> {
        let mut names = Vec::new();
        list(path, &mut |found: FoundObject| {
            names.push(found.place.key().rsplit('/').next().unwrap_or_default().to_owned());
            Ok(())
        })?;
        names.sort();
        Ok(names)
    }

    #[test]
    fn files_are_found_in_nested_folders_except_hidden_ones() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        fs::create_dir_all(path.join("2026/11/21")).expect("folders");
        fs::create_dir_all(path.join(".git")).expect("folders");
        for name in ["a", "2026/b", "2026/11/21/c", ".hidden", ".git/d"] {
            fs::write(path.join(name), "x").expect("a file");
        }
        std::os::unix::fs::symlink(path, path.join("2026/loop")).expect("a link");
        std::os::unix::fs::symlink(path.join("gone"), path.join("nowhere")).expect("a link");
        assert_eq!(names(path).expect("it is there"), ["a", "b", "c"]);
        assert_eq!(names(&path.join(".hidden")).expect("it is named"), [".hidden"]);
        let error = names(&path.join("gone")).expect_err("it is not there").to_string();
        assert!(error.contains("gone"), "{error}");
    }
}
