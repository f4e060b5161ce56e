//! Counts the bytes that are scanned, for tests that bound them to a multiple of the input's
//! length. Costs nothing elsewhere.

#[cfg(test)]
thread_local! {
    static SCANNED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Records that this many bytes were scanned.
#[cfg(test)]
pub(crate) fn scanned(bytes: usize) {
    SCANNED.set(SCANNED.get() + bytes as u64);
}

/// Does nothing outside of tests.
#[cfg(not(test))]
#[inline]
pub(crate) fn scanned(_: usize) {}

/// The bytes that a closure scans on this thread.
#[cfg(test)]
pub(crate) fn of(read: impl FnOnce()) -> u64 {
    let before = SCANNED.get();
    read();
    SCANNED.get() - before
}
