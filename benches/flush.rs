//! Flushing 100,000 series: snapshot, pack, encode. Two reports follow, made once: the longest time
//! of a merge during flushes, and the memory per series.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, Throughput};
use postmeter::aggregate::{Aggregator, Delta};
use postmeter::limits::DATUMS_PER_CALL_MAX;
use postmeter::rules::Layouts;
use postmeter::sink::{Call, PublishBatch, pack};

use crate::{counting, say};

const SERIES: usize = 100_000;
/// Number of flushes during which the longest merge is searched.
const FLUSHES: usize = 20;
/// Number of processes in which the memory per series is measured.
const MEMORY_RUNS: usize = 9;
/// Set in the process that only measures memory.
const MEMORY_ONLY: &str = "POSTMETER_BENCH_MEMORY";

pub fn flush(criterion: &mut Criterion) {
    if std::env::var_os(MEMORY_ONLY).is_some() {
        memory();
        std::process::exit(0);
    }
    let (aggregator, layout) = counting::aggregator();
    let requests = counting::requests(layout, SERIES);
    let fill = || {
        for request in &requests {
            aggregator.merge(request, || None).expect("it fits");
        }
    };
    let snapshot = || {
        fill();
        settled(&aggregator, Arc::new(PublishBatch::new(aggregator.seal().counts)))
    };
    let layouts = aggregator.layouts();

    let mut group = criterion.benchmark_group("flush");
    group.throughput(Throughput::Elements(SERIES as u64)).sample_size(20);
    group.bench_function("snapshot", |bench| {
        bench.iter_batched(fill, |()| aggregator.seal(), BatchSize::PerIteration);
        aggregator.pending.done(aggregator.pending.entries(), aggregator.pending.counts());
    });
    group.bench_function("pack", |bench| {
        let batch = snapshot();
        bench.iter(|| pack(&batch, "SES", layouts, DATUMS_PER_CALL_MAX));
    });
    group.bench_function("encode", |bench| {
        let calls = pack(&snapshot(), "SES", layouts, DATUMS_PER_CALL_MAX).calls;
        bench.iter(|| encode(&calls, layouts));
    });
    group.finish();

    // Only when measuring: not when benches are checked or listed.
    if std::env::args().any(|arg| arg == "--bench") {
        longest_merge(&aggregator, &requests);
        memory_of_processes();
    }
}

fn settled(aggregator: &Aggregator, batch: Arc<PublishBatch>) -> Arc<PublishBatch> {
    aggregator.pending.done(batch.len() as u64, 0);
    batch
}

/// Creates the datums of one call at a time; returns their number.
fn encode(calls: &[Call], layouts: &Layouts) -> usize {
    calls.iter().map(|call| call.datums(layouts).len()).sum()
}

/// Two threads merge, a third seals, packs and encodes.
fn longest_merge(aggregator: &Aggregator, requests: &[Delta]) {
    // Wall time, and the part of it in which this thread had a core.
    let merge = |request| {
        let (queued, started) = (queued(), Instant::now());
        aggregator.merge(request, || None).expect("it fits");
        let took = started.elapsed();
        (took, took.saturating_sub(self::queued().saturating_sub(queued)))
    };
    let longer = |a: (Duration, Duration), b: (Duration, Duration)| (a.0.max(b.0), a.1.max(b.1));
    let longest = |threads: usize, until: &(dyn Fn() -> bool + Sync)| {
        thread::scope(|scope| {
            let merger = |thread: usize| {
                let own = requests.iter().cycle().skip(thread * requests.len() / 2);
                own.take_while(|_| !until()).map(merge).reduce(longer).unwrap_or_default()
            };
            let mergers: Vec<_> =
                (0..threads).map(|thread| scope.spawn(move || merger(thread))).collect();
            let results = mergers.into_iter().map(|merger| merger.join().expect("no panic"));
            results.reduce(longer).unwrap_or_default()
        })
    };
    for threads in [1, 2] {
        let started = Instant::now();
        let alone = longest(threads, &|| started.elapsed() > Duration::from_secs(2));
        let done = AtomicBool::new(false);
        let (mut flushes, mut entries) = (Vec::new(), 0);
        let beside = thread::scope(|scope| {
            let merging = scope.spawn(|| longest(threads, &|| done.load(Ordering::Relaxed)));
            for _ in 0..FLUSHES {
                // Until all series exist again.
                while aggregator.pending.entries() < SERIES as u64 {
                    thread::park_timeout(Duration::from_millis(1));
                }
                let started = Instant::now();
                let sealed = aggregator.seal();
                let batch = settled(aggregator, Arc::new(PublishBatch::new(sealed.counts)));
                let packed = pack(&batch, "SES", aggregator.layouts(), DATUMS_PER_CALL_MAX);
                entries += encode(&packed.calls, aggregator.layouts());
                flushes.push(started.elapsed());
            }
            done.store(true, Ordering::Relaxed);
            merging.join().expect("no panic")
        });
        let flush = flushes.iter().sum::<Duration>() / u32::try_from(FLUSHES).expect("few");
        say(&format!(
            "longest merge of {threads} threads: {:.1?} alone, {:.1?} beside {FLUSHES} flushes of {} \
             series ({flush:.1?} each); without waiting for a core {:.1?} and {:.1?}",
            alone.0,
            beside.0,
            entries / FLUSHES,
            alone.1,
            beside.1,
        ));
    }
}

/// Resident bytes for each of 100,000 series, in processes without other data: the allocator's own
/// overhead varies between processes.
fn memory_of_processes() {
    let exe = std::env::current_exe().expect("the bench's own path");
    let mut bytes = [(); MEMORY_RUNS].map(|()| {
        // A filter that matches no bench.
        let mut again = Command::new(&exe);
        again.args(["--bench", "none"]).env(MEMORY_ONLY, "1").stderr(Stdio::inherit());
        let run = again.output().expect("the bench runs again");
        assert!(run.status.success());
        let said = String::from_utf8(run.stdout).expect("text");
        let numbers: Vec<usize> = said.split_whitespace().filter_map(|n| n.parse().ok()).collect();
        <[usize; 2]>::try_from(numbers).expect("two numbers")
    });
    bytes.sort_unstable();
    let ([resident, own], [most, _]) = (bytes[MEMORY_RUNS / 2], bytes[MEMORY_RUNS - 1]);
    say(&format!(
        "{SERIES} series, three values of 9 to 19 bytes: {resident} B each of resident memory, \
         median of {MEMORY_RUNS} processes, {most} B at most; {own} B by their own account"
    ));
}

/// Prints the bytes for each of 100,000 series, resident and as reported, merged both in this
/// minute and in the last epoch: table, hourly limit, active epoch, entries of `GET /series`.
fn memory() {
    let (aggregator, layout) = counting::aggregator();
    // One-time allocations of the first request do not count for the series.
    aggregator.merge(&counting::request(layout, 0..400), || None).expect("it fits");
    let before = resident();
    for round in 0..2 {
        for first in (0..SERIES).step_by(400) {
            let request = counting::request(layout, first..first + 400);
            aggregator.merge(&request, || None).expect("it fits");
        }
        if round == 0 {
            drop(aggregator.seal());
        }
    }
    let held = resident().saturating_sub(before);
    say(&format!("{} {}", held.div_ceil(SERIES), aggregator.bytes().div_ceil(SERIES)));
}

/// How long this thread was runnable without a core (Linux, `sched-stats.rst`: the second field of
/// `schedstat`); zero where the system does not report it.
fn queued() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = stat.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

/// Resident bytes of this process; 0 where the system does not report them.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kilobytes.unwrap_or_default() << 10
}
