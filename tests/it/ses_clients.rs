//! The SES API with common clients: boto3, botocore, the AWS CLI, the AWS SDKs for JavaScript and Go,
//! and Terraform. Runs if `make test` has installed or found them.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::process::Command;

use postmeter::config::{AccessKey, ApiKey, Config, DefinitionsSource};
use postmeter::definitions::EventDestination;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::app::TestApp;
use crate::support::command::{postmeter, project_file, run, text};
use crate::support::installed::program;

const SECRET: &str = "a-secret-for-tests-only";

/// A daemon with one key that may change definitions and one that may read them.
async fn daemon(requests_per_second: u32) -> (TestApp, TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("definitions.json");
    let app = TestApp::in_memory(|config| {
        let key = |id: &str| ApiKey { id: id.to_owned(), secret: AccessKey::new(SECRET) };
        config.definitions = Some(DefinitionsSource::Path(path));
        config.ses_api.listen = Some(([127, 0, 0, 1], 0).into());
        config.ses_api.access_keys = vec![key("AKIDFULL")];
        config.ses_api.read_only_access_keys = vec![key("AKIDREAD")];
        config.ses_api.requests_per_second = requests_per_second;
    })
    .await;
    let url = format!("http://{}", app.ses_api.expect("it listens"));
    (app, folder, url)
}

/// Runs a command to its end; panics with its output if it fails.
async fn succeed(mut command: Command) -> String {
    command.envs([
        ("AWS_ACCESS_KEY_ID", "AKIDFULL"),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_DEFAULT_REGION", "eu-west-1"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic").expect("it starts");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    stdout.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_operation_and_error_is_what_unmodified_clients_expect() {
    let Some(python) = program("python") else { return };
    let (app, folder, url) = daemon(10_000).await;
    let (_slow, _other, slow_url) = daemon(1).await;
    let mut command = Command::new(python);
    command.arg(project_file("tests/python/ses_api.py")).arg(url);
    command.env("READ_ONLY_KEY", format!("AKIDREAD:{SECRET}")).env("RATE_LIMITED_URL", slow_url);
    command.env("LOCK_FILE", folder.path().join(".definitions.json.lock"));
    let said = succeed(command).await;
    let checks = said.lines().filter(|line| line.starts_with("ok ")).count();
    println!("{checks} checks");
    assert!(checks >= 65 && !said.contains("passed over"), "{said}");
    // The two that failed because another client was changing the definitions.
    assert_eq!(app.metric("postmeter_ses_api_requests_total{outcome=\"failed\"}").await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ses_api_page_shows_a_session_that_works() {
    let Some(python) = program("python") else { return };
    let mut command = Command::new(python);
    command.arg(project_file("tests/python/ses_api_story.py"));
    command.arg(project_file("docs/reference/ses-api.md")).arg(postmeter(&[]).get_program());
    succeed(command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exported_commands_recreate_the_definitions() {
    let Some(aws) = program("aws") else { return };
    let (_app, folder, url) = daemon(10_000).await;
    let definitions = "config/definitions.json";
    let commands = run(&["export", "--definitions", definitions, "--format", "cli"]);
    let mut command = Command::new("sh");
    command.args(["-ec", text(&commands.stdout)]).env("AWS_ENDPOINT_URL_SESV2", url);
    let path = std::env::var("PATH").expect("a path");
    let clients = aws.parent().expect("a folder").display();
    command.env("PATH", format!("{clients}:{path}"));
    succeed(command).await;
    let made = std::fs::read_to_string(folder.path().join("definitions.json")).expect("a file");
    let expected = std::fs::read_to_string(project_file(definitions)).expect("a file");
    let read = |text: &str| postmeter::definitions::read("d", text).definitions.expect("sound");
    assert_eq!(read(&made), read(&expected));
}

const TERRAFORM: &str = "terraform";

/// The names of the clients beside Python's that are there.
fn sdks() -> String {
    std::env::var("POSTMETER_SDKS").unwrap_or_default()
}

/// The programs that tell a story with an SDK, by the name of their language.
fn tellers(python: PathBuf) -> Vec<(&'static str, Command)> {
    let mut boto3 = Command::new(python);
    boto3.arg(project_file("tests/sdks/python/tell.py"));
    let mut tellers = vec![("python", boto3)];
    for name in sdks().split_whitespace() {
        tellers.push(match name {
            "js" => {
                let mut command = Command::new("node");
                command.arg(project_file("tests/sdks/js/tell.js"));
                command.env("NODE_PATH", project_file("target/sdks/js/node_modules"));
                ("js", command)
            }
            "go" => ("go", Command::new(project_file("target/sdks/tell-go"))),
            TERRAFORM => continue,
            _ => panic!("POSTMETER_SDKS names {name}, which no program tells"),
        });
    }
    for name in ["js", "go"] {
        if !tellers.iter().any(|(known, _)| *known == name) {
            println!("skipped: POSTMETER_SDKS does not name {name}; `make test` provides it");
        }
    }
    tellers
}

/// Without what SDKs add to the values that they read.
fn bare(value: &Value) -> Value {
    const ADDED: [&str; 3] = ["ResponseMetadata", "$metadata", "ResultMetadata"];
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, value)| {
                !ADDED.contains(&name.as_str()) && !value.is_null() && **value != json!("")
            });
            kept.map(|(name, value)| (name.clone(), bare(value))).collect()
        }
        Value::Array(elements) => elements.iter().map(bare).collect(),
        other => other.clone(),
    }
}

/// The code of an error; some SDKs give the name of its class instead.
fn code(error: &Value) -> &str {
    error.as_str().unwrap_or_default().trim_end_matches("Exception")
}

/// Each SDK has its own way to leave out, sign, repeat and read. Nothing but the endpoint is
/// configured, neither here nor there, so the limits are those of everybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdks_of_three_languages_tell_the_same_story() {
    let Some(python) = program("python") else { return };
    let story = std::fs::read_to_string(project_file("tests/sdks/story.json")).expect("a file");
    let story: Vec<Value> = serde_json::from_str(&story).expect("JSON");
    for (name, mut command) in tellers(python) {
        let (app, folder, url) = daemon(Config::default().ses_api.requests_per_second).await;
        // Debian's SDK for Go is of 2022.
        let is_told = |step: &&Value| {
            step["call"].is_string() && (name != "go" || step["newer"] != json!(true))
        };
        let steps: Vec<&Value> = story.iter().filter(is_told).collect();
        let given = folder.path().join("steps.json");
        std::fs::write(&given, json!(steps).to_string()).expect("it is written");
        command.arg(&url).stdin(File::open(&given).expect("a file"));
        let said = succeed(command).await;
        let told: Vec<Vec<Value>> =
            said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(told.len(), steps.len(), "{name}: {said}");
        for (step, outcomes) in steps.iter().zip(&told) {
            assert_eq!(outcomes.len() as u64, step["times"].as_u64().unwrap_or(1), "{name}");
            for outcome in outcomes {
                let is_expected = match &step["error"] {
                    Value::Null => bare(&outcome["gave"]) == bare(&step["gives"]),
                    error => code(&outcome["error"]) == code(error),
                };
                assert!(is_expected, "{name}: {step}\n{outcome}");
            }
        }
        let calls: usize = told.iter().map(Vec::len).sum();
        let throttled = "postmeter_ses_api_requests_total{outcome=\"throttled\"}";
        println!("{name}: {calls} calls, {} throttled", app.metric(throttled).await);
    }
}

/// The event destinations of each configuration set, by name.
fn destinations(document: &str) -> BTreeMap<String, Vec<EventDestination>> {
    let definitions = postmeter::definitions::read("d", document).definitions.expect("sound");
    let sets = definitions.configuration_sets.into_iter().map(|mut set| {
        set.event_destinations.sort_by(|a, b| a.name.cmp(&b.name));
        (set.name, set.event_destinations)
    });
    sets.collect()
}

/// Terraform compares what it reads with what it was told: whatever it would change is a difference.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terraform_finds_no_difference_in_what_it_made_and_changed() {
    if !sdks().split_whitespace().any(|name| name == TERRAFORM) {
        println!(
            "skipped: POSTMETER_SDKS does not name terraform; `make test` does if it is there"
        );
        return;
    }
    let plugins = std::env::var("POSTMETER_TERRAFORM_PLUGINS").expect("a folder of providers");
    let (_app, folder, url) = daemon(Config::default().ses_api.requests_per_second).await;
    let main = std::fs::read(project_file("tests/sdks/terraform/main.tf")).expect("a file");
    std::fs::write(folder.path().join("main.tf"), main).expect("it is written");
    let terraform = async |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command.arg(format!("-chdir={}", folder.path().display())).args(arguments);
        succeed(command).await
    };
    terraform(&["init", "-input=false", &format!("-plugin-dir={plugins}")]).await;
    let made = || std::fs::read_to_string(folder.path().join("definitions.json")).expect("a file");
    for changed in [false, true] {
        let (url, changed) = (format!("-var=url={url}"), format!("-var=changed={changed}"));
        let variables = ["-input=false", "-no-color", &url, &changed];
        terraform(&[&["apply", "-auto-approve"], &variables[..]].concat()).await;
        // It fails if there is anything to change.
        terraform(&[&["plan", "-detailed-exitcode"], &variables[..]].concat()).await;
    }
    let state = folder.path().join("state.json");
    std::fs::write(&state, terraform(&["show", "-json"]).await).expect("it is written");
    let imported = run(&["import", &state.display().to_string()]);
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    assert_eq!(destinations(text(&imported.stdout)), destinations(&made()));
    let names: Vec<String> = destinations(&made()).into_keys().collect();
    assert_eq!(names, ["full", "off", "old", "plain"]);
}
