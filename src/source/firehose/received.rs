//! A delivery between its arrival and its response.

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::head::DeliveryHead;
use crate::ack::{Refusal, RequestId, Ticket, Waiter};
use crate::intake::{Budget, Charge};

/// A request that is in progress or known, and for whose result to wait.
pub(super) struct AdmittedRequest {
    pub request_id: String,
    pub waiter: Waiter,
    /// The request's charge among those in flight; absent for a known request.
    pub charge: Option<Charge>,
    /// Closes when the request's dead letters are written.
    pub letters: Option<oneshot::Receiver<()>>,
    /// When its sender must have a response.
    pub deadline: Instant,
}

/// A delivery whose body has arrived.
pub(super) struct ReceivedDelivery {
    pub head: DeliveryHead,
    pub body: Bytes,
    pub budget: Budget,
    /// The ID from the header, or else from the body.
    pub request_id: String,
    /// The ticket for the request; `None` until the ID is known.
    pub ticket: Option<(RequestId, Ticket)>,
    /// When its sender must have a response.
    pub deadline: Instant,
}

/// The ID of a rejected delivery, and the reason.
pub(super) type RefusedDelivery = (String, Refusal);
