//! Finds series among those of the last three hours.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::aggregate::{Aggregator, Line};
use crate::console::series_row::{Rows, SeriesName, SeriesRow};
use crate::definitions::DestinationMetrics;
use crate::offload::offload;

/// Searches at once: each copies all entries, with 20 bytes each.
const SEARCHES_MAX: usize = 2;
/// Rows of a page.
pub(super) const PAGE_ROWS: usize = 50;
/// The last page; what is beyond it must be searched for.
pub(super) const PAGES_MAX: usize = 200;

/// Runs searches, a few at a time.
#[derive(Debug)]
pub(super) struct SeriesSearch {
    aggregator: Arc<Aggregator>,
    places: Arc<Semaphore>,
}

/// What to look for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct SeriesQuery {
    /// Part of the namespace; ASCII case is ignored, as in the others.
    pub namespace: String,
    /// Part of the metric.
    pub metric: String,
    /// Words, each part of `name=value` of a dimension.
    pub dimension: String,
    pub order: SeriesOrder,
    /// From 0.
    pub page: usize,
}

/// The order of found series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum SeriesOrder {
    /// The highest counts first.
    #[default]
    Count,
    /// The most expensive first.
    Dollars,
    Name,
}

/// One page of what was found.
#[derive(Debug, Default)]
pub(super) struct FoundSeries {
    pub rows: Vec<SeriesRow>,
    /// All that match.
    pub matches: usize,
    /// All of the last three hours.
    pub all: usize,
}

// === impl SeriesSearch ===

impl SeriesSearch {
    #[must_use]
    pub(super) fn new(aggregator: Arc<Aggregator>) -> Self {
        Self { aggregator, places: Arc::new(Semaphore::new(SEARCHES_MAX)) }
    }

    /// Finds one page of series; `None` while too many searches run.
    pub(super) async fn find(&self, query: SeriesQuery) -> Option<FoundSeries> {
        self.run(move |lines| find(lines, &query)).await
    }

    /// Finds one series by its names; the outer `None` while too many searches run.
    pub(super) async fn one(&self, name: SeriesName) -> Option<Option<SeriesRow>> {
        self.run(move |lines| Rows::new(lines).find(|row| row.name == name)).await
    }

    /// Finds the series with the highest counts that a destination makes, as far as names show it;
    /// `None` while too many searches run.
    pub(super) async fn of_destination(
        &self,
        metrics: DestinationMetrics,
        rows_max: usize,
    ) -> Option<Vec<SeriesRow>> {
        self.run(move |lines| {
            let mut rows: Vec<SeriesRow> = Vec::new();
            for row in Rows::new(lines).filter(|row| metrics.has(&row.name.names())) {
                rows.push(row);
                if rows.len() > 2 * rows_max {
                    rows.sort_by_key(|row| Reverse(row.count));
                    rows.truncate(rows_max);
                }
            }
            rows.sort_by_key(|row| Reverse(row.count));
            rows.truncate(rows_max);
            rows
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        search: impl FnOnce(&mut dyn Iterator<Item = Line>) -> T + Send + 'static,
    ) -> Option<T> {
        // The place moves along: it is held as long as the copy, even if the browser is gone.
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let aggregator = Arc::clone(&self.aggregator);
        let work = move || {
            let found = search(&mut aggregator.recent());
            drop(place);
            found
        };
        offload(work).await.ok()
    }
}

/// One page of the series of sorted lines. Keeps at most twice the rows up to the end of the page.
fn find(lines: &mut dyn Iterator<Item = Line>, query: &SeriesQuery) -> FoundSeries {
    let filter = SeriesFilter::new(query);
    let page = query.page.min(PAGES_MAX - 1);
    let end = (page + 1) * PAGE_ROWS;
    let mut found = FoundSeries::default();
    for row in Rows::new(lines) {
        found.all += 1;
        if !filter.matches(&row.name) {
            continue;
        }
        found.matches += 1;
        found.rows.push(row);
        if found.rows.len() >= 2 * end {
            query.order.sort(&mut found.rows);
            found.rows.truncate(end);
        }
    }
    query.order.sort(&mut found.rows);
    found.rows.truncate(end);
    found.rows.drain(..(page * PAGE_ROWS).min(found.rows.len()));
    found
}

/// A query in lower case.
struct SeriesFilter {
    namespace: String,
    metric: String,
    words: Vec<String>,
}

// === impl SeriesFilter ===

impl SeriesFilter {
    fn new(query: &SeriesQuery) -> Self {
        let lower = |text: &str| text.trim().to_ascii_lowercase();
        let words = lower(&query.dimension);
        let words = words.split_whitespace().map(str::to_owned).collect();
        Self { namespace: lower(&query.namespace), metric: lower(&query.metric), words }
    }

    fn matches(&self, name: &SeriesName) -> bool {
        let has =
            |text: &str, part: &str| part.is_empty() || text.to_ascii_lowercase().contains(part);
        let of_dimension = |word: &String| {
            let mut pairs = name.dimensions.iter();
            pairs.any(|(name, value)| has(&format!("{name}={value}"), word))
        };
        has(&name.namespace, &self.namespace)
            && has(&name.metric, &self.metric)
            && self.words.iter().all(of_dimension)
    }
}

// === impl SeriesOrder ===

impl SeriesOrder {
    pub(super) const ALL: [Self; 3] = [Self::Count, Self::Dollars, Self::Name];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Dollars => "dollars",
            Self::Name => "name",
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        Self::ALL.into_iter().find(|order| order.as_str() == text).unwrap_or_default()
    }

    fn sort(self, rows: &mut [SeriesRow]) {
        rows.sort_by(|a, b| self.compare(a, b).then_with(|| a.name.cmp(&b.name)));
    }

    fn compare(self, a: &SeriesRow, b: &SeriesRow) -> Ordering {
        match self {
            Self::Count => Reverse(a.count).cmp(&Reverse(b.count)),
            Self::Dollars => Reverse((a.hours, a.count)).cmp(&Reverse((b.hours, b.count))),
            Self::Name => Ordering::Equal,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::aggregate::SeriesMinute;
    use crate::ses::Minute;

    fn line(namespace: &str, metric: &'static str, value: &str, minute: i64, count: u64) -> Line {
        let series = SeriesMinute {
            namespace: namespace.into(),
            metric,
            dimensions: vec![("campaign".to_owned(), value.to_owned())],
            minute: Minute(minute),
            unit: "Count",
        };
        Line { series, values: Vec::new(), count }
    }

    fn query(order: SeriesOrder, page: usize) -> SeriesQuery {
        SeriesQuery { order, page, ..SeriesQuery::default() }
    }

    #[test]
    fn series_are_found_by_parts_of_their_names() {
        let lines = vec![
            line("Mail", "Send", "summer", 1, 5),
            line("SES", "Open", "spring", 1, 1),
            line("SES", "Send", "spring", 1, 2),
            line("SES", "Send", "spring", 70, 3),
        ];
        let found = |namespace: &str, metric: &str, dimension: &str| {
            let query = SeriesQuery {
                namespace: namespace.to_owned(),
                metric: metric.to_owned(),
                dimension: dimension.to_owned(),
                ..SeriesQuery::default()
            };
            let found = find(&mut lines.clone().into_iter(), &query);
            assert_eq!(found.all, 3);
            found.rows.iter().map(|row| (row.count, row.hours)).collect::<Vec<_>>()
        };
        assert_eq!(found("", "", ""), [(5, 1), (5, 2), (1, 1)]);
        assert_eq!(found("ses", "", ""), [(5, 2), (1, 1)]);
        assert_eq!(found("SES", "open", "CAMPAIGN=spr"), [(1, 1)]);
        assert_eq!(found("", "", "campaign= mer"), [(5, 1)]);
        assert_eq!(found("", "", "autumn"), []);
    }

    proptest! {
        /// The pages together are all series in order, each once.
        #[test]
        fn pages_together_are_all_series(
            counts in prop::collection::vec(1_u64..50, 0..400),
            order in prop::sample::select(SeriesOrder::ALL.to_vec()),
        ) {
            let lines: Vec<_> = counts
                .iter()
                .enumerate()
                .map(|(at, count)| line("SES", "Send", &format!("c{at:04}"), 1, *count))
                .collect();
            let mut all = Vec::new();
            for page in 0.. {
                let found = find(&mut lines.clone().into_iter(), &query(order, page));
                prop_assert_eq!(found.matches, counts.len());
                if found.rows.is_empty() {
                    break;
                }
                prop_assert!(found.rows.len() <= PAGE_ROWS);
                all.extend(found.rows);
            }
            let mut expected = all.clone();
            order.sort(&mut expected);
            prop_assert_eq!(all.len(), counts.len());
            let names = |rows: &[SeriesRow]| rows.iter().map(|row| row.name.clone()).collect::<Vec<_>>();
            prop_assert_eq!(names(&all), names(&expected));
        }
    }
}
