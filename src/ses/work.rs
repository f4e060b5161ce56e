//! How many bytes were looked at, for the tests that hold this to a multiple of the input's length.
//! Costs nothing elsewhere.

#[cfg(test)]
thread_local! {
    static SCANNED: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Says that so many bytes were looked at.
#[cfg(test)]
pub fn scanned(bytes: usize) {
    SCANNED.set(SCANNED.get() + bytes as u64);
}

/// Says that so many bytes were looked at.
#[cfg(not(test))]
#[inline]
pub fn scanned(_: usize) {}

/// The bytes that a closure looks at, on this thread.
#[cfg(test)]
pub fn of(read: impl FnOnce()) -> u64 {
    let before = SCANNED.get();
    read();
    SCANNED.get() - before
}
