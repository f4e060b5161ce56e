//! Files and directories that only this user may read, and that are never written through a symbolic
//! link.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use rustix::io::Errno;

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Permissions of the group and of others.
const OTHERS: u32 = 0o077;

/// Options for a private file: created with mode 0600. Pass them to [`open`].
#[must_use]
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE_MODE);
    options
}

/// Opens a file, unless its path is a symbolic link.
///
/// # Errors
/// Errors of the system; one that names the link for a link.
pub(crate) fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).map_err(io::Error::other)?;
    let opened = options.clone().custom_flags(no_follow).open(path);
    opened.map_err(|error| match Errno::from_io_error(&error) {
        Some(Errno::LOOP) => link_error(path),
        _ => error,
    })
}

/// The error for a path that must not be a symbolic link.
#[must_use]
pub(crate) fn link_error(path: &Path) -> io::Error {
    let why = format!("{} is a symbolic link; replace it with the file itself", path.display());
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Creates a private file for `path`, which replaces it by a rename. A file that an earlier process
/// left at `new` is removed first.
///
/// # Errors
/// Errors of the system.
pub(crate) fn create_anew(new: &Path) -> io::Result<File> {
    match fs::remove_file(new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    open(options().write(true).create_new(true), new)
}

/// Opens a directory of the daemon, creating it with mode 0700 if it is missing. Returns its path
/// with symbolic links resolved, so that a later change of a link has no effect. `key` is the
/// configuration key that names it.
///
/// # Errors
/// Errors of the system.
pub(crate) fn directory(path: &Path, key: &'static str) -> io::Result<PathBuf> {
    create_durably(path, |directory| File::open(directory)?.sync_all())?;
    let resolved = fs::canonicalize(path)?;
    if fs::symlink_metadata(path)?.is_symlink() {
        tracing::info!(key, link = %path.display(), directory = %resolved.display(), "symbolic link resolved");
    }
    let mode = fs::metadata(&resolved)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        tracing::warn!(
            key,
            directory = %resolved.display(),
            mode = format!("{mode:03o}"),
            "other users can access this directory; run chmod 700 on it"
        );
    }
    Ok(resolved)
}

/// Creates a directory and its missing parents. `sync` makes the names in a directory durable:
/// without that, a crash of the machine could lose a directory, and all that is synced in it.
fn create_durably(path: &Path, sync: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let missing =
        path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists());
    let missing: Vec<_> = missing.collect();
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    // The topmost first, whose name is in a directory that existed before.
    for created in missing.into_iter().rev() {
        let parent = created.parent().filter(|parent| !parent.as_os_str().is_empty());
        sync(parent.unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Removes the permissions of other users from a file that was opened for writing.
///
/// # Errors
/// Errors of the system.
pub(crate) fn restrict(file: &File) -> io::Result<()> {
    if file.metadata()?.permissions().mode() & OTHERS == 0 {
        return Ok(());
    }
    file.set_permissions(Permissions::from_mode(FILE_MODE))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).expect("it exists").permissions().mode() & 0o777
    }

    #[test]
    fn file_is_private_and_never_opened_through_a_link() {
        let directory = tempfile::tempdir().expect("a directory");
        let (victim, link) = (directory.path().join("victim"), directory.path().join("link"));
        fs::write(&victim, "kept").expect("it is written");
        symlink(&victim, &link).expect("a link");
        for options in [
            options().write(true).create(true).truncate(true),
            options().append(true).create(true),
            options().read(true),
        ] {
            let error = open(options, &link).expect_err("it is a link");
            assert!(error.to_string().contains("link is a symbolic link"), "{error}");
        }
        let dangling = directory.path().join("dangling");
        symlink(directory.path().join("nowhere"), &dangling).expect("a link");
        assert!(open(options().write(true).create(true), &dangling).is_err());
        assert!(!directory.path().join("nowhere").exists());

        create_anew(&link)
            .and_then(|mut file| file.write_all(b"new"))
            .expect("the link is replaced");
        assert_eq!(fs::read_to_string(&victim).expect("text"), "kept");
        assert_eq!(mode_of(&link), 0o600);
    }

    #[test]
    fn directory_is_private_and_a_link_to_it_is_resolved() {
        let outer = tempfile::tempdir().expect("a directory");
        let (real, link) = (outer.path().join("a/real"), outer.path().join("link"));
        let resolved = directory(&real, "key").expect("it is created");
        assert_eq!((mode_of(&real), mode_of(&outer.path().join("a"))), (0o700, 0o700));
        symlink(&real, &link).expect("a link");
        assert_eq!(directory(&link, "key").expect("it is there"), resolved);
        let file = outer.path().join("file");
        fs::write(&file, "").expect("it is written");
        assert!(directory(&file, "key").is_err());
    }

    #[test]
    fn parent_of_each_created_directory_is_synced() {
        let outer = tempfile::tempdir().expect("a directory");
        let synced = |path: &str| {
            let synced = std::cell::RefCell::new(Vec::new());
            let sync = |path: &Path| {
                let path = path.strip_prefix(outer.path()).expect("below it").to_owned();
                synced.borrow_mut().push(path.display().to_string());
                Ok(())
            };
            create_durably(&outer.path().join(path), sync).expect("it is created");
            assert!(outer.path().join(path).is_dir());
            synced.into_inner()
        };
        assert_eq!(synced("a/b/c"), ["", "a", "a/b"]);
        assert_eq!(synced("a/b/c"), [""; 0]);
        assert_eq!(synced("a/b/d"), ["a/b"]);
        let failed = create_durably(&outer.path().join("e"), |_| Err(io::ErrorKind::Other.into()));
        assert!(failed.is_err(), "what may be lost is not used");
    }

    #[test]
    fn file_loses_the_permissions_of_others() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("wide");
        fs::write(&path, "").expect("it is written");
        fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("they are set");
        let file = open(options().write(true), &path).expect("it opens");
        restrict(&file).expect("it is ours");
        assert_eq!(mode_of(&path), 0o600);
    }
}
