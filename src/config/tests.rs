//! What an operator sees: values, places and messages of a whole configuration.

use std::time::Duration;

use proptest::prelude::*;

use super::keys::{SECTIONS, keys, variable};
use super::section::ConfigKey;
use super::source::GivenSource;
use super::*;
use crate::finding::{Finding, Place};

const SHIPPED: &str = include_str!("../../config/postmeter.toml");
const SECRET: &str = "s3cr3t-0123456789-abcdef";

/// Enough for the rules across keys to be content.
const BASE: &str = "definitions = \"d.json\"\n";

fn load_text(text: &str) -> Loaded {
    load(Some(("c.toml", text)), [])
}

fn load_variables(variables: &[(&str, &str)]) -> Loaded {
    load(None, pairs(variables))
}

fn pairs(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn lines(loaded: &Loaded) -> Vec<String> {
    loaded.findings.iter().map(Finding::to_string).collect()
}

#[track_caller]
fn config_of(loaded: Loaded) -> Config {
    let lines = lines(&loaded);
    loaded.config.unwrap_or_else(|| panic!("{lines:#?}"))
}

/// The text below `BASE` has this finding and no other; its line counts from 1 in the text.
#[track_caller]
fn assert_finding(text: &str, expected: &str) {
    let loaded = load_text(&format!("{BASE}{text}"));
    assert_eq!(lines(&loaded), [format!("c.toml:{expected}")]);
    assert_eq!(loaded.config.is_none(), loaded.findings[0].is_error());
}

#[track_caller]
fn assert_variable_finding(name: &str, text: &str, expected: &str) {
    let loaded = load_variables(&[("POSTMETER__DEFINITIONS", "d.json"), (name, text)]);
    assert_eq!(lines(&loaded), [format!("{name}: {expected}")]);
    assert_eq!(loaded.config.is_none(), loaded.findings[0].is_error());
}

// === defaults and the shipped file ===

#[test]
fn the_shipped_file_has_every_default_and_no_finding() {
    let loaded = load(Some(("config/postmeter.toml", SHIPPED)), []);
    assert_eq!(lines(&loaded), [""; 0]);
    let mut config = config_of(loaded);
    let definitions = config.definitions.take();
    assert_eq!(definitions, Some(DefinitionsSource::Path("config/definitions.json".into())));
    // `Config` has no equality because keys have none; its debug output has every field.
    assert_eq!(format!("{config:#?}"), format!("{:#?}", Config::default()));
}

#[test]
fn the_shipped_file_has_every_key_once_with_a_comment_of_short_lines() {
    let mut section = String::new();
    let mut found = Vec::new();
    let mut before = "";
    for line in SHIPPED.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        // An optional section that may be repeated is written as a comment without a space.
        let key = line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line);
        if let Some(name) = key.strip_prefix('[') {
            section = format!("{}.", name.trim_matches(['[', ']']));
        } else if let Some((name, value)) = key.split_once(" = ").filter(|_| !key.starts_with('#'))
        {
            found.push((format!("{section}{name}"), value.to_owned()));
            assert!(before.starts_with("# "), "{name} has no comment");
        }
        before = line;
    }
    let known: Vec<(String, String)> =
        keys().map(|key| (key.path.to_owned(), key.field.default())).collect();
    assert_eq!(found[0], ("definitions".to_owned(), "\"config/definitions.json\"".to_owned()));
    assert_eq!(found[1..], known[1..]);
}

#[test]
fn the_table_has_a_row_of_four_cells_for_every_key() {
    let table = markdown_table();
    assert_eq!(table.lines().count(), keys().count() + 2);
    for line in table.lines() {
        assert_eq!(line.matches('|').count(), 5, "{line}");
    }
    let row = "| `cloudwatch.flush_interval` | duration, 50ms to 5m | `\"10s\"` | Time between";
    assert!(table.contains(row), "{table}");
}

#[test]
fn help_texts_are_sentences() {
    for (name, help) in SECTIONS
        .iter()
        .map(|section| (section.name, section.help))
        .chain(keys().map(|key| (key.path, key.help)))
    {
        for paragraph in help.trim().split("\n\n") {
            assert!(paragraph.ends_with('.'), "{name}: {paragraph}");
            assert!(!help.trim().starts_with(char::is_lowercase), "{name}: {paragraph}");
        }
    }
}

#[test]
fn the_shipped_queue_has_every_default() {
    let section = SHIPPED.split("#[[sqs]]").nth(1).expect("it is there");
    let section = section.split("\n[").next().expect("it ends");
    let keys = section.lines().filter_map(|line| line.strip_prefix('#'));
    let keys = keys.filter(|line| !line.starts_with(' '));
    let text = keys.collect::<Vec<_>>().join("\n");
    let text = text.replace("queue_url = \"\"", "queue_url = \"https://sqs/1/q\"");
    let config = config_of(load_text(&format!("{BASE}[[sqs]]\n{text}")));
    let expected = SqsConfig { queue_url: "https://sqs/1/q".to_owned(), ..SqsConfig::default() };
    assert_eq!(format!("{:?}", config.sqs), format!("{:?}", [expected]));
}

#[test]
fn nothing_at_all_publishes_to_memory() {
    let loaded = load(None, pairs(&[("PATH", "/bin"), ("POSTMETER_PORT", "tcp://10.0.0.1:80")]));
    assert!(loaded.from_nothing);
    assert_eq!(config_of(loaded).cloudwatch.publish, Publish::Memory);
}

#[test]
fn an_empty_file_is_something_and_needs_definitions() {
    let loaded = load_text("");
    assert!(!loaded.from_nothing);
    assert_eq!(
        lines(&loaded),
        ["c.toml:1:1: definitions: publishing requires definitions; set `definitions` to a file \
             or \"env:NAME\", or set cloudwatch.publish to \"memory\""]
    );
    assert!(load_text("[cloudwatch]\npublish = \"memory\"").config.is_some());
}

#[test]
fn one_variable_is_something_and_needs_definitions() {
    let loaded = load_variables(&[("POSTMETER__LISTEN__HTTP", "127.0.0.1:1")]);
    assert!(!loaded.from_nothing);
    assert_eq!(
        loaded.findings[0].place,
        Place::Environment { variable: "POSTMETER__DEFINITIONS".into() }
    );
    assert!(loaded.config.is_none());
}

// === values ===

/// Every value of the configuration but the key's own, with one queue.
fn others(key: &ConfigKey, config: &mut Config) -> Vec<String> {
    if config.sqs.is_empty() {
        config.sqs.push(SqsConfig::default());
    }
    keys().filter(|other| other.path != key.path).map(|other| other.field.write(config)).collect()
}

/// Reads a key without the rules across keys; it has no error.
#[track_caller]
fn read_key(key: &ConfigKey, file: Option<&str>, variables: &[(&str, &str)]) -> Config {
    let source = GivenSource::read(file.map(|text| ("c.toml", text)), pairs(variables));
    let (config, _, findings) = load::read(source);
    let is_missing_url = |finding: &&Finding| finding.what == "queue_url is missing";
    let errors: Vec<_> =
        findings.iter().filter(|one| one.is_error() && !is_missing_url(one)).collect();
    assert!(errors.is_empty(), "{}: {errors:?}", key.path);
    config
}

#[test]
fn every_key_is_read_from_its_variable_and_from_a_file_and_nothing_else_changes() {
    for key in keys() {
        let defaults = others(key, &mut Config::default());
        let mut changes = 0;
        for example in key.field.examples() {
            let mut config = read_key(key, None, &[(&variable(key.path), &example)]);
            let written = key.field.write(&mut config);
            assert_eq!(written.replace(['"', '[', ']'], ""), example, "{}", key.path);
            assert_eq!(others(key, &mut config), defaults, "{} from its variable", key.path);

            let header = match SECTIONS.iter().find(|section| key.section() == Some(section.name)) {
                None => String::new(),
                Some(section) if section.is_repeated => format!("[[{}]]\n", section.name),
                Some(section) => format!("[{}]\n", section.name),
            };
            let file = format!("{header}{} = {written}", key.name());
            let mut config = read_key(key, Some(&file), &[]);
            assert_eq!(key.field.write(&mut config), written, "{}", key.path);
            assert_eq!(others(key, &mut config), defaults, "{} from a file", key.path);
            changes += usize::from(written != key.field.default());
        }
        assert!(changes > 0, "{} has no example but its default", key.path);
    }
}

#[test]
fn values_have_the_forms_of_toml() {
    let config = config_of(load_text(
        r#"
        definitions = "s3://b/defs.json"
        cloudwatch.settle_deadline = "2m 40s"
        [limits]
        body_bytes = 0x400
        expanded_bytes = 2_048
        [firehose]
        access_keys = ["0123456789abcdef", "fedcba9876543210"]
        "#,
    ));
    let (bucket, key) = ("b".to_owned(), "defs.json".to_owned());
    assert_eq!(config.definitions, Some(DefinitionsSource::S3 { bucket, key }));
    assert_eq!(config.cloudwatch.settle_deadline, Duration::from_secs(160));
    assert_eq!((config.limits.body_bytes, config.limits.expanded_bytes), (1024, 2048));
    assert_eq!(config.firehose.access_keys[1].as_bytes(), b"fedcba9876543210");
}

#[test]
fn a_variable_overrides_the_file_even_where_the_file_is_wrong() {
    let text = format!(
        "{BASE}[cloudwatch]\nflush_interval = \"often\"\nconcurrency = 8\n[listen]\nkeep_alive = \"90s\""
    );
    let variables = pairs(&[
        ("POSTMETER__CLOUDWATCH__FLUSH_INTERVAL", "30s"),
        ("POSTMETER__CLOUDWATCH__CONCURRENCY", " 16 "),
        ("POSTMETER__CLOUDWATCH__PUBLISH", "memory"),
        ("POSTMETER__DEDUPE__ENABLED", "true"),
    ]);
    let config = config_of(load(Some(("c.toml", &text)), variables));
    assert!(config.dedupe.enabled);
    assert_eq!(config.cloudwatch.flush_interval, Duration::from_secs(30));
    assert_eq!(config.cloudwatch.concurrency, 16);
    assert_eq!(config.cloudwatch.publish, Publish::Memory);
    assert_eq!(config.listen.keep_alive, Duration::from_secs(90));
}

#[test]
fn access_keys_of_a_variable_are_separated_by_commas() {
    let keys_of = |text: &str| -> Vec<Vec<u8>> {
        let name = "POSTMETER__FIREHOSE__ACCESS_KEYS";
        let config = config_of(load_variables(&[("POSTMETER__DEFINITIONS", "d"), (name, text)]));
        config.firehose.access_keys.iter().map(|key| key.as_bytes().to_vec()).collect()
    };
    assert_eq!(
        keys_of("0123456789abcdef, fedcba9876543210\n"),
        [b"0123456789abcdef".to_vec(), b"fedcba9876543210".to_vec()]
    );
    assert!(keys_of("").is_empty());
}

// === each fault, with its place ===

#[test]
fn broken_syntax_is_found_on_every_line_and_reading_goes_on_behind_it() {
    let loaded = load_text(
        "colour = 1\ndefinitions = \"a\n[listen]\nhttp = 1 2\nkeep_alive = \"soon\"\n[firehose\n",
    );
    let fix = "correct this line; see https://toml.io for the syntax";
    assert_eq!(
        lines(&loaded),
        [
            "c.toml:1:1: colour: unknown key; remove it".to_owned(),
            format!("c.toml:2:17: invalid basic string, expected `\"`; {fix}"),
            format!("c.toml:4:8: string values must be quoted, expected literal string; {fix}"),
            "c.toml:5:14: listen.keep_alive: `soon` is not a duration; write a number with a \
             unit, such as \"500ms\", \"10s\" or \"2m\""
                .to_owned(),
            format!("c.toml:6:10: unclosed table, expected `]`; {fix}"),
        ]
    );
    assert!(loaded.config.is_none());
}

#[test]
fn file_of_another_format_has_few_findings() {
    let definitions = load_text("{\n  \"ConfigurationSets\": []\n}\n");
    let findings = lines(&definitions);
    assert_eq!(findings.len(), 1, "{findings:#?}");
    assert!(findings[0].starts_with("c.toml:1:1: this is JSON, not TOML"), "{findings:#?}");
    assert!(definitions.config.is_none());
    let yaml = "- http: 1\n".repeat(1000);
    assert!(lines(&load_text(&yaml)).len() <= 20);
}

#[test]
fn a_name_behind_a_broken_line_may_be_a_misread_value() {
    for text in [
        "[firehose]\naccess_keys =\n[\"SECRET\"]\n",
        "[firehose]\naccess_keys =\n[\n  \"SECRET\"\n]\n",
        "[firehose]\naccess_keys = \n\"SECRET\"\n",
        "[firehose]\naccess_keys = \n\"SECRET\" = 1\n",
        "[firehose\naccess_keys = [\"SECRET\"]\n",
        "[firehose]\naccess_keys [\"SECRET\"]\n",
        "[firehose]\npath = \"\"\"/a\naccess_keys = [\"SECRET\"]\n",
        "[firehose]\npath = \"\"\"/a\n\n\naccess_keys = [\"SECRET\"]\n",
        "[firehose]\npath = '''\naccess_keys = [\"SECRET\"]\n",
        "[firehose]\npath = [\naccess_keys = [\"SECRET\"]\n",
        "[firehose]\npath = {\naccess_keys = [\"SECRET\"]\n",
        "access_keys = SECRET\n",
    ] {
        let loaded = load_text(&format!("{BASE}{}", text.replace("SECRET", SECRET)));
        let lines = lines(&loaded);
        assert!(!lines.is_empty(), "{text}");
        assert!(!lines.iter().any(|line| line.contains("s3cr3t")), "{text}\n{lines:#?}");
        assert!(loaded.config.is_none());
    }
}

#[test]
fn a_key_that_stands_twice_is_a_fault() {
    let loaded = load_text("definitions = \"a\"\ndefinitions = \"b\"\n");
    assert_eq!(loaded.findings.len(), 1);
    assert!(lines(&loaded)[0].starts_with("c.toml:2:1: duplicate key; "));
}

#[test]
fn an_unknown_key_has_a_suggestion() {
    assert_finding(
        "[cloudwatch]\nflush_intervall = \"10s\"",
        "3:1: cloudwatch.flush_intervall: unknown key; did you mean `flush_interval`?",
    );
    assert_finding(
        "flush_interval = \"10s\"",
        "2:1: flush_interval: unknown key; did you mean `cloudwatch.flush_interval`?",
    );
    assert_finding("colour = 1", "2:1: colour: unknown key; remove it");
    assert_finding("[limits]\n'a b.c' = 1", "3:1: `limits.a b.c`: unknown key; remove it");
    assert_finding("[limits]\n\"\" = 1", "3:1: limits.: unknown key; remove it");
    assert_finding(
        "[cloud-watch]",
        "2:2: cloud-watch: unknown section; did you mean `[cloudwatch]`?",
    );
    assert_finding("[database]\na = 1", "2:2: database: unknown section; remove the section");
}

#[test]
fn an_unknown_variable_is_a_fault() {
    assert_variable_finding(
        "POSTMETER__CLOUDWATCH__FLUSH_INTERVALL",
        "10s",
        "unknown variable; did you mean `POSTMETER__CLOUDWATCH__FLUSH_INTERVAL`?",
    );
    assert_variable_finding(
        "POSTMETER__FLUSH_INTERVAL",
        "10s",
        "unknown variable; did you mean `POSTMETER__CLOUDWATCH__FLUSH_INTERVAL`?",
    );
    assert_variable_finding(
        "POSTMETER__listen__http",
        "127.0.0.1:1",
        "unknown variable; did you mean `POSTMETER__LISTEN__HTTP`?",
    );
    assert_variable_finding(
        "POSTMETER__LISTEN__HTTP__0",
        "x",
        "unknown variable; did you mean `POSTMETER__LISTEN__HTTP`?",
    );
    assert_variable_finding(
        "POSTMETER__FIREHOSE__ACCESS_KEYS__0",
        SECRET,
        "unknown variable; separate the values of `POSTMETER__FIREHOSE__ACCESS_KEYS` with commas",
    );
    assert_variable_finding(
        "POSTMETER__",
        "x",
        "unknown variable; remove it, or rename it if another program needs it",
    );
}

#[test]
fn an_object_has_a_key() {
    let loaded = load_text("definitions = \"s3://bucket/\"");
    assert_eq!(
        lines(&loaded),
        ["c.toml:1:15: definitions: `s3://bucket/` is not a valid S3 location; write the path \
             of a file, \"s3://BUCKET/KEY\" for an object, or \"env:NAME\" for a variable that \
             holds the document"]
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_named() {
    let fix = "write a number with a unit, in quotes, such as \"500ms\", \"10s\" or \"2m\"";
    assert_finding(
        "[shutdown]\ngrace = 10",
        &format!("3:9: shutdown.grace: expected a duration, found a number; {fix}"),
    );
    assert_finding(
        "[limits]\nseries = \"many\"",
        "3:10: limits.series: expected a whole number, found a string; write a whole number from 1 \
         to 10000000",
    );
    assert_finding(
        "[limits]\nseries = 1.5",
        "3:10: limits.series: expected a whole number, found a number with a fraction; write a \
         whole number from 1 to 10000000",
    );
    assert_finding(
        "[cloudwatch]\nnamespace = true",
        "3:13: cloudwatch.namespace: expected a string, found true or false; put it in quotes",
    );
    assert_finding(
        "[dedupe]\nenabled = \"true\"",
        "3:11: dedupe.enabled: expected true or false, found a string; write true or false, \
         without quotes in a file",
    );
    assert_finding(
        "[limits]\nseries = false",
        "3:10: limits.series: expected a whole number, found true or false; write a whole number \
         from 1 to 10000000",
    );
    assert_variable_finding(
        "POSTMETER__DEDUPE__ENABLED",
        "yes",
        "dedupe.enabled: `yes` is not true or false; write true or false, without quotes in a file",
    );
    assert_finding(
        "[listen]\nhttp = 8127",
        "3:8: listen.http: expected an address, found a number; write an IP address and a port, \
         such as \"127.0.0.1:8127\"",
    );
    assert_finding(
        "[cloudwatch.publish]\na = 1",
        "2:1: cloudwatch.publish: expected a word, found a table; write \"aws\" or \"memory\"",
    );
    assert_finding(
        "listen = \"127.0.0.1:8127\"",
        "2:10: listen: expected a section, found a string; write `[listen]` with its keys below",
    );
    assert_finding(
        "[[listen]]\nhttp = \"127.0.0.1:1\"",
        "2:1: listen: expected a section, found a list; write `[listen]` with its keys below",
    );
}

#[test]
fn a_value_beyond_its_bounds_is_named() {
    assert_finding(
        "[cloudwatch]\nflush_interval = \"49ms\"",
        "3:18: cloudwatch.flush_interval: `49ms` is outside 50ms to 5m; choose a duration between \
         them",
    );
    assert_finding(
        "[cloudwatch]\nconcurrency = -0x1",
        "3:15: integers with a radix cannot be signed; correct this line; see https://toml.io for \
         the syntax",
    );
    for (written, shown) in [("0", "0"), ("65", "65"), ("-1", "-1"), ("0x41", "0x41")] {
        assert_finding(
            &format!("[cloudwatch]\nconcurrency = {written}"),
            &format!(
                "3:15: cloudwatch.concurrency: `{shown}` is outside 1 to 64; write a whole number \
                 from 1 to 64"
            ),
        );
    }
    let huge = "9".repeat(60);
    assert_finding(
        &format!("[cloudwatch]\nconcurrency = {huge}"),
        &format!(
            "3:15: cloudwatch.concurrency: `{}…` is outside 1 to 64; write a whole number from 1 \
             to 64",
            &huge[..40]
        ),
    );
    assert_variable_finding(
        "POSTMETER__CLOUDWATCH__CONCURRENCY",
        "-1",
        "cloudwatch.concurrency: `-1` is outside 1 to 64; write a whole number from 1 to 64",
    );
    assert_variable_finding(
        "POSTMETER__CLOUDWATCH__CONCURRENCY",
        "four",
        "cloudwatch.concurrency: `four` is not a whole number; write a whole number from 1 to 64",
    );
}

#[test]
fn a_value_that_cannot_be_read_is_quoted() {
    assert_finding(
        "[listen]\nhttp = \"localhost:8127\"",
        "3:8: listen.http: `localhost:8127` is not an address; write an IP address and a port, \
         such as \"127.0.0.1:8127\"",
    );
    assert_finding(
        "[shutdown]\ngrace = \"25\"",
        "3:9: shutdown.grace: `25` is not a duration; write a number with a unit, such as \
         \"500ms\", \"10s\" or \"2m\"",
    );
    assert_finding(
        "[cloudwatch]\ntimestamp = \"Event\"",
        "3:13: cloudwatch.timestamp: `Event` is not a choice; write \"event\" or \"arrival\"",
    );
    assert_finding(
        "[firehose]\npath = \"/livez\"",
        "3:8: firehose.path: `/livez` is the path of a health check; choose another path, such as \
         \"/firehose\"",
    );
    assert_finding(
        "[cloudwatch]\nrole_arn = \"metrics\"",
        "3:12: cloudwatch.role_arn: `metrics` is not a valid IAM role ARN; write an ARN such as \
         \"arn:aws:iam::123456789012:role/name\"",
    );
    for key in ["cloudwatch]\nnamespace", "telemetry]\nown_namespace"] {
        let loaded = load_text(&format!("{BASE}[{key} = \":bad\""));
        assert_eq!(loaded.findings.len(), 1, "{key}");
        assert!(loaded.config.is_none());
    }
}

#[test]
fn every_faulty_access_key_is_found_and_none_is_shown() {
    let long = "k".repeat(4097);
    let loaded = load_text(&format!(
        "{BASE}[firehose]\naccess_keys = [\"\", \"{SECRET}\",\n  \"{SECRET}ä\", 5,\n  \"{long}\", \"weak\"]"
    ));
    assert_eq!(
        lines(&loaded),
        [
            "c.toml:3:16: firehose.access_keys[0]: the key is empty; write a key, or remove it \
             from the list",
            "c.toml:4:3: firehose.access_keys[2]: the key contains a character that is not \
             printable ASCII; use letters, digits and punctuation",
            "c.toml:4:32: firehose.access_keys[3]: expected a string, found a number; put it in \
             quotes",
            "c.toml:5:3: firehose.access_keys[4]: the key is longer than 4096 bytes; write a \
             shorter key; Firehose does not send longer ones",
            "c.toml:5:4104: warning: firehose.access_keys[5]: the key is shorter than 16 bytes; \
             generate a long random key, for example with `openssl rand -hex 32`",
        ]
    );
    assert!(loaded.config.is_none());
    assert_finding(
        &format!("[firehose]\naccess_keys = \"{SECRET}\""),
        "3:15: firehose.access_keys: expected a list of strings, found a string; write \
         `[\"a-random-key-of-16-bytes\"]`",
    );
    assert_variable_finding(
        "POSTMETER__FIREHOSE__ACCESS_KEYS",
        "0123456789abcdef,",
        "firehose.access_keys[1]: the key is empty; write a key, or remove it from the list",
    );
}

#[test]
fn a_short_access_key_is_a_warning() {
    assert_finding(
        "[firehose]\naccess_keys = [\"0123456789abcde\"]",
        "3:16: warning: firehose.access_keys[0]: the key is shorter than 16 bytes; generate a long \
         random key, for example with `openssl rand -hex 32`",
    );
}

#[test]
fn admin_token_is_long_and_plain_and_never_said() {
    for token in
        ["short", "s3cr3t 0123456789 abcdef", "s3cr3t-0123456789-ü", "s3cr3t\\n0123456789abc"]
    {
        let loaded = load_text(&format!("{BASE}[listen]\nadmin_token = \"{token}\""));
        assert_eq!(
            lines(&loaded),
            ["c.toml:3:15: listen.admin_token: this is not a valid token; write 16 to 4096 \
              letters, digits and `- . _ ~ + / =`, for example the output of `openssl rand -hex \
              32`"]
        );
    }
    let variable =
        pairs(&[("POSTMETER__DEFINITIONS", "d.json"), ("POSTMETER__LISTEN__ADMIN_TOKEN", SECRET)]);
    let config = config_of(load(None, variable));
    assert_eq!(
        config.listen.admin_token.as_ref().map(AccessKey::as_bytes),
        Some(SECRET.as_bytes())
    );
    assert!(!format!("{config:?}").contains(SECRET));
}

// === rules across keys ===

#[test]
fn tls_needs_certificate_and_key() {
    assert_finding(
        "[listen]\ntls_certificate = \"c.pem\"",
        "3:19: listen.tls_certificate: listen.tls_key is not set, but TLS requires both; set both \
         to PEM files, or leave both empty",
    );
    assert_finding(
        "[listen]\ntls_key = \"k.pem\"",
        "3:11: listen.tls_key: listen.tls_certificate is not set, but TLS requires both; set both \
         to PEM files, or leave both empty",
    );
    assert_finding(
        "[listen]\ntls_client_ca = \"ca.pem\"",
        "3:17: listen.tls_client_ca: client certificates require TLS; set listen.tls_certificate \
         and listen.tls_key",
    );
}

#[test]
fn a_listener_beyond_loopback_needs_an_access_key() {
    let text = "[listen]\nhttp = \"0.0.0.0:8127\"";
    assert_finding(
        text,
        "3:8: listen.http: 0.0.0.0:8127 is reachable from other hosts, but no access key is \
         configured; set firehose.access_keys, or listen on 127.0.0.1",
    );
    let key = pairs(&[("POSTMETER__FIREHOSE__ACCESS_KEYS", SECRET)]);
    assert!(load(Some(("c.toml", &format!("{BASE}{text}"))), key).config.is_some());
}

#[test]
fn listeners_have_their_own_addresses() {
    assert_finding(
        "[listen]\nhttp = \"127.0.0.1:9127\"",
        "3:8: listen.http: 127.0.0.1:9127 overlaps listen.http, 127.0.0.1:9127; choose a different \
         port for each listener",
    );
    assert!(
        load_text(&format!("{BASE}[listen]\nhttp = \"[::1]:0\"\nadmin = \"[::1]:0\""))
            .config
            .is_some()
    );
}

#[test]
fn published_needs_time_for_a_flush_and_an_attempt() {
    let slow = "[cloudwatch]\nflush_interval = \"38s\"\n[firehose]\nacknowledge = ";
    assert!(load_text(&format!("{BASE}{slow}\"merged\"")).config.is_some());
    assert_finding(
        &format!("{slow}\"published\""),
        "3:18: cloudwatch.flush_interval: a flush interval and one attempt can take 46s, longer \
         than settle_deadline, 45s; increase settle_deadline, or reduce flush_interval, \
         connect_timeout or attempt_timeout",
    );
    let enough = slow.replace("38s", "37s");
    assert!(load_text(&format!("{BASE}{enough}\"published\"")).config.is_some());
}

#[test]
fn published_settles_within_the_senders_patience() {
    let short = "[firehose]\nacknowledge = \"published\"\npatience = ";
    assert_finding(
        &format!("{short}\"44s\""),
        "4:12: firehose.patience: settle_deadline, 45s, is longer than firehose.patience, 44s; \
         reduce settle_deadline, or increase firehose.patience if the sender waits that long",
    );
    assert!(load_text(&format!("{BASE}{short}\"45s\"")).config.is_some());
}

#[test]
fn published_settles_before_sns_gives_up() {
    const TOPICS: &str = "[sns]\ntopics = [\"arn:aws:sns:eu-west-1:123456789012:a\"]\n";
    let published = format!("{TOPICS}acknowledge = \"published\"\n");
    assert_finding(
        &published,
        "4:15: sns.acknowledge: settle_deadline, 45s, is longer than sns.patience, 12s (SNS waits \
         15s); reduce settle_deadline and flush_interval, or choose \"merged\" or \"journaled\"",
    );
    let short = "[cloudwatch]\nsettle_deadline = \"12s\"\nflush_interval = ";
    assert!(load_text(&format!("{BASE}{published}{short}\"4s\"")).config.is_some());
    // A flush and an attempt take longer than the deadline.
    assert!(load_text(&format!("{BASE}{published}{short}\"5s\"")).config.is_none());
    // Without topics the SNS patience does not matter.
    let no_topics = published.replace("topics", "#");
    assert!(load_text(&format!("{BASE}{no_topics}")).config.is_some());
    assert_finding(
        "[sns]\npatience = \"15s\"",
        "3:12: sns.patience: `15s` is outside 50ms to 14s; choose a duration between them",
    );
}

#[test]
fn signature_versions_and_buckets_are_read_and_faults_in_them_are_named() {
    let queue = ("POSTMETER__SQS__0__QUEUE_URL", "https://sqs/1/q");
    let publish = ("POSTMETER__CLOUDWATCH__PUBLISH", "memory");
    let config = config_of(load_variables(&[
        publish,
        queue,
        ("POSTMETER__SNS__SIGNATURE_VERSIONS", "2,1"),
        ("POSTMETER__SQS__0__BUCKETS", "mail, arn:aws:s3:::more"),
        ("POSTMETER__SQS__0__BUCKET_OWNER", "any"),
    ]));
    assert_eq!(config.sns.signature_versions, [SignatureVersion::Two, SignatureVersion::One]);
    assert_eq!(config.sqs[0].buckets, ["mail", "arn:aws:s3:::more"]);
    assert_eq!(config.sqs[0].bucket_owner, BucketOwner::Any);
    for (variable, wrong, what) in [
        ("POSTMETER__SNS__SIGNATURE_VERSIONS", "3", "`3` is not an SNS signature version"),
        ("POSTMETER__SNS__SIGNATURE_VERSIONS", "", "no signature version is accepted"),
        ("POSTMETER__SQS__0__BUCKETS", "a b", "`a b` is not a valid bucket name"),
        ("POSTMETER__SQS__0__BUCKET_OWNER", "12345", "`12345` is not a valid account"),
    ] {
        let loaded = load_variables(&[publish, queue, (variable, wrong)]);
        assert!(loaded.config.is_none(), "{variable}={wrong}");
        assert!(lines(&loaded)[0].contains(what), "{:?}", lines(&loaded));
    }
    let text = "[cloudwatch]\npublish = \"memory\"\n[sns]\nsignature_versions = [1, \"2\"]";
    assert_eq!(config_of(load_text(text)).sns.signature_versions.len(), 2);
    let text = "[cloudwatch]\npublish = \"memory\"\n[sns]\nsignature_versions = [true]";
    assert!(load_text(text).config.is_none());
}

#[test]
fn sns_errors_are_reported() {
    const TOPICS: &str = "[sns]\ntopics = [\"arn:aws:sns:eu-west-1:123456789012:a\"]\n";
    assert_finding(
        "[sns]\ntopics = [\"ses-events\"]",
        "3:11: sns.topics[0]: `ses-events` is not a valid topic ARN; write an ARN such as \
         \"arn:aws:sns:eu-west-1:123456789012:ses-events\"",
    );
    assert_finding(
        &format!("{TOPICS}path = \"/firehose\""),
        "4:8: sns.path: /firehose is the path of both the Firehose and the SNS endpoint; choose a \
         different path for each",
    );
    assert_finding(
        &format!("[sns]\ncredentials = [\"sns:{SECRET}\"]"),
        "3:15: warning: sns.credentials: SNS credentials are set, but no topics are, so there is \
         no SNS endpoint; list the topics in sns.topics, or remove the credentials",
    );
    assert_finding(
        &format!("{TOPICS}credentials = [\"{SECRET}\"]"),
        "4:16: sns.credentials[0]: this is not a valid user and password; write `user:password` in \
         printable ASCII",
    );
    assert_variable_finding(
        "POSTMETER__SNS__TOPICS",
        "arn:aws:sns:eu-west-1:123456789012:a, b",
        "sns.topics[1]: `b` is not a valid topic ARN; write an ARN such as \
         \"arn:aws:sns:eu-west-1:123456789012:ses-events\"",
    );
    assert_finding(
        &format!("{TOPICS}acknowledge = \"journaled\""),
        "4:15: sns.acknowledge: \"journaled\" requires a journal; set journal.directory to a \
         directory on a disk that outlives the task",
    );
}

#[test]
fn odd_combinations_are_warnings() {
    assert_finding(
        "[listen]\nadmin = \"0.0.0.0:9127\"",
        "3:9: warning: listen.admin: 0.0.0.0:9127 is reachable from other hosts, but metrics \
         require no token; set listen.admin_token, or make sure that only your monitoring can \
         reach this port",
    );
    let token = format!("[listen]\nadmin = \"0.0.0.0:9127\"\nadmin_token = \"{SECRET}\"");
    assert_eq!(lines(&load_text(&format!("{BASE}{token}"))), [""; 0]);
    assert_finding(
        "[listen]\nkeep_alive = \"60s\"",
        "3:14: warning: listen.keep_alive: 1m is not longer than the default idle timeout of a \
         load balancer, 60s; behind a load balancer, choose a longer time such as \"75s\", or some \
         requests fail with 502",
    );
    let queue = "[[sqs]]\nqueue_url = \"https://sqs/1/a\"\nheld_messages = ";
    assert_finding(
        &format!("{queue}60001"),
        "4:17: warning: sqs.held_messages: two daemons would hold 120002 messages, and SQS allows \
         120000 messages of a queue in flight, of all its consumers together; reduce it so that \
         all daemons that read the queue stay below, including those that run only during a \
         deployment",
    );
    assert_eq!(lines(&load_text(&format!("{BASE}{queue}60000"))), [""; 0]);
    assert_finding(
        "[cloudwatch]\nnamespace = \"Postmeter\"",
        "3:13: warning: cloudwatch.namespace: postmeter's own totals go to the same namespace as \
         the metrics of events; choose another own_namespace, such as \"Postmeter\"",
    );
}

#[test]
fn dead_letters_are_of_known_kinds_and_in_one_place() {
    assert_finding(
        "[dead_letters]\ndirectory = \"a\"\nstream = \"b\"",
        "4:10: dead_letters.stream: dead letters can go to a directory or to a stream, not to \
         both; leave one of them empty",
    );
    assert_finding(
        "[dead_letters]\nstream = \"b\"\nkeep = []",
        "4:8: warning: dead_letters.keep: a destination for dead letters is set, but nothing is \
         kept; list what to keep, such as [\"malformed\"], or leave dead_letters.directory and \
         .stream empty",
    );
    assert_finding(
        "[dead_letters]\nkeep = [\"foreign\", \"control\"]",
        "3:20: dead_letters.keep[1]: `control` is not a choice; write \"malformed\" or \
         \"unknown_type\" or \"foreign\"",
    );
    assert_finding(
        "[dead_letters]\nkeep = \"foreign\"",
        "3:8: dead_letters.keep: expected a list of strings, found a string; write \
         `[\"malformed\"]`",
    );
    assert_finding(
        "[dead_letters]\nstream = \"a/b\"",
        "3:10: dead_letters.stream: `a/b` is not a valid delivery stream name; write the name, not \
         the ARN: 1 to 64 letters, digits, `_`, `.` and `-`",
    );
    let config = config_of(load_variables(&[
        ("POSTMETER__DEFINITIONS", "d.json"),
        ("POSTMETER__DEAD_LETTERS__STREAM", "letters"),
        ("POSTMETER__DEAD_LETTERS__KEEP", "foreign, malformed"),
    ]));
    assert_eq!(config.dead_letters.stream.as_deref(), Some("letters"));
    assert_eq!(config.dead_letters.keep, [Unread::Foreign, Unread::Malformed]);
}

#[test]
fn queues_come_from_file_and_environment_by_their_number() {
    let file = "[[sqs]]\nqueue_url = \"https://sqs.eu-west-1.amazonaws.com/1/a\"\nvisibility = \"2m\"\n\
                [[sqs]]\nqueue_url = \"https://sqs/1/b\"\nacknowledge = \"merged\"";
    let variables = pairs(&[
        ("POSTMETER__SQS__1__QUEUE_URL", "https://sqs/1/c"),
        ("POSTMETER__SQS__7__QUEUE_URL", "http://127.0.0.1:4566/1/d"),
        ("POSTMETER__SQS__7__POLLERS", "3"),
    ]);
    let loaded = load(Some(("c.toml", &format!("{BASE}{file}"))), variables);
    let queue = |url: &str| SqsConfig { queue_url: url.to_owned(), ..SqsConfig::default() };
    // Sections have no equality; their debug output has every field.
    assert_eq!(
        format!("{:?}", config_of(loaded).sqs),
        format!(
            "{:?}",
            [
                SqsConfig {
                    visibility: Duration::from_mins(2),
                    ..queue("https://sqs.eu-west-1.amazonaws.com/1/a")
                },
                SqsConfig { acknowledge: Acknowledge::Merged, ..queue("https://sqs/1/c") },
                SqsConfig { pollers: 3, ..queue("http://127.0.0.1:4566/1/d") },
            ]
        )
    );
}

#[test]
fn queue_errors_are_reported() {
    assert_finding(
        "[[sqs]]\npollers = 2",
        "3:11: sqs[0]: queue_url is missing; add queue_url = \
         \"https://sqs.REGION.amazonaws.com/ACCOUNT/NAME\"",
    );
    assert_finding(
        "[[sqs]]\nqueue_url = \"https://sqs/1/a\"\n[[sqs]]\nqueue_url = \"my-queue\"",
        "5:13: sqs[1].queue_url: `my-queue` is not a valid queue URL; write \
         https://sqs.REGION.amazonaws.com/ACCOUNT/NAME, as `aws sqs get-queue-url` prints it",
    );
    assert_finding(
        "[[sqs]]\nqueue_url = \"https://sqs/1/a\"\n[[sqs]]\nqueue_url = \"https://sqs/1/a\"",
        "3:13: sqs.queue_url: queue https://sqs/1/a is listed twice; remove one of them; `pollers` \
         sets the number of concurrent requests for a queue",
    );
    assert_finding(
        "[[sqs]]\nqueue_url = \"https://sqs/1/a\"\nvisibilty = \"1m\"",
        "4:1: sqs.visibilty: unknown key; did you mean `visibility`?",
    );
    assert_finding(
        "[sqs]\nqueue_url = \"https://sqs/1/a\"",
        "2:1: sqs: expected a section, found a table; write `[[sqs]]` with its keys below",
    );
    assert_finding(
        "[[sqs]]\nqueue_url = \"https://sqs/1/a\"\nacknowledge = \"journaled\"",
        "4:15: sqs.acknowledge: \"journaled\" requires a journal; set journal.directory to a \
         directory on a disk that outlives the task",
    );
    assert_variable_finding(
        "POSTMETER__SQS__QUEUE_URL",
        "https://sqs/1/a",
        "unknown variable; did you mean `POSTMETER__SQS__0__QUEUE_URL`?",
    );
}

#[test]
fn a_rule_is_silent_where_its_keys_could_not_be_read() {
    // Without a definitions key that can be read, the default (none) says nothing.
    let loaded =
        load_text("definitions = 5\n[listen]\nhttp = \"0.0.0.0:1\"\n[firehose]\naccess_keys = 3");
    assert_eq!(loaded.findings.len(), 2, "{:#?}", lines(&loaded));
    let loaded = load_text("definitions = \n[cloudwatch]\nconcurrency = 2");
    assert_eq!(loaded.findings.len(), 1, "{:#?}", lines(&loaded));
}

#[test]
fn journal_needs_a_directory_and_a_source_that_uses_it() {
    assert_finding(
        "[firehose]\nacknowledge = \"journaled\"",
        "3:15: firehose.acknowledge: \"journaled\" requires a journal; set journal.directory to a \
         directory on a disk that outlives the task",
    );
    assert_finding(
        "[journal]\ndirectory = \"here\"",
        "3:13: warning: journal.directory: nothing uses the journal, and counts left in an \
         existing journal are not published; set firehose.acknowledge to \"journaled\", or leave \
         journal.directory empty",
    );
    let queue = "[[sqs]]\nqueue_url = \"https://sqs.eu-west-1.amazonaws.com/111122223333/a\"\n";
    let journal = "[journal]\ndirectory = \"here\"\n";
    let journaled = "acknowledge = \"journaled\"\n";
    assert_finding(
        &format!("[firehose]\n{journaled}{journal}{queue}acknowledge = \"published\""),
        "8:15: warning: sqs.acknowledge: the journal has only the counts of \"journaled\" sources, not \
         those of sqs.acknowledge = \"published\": after a crash they come again from their sender, \
         and those in calls on their way may be counted twice, which no counter shows; choose \
         \"journaled\" there too, or keep the combination if that is what you want",
    );
    assert_finding(
        &format!("{journal}[firehose]\naccess_keys = [\"{}\"]\n{queue}{journaled}", "k".repeat(32)),
        "3:13: warning: journal.directory: the journal has only the counts of \"journaled\" sources, \
         not those of firehose.acknowledge = \"merged\": a crash loses those that are not published; \
         choose \"journaled\" there too, or keep the combination if that is what you want",
    );
    // Nothing outside reaches the Firehose endpoint.
    let loaded = load_text(&format!("{BASE}{journal}{queue}{journaled}"));
    assert_eq!(lines(&loaded), [""; 0]);
}

// === all at once ===

#[test]
fn ten_different_faults_are_ten_findings_in_order() {
    let text = r#"definitions = "s3://bucket"
colour = "red"
[listen]
http = "nowhere"
keep_alive = "soon"
[limits]
series = "many"
entries = 0
[firehose]
path = "/readyz"
acknowledge = "later"
access_keys = [""]
[cloudwatch]
flush_interval = "1h"
role_arn = "me"
regoin = "eu-west-1"
[sqs]
[telemetry]
log_format = oops
"#;
    let variables = pairs(&[("POSTMETER__SHUTDOWN__GRACE", "121s"), ("POSTMETER__NO__SUCH", "1")]);
    let loaded = load(Some(("c.toml", text)), variables);
    let places: Vec<String> =
        loaded.findings.iter().map(|finding| finding.place.to_string()).collect();
    assert_eq!(
        places,
        [
            "c.toml:1:15",
            "c.toml:2:1",
            "c.toml:4:8",
            "c.toml:5:14",
            "c.toml:7:10",
            "c.toml:8:11",
            "c.toml:10:8",
            "c.toml:11:15",
            "c.toml:12:16",
            "c.toml:14:18",
            "c.toml:15:12",
            "c.toml:16:1",
            "c.toml:17:1",
            "c.toml:19:14",
            "POSTMETER__NO__SUCH",
            "POSTMETER__SHUTDOWN__GRACE",
        ]
    );
    assert!(loaded.findings.iter().all(Finding::is_error));
    assert!(loaded.config.is_none());
}

#[test]
fn every_message_is_lower_case_without_a_full_stop() {
    let loaded =
        load_text("colour = 1\n[listen]\nhttp = \"x\"\nadmin = \"0.0.0.0:1\"\nkeep_alive = \"1s\"");
    assert!(loaded.findings.len() > 3);
    for Finding { what, fix, .. } in &loaded.findings {
        assert!(!what.ends_with('.') && !fix.ends_with('.'), "{what}; {fix}");
        assert!(!what.starts_with(char::is_uppercase) && !fix.starts_with(char::is_uppercase));
    }
}

// === secrets ===

#[test]
fn no_access_key_is_in_debug_output() {
    let config = config_of(load_text(&format!("{BASE}[firehose]\naccess_keys = [\"{SECRET}\"]")));
    assert_eq!(config.firehose.access_keys[0].as_bytes(), SECRET.as_bytes());
    assert!(!format!("{config:?} {config:#?}").contains("s3cr3t"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever slips in at whatever place, no finding shows an access key.
    #[test]
    fn a_slip_anywhere_shows_no_access_key(
        at in 0_usize..110,
        slip in "[\"'=\\[\\]{},.# \n\\\\a]{0,2}",
        cut in 0_usize..3,
    ) {
        let mut text = format!("{BASE}[firehose]\naccess_keys = [\n\"{SECRET}\",\n\"{SECRET}\"]\npath = \"/a\"");
        let at = at.min(text.len());
        let end = (at + cut).min(text.len());
        text.replace_range(at..end, &slip);
        for finding in load_text(&text).findings {
            let line = finding.to_string();
            // Its beginning and its end: the slip may be in its middle.
            prop_assert!(!line.contains("s3cr3t") && !line.contains("abcdef"), "{text}\n{line}");
        }
    }

    /// No text and no environment causes a panic, and a configuration exists exactly when there is
    /// no error.
    #[test]
    fn any_text_and_environment_is_answered(
        text in any::<String>(),
        name in "[A-Z_0-9é]{0,40}",
        value in any::<String>(),
    ) {
        let loaded = load(Some(("c.toml", &text)), [(format!("POSTMETER__{name}"), value)]);
        prop_assert_eq!(loaded.config.is_some(), !loaded.findings.iter().any(Finding::is_error));
    }

    /// As above, with text that is nearly right, so that it gets further.
    #[test]
    fn any_damage_to_the_shipped_file_is_answered(
        line in 0_usize..1000,
        at in 0_usize..80,
        slip in "[a-z0-9\"'=\\[\\]{},.# \n\r\t\\\\\u{0}é-]{0,6}",
        at_key in 0_usize..1000,
        value in "[ -~é]{0,12}",
    ) {
        let mut text_lines: Vec<String> = SHIPPED.lines().map(str::to_owned).collect();
        let index = line % text_lines.len();
        let damaged = &mut text_lines[index];
        let at = at.min(damaged.len());
        damaged.insert_str(at, &slip);
        let text = text_lines.join("\n");
        let key = keys().nth(at_key % keys().count()).expect("there is one");
        let loaded = load(Some(("c.toml", &text)), [(variable(key.path), value)]);
        prop_assert_eq!(loaded.config.is_some(), !loaded.findings.iter().any(Finding::is_error));
    }
}

#[test]
fn the_source_of_forwarded_events_is_not_one_of_aws() {
    for wrong in ["", "aws.ses", "two words", &"s".repeat(257)] {
        let text = format!("cloudwatch.publish = \"memory\"\nforward_source = \"{wrong}\"");
        let findings = lines(&load_text(&text));
        assert!(findings[0].contains("forward_source: "), "{findings:?}");
        assert!(
            findings[0].contains("is not a valid event source; write 1 to 256"),
            "{findings:?}"
        );
    }
}

#[test]
fn a_forward_that_is_tried_longer_than_the_sender_waits_is_warned_of() {
    let text = "cloudwatch.publish = \"memory\"\nforward_patience = \"55s\"";
    let findings = lines(&load_text(text));
    assert!(findings[0].contains("forward_patience, 55s, is not shorter than"), "{findings:?}");
    assert!(load_text(text).config.is_some());
}
