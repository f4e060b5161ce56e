//! The configuration in force, for people: every key with its value, without secrets.

use super::section::SectionTable;
use super::{Config, keys};

/// One key with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ShownSetting {
    /// Such as `cloudwatch.flush_interval` or `sqs[1].queue_url`.
    pub path: String,
    /// As written in TOML; secrets are redacted.
    pub value: String,
    pub is_default: bool,
}

/// Every key in the order of the shipped file; a repeated section once for each instance.
#[must_use]
pub(crate) fn shown(config: &Config) -> Vec<ShownSetting> {
    let mut settings = Vec::new();
    for section in keys::SECTIONS {
        if !section.is_repeated {
            settings.extend(of_section(section, &mut config.clone(), None));
            continue;
        }
        for number in 0..config.sqs.len() {
            // A repeated section is its last instance.
            let mut config = config.clone();
            config.sqs.truncate(number + 1);
            settings.extend(of_section(section, &mut config, Some(number)));
        }
    }
    settings
}

fn of_section(
    section: &SectionTable,
    config: &mut Config,
    number: Option<usize>,
) -> Vec<ShownSetting> {
    let shown = section.keys.iter().map(|key| {
        let value = key.field.show(config);
        ShownSetting {
            path: match number {
                None => key.path.to_owned(),
                Some(number) => format!("{}[{number}].{}", section.name, key.name()),
            },
            is_default: value == key.field.default(),
            value,
        }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AccessKey, ApiKey, ConsoleRole, ConsoleUser, SqsConfig};

    #[test]
    fn shown_settings_have_every_key_and_no_secret() {
        const SECRET: &str = "do-not-show-this-to-anyone";
        let sqs = vec![SqsConfig::default(), SqsConfig::default()];
        let mut config = Config { sqs, ..Config::default() };
        config.firehose.access_keys = vec![AccessKey::new(SECRET)];
        config.listen.admin_token = Some(AccessKey::new(SECRET));
        config.ses_api.access_keys =
            vec![ApiKey { id: "AKID".to_owned(), secret: AccessKey::new(SECRET) }];
        config.console.signing_key = Some(AccessKey::new(SECRET));
        config.console.users = vec![ConsoleUser {
            name: "ada".to_owned(),
            role: ConsoleRole::Reader,
            hash: AccessKey::new(SECRET),
        }];
        let settings = shown(&config);
        let find = |path: &str| settings.iter().find(|setting| setting.path == path);
        for path in keys::keys().map(|key| key.path).filter(|path| !path.starts_with("sqs.")) {
            assert!(find(path).is_some(), "{path}");
        }
        assert!(find("sqs[1].queue_url").is_some() && find("sqs[2].queue_url").is_none());
        let text = format!("{settings:?}");
        assert!(!text.contains(SECRET), "{text}");
        let keys = find("firehose.access_keys").expect("a key");
        assert_eq!((keys.value.as_str(), keys.is_default), ("[[redacted]]", false));
        let listen = find("console.listen").expect("a key");
        assert_eq!((listen.value.as_str(), listen.is_default), ("\"\"", true));
    }
}
