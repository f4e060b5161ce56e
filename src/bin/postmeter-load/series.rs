//! Numbers series and minutes, so that the truth of a request is added quickly.

use std::collections::{BTreeMap, HashMap};

use postmeter::synth::DatumKey;

/// The counts of each series and minute in a generated parcel.
pub(crate) type Counts = Box<[(u32, u64)]>;

/// Numbers for the series and minutes of a pool.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    numbers: HashMap<DatumKey, u32>,
}

/// The expected counts: a minimum, and a possible surplus.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    sure: Vec<u64>,
    perhaps: Vec<u64>,
}

/// The range of valid counts of a series and minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub least: u64,
    pub most: u64,
}

// === impl SeriesTable ===

impl SeriesTable {
    /// The numbers of a truth's series, with their counts.
    ///
    /// # Panics
    /// After four billion series, for which memory does not suffice.
    pub(crate) fn counts(&mut self, series: BTreeMap<DatumKey, u64>) -> Counts {
        let counts = series.into_iter().map(|(series, count)| {
            let next = u32::try_from(self.numbers.len()).expect("memory ends first");
            (*self.numbers.entry(series).or_insert(next), count)
        });
        counts.collect()
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &DatumKey> {
        self.numbers.keys()
    }

    /// The range of each series in an account; series that were never sent are omitted.
    pub(crate) fn ranges(&self, account: &Account) -> BTreeMap<DatumKey, Range> {
        let ranges = self.numbers.iter().filter_map(|(series, number)| {
            let range = account.range(*number);
            (range.most > 0).then(|| (series.clone(), range))
        });
        ranges.collect()
    }
}

// === impl Account ===

impl Account {
    /// Adds accepted counts.
    pub(crate) fn sure(&mut self, counts: &[(u32, u64)]) {
        add(&mut self.sure, counts);
    }

    /// Adds counts that were possibly accepted, or accepted once more.
    pub(crate) fn perhaps(&mut self, counts: &[(u32, u64)]) {
        add(&mut self.perhaps, counts);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.sure, &other.sure), (&mut self.perhaps, &other.perhaps)] {
            mine.resize(mine.len().max(theirs.len()), 0);
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine += theirs;
            }
        }
    }

    fn range(&self, number: u32) -> Range {
        let at = number as usize;
        let least = self.sure.get(at).copied().unwrap_or(0);
        Range { least, most: least + self.perhaps.get(at).copied().unwrap_or(0) }
    }
}

fn add(sums: &mut Vec<u64>, counts: &[(u32, u64)]) {
    for (number, count) in counts {
        let at = *number as usize;
        if at >= sums.len() {
            sums.resize(at + 1, 0);
        }
        sums[at] += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_add_up_and_keep_doubt_apart() {
        let counts: Counts = Box::new([(0, 2), (3, 5)]);
        let (mut one, mut two) = (Account::default(), Account::default());
        one.sure(&counts);
        two.sure(&counts);
        two.perhaps(&[(3, 1)]);
        one.merge(&two);
        assert_eq!(one.range(0), Range { least: 4, most: 4 });
        assert_eq!(one.range(3), Range { least: 10, most: 11 });
        assert_eq!(one.range(9), Range { least: 0, most: 0 });
    }
}
