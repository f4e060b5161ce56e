//! How long requests and events are known, and what they cost.

use super::*;

#[tokio::test(start_paused = true)]
async fn journal_stays_as_large_as_what_is_outstanding_and_known() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    for number in 0..500 {
        bench.clock.set_ms(i64::try_from(number).expect("few") * 60_000);
        let counts = Counts::from([(u8::try_from(number % 3).expect("few"), 1)]);
        let at_ms = bench.clock.now_ms();
        let mut delta = Delta::default();
        delta.add(&key(&process.layouts, u8::try_from(number % 3).expect("few")), 1);
        let events = events_of(number);
        let written =
            process.journal.delta(&[id(number)], at_ms, None, &delta, &events, None).await;
        written.expect("the disk works");
        let call = process.journal.call(&process.list(&counts)).await.expect("the disk works");
        process.journal.verdict(call, Verdict::Accepted, 0).await;
    }
    let disk = bench.disk.mounted();
    let names = disk.list().expect("names");
    let bytes: usize = names.iter().map(|name| bench.disk.len_of(name)).sum();
    // IDs of two hours at one per minute, events of one hour, and two logs.
    assert!(bytes < 120 * 60 + 60 * 60 + 2 * 4000, "{bytes} in {names:?}");
    drop(process);
    bench.disk.crash(|_| 0);
    let process = bench.start(SETTINGS, 0);
    assert!(process.outstanding.values().sum::<u64>() <= 1, "{:?}", process.outstanding);
    assert!((110..=121).contains(&process.ids.len()), "{}", process.ids.len());
    assert!((55..=61).contains(&process.events.len()), "{}", process.events.len());
}

/// Senders are told nothing while no process runs, so lifetimes stop during a downtime, however the
/// wall clock was set meanwhile.
#[tokio::test(start_paused = true)]
async fn lifetimes_stop_during_a_downtime() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    let (own, minute) = (Some(Duration::from_mins(15)), 60_000);
    for (number, life) in [(1, own), (2, None)] {
        let mut delta = Delta::default();
        delta.add(&key(&process.layouts, 0), 1);
        process
            .journal
            .delta(&[id(number)], 0, life, &delta, &[], None)
            .await
            .expect("the disk works");
    }
    for hours in [1, 30, 3] {
        bench.disk.crash(|changes| changes);
        bench.clock.set_ms(hours * 60 * minute);
        let process = bench.start(SETTINGS, 0);
        let known = BTreeSet::from([1, 2].map(|number| id(number).to_bytes()));
        let ids = process.ids.iter().map(|id| id.to_bytes());
        assert_eq!(ids.collect::<BTreeSet<_>>(), known, "after {hours} h");
    }
    // While a process runs, the lifetime passes.
    let process = bench.start(SETTINGS, 0);
    bench.clock.set_ms(31 * 60 * minute);
    let mut delta = Delta::default();
    delta.add(&key(&process.layouts, 0), 1);
    process.journal.delta(&[id(3)], 31 * 60 * minute, None, &delta, &[], None).await.expect("well");
    bench.disk.crash(|changes| changes);
    let ids: Vec<_> = bench.start(SETTINGS, 0).ids.iter().map(|id| id.to_bytes()).collect();
    assert_eq!(ids, [id(3).to_bytes()]);
}

#[tokio::test(start_paused = true)]
async fn newest_events_are_known_when_there_are_too_many() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    for number in 0..30 {
        process.delta(number, &Counts::from([(0, 1)])).await.expect("the disk works");
    }
    for (events_max, known) in [(4, 4), (1000, 4), (1, 1), (0, 0)] {
        drop(bench.start(JournalSettings { events_max, ..SETTINGS }, 0));
        bench.disk.crash(|changes| changes);
        let process = bench.start(SETTINGS, 0);
        let last = (0..30).flat_map(events_of).skip(30 - known).collect();
        assert_eq!(process.events, last, "{events_max}");
    }
}

/// A journal of a version without duplicate detection and doubt is still readable; and without
/// them, the same bytes are written.
#[test]
fn record_without_optional_fields_has_the_same_bytes_as_before() {
    #[derive(minicbor::Encode)]
    enum Before<'b> {
        #[n(2)]
        Delta {
            #[b(0)]
            id: &'b minicbor::bytes::ByteSlice,
            #[n(1)]
            at_ms: i64,
            #[b(2)]
            counts: Vec<RecordCount<'b>>,
        },
        #[n(7)]
        Known {
            #[b(0)]
            ids: Vec<record::KnownId<'b>>,
        },
        #[n(4)]
        Verdict {
            #[n(0)]
            call: u64,
            #[n(1)]
            verdict: Verdict,
        },
        #[n(8)]
        End,
    }
    let (id, counts) = ([1; 16], vec![RecordCount::new(b"key", 7)]);
    let id = || (&id[..]).into();
    let ids = vec![record::KnownId { id: id(), at_ms: 9, life_ms: None }];
    for (before, now) in [
        (
            Before::Delta { id: id(), at_ms: 5, counts: counts.clone() },
            Record::Delta {
                id: id(),
                at_ms: 5,
                counts,
                fingerprints: None,
                life_ms: None,
                also: None,
            },
        ),
        (Before::Known { ids: ids.clone() }, Record::Known { ids, events: None }),
        (
            Before::Verdict { call: 3, verdict: Verdict::Void },
            Record::Verdict { call: 3, verdict: Verdict::Void, doubtful: None },
        ),
        (Before::End, Record::End { doubtful: None }),
    ] {
        let bytes = minicbor::to_vec(&before).expect("memory");
        assert_eq!(bytes, minicbor::to_vec(&now).expect("memory"));
        let read: Record<'_> = minicbor::decode(&bytes).expect("it is read");
        assert_eq!(format!("{read:?}"), format!("{now:?}"));
    }
}

/// A delta with counts of as many series.
fn wide_delta(layouts: &Layouts, series: u8) -> Delta {
    let mut delta = Delta::default();
    for value in 0..series {
        delta.add(&key(layouts, value), 1);
    }
    delta
}

/// However many IDs are known, checkpoints at most double what is written, and lose no ID.
#[tokio::test(start_paused = true)]
async fn checkpoints_write_no_more_than_logs_however_many_ids_are_known() {
    const KNOWN: u64 = 20_000;
    let bench = Bench::new();
    let mut state = JournalState::default();
    for number in 0..KNOWN {
        let life_ms = (number % 2 == 0).then_some(3_600_000);
        state.ids.insert(id(number), known::KnownRequest { at_ms: 0, life_ms });
    }
    let (layouts, report) = (Layouts::default(), JournalReport::default());
    checkpoint::write_checkpoint(&bench.disk.mounted(), &layouts, 1, &state, &report)
        .expect("the disk works");

    let process = bench.start(SETTINGS_OF_MANY, 0);
    let before = bench.disk.written();
    let delta = wide_delta(&process.layouts, 200);
    for number in KNOWN..KNOWN + 800 {
        let written = process.journal.delta(&[id(number)], 0, None, &delta, &[], None).await;
        written.expect("the disk works");
    }
    let (written, logs) = (bench.disk.written() - before, bench.metrics.journal_bytes.get());
    assert!(logs > 4 * KNOWN * 16, "a few checkpoints are written: {logs}");
    assert!(written > logs + 2 * KNOWN * 16, "IDs are copied: {written} of {logs}");
    assert!(written <= 2 * logs, "{written} written for {logs} of log");
    drop(process);
    bench.disk.crash(|_| 0);
    let process = bench.start(SETTINGS_OF_MANY, 0);
    assert_eq!(process.ids.len() as u64, KNOWN + 800);
    assert_eq!(process.outstanding.len(), 200);
    assert!(process.outstanding.values().all(|count| *count == 800));
}

const SETTINGS_OF_MANY: JournalSettings = JournalSettings { ids_max: 1_000_000, ..SETTINGS };

/// Above the limit the oldest IDs go, whether they are in a file or in memory.
#[tokio::test(start_paused = true)]
async fn oldest_ids_above_the_limit_are_forgotten() {
    let bench = Bench::new();
    let settings = JournalSettings { ids_max: 50, log_bytes: 1, ..SETTINGS };
    let process = bench.start(settings, 0);
    let delta = wide_delta(&process.layouts, 1);
    for number in 0..200 {
        let at_ms = i64::try_from(number).expect("few") * 60_000 / 10;
        bench.clock.set_ms(at_ms);
        let written = process.journal.delta(&[id(number)], at_ms, None, &delta, &[], None).await;
        written.expect("the disk works");
    }
    drop(process);
    bench.disk.crash(|_| 0);
    let process = bench.start(settings, 0);
    let known: Vec<_> = (0..200).filter(|number| process.ids.contains(&id(*number))).collect();
    assert_eq!(known, (150..200).collect::<Vec<_>>());
    assert_eq!(bench.metrics.ledger_evicted.get(EvictionReason::Journal), 150);
    assert_eq!(process.outstanding, Counts::from([(0, 200)]));
}

/// A request whose ID was forgotten counts again, in the journal as in memory; a second record of the
/// same request does not.
#[tokio::test(start_paused = true)]
async fn id_counts_once_in_its_lifetime() {
    for (life, after_minutes, expected) in
        [(Some(15), 1, 1), (Some(15), 13, 1), (Some(15), 15, 2), (None, 100, 1), (None, 130, 2)]
    {
        for has_checkpoint in [false, true] {
            let bench = Bench::new();
            let mut process = bench.start(SETTINGS, 0);
            let (life, delta) = (life.map(Duration::from_mins), wide_delta(&process.layouts, 1));
            for at_ms in [60_000, 60_000 + after_minutes * 60_000] {
                let written = process.journal.delta(&[id(1)], at_ms, life, &delta, &[], None).await;
                written.expect("the disk works");
                if has_checkpoint {
                    drop(process);
                    bench.clock.set_ms(at_ms);
                    process = bench.start(SETTINGS, 0);
                }
            }
            drop(process);
            let outstanding = bench.start(SETTINGS, 0).outstanding;
            assert_eq!(outstanding, Counts::from([(0, expected)]), "{life:?} {after_minutes}");
            assert_eq!(bench.metrics.journal_contradictions.get(), 0);
        }
    }
}

/// A delta whose write has not begun at the deadline leaves no trace; one whose write has begun is
/// waited for.
#[tokio::test]
async fn write_is_withdrawn_at_the_deadline_unless_it_has_begun() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    let delta = wide_delta(&process.layouts, 1);
    let journal = &process.journal;
    let past = Instant::now() - Duration::from_millis(10);
    let late = journal.delta(&[id(1)], 0, None, &delta, &[], Some(past)).await;
    assert!(late.is_err(), "it was withdrawn");
    let later = Some(past + Duration::from_mins(10));
    journal.delta(&[id(2)], 0, None, &delta, &[], later).await.expect("the disk works");
    let claim = OrderClaim::default();
    assert!(claim.take() && !claim.take(), "only the first takes it");
    drop(process);
    bench.disk.crash(|_| 0);
    let process = bench.start(SETTINGS, 0);
    assert_eq!(process.ids, [id(2)]);
    assert_eq!(process.outstanding, Counts::from([(0, 1)]));
}
