//! A journal that was written before, and must be read for ever.
//!
//! `POSTMETER_WRITE_FIXTURE=DIRECTORY` writes such journals, for a version that adds to the format.

use std::fs;
use std::io::Read;
use std::path::Path;

use super::*;

/// Journals of this and earlier versions, one in each directory.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/journal");
/// Whether a series of the story below has values that are not counts.
type HasValues = fn(u8) -> bool;

/// Journals of this version.
const WRITTEN: [(&str, HasValues); 2] =
    [("format-1", |_| false), ("format-1-values", |series| series != 0)];
const WRITTEN_MS: i64 = 1_795_176_000_000;

/// The counts of series 0, 1, … that are neither accepted nor given up.
const OUTSTANDING: [(u8, u64); 4] = [(0, 17), (1, 3), (3, 5), (4, 2)];
/// The counts of the call that has no verdict.
const IN_DOUBT: u64 = 6;

async fn put(
    process: &Process,
    ids: &[RequestId],
    life: Option<Duration>,
    counts: Counts,
    number: u64,
) {
    let mut delta = Delta::default();
    for (value, count) in counts {
        delta.add(&key(&process.layouts, value), count);
    }
    let events = events_of(number);
    let written = process.journal.delta(ids, WRITTEN_MS, life, &delta, &events, None).await;
    written.expect("the disk works");
}

/// Counts of series, some of which have values.
fn of(has_values: HasValues, counts: &[(u8, u64)]) -> Counts {
    let value = |series: u8| if has_values(series) { MEASURED + series } else { series };
    counts.iter().map(|(series, count)| (value(*series), *count)).collect()
}

async fn write(bench: &Bench, has_values: HasValues) {
    bench.clock.set_ms(WRITTEN_MS);
    let own = Some(Duration::from_mins(15));
    let first = bench.start(JournalSettings { log_bytes: 400, ..SETTINGS }, 0);
    for number in 1..=6 {
        let life = own.filter(|_| number % 2 == 0);
        let ids = [id(number), id(100 + number)];
        let counts = of(has_values, &[(0, number), (1, number), (2, number)]);
        put(&first, &ids, life, counts, number).await;
    }
    let call = async |process: &Process, counts: &[(u8, u64)]| {
        let counts = process.list(&of(has_values, counts));
        process.journal.call(&counts).await.expect("the disk works")
    };
    // Of each of the three series 21 counts.
    let accepted = call(&first, &[(0, 4), (1, 18)]).await;
    first.journal.verdict(accepted, Verdict::Accepted, 8).await;
    let void = call(&first, &[(2, 1)]).await;
    first.journal.verdict(void, Verdict::Void, 0).await;
    let given_up = call(&first, &[(2, 20)]).await;
    first.journal.verdict(given_up, Verdict::GivenUp, 0).await;
    first.journal.flush().await.expect("the disk works");
    drop(first);
    bench.disk.crash(|_| 0);

    // Its checkpoint, a log, and a call without a verdict.
    let second = bench.start(SETTINGS, 2);
    second.journal.given_up(&second.list(&of(has_values, &[(2, 1)]))).await;
    put(&second, &[id(7)], None, of(has_values, &[(3, 5), (4, 2)]), 7).await;
    call(&second, &[(0, 4), (4, 2)]).await;
}

/// A bench whose disk has the files of a directory.
fn bench_of(directory: &Path) -> Bench {
    let bench = Bench::new();
    bench.clock.set_ms(WRITTEN_MS);
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let mut file = bench.disk.create(name).expect("the disk works");
        file.append(&fs::read(&path).expect("a file")).expect("the disk works");
    }
    bench
}

fn assert_read(bench: &Bench, has_values: HasValues, case: &str) {
    let process = bench.start(SETTINGS, 1);
    assert_eq!(process.outstanding, of(has_values, &OUTSTANDING), "{case}");
    assert_eq!((process.doubtful, process.doubtful_before), (IN_DOUBT, 8), "{case}");
    let ids: BTreeSet<_> = process.ids.iter().map(|id| id.to_bytes()).collect();
    let expected = (1..=7).chain(101..=106).map(|number| id(number).to_bytes());
    assert_eq!(ids, expected.collect(), "{case}");
    let events = (1..=7).flat_map(events_of).collect();
    assert_eq!(process.events, events, "{case}");
    assert_eq!(bench.metrics.journal_contradictions.get(), 0, "{case}");
    assert_eq!(bench.metrics.journal_corrupt_bytes.get(), 0, "{case}");
}

#[tokio::test(start_paused = true)]
async fn journals_of_this_version_are_read() {
    for (name, has_values) in WRITTEN {
        let bench = Bench::new();
        write(&bench, has_values).await;
        if let Some(directory) = std::env::var_os("POSTMETER_WRITE_FIXTURE") {
            let directory = Path::new(&directory).join(name);
            fs::create_dir_all(&directory).expect("a directory");
            let disk = bench.disk.mounted();
            for name in disk.list().expect("names") {
                let mut bytes = Vec::new();
                disk.read(&name).expect("a file").read_to_end(&mut bytes).expect("memory");
                fs::write(directory.join(name), bytes).expect("it is written");
            }
        }
        bench.disk.crash(|_| 0);
        assert_read(&bench, has_values, &format!("this version's {name}"));
    }
}

#[tokio::test(start_paused = true)]
async fn journals_of_earlier_versions_are_read() {
    let mut read = 0;
    for entry in fs::read_dir(FIXTURES).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let known = WRITTEN.iter().find(|(known, _)| *known == name);
        let (_, has_values) = known.unwrap_or_else(|| panic!("{name} is not in the list"));
        assert_read(&bench_of(&path), *has_values, name);
        read += 1;
    }
    assert_eq!(read, WRITTEN.len());
}

/// Before journals were released, a checkpoint had each ID with its own time.
#[tokio::test(start_paused = true)]
async fn ids_with_times_of_their_own_are_read() {
    let bench = Bench::new();
    bench.clock.set_ms(WRITTEN_MS);
    let ids = [1, 2].map(|number| id(number).to_bytes());
    let known = ids.iter().zip([None, Some(900_000)]).map(|(id, life_ms)| record::KnownId {
        id: id[..].into(),
        at_ms: WRITTEN_MS - 1,
        life_ms,
    });
    let mut out = Vec::new();
    put_record(&mut out, &Record::Begin { trusted: Vec::new() });
    put_record(&mut out, &Record::Known { ids: known.collect(), events: None });
    put_record(&mut out, &Record::End { doubtful: None });
    let mut file = bench.disk.create("0000000000000003.checkpoint").expect("the disk works");
    file.append(&out).expect("the disk works");
    let process = bench.start(SETTINGS, 0);
    let known: BTreeSet<_> = process.ids.iter().map(|id| id.to_bytes()).collect();
    assert_eq!(known, ids.into());
}
