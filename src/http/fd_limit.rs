//! The open file limit: connections get what publishing, the journal and files leave over.
//!
//! Each connection needs a file descriptor, and the default limit is about a thousand per process.
//! Without a free one, no call to CloudWatch and no new journal file is possible, and clients
//! decide how many connections they open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors reserved for everything except connections.
const KEPT: u64 = 256;

/// How many connections each listener may have: as many as wanted if there are enough descriptors.
/// First raises the limit as far as the system allows.
#[must_use]
pub(crate) fn connections_within<const LISTENERS: usize>(
    wanted: [usize; LISTENERS],
) -> [usize; LISTENERS] {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let descriptors = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(_) => limit.current,
    };
    let connections = share(descriptors, wanted);
    if connections != wanted {
        tracing::warn!(
            ?connections,
            ?wanted,
            "the open file limit allows fewer connections; raise it (ulimit -n)"
        );
    }
    connections
}

/// `descriptors: None`: no limit.
fn share<const LISTENERS: usize>(
    descriptors: Option<u64>,
    wanted: [usize; LISTENERS],
) -> [usize; LISTENERS] {
    let Some(descriptors) = descriptors else { return wanted };
    let left = usize::try_from(descriptors - KEPT.min(descriptors / 2)).unwrap_or(usize::MAX);
    let all: usize = wanted.iter().sum();
    let part = |wanted: usize| (wanted * left.min(all) / all).max(1);
    wanted.map(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(share(None, [10_000, 1000]), [10_000, 1000]);
        assert_eq!(share(Some(u64::MAX), [10_000, 1000]), [10_000, 1000]);
        assert_eq!(share(Some(11_256), [10_000, 1000]), [10_000, 1000]);
        assert_eq!(share(Some(1024), [10_000, 1000]), [698, 69]);
        assert_eq!(share(Some(100), [10_000, 1000]), [45, 4]);
        assert_eq!(share(Some(1), [10_000, 1000]), [1, 1]);
    }
}
