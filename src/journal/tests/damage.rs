//! A damaged or failing journal: what is kept, reported and written anyway.

use super::*;

#[tokio::test(start_paused = true)]
async fn corrupt_part_is_reported_and_kept_and_the_rest_is_read() {
    let bench = Bench::new();
    drop(three_logs(&bench).await);
    let name = files::log_name(2);
    // Inside the delta, which is the last record.
    bench.disk.damage(&name, bench.disk.len_of(&name) - 1);
    bench.disk.crash(|_| 0);
    bench.disk.set_faults(DiskFaults::default());
    let process = bench.start(SETTINGS, 0);
    assert_eq!(process.outstanding, Counts::from([(0, 1), (2, 3)]));
    assert_eq!(process.ids.len(), 2);
    assert!(bench.metrics.journal_corrupt_bytes.get() > 0);
    assert!(bench.disk.mounted().list().expect("names").contains(&format!("{name}.corrupt")));
    // It was reported once and is not part of the journal any more.
    let before = bench.metrics.journal_corrupt_bytes.get();
    bench.disk.crash(|_| 0);
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(0, 1), (2, 3)]));
    assert_eq!(bench.metrics.journal_corrupt_bytes.get(), before);
}

#[tokio::test(start_paused = true)]
async fn torn_end_is_cut_without_a_report_of_corruption() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    for number in 0..3 {
        process.delta(number, &Counts::from([(0, 1)])).await.expect("the disk works");
    }
    let name = files::log_name(1);
    bench.disk.cut(&name, bench.disk.len_of(&name) - 3);
    bench.disk.crash(|_| 0);
    let left = bench.disk.len_of(&name);
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(0, 2)]));
    assert_eq!(bench.metrics.journal_corrupt_bytes.get(), 0);
    let torn = bench.metrics.journal_torn_bytes.get();
    assert!((1..left as u64).contains(&torn), "{torn} of {left}");
}

/// A process that ends before it can write another log has already cut the rejected request off.
#[tokio::test(start_paused = true)]
async fn rejected_request_is_not_counted_by_the_next_start() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    let one = Counts::from([(0, 1)]);
    process.delta(0, &one).await.expect("the disk works");
    bench.disk.set_faults(DiskFaults { syncs_left: Some(0), ..DiskFaults::default() });
    process.delta(1, &one).await.expect_err("the sync fails");
    drop(process);
    bench.disk.set_faults(DiskFaults::default());
    bench.disk.crash(|all| all);
    let process = bench.start(SETTINGS, 0);
    assert_eq!((process.outstanding, process.ids.len()), (one, 1));
    assert_eq!(bench.metrics.journal_torn_bytes.get(), 0);
}

/// A write that a full disk cut short, and the logs that could not begin after it, are the end of
/// the journal.
#[tokio::test(start_paused = true)]
async fn write_that_a_full_disk_cut_short_is_no_corruption() {
    // Not even the first byte of the next log fits, or a part of its first record, or all of it.
    for (attempts, room, more) in [(1, 5, 0), (4, 5, 0), (4, 20, 3), (2, 20, 1000)] {
        let bench = Bench::new();
        let process = bench.start(SETTINGS, 0);
        let one = Counts::from([(0, 1)]);
        process.delta(0, &one).await.expect("the disk works");
        for attempt in 0..attempts {
            let room = if attempt == 0 { room } else { more };
            let full_at = Some(bench.disk.used() + room);
            bench.disk.set_faults(DiskFaults { full_at, ..DiskFaults::default() });
            assert!(process.delta(1, &one).await.is_err() || more == 1000);
        }
        drop(process);
        bench.disk.set_faults(DiskFaults::default());
        bench.disk.crash(|all| all);
        let process = bench.start(SETTINGS, 0);
        let taken = u64::try_from(process.ids.len()).expect("few");
        assert_eq!(process.outstanding, Counts::from([(0, taken)]), "{attempts} {room} {more}");
        assert_eq!(bench.metrics.journal_corrupt_bytes.get(), 0, "{attempts} {room} {more}");
        let names = bench.disk.mounted().list().expect("names");
        assert!(!names.iter().any(|name| name.contains("corrupt")), "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn start_on_a_full_disk_fails_and_keeps_what_is_there() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    for number in 0..5 {
        process.delta(number, &Counts::from([(0, 1)])).await.expect("the disk works");
    }
    drop(process);
    bench.disk.crash(|all| all);
    // Of a checkpoint that an earlier process did not finish.
    bench.disk.mounted().create("0000000000000009.unfinished").expect("the disk works");
    let files = || {
        let names = bench.disk.mounted().list().expect("names");
        let names = names.into_iter().filter(|name| !name.contains("unfinished"));
        names.map(|name| (bench.disk.len_of(&name), name)).collect::<Vec<_>>()
    };
    let before = files();
    for room in [0, 30] {
        let full_at = Some(bench.disk.used() + room);
        bench.disk.set_faults(DiskFaults { full_at, ..DiskFaults::default() });
        let disk = Arc::new(bench.disk.mounted());
        let (layouts, metrics) = (Layouts::default(), Arc::clone(&bench.metrics));
        let opened = open_watched(disk, &layouts, SETTINGS, bench.clock.clone(), metrics);
        assert_eq!(opened.expect_err("it is full").kind(), io::ErrorKind::StorageFull);
        bench.disk.set_faults(DiskFaults::default());
        assert_eq!(files(), before);
        let names = bench.disk.mounted().list().expect("names");
        assert!(!names.iter().any(|name| name.ends_with("9.unfinished")), "{names:?}");
    }
    let process = bench.start(SETTINGS, 0);
    assert_eq!((process.outstanding, process.ids.len()), (Counts::from([(0, 5)]), 5));
}

#[tokio::test(start_paused = true)]
async fn logs_without_a_checkpoint_are_bounded_and_writing_resumes_with_the_next_one() {
    let bench = Bench::new();
    let process = bench.start(JournalSettings { log_bytes: 1, ..SETTINGS }, 0);
    bench.disk.set_faults(DiskFaults { renames_fail: true, ..DiskFaults::default() });
    let one = Counts::from([(0, 1)]);
    let mut taken = 0;
    while process.delta(taken, &one).await.is_ok() {
        taken += 1;
        assert!(taken < 100, "there is no end");
    }
    let logs = bench.disk.mounted().list().expect("names");
    let logs = logs.iter().filter(|name| name.contains(".log")).count();
    assert_eq!((taken, logs), (16, 17));
    bench.disk.set_faults(DiskFaults::default());
    // The first is still rejected, and triggers the checkpoint.
    let mut refused = 0;
    while process.delta(1000 + refused, &one).await.is_err() {
        refused += 1;
        assert!(refused < 100, "it does not recover");
        tokio::task::yield_now().await;
    }
    drop(process);
    bench.disk.crash(|_| 0);
    assert_eq!(bench.start(SETTINGS, 0).outstanding, Counts::from([(0, taken + 1)]));
}

/// A start on a corrupt log may end anywhere: the readable part is there at the next start.
#[tokio::test(start_paused = true)]
async fn readable_part_of_a_corrupt_log_is_never_lost_to_a_crash() {
    for changes in 0..12 {
        let bench = Bench::new();
        let process = bench.start(SETTINGS, 0);
        let (name, mut before) = (files::log_name(1), 0);
        for number in 0..3 {
            process.delta(number, &Counts::from([(0, 1)])).await.expect("the disk works");
            if number == 1 {
                before = bench.disk.len_of(&name);
            }
        }
        drop(process);
        // In the delta before the last one; all have the same length.
        let one = bench.disk.len_of(&name) - before;
        bench.disk.damage(&name, before - one / 2);
        bench.disk.crash(|_| 0);
        bench.disk.set_faults(DiskFaults { changes_left: Some(changes), ..DiskFaults::default() });
        let disk = Arc::new(bench.disk.mounted());
        let clock = bench.clock.clone();
        let layouts = Layouts::default();
        let opened = open(disk, &layouts, SETTINGS, clock, Arc::clone(&bench.metrics));
        drop(opened);
        bench.disk.set_faults(DiskFaults::default());
        bench.disk.crash(|changes| changes);
        let process = bench.start(SETTINGS, 0);
        assert_eq!(process.outstanding, Counts::from([(0, 2)]), "{changes} changes");
    }
}

/// A record that panics costs its own counts, and does not stop the start.
#[tokio::test(start_paused = true)]
async fn record_that_panics_is_reported_as_damage_and_the_rest_is_read() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    process.delta(1, &Counts::from([(0, 1)])).await.expect("the disk works");
    let delta = Delta::default();
    let (ids, journal) = ([id(2)], &process.journal);
    let panics = journal.delta(&ids, state::PANICS_AT_MS, None, &delta, &[], None);
    panics.await.expect("the disk works");
    process.delta(3, &Counts::from([(1, 2)])).await.expect("the disk works");
    drop(process);
    bench.disk.crash(|all| all);
    let process = bench.start(SETTINGS, 0);
    assert_eq!(process.outstanding, Counts::from([(0, 1), (1, 2)]));
    assert!(bench.metrics.journal_corrupt_bytes.get() > 0);
    let names = bench.disk.mounted().list().expect("names");
    assert!(names.contains(&format!("{}.corrupt", files::log_name(1))), "{names:?}");
}
