//! The target `file`: a stream of events as in archives, with its truth.
//!
//! Chunks of a megabyte are generated (and compressed) in advance and written in turn, so that a
//! file of gigabytes takes only seconds.

use std::fs::File;
use std::io::{BufWriter, Write};

use anyhow::Context;
use flate2::Compression;
use postmeter::cli::Exit;
use postmeter::clock::Clock;
use postmeter::synth::Truth;
use postmeter::synth::gzip::{GzipMember, GzipPart, HEADER};

use super::args::FileArgs;
use super::definitions;
use super::output::bar;
use super::plan::{Parcel, Plan};
use super::series::Account;
use super::traffic::Traffic;

/// Bytes of a chunk before gzip, about.
const CHUNK_BYTES: usize = 1 << 20;
/// The default size.
const BYTES: u64 = 100_000_000;

/// A chunk, compressed if the file is.
enum Chunk {
    Plain(Vec<u8>),
    Gzip { part: GzipPart, plain_bytes: u64 },
}

/// Runs the command.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn run(args: &FileArgs) -> anyhow::Result<Exit> {
    let Some(truth) = definitions::truth(&args.traffic) else { return Ok(Exit::Usage) };
    let name = args.path.display().to_string();
    let file = File::create(&args.path).with_context(|| format!("cannot write {name}"))?;
    let mut out = BufWriter::with_capacity(CHUNK_BYTES, file);
    let bytes = args.bytes.unwrap_or(if args.events.is_some() { u64::MAX } else { BYTES });
    let length = args.events.unwrap_or(bytes);
    let bar = bar(Some(length), "{bar:30} {percent}% {msg}");

    bar.set_message("generating events");
    let mut traffic = Traffic::new(&args.traffic, Clock::System.now_ms());
    // Not more chunks than fit in the file: each is 1 MiB or a little more.
    let many = usize::try_from(bytes.div_ceil(CHUNK_BYTES as u64)).unwrap_or(usize::MAX);
    let many = args.traffic.pool.min(many);
    let plan = Plan::new(many, args.events, |events_max, series| {
        let records = traffic.fill(CHUNK_BYTES, usize::MAX, events_max, |bytes| bytes);
        let plain: Vec<u8> = records.iter().flat_map(|record| &record.bytes).copied().collect();
        Parcel::new(Chunk::new(plain, args.gzip), &records, &truth, series)
    });

    bar.set_message("writing");
    let (mut account, mut member) = (Account::default(), GzipMember::default());
    let (mut events, mut written) = (0, 0);
    let mut write =
        |bytes: &[u8]| out.write_all(bytes).with_context(|| format!("cannot write {name}"));
    if args.gzip {
        write(&HEADER)?;
    }
    for place in 0.. {
        let Some(parcel) = plan.parcel(place).filter(|_| written < bytes) else { break };
        match &parcel.content {
            Chunk::Plain(content) => write(content)?,
            Chunk::Gzip { part, .. } => {
                write(&part.deflate)?;
                member.add(part);
            }
        }
        account.sure(&parcel.counts);
        events += parcel.events;
        written += parcel.content.plain_bytes();
        bar.set_position(if args.events.is_some() { events } else { written });
    }
    if args.gzip {
        write(&member.trailer())?;
    }
    out.flush().with_context(|| format!("cannot write {name}"))?;
    bar.finish_and_clear();

    if let Some(path) = &args.truth {
        let lines = lines(truth, &plan, &account);
        std::fs::write(path, lines).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(Exit::Done)
}

fn lines(mut truth: Truth, plan: &Plan<Chunk>, account: &Account) -> String {
    let ranges = plan.series.ranges(account);
    truth.series = ranges.into_iter().map(|(series, range)| (series, range.least)).collect();
    truth.to_lines()
}

// === impl Chunk ===

impl Chunk {
    fn new(plain: Vec<u8>, gzip: bool) -> Self {
        if gzip {
            Self::Gzip {
                part: GzipPart::compress(&plain, Compression::fast()),
                plain_bytes: plain.len() as u64,
            }
        } else {
            Self::Plain(plain)
        }
    }

    fn plain_bytes(&self) -> u64 {
        match self {
            Self::Plain(plain) => plain.len() as u64,
            Self::Gzip { plain_bytes, .. } => *plain_bytes,
        }
    }
}
