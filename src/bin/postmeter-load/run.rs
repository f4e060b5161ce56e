//! A run: connections that send due parcels, and the report at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use hyper::Uri;
use postmeter::cli::Exit;
use postmeter::clock::Clock;
use postmeter::http::HttpClient;
use postmeter::telemetry::Process;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::args::{FirehoseHttpArgs, FirehoseStreamArgs};
use super::controls::RunControls;
use super::daemon::Daemon;
use super::definitions;
use super::http::{self, HttpSender, HttpStream, Tail};
use super::job::{Job, RunResult};
use super::output::{Notices, complain};
use super::pace::Schedule;
use super::plan::{Parcel, Plan};
use super::report::Report;
use super::sender::Sender;
use super::stream::{self, DeliveryStream, StreamSender};
use super::tally::{Live, Tally};
use super::traffic::Traffic;
use super::verify::{self, Settled, Verifier};
use super::web;

/// How long to wait for the endpoint at the start.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// How often the daemon's memory is sampled.
const SAMPLES: Duration = Duration::from_secs(1);
/// Maximum bytes of all parcels of a pool: 4 GiB.
const POOL_BYTES_MAX: usize = 4 << 30;

/// Runs the command `firehose-http`.
pub(crate) async fn firehose_http(args: &FirehoseHttpArgs) -> anyhow::Result<Exit> {
    let Some(truth) = definitions::truth(&args.traffic) else { return Ok(Exit::Usage) };
    if !pool_fits(args.traffic.pool, args.body_bytes) {
        return Ok(Exit::Usage);
    }
    let controls = RunControls::new(&args.pace);
    let notices = Notices::new(controls.bar.clone());
    let stream = HttpStream::new(args, notices, Arc::clone(&controls.live), controls.abort.clone());
    let stream = match stream {
        Ok(stream) => Arc::new(stream),
        Err(error) => {
            complain(&format!("--access-key or --source-arn cannot be sent: {error}"));
            return Ok(Exit::Usage);
        }
    };
    reach(&args.url).await?;
    let mut traffic = Traffic::new(&args.traffic, Clock::System.now_ms());
    let plan = controls.plan(&args.traffic, &args.pace, |events_max, series| {
        let records = traffic.fill(args.body_bytes, usize::MAX, events_max, http::cost);
        Parcel::new(Tail::new(&records, args.gzip), &records, &truth, series)
    });
    let settings = web::settings(&args.url)?;
    let senders = (0..args.pace.connections).map(|_| HttpSender {
        client: HttpClient::new(settings.clone()),
        stream: Arc::clone(&stream),
    });
    let job = Job {
        target: format!("firehose-http {}{}", args.url, if args.gzip { " gzip" } else { "" }),
        traffic: &args.traffic,
        pace: &args.pace,
        check: &args.check,
    };
    run(&job, plan, senders.collect(), controls).await
}

/// Runs the command `firehose-stream`.
pub(crate) async fn firehose_stream(args: &FirehoseStreamArgs) -> anyhow::Result<Exit> {
    let Some(truth) = definitions::truth(&args.traffic) else { return Ok(Exit::Usage) };
    if !pool_fits(args.traffic.pool, args.body_bytes) {
        return Ok(Exit::Usage);
    }
    let controls = RunControls::new(&args.pace);
    let notices = Notices::new(controls.bar.clone());
    let stream =
        DeliveryStream::new(args, notices, Arc::clone(&controls.live), controls.abort.clone());
    let stream = Arc::new(stream.await?);
    let mut traffic = Traffic::new(&args.traffic, Clock::System.now_ms());
    let plan = controls.plan(&args.traffic, &args.pace, |events_max, series| {
        let records = traffic.fill(args.body_bytes, stream::RECORDS_MAX, events_max, |bytes| bytes);
        Parcel::new(stream::batch(&records, &truth, series), &records, &truth, series)
    });
    let senders = (0..args.pace.connections).map(|_| StreamSender(Arc::clone(&stream)));
    let job = Job {
        target: format!("firehose-stream {}", args.name),
        traffic: &args.traffic,
        pace: &args.pace,
        check: &args.check,
    };
    run(&job, plan, senders.collect(), controls).await
}

fn pool_fits(pool: usize, body_bytes: usize) -> bool {
    let fits = pool.saturating_mul(body_bytes) <= POOL_BYTES_MAX;
    if !fits {
        complain(&format!(
            "a pool of {pool} requests of {body_bytes} bytes is larger than 4 GiB; reduce --pool \
             or --body-bytes"
        ));
    }
    fits
}

/// Waits until the endpoint accepts a TCP connection, so that a wrong address is reported at once and not after
/// minutes of retries.
async fn reach(uri: &Uri) -> anyhow::Result<()> {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let address = (host, uri.port_u16().unwrap_or(default));
    let deadline = Instant::now() + CONNECT_PATIENCE;
    loop {
        let error = match timeout(CONNECT_PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no response".to_owned(),
        };
        anyhow::ensure!(
            Instant::now() < deadline,
            "cannot connect to {}:{}: {error}; check that the endpoint is running",
            address.0,
            address.1
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn run<S: Sender>(
    job: &Job<'_>,
    plan: Plan<S::Content>,
    senders: Vec<S>,
    controls: RunControls,
) -> anyhow::Result<Exit> {
    let plan = Arc::new(plan);
    let daemon = match &job.check.admin {
        Some(admin) => {
            let idle_within = job.check.verify.as_ref().map(|_| job.check.settle);
            let token = job.check.admin_token.clone();
            Some(Daemon::meet(admin, token, idle_within).await?)
        }
        None => None,
    };
    let verifier = match &job.check.verify {
        Some(at) => Some(Verifier::prepare(at, &job.traffic.namespace, &plan.series).await?),
        None => None,
    };
    let sampling = daemon.as_ref().map(|daemon| daemon.sample(SAMPLES));
    let result = send(job, &plan, senders, &controls).await?;
    let truth = plan.series.ranges(&result.tally.account);
    let settling = verify::settle(job.check.settle, verifier.as_ref(), daemon.as_ref(), &truth);
    let settled = tokio::select! {
        settled = settling => settled,
        () = controls.abort.cancelled() => Err(anyhow::anyhow!("interrupted")),
    };
    // Report the measurements even if the comparison fails.
    let is_settled = settled.is_ok();
    let settled = settled.unwrap_or_else(|error| {
        complain(&format!("cannot compare: {error:#}"));
        Settled::default()
    });
    let peak = match sampling {
        Some(sampling) => sampling.stop().await,
        None => 0,
    };
    let report = Report::new(job, &result, settled, peak);
    report.print()?;
    if let Some(path) = &job.check.json {
        report.write(path)?;
    }
    Ok(if is_settled && report.is_good() { Exit::Done } else { Exit::Failed })
}

async fn send<S: Sender>(
    job: &Job<'_>,
    plan: &Arc<Plan<S::Content>>,
    senders: Vec<S>,
    controls: &RunControls,
) -> anyhow::Result<RunResult> {
    let cpu_before = Process::read();
    let schedule = Arc::new(Schedule::new(job.pace(), Instant::now()));
    let mut workers = JoinSet::new();
    for sender in senders {
        let (plan, schedule) = (Arc::clone(plan), Arc::clone(&schedule));
        let (live, stop) = (Arc::clone(&controls.live), controls.stop.clone());
        workers.spawn(work(sender, plan, schedule, live, stop));
    }
    let mut tally = Tally::new();
    let mut ticks = interval(Duration::from_millis(250));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let started = Instant::now();
    loop {
        tokio::select! {
            worker = workers.join_next() => match worker {
                Some(worker) => tally.merge(&worker.context("a connection's task failed")?),
                None => break,
            },
            _ = ticks.tick() => controls.show(started),
        }
    }
    controls.bar.finish_and_clear();
    let cpu_seconds = cpu_before
        .zip(Process::read())
        .map(|(before, after)| after.cpu_seconds - before.cpu_seconds);
    let from = schedule.measured_from();
    let measured = tally.measured.last.map_or(Duration::ZERO, |last| last - from);
    let interrupted = controls.stop.is_cancelled();
    let unsent = if interrupted { 0 } else { schedule.unsent(plan) };
    Ok(RunResult { tally, interrupted, unsent, measured, cpu_seconds })
}

/// One connection.
async fn work<S: Sender>(
    mut sender: S,
    plan: Arc<Plan<S::Content>>,
    schedule: Arc<Schedule>,
    live: Arc<Live>,
    stop: CancellationToken,
) -> Tally {
    let mut tally = Tally::new();
    while !stop.is_cancelled()
        && let Some(due) = schedule.next(&plan, Instant::now())
        && let Some(parcel) = plan.parcel(due.place)
    {
        let now = Instant::now();
        if due.at > now {
            tokio::select! {
                () = sleep_until(due.at) => {}
                () = stop.cancelled() => break,
            }
        }
        let sent = sender.send(parcel, Clock::System.now_ms(), &mut tally).await;
        if sent.whole {
            tally.requests += 1;
            tally.bytes += sent.bytes;
            live.events.fetch_add(parcel.events, Ordering::Relaxed);
            if due.measured {
                tally.measure(parcel.events, sent.bytes, due.at, Instant::now());
            }
        }
    }
    tally
}
