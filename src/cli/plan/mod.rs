//! `postmeter plan`: what definitions will make of events, before they are enabled.

mod screen;

use std::io::{IsTerminal, Write};
use std::path::Path;

use console::Term;

use self::screen::Screen;
use super::args::{PlanArgs, RuleArgs, TextFormat};
use super::counted_inputs::CountedInputs;
use super::output::warn_user;
use super::{Exit, input};
use crate::config::Config;
use crate::pipeline::Tally;
use crate::pipeline::bulk::Bulk;
use crate::plan::{Plan, PlanRules, PlanSettings, compare, plan_of};

/// The width of the screen where there is no terminal.
const WIDTH: usize = 100;

/// Runs the command.
///
/// # Errors
/// The output cannot be written.
pub(super) fn run(args: &PlanArgs) -> anyhow::Result<Exit> {
    if input::check_namespace(&args.rules.namespace).is_none() {
        return Ok(Exit::Usage);
    }
    let reads_stdin =
        args.inputs.is_empty() || args.inputs.iter().any(|path| input::is_stdin(path));
    if args.compare.is_some() && reads_stdin {
        warn_user("--compare reads the input twice; pass files instead of stdin");
        return Ok(Exit::Usage);
    }
    let Some(rules) = rules(args, &args.definitions) else { return Ok(Exit::Usage) };
    let compared_with = match &args.compare {
        None => None,
        Some(path) => {
            let Some(rules) = self::rules(args, path) else { return Ok(Exit::Usage) };
            Some(rules)
        }
    };
    let settings = settings(args);
    let (plan, exit) = planned(args, &rules, &settings, true);
    let width = Term::stdout().size_checked().map_or(WIDTH, |(_, columns)| usize::from(columns));
    let width = if std::io::stdout().is_terminal() { width } else { WIDTH };
    let text = match compared_with {
        None if args.format == TextFormat::Json => serde_json::to_string_pretty(&plan)? + "\n",
        None => Screen::new(&plan, width).text(),
        Some(rules) => {
            let (other, _) = planned(args, &rules, &settings, false);
            let comparison = compare(plan, other);
            match args.format {
                TextFormat::Json => serde_json::to_string_pretty(&comparison)? + "\n",
                TextFormat::Text => {
                    Screen::new(&comparison.plan, width).with(&comparison.difference).text()
                }
            }
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(exit)
}

fn rules(args: &PlanArgs, path: &Path) -> Option<PlanRules> {
    let definitions = input::read_definitions(path)?;
    let RuleArgs { namespace, default_set, .. } = &args.rules;
    let providers = input::providers(&args.rules).ok()?;
    Some(PlanRules::new(&definitions, namespace, default_set.as_deref(), providers))
}

/// What a daemon does unless it is configured otherwise.
fn settings(args: &PlanArgs) -> PlanSettings {
    let config = Config::default();
    PlanSettings {
        daemons: args.daemons,
        existing_metrics: args.existing_metrics,
        events_a_month: args.scale,
        series_limit: config.limits.series as u64,
        flush_seconds: config.cloudwatch.flush_interval.as_secs_f64(),
    }
}

/// The plan of the inputs. Says once what is not counted.
fn planned(
    args: &PlanArgs,
    rules: &PlanRules,
    settings: &PlanSettings,
    is_first: bool,
) -> (Plan, Exit) {
    let bulk = Bulk::new(rules.rules(), PlanRules::times()).surveying();
    let CountedInputs { batch, not_counted, exit } = CountedInputs::read(&args.inputs, &bulk);
    if is_first {
        if batch.tally == Tally::default() && exit == Exit::Done {
            warn_user(input::NO_VALUES);
        }
        for sentence in not_counted.sentences(&batch.tally) {
            warn_user(&sentence);
        }
    }
    (plan_of(rules, &batch, settings), exit)
}
