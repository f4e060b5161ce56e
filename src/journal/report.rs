//! Logs what was found when a journal was read. Separate, because the fuzz target reads without logs.

use super::files::JournalReport;

impl JournalReport {
    pub(super) fn log(&self) {
        if self.torn_bytes > 0 {
            let bytes = self.torn_bytes;
            tracing::warn!(bytes, "incomplete end of the journal truncated");
        }
        for (file, bytes) in &self.corrupt {
            tracing::error!(file, bytes, "corrupt journal file kept as FILE.corrupt");
        }
    }
}
