//! The intake of each source: how its requests are acknowledged, and how long they are known.

use std::sync::Arc;
use std::time::Duration;

use crate::ack::{DoneWhen, Ledger};
use crate::config::{Acknowledge, Config, SqsConfig};
use crate::intake::{Intake, SourceIntake};
use crate::limits::{FIREHOSE_ID_LIFE, S3_ID_LIFE, SNS_ID_MARGIN, SQS_ID_LIFE};

/// Maximum number of done request IDs in memory, about 25 MB.
const DONE_IDS_MAX: usize = 250_000;

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
            id_life,
        };
        let firehose = config.firehose.acknowledge;
        let sns = (!config.sns.topics.is_empty()).then(|| {
            // Messages are remembered for as long as they would be accepted.
            let life = config.sns.max_age + SNS_ID_MARGIN;
            let acknowledge = config.sns.acknowledge;
            source(acknowledge, ledger(acknowledge, life), Some(life))
        });
        let queues = config.sqs.iter().map(|sqs| {
            source(sqs.acknowledge, queue_ledger(sqs), Some(queue_id_life(sqs.visibility)))
        });
        let any_settled = config.sqs.iter().any(|sqs| sqs.acknowledge == Acknowledge::Published);
        let objects = if any_settled { Acknowledge::Published } else { Acknowledge::Merged };
        Self {
            firehose: source(firehose, ledger(firehose, FIREHOSE_ID_LIFE), None),
            sns,
            queues: queues.collect(),
            objects: ledger(objects, S3_ID_LIFE),
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

    /// The intake for objects that messages of a queue name.
    pub(in crate::app) fn objects_of(&self, queue: &SourceIntake) -> SourceIntake {
        let (ledger, id_life) = (self.objects.clone(), Some(S3_ID_LIFE));
        SourceIntake { ledger, id_life, ..queue.clone() }
    }
}

fn ledger(acknowledge: Acknowledge, life: Duration) -> Ledger {
    Ledger::new(done_when(acknowledge), life, DONE_IDS_MAX)
}

/// Remembers messages for a while after their deletion, because SQS may redeliver a deleted
/// message.
fn queue_ledger(sqs: &SqsConfig) -> Ledger {
    Ledger::holding(done_when(sqs.acknowledge), queue_id_life(sqs.visibility), DONE_IDS_MAX)
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
