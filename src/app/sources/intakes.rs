//! The intake of each source: how its requests are acknowledged, and how long they are known.

use std::sync::Arc;
use std::time::Duration;

use crate::ack::{DoneWhen, Ledger};
use crate::config::{Acknowledge, Config, SqsConfig};
use crate::intake::{Intake, SourceActivity, SourceIntake};
use crate::limits::{FIREHOSE_ID_LIFE, S3_ID_LIFE, SNS_ID_MARGIN, SQS_ID_LIFE};

/// The intakes of all sources.
#[derive(Debug)]
pub(crate) struct SourceIntakes {
    pub firehose: SourceIntake,
    /// Messages posted by SNS; `None` without topics.
    pub sns: Option<SourceIntake>,
    /// Messages of the queues, in their order in the configuration.
    pub queues: Vec<SourceIntake>,
    /// For objects in S3, whichever queue names them.
    objects: Ledger,
}

// === impl SourceIntakes ===

impl SourceIntakes {
    pub(in crate::app) fn new(config: &Config, intake: &Arc<Intake>) -> Self {
        let source = |acknowledge: Acknowledge, ledger, id_life| SourceIntake {
            intake: Arc::clone(intake),
            ledger,
            until_settled: acknowledge == Acknowledge::Published,
            is_journaled: acknowledge == Acknowledge::Journaled,
            id_life,
            activity: Arc::default(),
        };
        let ids_max = config.limits.request_ids;
        let firehose = config.firehose.acknowledge;
        let sns = (!config.sns.topics.is_empty()).then(|| {
            // Messages are remembered for as long as they would be accepted.
            let life = config.sns.max_age + SNS_ID_MARGIN;
            let acknowledge = config.sns.acknowledge;
            source(acknowledge, ledger(acknowledge, life, ids_max), Some(life))
        });
        let queues = config.sqs.iter().map(|sqs| {
            let ledger = queue_ledger(sqs, ids_max);
            source(sqs.acknowledge, ledger, Some(queue_id_life(sqs.visibility)))
        });
        let any_settled = config.sqs.iter().any(|sqs| sqs.acknowledge == Acknowledge::Published);
        let objects = if any_settled { Acknowledge::Published } else { Acknowledge::Merged };
        Self {
            firehose: source(firehose, ledger(firehose, FIREHOSE_ID_LIFE, ids_max), None),
            sns,
            queues: queues.collect(),
            objects: ledger(objects, S3_ID_LIFE, ids_max),
        }
    }

    /// The ledgers in use. A restart restores the known requests into each, and metrics add them
    /// up.
    pub(in crate::app) fn ledgers(&self) -> impl Iterator<Item = &Ledger> {
        let queues = self.queues.iter().map(|queue| &queue.ledger);
        let objects = (!self.queues.is_empty()).then_some(&self.objects);
        let sns = self.sns.as_ref().map(|sns| &sns.ledger);
        queues.chain(objects).chain(sns).chain([&self.firehose.ledger])
    }

    /// The sources by name, with what each has brought.
    pub(in crate::app) fn activities(&self, config: &Config) -> Vec<(String, Arc<SourceActivity>)> {
        let named =
            |name: &str, source: &SourceIntake| (name.to_owned(), Arc::clone(&source.activity));
        let queues = self.queues.iter().zip(&config.sqs);
        let queues = queues.map(|(queue, sqs)| {
            let name = sqs.queue_url.rsplit('/').next().unwrap_or_default();
            named(&format!("SQS {name}"), queue)
        });
        let sns = self.sns.iter().map(|sns| named("SNS", sns));
        [named("Firehose", &self.firehose)].into_iter().chain(sns).chain(queues).collect()
    }

    /// The intake for objects that messages of a queue name.
    pub(in crate::app) fn objects_of(&self, queue: &SourceIntake) -> SourceIntake {
        let (ledger, id_life) = (self.objects.clone(), Some(S3_ID_LIFE));
        SourceIntake { ledger, id_life, ..queue.clone() }
    }
}

fn ledger(acknowledge: Acknowledge, life: Duration, ids_max: usize) -> Ledger {
    Ledger::new(done_when(acknowledge), life, ids_max)
}

/// Remembers messages for a while after their deletion, because SQS may redeliver a deleted
/// message.
fn queue_ledger(sqs: &SqsConfig, ids_max: usize) -> Ledger {
    Ledger::holding(done_when(sqs.acknowledge), queue_id_life(sqs.visibility), ids_max)
}

/// How long a message is remembered after its deletion succeeded or failed.
fn queue_id_life(visibility: Duration) -> Duration {
    SQS_ID_LIFE + visibility
}

fn done_when(acknowledge: Acknowledge) -> DoneWhen {
    match acknowledge {
        Acknowledge::Published => DoneWhen::Settled,
        Acknowledge::Merged | Acknowledge::Journaled => DoneWhen::Merged,
    }
}
