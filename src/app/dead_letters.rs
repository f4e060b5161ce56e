//! Dead letters in the daemon: opened at the start, flushed at the end.

use std::sync::Arc;

use tokio::time::timeout_at;

use super::error::StartError;
use super::time_left::TimeLeft;
use crate::aws::AwsEnvironment;
use crate::clock::Clock;
use crate::config::Config;
use crate::dead_letters::{DeadLetters, LetterFiles, LetterPlace};
use crate::offload::offload;
use crate::supervisor::Supervisor;
use crate::telemetry::{Metrics, TaskName};

/// Opens the place for dead letters, if one is configured, and starts to write them.
pub(super) async fn open(
    config: &Config,
    aws: &AwsEnvironment,
    clock: &Clock,
    metrics: &Arc<Metrics>,
    supervisor: &Supervisor,
) -> Result<Option<DeadLetters>, StartError> {
    let settings = &config.dead_letters;
    let place = if let Some(directory) = settings.directory.clone() {
        let (file_bytes, bytes, clock) = (settings.file_bytes, settings.bytes, clock.clone());
        let name = directory.display().to_string();
        let opening = offload(move || LetterFiles::open(&directory, file_bytes, bytes, clock));
        let failed = |why: String| {
            let fix = "make it a directory that this process can write to, or choose another";
            let what = format!("cannot keep dead letters in {name} (dead_letters.directory)");
            StartError::Configuration(format!("{what}: {why}; {fix}"))
        };
        let opened =
            opening.await.map_err(|_| failed("opening the directory panicked".to_owned()))?;
        LetterPlace::Files(opened.map_err(|error| failed(error.to_string()))?)
    } else if let Some(name) = &settings.stream {
        stream(name, aws).await?
    } else {
        return Ok(None);
    };
    let (letters, writer) = DeadLetters::new(&settings.keep, place, Arc::clone(metrics));
    // Ends when every sender of letters is dropped.
    supervisor.spawn_worker(TaskName::DeadLetters, writer.run());
    Ok(Some(letters))
}

async fn stream(name: &str, aws: &AwsEnvironment) -> Result<LetterPlace, StartError> {
    use crate::aws::Stream;
    use crate::dead_letters::LetterStream;

    // The region of this process, which may differ from that of its metrics.
    let sdk = aws.load(None).await.ok_or_else(|| {
        let what = "no AWS region for dead_letters.stream: set AWS_REGION";
        StartError::Configuration(what.to_owned())
    })?;
    Ok(LetterPlace::Stream(LetterStream::new(Stream::new(&sdk, name))))
}

/// Waits until pending letters are written. Called when nothing is merged any more.
pub(super) async fn finish(letters: Option<&DeadLetters>, time: TimeLeft) {
    let Some(letters) = letters else { return };
    if timeout_at(time.step(), letters.settled()).await.is_err() {
        letters.give_up();
    }
}
