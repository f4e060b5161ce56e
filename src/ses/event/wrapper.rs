//! The fields that identify the wrappings of events.

use crate::ses::json::raw::Raw;

/// The fields that identify wrappings, as received. The wrapped content is read when all of them
/// are known; lists are then read element by element.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Wrapper<'a> {
    pub kind: Raw<'a>,
    pub topic_arn: Raw<'a>,
    pub message: Raw<'a>,
    pub detail_type: Raw<'a>,
    pub source: Raw<'a>,
    pub detail: Raw<'a>,
    pub notifications: Raw<'a>,
    pub messages: Raw<'a>,
    pub request_id: Raw<'a>,
    pub invocation_id: Raw<'a>,
    pub records: Raw<'a>,
    pub log_events: Raw<'a>,
    pub events: Raw<'a>,
    pub log_data: Raw<'a>,
    pub raw_data: Raw<'a>,
    pub error_code: Raw<'a>,
}

/// The members that identify wrappings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum WrapperField {
    Kind,
    TopicArn,
    Message,
    DetailType,
    Source,
    Detail,
    Notifications,
    Messages,
    RequestId,
    InvocationId,
    Records,
    LogEvents,
    Events,
    LogData,
    RawData,
    ErrorCode,
}

// === impl Wrapper ===

impl<'a> Wrapper<'a> {
    pub(crate) fn place(&mut self, field: WrapperField) -> &mut Raw<'a> {
        match field {
            WrapperField::Kind => &mut self.kind,
            WrapperField::TopicArn => &mut self.topic_arn,
            WrapperField::Message => &mut self.message,
            WrapperField::DetailType => &mut self.detail_type,
            WrapperField::Source => &mut self.source,
            WrapperField::Detail => &mut self.detail,
            WrapperField::Notifications => &mut self.notifications,
            WrapperField::Messages => &mut self.messages,
            WrapperField::RequestId => &mut self.request_id,
            WrapperField::InvocationId => &mut self.invocation_id,
            WrapperField::Records => &mut self.records,
            WrapperField::LogEvents => &mut self.log_events,
            WrapperField::Events => &mut self.events,
            WrapperField::LogData => &mut self.log_data,
            WrapperField::RawData => &mut self.raw_data,
            WrapperField::ErrorCode => &mut self.error_code,
        }
    }
}
