//! The client of one target, whatever its kind.

#[cfg(test)]
use std::sync::Arc;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};

use super::event_bridge::EventBridge;
use super::firehose::Firehose;
use super::forwards::RawEvent;
use super::sns::Sns;
use super::target_call::{CallShape, SendOutcome};
use crate::aws::{AwsEnvironment, CONNECT_TIMEOUT, CallFailure, assume_role};
use crate::definitions::{Target, TargetKind};

/// The client of a target.
#[derive(Debug)]
pub(super) enum TargetClient {
    Firehose(Firehose),
    Sns(Sns),
    EventBridge(EventBridge),
    #[cfg(test)]
    Simulated(Arc<dyn SimulatedTarget>),
}

/// How the clients of targets are made.
#[derive(Clone, Debug)]
pub(crate) enum TargetClients {
    Aws(AwsEnvironment),
    /// The same for every target.
    #[cfg(test)]
    Simulated(Arc<dyn SimulatedTarget>),
}

/// A target without AWS.
#[cfg(test)]
pub(crate) trait SimulatedTarget: std::fmt::Debug + Send + Sync {
    /// Makes one call with these events.
    fn put<'t>(&'t self, events: &'t [RawEvent]) -> TargetCall<'t>;
}

/// A call on its way.
#[cfg(test)]
pub(crate) type TargetCall<'t> =
    std::pin::Pin<Box<dyn Future<Output = Result<Vec<SendOutcome>, CallFailure>> + Send + 't>>;

// === impl TargetClient ===

impl TargetClient {
    /// Finds credentials at the first call. `source`: the source of events for EventBridge.
    pub(super) async fn new(target: &Target, source: &str, clients: &TargetClients) -> Self {
        #[cfg(not(test))]
        let TargetClients::Aws(aws) = clients;
        #[cfg(test)]
        let aws = match clients {
            TargetClients::Aws(aws) => aws,
            TargetClients::Simulated(simulated) => return Self::Simulated(Arc::clone(simulated)),
        };
        let region = target.arn.region();
        let sdk = match aws.load(Some(region)).await {
            Some(sdk) => sdk,
            // Unreachable, because a region was given.
            None => SdkConfig::builder().region(Region::new(region.to_owned())).build(),
        };
        let sdk = assume_role(sdk, target.role_arn.as_deref()).await;
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build();
        // The caller retries, because it knows which events failed.
        let sdk = sdk.into_builder().retry_config(RetryConfig::disabled());
        let sdk = sdk.timeout_config(timeouts).build();
        match target.kind {
            TargetKind::Firehose => Self::Firehose(Firehose::new(&sdk, &target.arn)),
            TargetKind::Sns => Self::Sns(Sns::new(&sdk, &target.arn)),
            TargetKind::EventBridge => {
                Self::EventBridge(EventBridge::new(&sdk, &target.arn, source))
            }
        }
    }

    pub(super) fn shape(&self) -> CallShape {
        match self {
            Self::Firehose(_) => Firehose::SHAPE,
            Self::Sns(_) => Sns::SHAPE,
            Self::EventBridge(_) => EventBridge::SHAPE,
            #[cfg(test)]
            Self::Simulated(_) => Sns::SHAPE,
        }
    }

    /// Makes one call; returns the result of each event in order.
    ///
    /// # Errors
    /// No event was accepted, or the outcome is unknown.
    pub(super) async fn put(&self, events: &[RawEvent]) -> Result<Vec<SendOutcome>, CallFailure> {
        match self {
            Self::Firehose(firehose) => firehose.put(events).await,
            Self::Sns(sns) => sns.put(events).await,
            Self::EventBridge(bus) => bus.put(events).await,
            #[cfg(test)]
            Self::Simulated(simulated) => simulated.put(events).await,
        }
    }
}
