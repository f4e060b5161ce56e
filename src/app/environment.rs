//! What surrounds a daemon besides its settings.

use std::path::Path;

use crate::aws::AwsEnvironment;
use crate::clock::Clock;
use crate::source::sns::WebEnvironment;

/// The environment of a daemon besides its settings; tests replace it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub clock: Clock,
    pub aws: AwsEnvironment,
    pub web: WebEnvironment,
    /// Whether other programs share this process's loopback, as in a container.
    pub in_container: bool,
    /// Definitions in memory, where none are configured; `None`: [`super::EXAMPLE_DEFINITIONS`].
    pub definitions: Option<String>,
}

// === impl Environment ===

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        Self { in_container: is_in_container(), ..Self::default() }
    }
}

fn is_in_container() -> bool {
    const FILES: [&str; 2] = ["/.dockerenv", "/run/.containerenv"];
    const VARIABLES: [&str; 3] =
        ["KUBERNETES_SERVICE_HOST", "ECS_CONTAINER_METADATA_URI_V4", "container"];
    FILES.iter().any(|file| Path::new(file).exists())
        || VARIABLES.iter().any(|name| std::env::var_os(name).is_some())
}
