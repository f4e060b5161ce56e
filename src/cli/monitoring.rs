//! `postmeter dashboard` and `postmeter alarms`: made of the definitions.

use std::io::Write;
use std::path::Path;

use super::args::{AlarmFormatArg, AlarmsArgs, DashboardArgs, DashboardFormatArg};
use super::output::warn_user;
use super::{Exit, input};
use crate::definitions::{Definitions, namespace_fault};
use crate::monitoring::{AlarmFormat, Alarms, DashboardFormat, Monitored, alarms, dashboard};

/// Runs `postmeter dashboard`.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run_dashboard(args: &DashboardArgs) -> anyhow::Result<Exit> {
    let DashboardArgs { definitions, format, region, namespace, own_namespace } = args;
    let Some(definitions) = read(definitions, namespace, own_namespace) else {
        return Ok(Exit::Usage);
    };
    let monitored = Monitored { definitions: &definitions, namespace, own_namespace };
    let format = match format {
        DashboardFormatArg::Cloudwatch => DashboardFormat::CloudWatch,
        DashboardFormatArg::Grafana => DashboardFormat::Grafana,
    };
    let (text, notes) = dashboard(monitored, format, region);
    print(&text, &notes)
}

/// Runs `postmeter alarms`.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run_alarms(args: &AlarmsArgs) -> anyhow::Result<Exit> {
    let AlarmsArgs { definitions, format, topic, namespace, own_namespace } = args;
    let Some(definitions) = read(definitions, namespace, own_namespace) else {
        return Ok(Exit::Usage);
    };
    let monitored = Monitored { definitions: &definitions, namespace, own_namespace };
    let format = match format {
        AlarmFormatArg::Cloudformation => AlarmFormat::CloudFormation,
        AlarmFormatArg::Cli => AlarmFormat::Cli,
        AlarmFormatArg::Terraform => AlarmFormat::Terraform,
    };
    let Alarms { text, prices, notes } = alarms(monitored, format, topic.as_deref());
    print(&text, &[prices, notes].concat())
}

fn read(path: &Path, namespace: &str, own_namespace: &str) -> Option<Definitions> {
    for (option, namespace) in [("--namespace", namespace), ("--own-namespace", own_namespace)] {
        let may_be_empty = option == "--own-namespace" && namespace.is_empty();
        if let Some((what, fix)) = namespace_fault(namespace).filter(|_| !may_be_empty) {
            warn_user(&format!("{option}: {what}; {fix}"));
            return None;
        }
    }
    input::read_definitions(path)
}

fn print(text: &str, notes: &[String]) -> anyhow::Result<Exit> {
    for note in notes {
        warn_user(note);
    }
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}
