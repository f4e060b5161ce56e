//! `postmeter dashboard` and `postmeter alarms`: what they print is what AWS's tools take.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::command::{project_file, run, text};
use crate::support::installed::program;

const EXAMPLE: &str = "config/examples/cost-under-50.json";

/// What a command prints on stdout and stderr.
fn printed(command: &str, definitions: &str, format: &str) -> (String, String) {
    let output = run(&[command, "--definitions", definitions, "--format", format]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

/// Every definitions document that is shipped.
fn documents() -> Vec<String> {
    let mut documents = vec!["config/definitions.json".to_owned()];
    for entry in fs::read_dir(project_file("config/examples")).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        if Path::new(&name).extension().is_some_and(|extension| extension == "json") {
            documents.push(format!("config/examples/{name}"));
        }
    }
    documents
}

#[test]
fn every_shipped_document_has_a_dashboard_and_alarms() {
    for document in documents() {
        for format in ["cloudwatch", "grafana"] {
            let (board, _) = printed("dashboard", &document, format);
            let board: Value = serde_json::from_str(&board).expect("JSON");
            assert!(board.is_object(), "{document}");
        }
        for format in ["cloudformation", "cli", "terraform"] {
            let (_, said) = printed("alarms", &document, format);
            let last = said.lines().rfind(|line| line.contains(" a month"));
            assert!(last.is_some_and(|line| line.contains("all: $")), "{document}: {said}");
        }
    }
}

#[test]
fn unusable_namespace_and_document_are_named() {
    for (arguments, named) in [
        (["--definitions", EXAMPLE, "--namespace", "AWS/SES"], "--namespace"),
        (["--definitions", "nowhere.json", "--namespace", "SES"], "nowhere.json"),
    ] {
        for command in ["dashboard", "alarms", "plan"] {
            let output = run(&[&[command], &arguments[..]].concat());
            assert_eq!(output.status.code(), Some(2), "{command}");
            assert!(text(&output.stderr).contains(named), "{}", text(&output.stderr));
        }
    }
}

/// cfn-lint and AWS's own model of `PutMetricAlarm` accept the alarms of every shipped document.
#[test]
fn alarms_are_what_cfn_lint_and_botocore_accept() {
    let Some(python) = program("python") else { return };
    for document in documents() {
        let folder = tempfile::tempdir().expect("a folder");
        let (template, _) = printed("alarms", &document, "cloudformation");
        fs::write(folder.path().join("template.json"), template).expect("it is written");
        let (commands, _) = printed("alarms", &document, "cli");
        fs::write(folder.path().join("commands.sh"), commands).expect("it is written");
        let mut check = Command::new(&python);
        check.arg(project_file("tests/python/check_alarms.py")).arg(folder.path());
        let output = check.output().expect("it starts");
        let (said, faults) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{document}: {said}{faults}");
        assert_eq!(said.lines().filter(|line| line.starts_with("ok ")).count(), 2, "{said}");
    }
}

/// Terraform's provider for AWS accepts the alarms.
#[test]
fn alarms_are_what_terraform_accepts() {
    let sdks = std::env::var("POSTMETER_SDKS").unwrap_or_default();
    if !sdks.split_whitespace().any(|name| name == "terraform") {
        println!(
            "skipped: POSTMETER_SDKS does not name terraform; `make test` does if it is there"
        );
        return;
    }
    let plugins = std::env::var("POSTMETER_TERRAFORM_PLUGINS").expect("a folder of providers");
    let folder = tempfile::tempdir().expect("a folder");
    let (alarms, _) = printed("alarms", EXAMPLE, "terraform");
    fs::write(folder.path().join("alarms.tf.json"), alarms).expect("it is written");
    let provider = r#"terraform { required_providers { aws = { source = "hashicorp/aws" } } }"#;
    fs::write(folder.path().join("main.tf"), provider.replace(" { ", " {\n").replace(" }", "\n}"))
        .expect("it is written");
    for arguments in [
        vec!["init".to_owned(), "-input=false".to_owned(), format!("-plugin-dir={plugins}")],
        vec!["validate".to_owned(), "-no-color".to_owned()],
    ] {
        let mut command = Command::new("terraform");
        command.arg(format!("-chdir={}", folder.path().display())).args(&arguments);
        let output = command.output().expect("it starts");
        let (said, faults) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {said}{faults}");
    }
}
