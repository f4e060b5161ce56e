//! The client of one target, whatever its kind.
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{Region, SdkConfig};

use super::event_bridge::EventBridge;
use super::firehose::Firehose;
use super::forwards::RawEvent;
use super::sns::Sns;
use crate::aws::{AwsEnvironment, CONNECT_TIMEOUT, CallFailure, CallLimits, assume_role};
use crate::definitions::{Target, TargetKind};

/// The result of forwarding one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SendOutcome {
    Taken,
    /// Not accepted; a retry may succeed.
    Again(String),
    /// Rejected permanently.
    Refused(String),
}

/// The limits of a kind of target.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallShape {
    pub limits: CallLimits,
    /// Maximum size of an event.
    pub event_bytes: usize,
}

/// The client of a target.
#[derive(Debug)]
pub(super) enum Client {
    Firehose(Firehose),
    Sns(Sns),
    EventBridge(EventBridge),
}

// === impl Client ===

impl Client {
    /// Finds credentials at the first call. `source`: the source of events for EventBridge.
    pub(super) async fn new(target: &Target, source: &str, aws: &AwsEnvironment) -> Self {
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
        }
    }
}

/// The event followed by a newline, as SES writes it.
pub(super) fn line(event: &RawEvent) -> Vec<u8> {
    let mut line = Vec::with_capacity(event.bytes.len() + 1);
    line.extend_from_slice(&event.bytes);
    line.push(b'\n');
    line
}
