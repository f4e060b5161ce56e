//! Stores verified certificates in files: after a restart they are needed at once, and attackers
//! can delay fetching them.
//!
//! Stored files are not trusted: they are verified like fetched ones.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::topic::{CertificateUrl, Topic};
use crate::private;

const SUFFIX: &str = ".pem";
/// A certificate with its issuers has 10 kB.
const FILE_BYTES_MAX: u64 = 256 << 10;
/// Maximum number of files to store and read.
const FILES_MAX: usize = 32;

/// A directory of certificates. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct CertificateStore(Arc<Path>);

/// The content of a file, not verified.
#[derive(Debug)]
pub(crate) struct StoredCertificate {
    pub url: CertificateUrl,
    /// A topic that uses the certificate's host.
    pub topic: Arc<Topic>,
    pub pem: Vec<u8>,
}

// === impl CertificateStore ===

impl CertificateStore {
    /// Opens a directory, creating it if it is missing.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let directory = private::directory(directory, "sns.certificate_directory")?;
        Ok(Self(directory.into()))
    }

    /// The stored certificates for the hosts of these topics.
    ///
    /// # Errors
    /// The directory cannot be read; unreadable files are skipped.
    pub(crate) fn load(&self, topics: &[Arc<Topic>]) -> io::Result<Vec<StoredCertificate>> {
        let mut found = Vec::new();
        for path in self.newest_first()?.into_iter().take(FILES_MAX) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((host, file)) = name.split_once('_') else { continue };
            let url = format!("https://{host}/{file}");
            let place = topics.iter().find_map(|topic| Some((topic.certificate_url(&url)?, topic)));
            let (Some((url, topic)), Ok(pem)) = (place, read(&path)) else { continue };
            found.push(StoredCertificate { url, topic: Arc::clone(topic), pem });
        }
        Ok(found)
    }

    /// Stores a certificate; removes the oldest above the limit.
    ///
    /// # Errors
    /// Errors of the system.
    pub(crate) fn save(&self, url: &CertificateUrl, pem: &[u8]) -> io::Result<()> {
        let new = self.0.join(".new");
        let mut file = private::create_anew(&new)?;
        file.write_all(pem)?;
        file.sync_all()?;
        fs::rename(new, self.path_of(url))?;
        for old in self.newest_first()?.into_iter().skip(FILES_MAX) {
            fs::remove_file(old)?;
        }
        Ok(())
    }

    /// Removes a certificate.
    pub(crate) fn remove(&self, url: &CertificateUrl) {
        // If that fails, the file is rejected again at the next start.
        let _ = fs::remove_file(self.path_of(url));
    }

    /// The separator is unique, because hosts have no underscores and file names no slashes.
    fn path_of(&self, url: &CertificateUrl) -> PathBuf {
        self.0.join(format!("{}_{}", url.host(), url.path().trim_start_matches('/')))
    }

    fn newest_first(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(|name| name.ends_with(SUFFIX)) {
                let written = entry.metadata().and_then(|metadata| metadata.modified());
                files.push((written.unwrap_or(SystemTime::UNIX_EPOCH), entry.path()));
            }
        }
        files.sort_unstable_by(|one, other| other.cmp(one));
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    private::open(private::options().read(true), path)?
        .take(FILE_BYTES_MAX)
        .read_to_end(&mut pem)?;
    Ok(pem)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::config::TopicArn;

    fn topic() -> Arc<Topic> {
        let arn = TopicArn::parse("arn:aws:sns:eu-west-1:123456789012:a").expect("an ARN");
        Arc::new(Topic::new(arn))
    }

    fn url_of(topic: &Topic, number: usize) -> CertificateUrl {
        let host = "https://sns.eu-west-1.amazonaws.com";
        let url = format!("{host}/SimpleNotificationService-{number}.pem");
        topic.certificate_url(&url).expect("its address")
    }

    #[test]
    fn certificates_are_kept_up_to_a_number_in_private_files() {
        let outer = tempfile::tempdir().expect("a directory");
        let store = CertificateStore::open(&outer.path().join("stored")).expect("it opens");
        let topic = topic();
        for number in 0..40 {
            store.save(&url_of(&topic, number), b"pem").expect("it is written");
        }
        let loaded = store.load(&[Arc::clone(&topic)]).expect("it is read");
        assert_eq!(loaded.len(), FILES_MAX);
        assert!(loaded.iter().all(|stored| stored.pem == b"pem"));
        for entry in fs::read_dir(&*store.0).expect("it is there") {
            let mode =
                entry.and_then(|entry| entry.metadata()).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        store.remove(&loaded[0].url);
        assert_eq!(store.load(&[Arc::clone(&topic)]).expect("it is read").len(), FILES_MAX - 1);
    }

    #[test]
    fn files_of_others_are_neither_read_nor_written_through() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = CertificateStore::open(directory.path()).expect("it opens");
        let (topic, at) = (topic(), |name: &str| directory.path().join(name));
        let victim = at("victim");
        fs::write(&victim, "stored").expect("it is written");
        let name = "sns.eu-west-1.amazonaws.com_SimpleNotificationService-1.pem";
        for name in [name, ".new"] {
            symlink(&victim, at(name)).expect("a link");
        }
        for name in
            ["sns.us-east-1.amazonaws.com_SimpleNotificationService-1.pem", "x.pem", "a_b.pem"]
        {
            fs::write(at(name), "pem").expect("it is written");
        }
        assert!(store.load(&[Arc::clone(&topic)]).expect("it is read").is_empty());
        store.save(&url_of(&topic, 1), b"pem").expect("it is written");
        assert_eq!(store.load(&[Arc::clone(&topic)]).expect("it is read").len(), 1);
        assert_eq!(fs::read_to_string(&victim).expect("text"), "stored");
    }
}
