//! Splits entries into calls.

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub struct CallLimits {
    pub entries: usize,
    /// For all entries together. A longer entry goes alone.
    pub bytes: usize,
}

/// Splits entries into calls within the limits, in order.
pub fn calls<T>(
    entries: impl Iterator<Item = T>,
    limits: CallLimits,
    bytes_of: impl Fn(&T) -> usize,
) -> impl Iterator<Item = Vec<T>> {
    let mut entries = entries.peekable();
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let mut call = Vec::new();
        while let Some(entry) = entries.next_if(|entry| {
            bytes += bytes_of(entry);
            call.is_empty() || (call.len() < limits.entries && bytes <= limits.bytes)
        }) {
            call.push(entry);
        }
        (!call.is_empty()).then_some(call)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_hold_all_entries_in_order_and_no_more_than_the_service_takes() {
        let limits = CallLimits { entries: 500, bytes: 1000 };
        for (bytes, count, lens) in [
            (1, 1200, vec![500, 500, 200]),
            (250, 9, vec![4, 4, 1]),
            (251, 4, vec![3, 1]),
            (1001, 2, vec![1, 1]),
            (0, 0, vec![]),
        ] {
            let calls: Vec<_> = calls(0..count, limits, |_| bytes).collect();
            assert_eq!(calls.iter().map(Vec::len).collect::<Vec<_>>(), lens);
            assert!(calls.into_iter().flatten().eq(0..count));
        }
    }
}
