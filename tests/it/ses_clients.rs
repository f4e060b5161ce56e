//! The SES API with common clients: boto3, botocore and the AWS CLI. Runs if `make test` has
//! installed them.

use std::path::{Path, PathBuf};
use std::process::Command;

use postmeter::config::{AccessKey, ApiKey, DefinitionsSource};
use tempfile::TempDir;

use crate::support::app::TestApp;
use crate::support::command::{postmeter, project_file, run, text};

const SECRET: &str = "a-secret-for-tests-only";

/// The folder of the clients, if they are installed.
fn clients() -> Option<PathBuf> {
    let Some(emulator) = std::env::var_os("POSTMETER_MINISTACK") else {
        println!(
            "skipped: POSTMETER_MINISTACK names no venv with clients; `make test` provides one"
        );
        return None;
    };
    Some(Path::new(&emulator).parent().expect("a folder").to_owned())
}

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
    let Some(clients) = clients() else { return };
    let (app, folder, url) = daemon(10_000).await;
    let (_slow, _other, slow_url) = daemon(1).await;
    let mut command = Command::new(clients.join("python"));
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
    let Some(clients) = clients() else { return };
    let mut command = Command::new(clients.join("python"));
    command.arg(project_file("tests/python/ses_api_story.py"));
    command.arg(project_file("docs/reference/ses-api.md")).arg(postmeter(&[]).get_program());
    succeed(command).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exported_commands_recreate_the_definitions() {
    let Some(clients) = clients() else { return };
    let (_app, folder, url) = daemon(10_000).await;
    let definitions = "config/definitions.json";
    let commands = run(&["export", "--definitions", definitions, "--format", "cli"]);
    let mut command = Command::new("sh");
    command.args(["-ec", text(&commands.stdout)]).env("AWS_ENDPOINT_URL_SESV2", url);
    let path = std::env::var("PATH").expect("a path");
    command.env("PATH", format!("{}:{path}", clients.display()));
    succeed(command).await;
    let made = std::fs::read_to_string(folder.path().join("definitions.json")).expect("a file");
    let expected = std::fs::read_to_string(project_file(definitions)).expect("a file");
    let read = |text: &str| postmeter::definitions::read("d", text).definitions.expect("sound");
    assert_eq!(read(&made), read(&expected));
}
