//! What surrounds a daemon besides its settings.

use crate::aws::AwsEnvironment;
use crate::clock::Clock;
use crate::source::sns::WebEnvironment;

/// The environment of a daemon besides its settings; tests replace it.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    pub clock: Clock,
    pub aws: AwsEnvironment,
    pub web: WebEnvironment,
}
