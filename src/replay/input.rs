//! An input on the command line: a bucket and prefix, or a path.

use std::path::PathBuf;
use std::str::FromStr;

/// Where objects are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayInput {
    /// All keys that begin with the prefix.
    Bucket { bucket: String, prefix: String },
    /// A file, or a folder with everything in it.
    Path(PathBuf),
}

// === impl ReplayInput ===

impl FromStr for ReplayInput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "-" {
            return Err(
                "cannot replay stdin: a later run could not recognize the same input; pass files"
                    .to_owned(),
            );
        }
        match text.strip_prefix("s3://") {
            None if is_address(text) => {
                Err("neither a path nor an object in S3; use s3://BUCKET/PREFIX".to_owned())
            }
            None => Ok(Self::Path(text.into())),
            Some(place) => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                if bucket.is_empty() {
                    return Err("missing bucket name; use s3://BUCKET/PREFIX".to_owned());
                }
                Ok(Self::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            }
        }
    }
}

/// Whether a text is another address of a bucket.
fn is_address(text: &str) -> bool {
    ["https://", "http://", "arn:", "s3:/", "S3://"].iter().any(|start| text.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_and_paths_are_distinguished() {
        assert_eq!("a/b".parse(), Ok(ReplayInput::Path("a/b".into())));
        for other in
            ["-", "https://mail.s3.amazonaws.com/events", "arn:aws:s3:::mail/events", "s3:/mail"]
        {
            assert!(other.parse::<ReplayInput>().is_err(), "{other}");
        }
        {
            let bucket = |bucket: &str, prefix: &str| {
                Ok(ReplayInput::Bucket { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
            };
            assert_eq!("s3://mail".parse(), bucket("mail", ""));
            assert_eq!("s3://mail/".parse(), bucket("mail", ""));
            assert_eq!("s3://mail/events/2026".parse(), bucket("mail", "events/2026"));
            assert!("s3:///x".parse::<ReplayInput>().is_err());
        }
    }
}
