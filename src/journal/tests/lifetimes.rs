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
        let written = process.journal.delta(&[id(number)], at_ms, None, &delta, &events).await;
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

/// The sender of a message retries only while the daemon runs, so the lifetime of its ID stops
/// during a downtime. Firehose retries by the clock.
#[tokio::test(start_paused = true)]
async fn id_with_a_lifetime_of_its_own_outlives_a_downtime() {
    let bench = Bench::new();
    let process = bench.start(SETTINGS, 0);
    let (own, minute) = (Some(Duration::from_mins(15)), 60_000);
    for (number, life) in [(1, own), (2, None)] {
        let mut delta = Delta::default();
        delta.add(&key(&process.layouts, 0), 1);
        process.journal.delta(&[id(number)], 0, life, &delta, &[]).await.expect("the disk works");
    }
    for (hours, known) in [(1, vec![1, 2]), (30, vec![1])] {
        bench.disk.crash(|changes| changes);
        bench.clock.set_ms(hours * 60 * minute);
        let process = bench.start(SETTINGS, 0);
        let known: BTreeSet<_> = known.into_iter().map(|number| id(number).to_bytes()).collect();
        let ids = process.ids.iter().map(|id| id.to_bytes());
        assert_eq!(ids.collect::<BTreeSet<_>>(), known, "after {hours} h");
    }
    // While a process runs, the lifetime passes.
    let process = bench.start(SETTINGS, 0);
    bench.clock.set_ms(31 * 60 * minute);
    let mut delta = Delta::default();
    delta.add(&key(&process.layouts, 0), 1);
    process.journal.delta(&[id(3)], 31 * 60 * minute, None, &delta, &[]).await.expect("well");
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
