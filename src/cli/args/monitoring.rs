//! Arguments of `postmeter dashboard` and `postmeter alarms`.

use std::path::PathBuf;

use clap::ValueEnum;

/// Make a dashboard of the definitions.
///
/// A row for each CloudWatch destination: events, rates of bounces and complaints, delivery time with
/// delays beside it, the values with the most; and a row about the daemons: silence, doubt, dropped
/// and late events. Queries name the exact dimensions, so no event is shown twice.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter dashboard --definitions definitions.json > body.json
  aws cloudwatch put-dashboard --dashboard-name mail --dashboard-body file://body.json
  postmeter dashboard --definitions definitions.json --format grafana > dashboard.json")]
pub struct DashboardArgs {
    /// Definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    #[arg(long, value_enum, default_value = "cloudwatch")]
    pub format: DashboardFormatArg,
    /// Region of the metrics, for CloudWatch; Grafana asks for it
    #[arg(long, value_name = "REGION", default_value = "us-east-1")]
    pub region: String,
    /// CloudWatch namespace of destinations that do not name one
    #[arg(long, default_value = "SES")]
    pub namespace: String,
    /// CloudWatch namespace of the daemons' own totals; empty: there are none
    #[arg(long, default_value = "Postmeter")]
    pub own_namespace: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DashboardFormatArg {
    /// The body of a CloudWatch dashboard
    Cloudwatch,
    /// A dashboard of Grafana, whose data source is CloudWatch
    Grafana,
}

/// Make alarms of the definitions.
///
/// Rates of bounces (2 and 5 %, over an hour) and of complaints (0.08 and 0.1 %, over a day) are
/// watched on series without dimensions and on values of `KeepValues`, and are silent until five bad
/// outcomes would reach the threshold. One more alarm watches the bounces of each value of a
/// dimension, without such a floor. The others watch delivery time, silence, doubtful, dropped and
/// malformed values, and late events. Prints the monthly price of each on stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmeter alarms --definitions definitions.json > template.json
  postmeter alarms --definitions definitions.json --format cli --topic TOPIC_ARN | sh
  postmeter alarms --definitions definitions.json --format terraform > alarms.tf.json")]
pub struct AlarmsArgs {
    /// Definitions document
    #[arg(long, value_name = "FILE")]
    pub definitions: PathBuf,
    #[arg(long, value_enum, default_value = "cloudformation")]
    pub format: AlarmFormatArg,
    /// ARN of an SNS topic that is told of alarms
    #[arg(long, value_name = "ARN")]
    pub topic: Option<String>,
    /// CloudWatch namespace of destinations that do not name one
    #[arg(long, default_value = "SES")]
    pub namespace: String,
    /// CloudWatch namespace of the daemons' own totals; empty: there are none
    #[arg(long, default_value = "Postmeter")]
    pub own_namespace: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AlarmFormatArg {
    /// A `CloudFormation` template
    Cloudformation,
    /// Commands of the AWS CLI
    Cli,
    /// Terraform in JSON
    Terraform,
}
