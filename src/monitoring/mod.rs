//! Dashboards and alarms made of definitions, so that they name the metrics that are published.
//!
//! In flow checked [`Definitions`](crate::definitions::Definitions); out flow texts in the formats of
//! CloudWatch, Grafana, `CloudFormation`, the AWS CLI and Terraform. [`target`] says which metrics a
//! destination publishes and [`query`] how one asks for them; the formats know nothing else.

mod alarms;
mod dashboard;
mod query;
mod target;

#[cfg(test)]
mod tests;

pub(crate) use self::alarms::{AlarmFormat, Alarms, alarms};
pub(crate) use self::dashboard::{DashboardFormat, dashboard};

use crate::definitions::Definitions;

/// What is monitored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Monitored<'d> {
    pub definitions: &'d Definitions,
    /// The namespace of destinations that do not name one.
    pub namespace: &'d str,
    /// The namespace of the daemons' own totals; empty: they publish none.
    pub own_namespace: &'d str,
}
