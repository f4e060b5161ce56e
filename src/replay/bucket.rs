//! Objects in S3.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;

use super::layout;
use super::listing_error::ListingError;
use super::object::ObjectPlace;
use super::plan::{FoundObject, TimeRange, TooManyObjects};
use crate::aws::{AwsError, S3Clients};
use crate::source::s3::Object;

/// Folders whose names contain no time are listed one by one down to this depth, and only up to
/// this many. Below that, listing all their objects costs no more.
const DEPTH_MAX: usize = 4;
const FOLDERS_MAX: usize = 32;

/// What replaying a bucket requires.
const ACTIONS: &str = "s3:ListBucket on the bucket and s3:GetObject on its objects";

/// A prefix to list.
struct Prefix {
    text: String,
    /// How many more levels are listed folder by folder; at 0 everything below is listed at once.
    depth: usize,
}

/// Finds all objects below a prefix, except in folders outside of the range.
///
/// # Errors
/// What cannot be listed; or an error of `each`.
pub(crate) async fn list(
    clients: &S3Clients,
    bucket: &str,
    prefix: &str,
    range: TimeRange,
    each: &mut impl FnMut(FoundObject) -> Result<(), TooManyObjects>,
) -> Result<(), ListingError> {
    let depth = if range == TimeRange::ALL { 0 } else { DEPTH_MAX };
    let mut prefixes = vec![Prefix { text: prefix.to_owned(), depth }];
    while let Some(Prefix { text, depth }) = prefixes.pop() {
        let mut folders = Vec::new();
        let (mut token, mut is_moved) = (None, false);
        loop {
            let client = clients.of(bucket, None);
            let call = client.list_objects_v2().bucket(bucket).prefix(&text);
            let call = call.set_delimiter((depth > 0).then(|| "/".to_owned()));
            let page = match call.set_continuation_token(token.clone()).send().await {
                Ok(page) => page,
                Err(error) if !is_moved && clients.elsewhere(bucket, &client, &error).is_some() => {
                    is_moved = true;
                    continue;
                }
                Err(error) => {
                    return Err(ListingError::Bucket {
                        bucket: bucket.to_owned(),
                        prefix: text.clone(),
                        error: Box::new(AwsError::of(&error, ACTIONS)),
                    });
                }
            };
            offer_all(bucket, &page, each)?;
            folders.extend(
                page.common_prefixes.unwrap_or_default().into_iter().filter_map(|one| one.prefix),
            );
            token = page.next_continuation_token.filter(|_| page.is_truncated == Some(true));
            if token.is_none() {
                break;
            }
        }
        let is_wide = folders.len() > FOLDERS_MAX;
        prefixes.extend(
            folders
                .into_iter()
                .filter_map(|folder| below(folder, depth.saturating_sub(1), is_wide, range)),
        );
    }
    Ok(())
}

/// How to list a folder; `None`: everything in it is outside of the range.
fn below(folder: String, depth: usize, is_wide: bool, range: TimeRange) -> Option<Prefix> {
    if let Some(span) = layout::of_folder(&folder) {
        return range.touches(span).then_some(Prefix { text: folder, depth: 0 });
    }
    if let Some(span) = layout::of_month(&folder) {
        return range.touches(span).then_some(Prefix { text: folder, depth: 1 });
    }
    Some(Prefix { text: folder, depth: if is_wide { 0 } else { depth } })
}

fn offer_all(
    bucket: &str,
    page: &ListObjectsV2Output,
    each: &mut impl FnMut(FoundObject) -> Result<(), TooManyObjects>,
) -> Result<(), TooManyObjects> {
    for object in page.contents() {
        let Some(key) = object.key() else { continue };
        let bytes = object.size().and_then(|bytes| u64::try_from(bytes).ok()).unwrap_or(0);
        // The S3 console creates such an object for a folder.
        if key.ends_with('/') && bytes == 0 {
            continue;
        }
        let place = ObjectPlace::Bucket(Object {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
            version: None,
            etag: object.e_tag().map(|etag| etag.trim_matches('"').to_owned()),
            ..Object::default()
        });
        let written = object.last_modified().and_then(|time| time.to_millis().ok());
        each(FoundObject { place, bytes, written_ms: written.unwrap_or(0) })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_outside_of_the_range_are_not_listed() {
        let ms = |text: &str| crate::ses::time::parse_ms(text.as_bytes()).expect("a time");
        let range =
            TimeRange { from_ms: ms("2026-11-10T00:00:00Z"), to_ms: ms("2026-11-11T00:00:00Z") };
        let depth = |folder: &str, is_wide| {
            below(folder.to_owned(), 3, is_wide, range).map(|one| one.depth)
        };
        for (folder, expected) in [
            ("p/2026/11/09/", Some(0)),
            ("p/2026/11/08/", None),
            ("p/2026/11/10/05/", Some(0)),
            ("p/2026/11/", Some(1)),
            ("p/2026/09/", None),
            ("p/2026/", Some(3)),
            ("p/dt=2026-11-12/", None),
            ("p/dt=2026-11-11/", Some(0)),
            ("p/failed/", Some(3)),
        ] {
            assert_eq!(depth(folder, false), expected, "{folder}");
        }
        assert_eq!(depth("p/failed/", true), Some(0));
    }
}
