//! Where the SDK finds endpoint, region and credentials.

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

/// Where the SDK finds endpoint and credentials.
#[derive(Clone, Debug, Default)]
pub enum AwsEnvironment {
    /// The SDK's standard environment: variables, profile, container, instance.
    #[default]
    Process,
    /// A replacement for AWS, with credentials that it does not check.
    Endpoint { url: String },
}

// === impl AwsEnvironment ===

impl AwsEnvironment {
    /// The configuration for clients. Without `region` the SDK looks for one; `None` when it finds
    /// none.
    pub async fn load(&self, region: Option<&str>) -> Option<SdkConfig> {
        let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12());
        if let Self::Endpoint { url } = self {
            let credentials = Credentials::new("AKID", "secret", None, None, "stand-in");
            loader = loader.endpoint_url(url).credentials_provider(credentials);
            loader = loader.region(Region::from_static("us-east-1"));
        }
        if let Some(region) = region {
            loader = loader.region(Region::new(region.to_owned()));
        }
        let sdk = loader.load().await;
        sdk.region().is_some().then_some(sdk)
    }
}

/// The same with a role's credentials, if a role is given.
pub async fn assume_role(sdk: SdkConfig, role_arn: Option<&str>) -> SdkConfig {
    let Some(role_arn) = role_arn else { return sdk };
    let role = AssumeRoleProvider::builder(role_arn)
        .session_name("postmeter")
        .configure(&sdk)
        .build()
        .await;
    let credentials = SharedCredentialsProvider::new(role);
    sdk.into_builder().credentials_provider(credentials).build()
}
