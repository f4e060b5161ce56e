//! Starts that end while they read a journal.

use super::*;

/// A disk with a file that kills the process that reads it.
#[derive(Debug)]
struct Deadly {
    disk: SimulatedDisk,
    file: String,
}

impl Disk for Deadly {
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn io::Read + Send>> {
        assert!(name != self.file, "it ends the start");
        self.disk.read(name)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn AppendFile>> {
        self.disk.create(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }
}

impl Bench {
    fn open_watched(&self, disk: Arc<dyn Disk>) -> io::Result<OpenedJournal> {
        let (layouts, clock) = (Layouts::default(), self.clock.clone());
        let metrics = Arc::clone(&self.metrics);
        Ok(open_watched(disk, &layouts, SETTINGS, clock, metrics)?.0)
    }
}

#[tokio::test(start_paused = true)]
async fn file_that_ends_two_starts_is_set_aside_by_the_third() {
    let bench = Bench::new();
    drop(three_logs(&bench).await);
    bench.disk.crash(|all| all);
    bench.disk.set_faults(DiskFaults::default());
    let file = files::log_name(2);
    let deadly = || Arc::new(Deadly { disk: bench.disk.mounted(), file: file.clone() });
    for _ in 0..2 {
        let start = std::panic::AssertUnwindSafe(|| bench.open_watched(deadly()));
        assert!(std::panic::catch_unwind(start).is_err(), "the start is ended");
        assert!(bench.disk.mounted().list().expect("names").contains(&file));
    }
    // It is still deadly, and only its size is read.
    let renamed = Arc::new(bench.disk.mounted());
    let opened = bench.open_watched(renamed).expect("the third start goes on");
    let counts: u64 = opened.outstanding.iter().map(|(_, count)| count).sum();
    assert_eq!((counts, opened.ids.len()), (1 + 3, 2));
    assert_eq!(
        bench.metrics.journal_corrupt_bytes.get(),
        bench.disk.len_of(&files::aside_name(&file)) as u64
    );
    drop(opened);
    let names = bench.disk.mounted().list().expect("names");
    assert!(!names.iter().any(|name| name == "starting"), "{names:?}");
    // Later files never get its name.
    let process = bench.start(SETTINGS, 0);
    process.delta(9, &Counts::from([(0, 1)])).await.expect("the disk works");
    let aside = files::aside_name(&file);
    assert!(bench.disk.mounted().list().expect("names").contains(&aside));
}

#[tokio::test(start_paused = true)]
async fn restored_counts_that_end_two_starts_are_set_aside_and_can_be_read() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    process.delta(1, &Counts::from([(1, 7)])).await.expect("the disk works");
    drop(process);
    for _ in 0..2 {
        let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
        assert_eq!(opened.outstanding.len(), 1);
        // The process dies.
        std::mem::forget(opened.start);
    }
    let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
    assert!(opened.outstanding.is_empty());
    assert_eq!((opened.ids.len(), bench.metrics.doubtful.get(DoubtCause::SetAside)), (1, 7));
    drop(opened);
    let names = bench.disk.mounted().list().expect("names");
    let aside = names.iter().find(|name| name.ends_with(".checkpoint.set-aside"));
    let aside = aside.unwrap_or_else(|| panic!("{names:?}")).clone();
    // It is reported once, and is not part of the journal any more.
    let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
    assert!(opened.outstanding.is_empty());
    assert_eq!(bench.metrics.doubtful.get(DoubtCause::SetAside), 7);
    drop(opened);
    // Alone in a directory and under its old name it is a valid journal.
    let disk = bench.disk.mounted();
    for name in disk.list().expect("names").into_iter().filter(|name| *name != aside) {
        disk.remove(&name).expect("the disk works");
    }
    disk.rename(&aside, aside.trim_end_matches(".set-aside")).expect("the disk works");
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(1, 7)]));
}

#[tokio::test(start_paused = true)]
async fn start_that_succeeds_sets_nothing_aside() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    process.delta(1, &Counts::from([(1, 7)])).await.expect("the disk works");
    drop(process);
    for start in 0..10 {
        let opened = bench.open_watched(Arc::new(bench.disk.mounted())).expect("it is read");
        assert_eq!(opened.outstanding.len(), 1, "start {start}");
        if start % 3 == 0 {
            std::mem::forget(opened.start);
        }
    }
    assert_eq!(bench.metrics.doubtful.get(DoubtCause::SetAside), 0);
}
