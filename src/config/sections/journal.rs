//! `[journal]`.

use std::path::PathBuf;

use crate::config::kinds::{optional, path};
use crate::config::section::section;

section! {
    /// The journal: counts on disk, until CloudWatch has accepted them.
    pub struct JournalConfig as [journal] {
        /// Directory where `journaled` keeps counts until CloudWatch has accepted them. It must
        /// outlive the task. Empty: no journal.
        ///
        /// A relative path starts at the working directory. The ids of requests are kept with the
        /// counts. Only one process can use the directory. Put it on EBS or EFS, not on the disk of
        /// a Fargate task.
        directory: Option<PathBuf> = None,
            optional(path("directory", "/var/lib/postmeter/journal"));
    }
}
