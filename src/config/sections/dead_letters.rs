//! `[dead_letters]`.

use std::path::PathBuf;

use super::{GIB, MIB};
use crate::config::kinds::{choice, number, optional, path, text};
use crate::config::list_kind::list;
use crate::config::section::section;
use crate::config::text::{Fault, quoted};
use crate::config::words::words;

/// Firehose: 64 for a delivery stream's name.
const STREAM_NAME_BYTES_MAX: usize = 64;

section! {
    /// Which unreadable values are kept, and where: in a directory or a stream, not in both.
    pub struct DeadLettersConfig as [dead_letters] {
        /// Directory for files with values that cannot be read, to inspect and to read again later.
        /// Empty: no files.
        ///
        /// Each value is one line of JSON in the format that Firehose uses for failed deliveries,
        /// with the reason, the source, the request and the bytes. The values may contain
        /// addresses, so only this user can read the files. The directory is created if missing. A
        /// relative path starts at the working directory.
        directory: Option<PathBuf> = None,
            optional(path("directory", "/var/lib/postmeter/dead-letters"));

        /// Firehose delivery stream for values that cannot be read, instead of files. Empty: no
        /// stream.
        ///
        /// It is the name of a stream in the region where postmeter runs (`AWS_REGION`). It
        /// requires `firehose:PutRecordBatch`. Set at most one of directory and stream.
        stream: Option<String> = None,
            optional(text("stream name", "ses-dead-letters", stream_name, String::clone));

        /// Which values to keep, by the reason for which they cannot be read.
        ///
        /// - `malformed`: invalid JSON or base64, or cut off.
        /// - `unknown_type`: an event of a type that this version does not know, or without `mail`.
        /// - `foreign`: other JSON.
        keep: Vec<Unread> = vec![Unread::Malformed, Unread::UnknownType], list(choice());

        /// Size in bytes at which a new file is started.
        file_bytes: u64 = 16 << 20, number(MIB, GIB);

        /// Total size of all files in bytes. Above the limit, new values are not kept but counted.
        ///
        /// They are in `postmeter_dead_letters_total{outcome="full"}`.
        bytes: u64 = 1 << 30, number(MIB, u32::MAX);
    }
}

words! {
    /// Values that are not events, by reason.
    pub enum Unread {
        Malformed = "malformed",
        UnknownType = "unknown_type",
        Foreign = "foreign",
    }
}

fn stream_name(text: &str) -> Result<String, Fault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if text.len() > STREAM_NAME_BYTES_MAX || !text.bytes().all(allowed) {
        let what = format!("{} is not a valid delivery stream name", quoted(text));
        return Err((
            what,
            "write the name, not the ARN: 1 to 64 letters, digits, `_`, `.` and `-`".into(),
        ));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_a_name_and_no_arn() {
        assert_eq!(stream_name("a_b.C-9"), Ok("a_b.C-9".into()));
        let arn = "arn:aws:firehose:eu-west-1:123456789012:deliverystream/a";
        for wrong in [arn, "a b", "ä", &"a".repeat(65)] {
            assert!(stream_name(wrong).is_err(), "{wrong}");
        }
    }
}
