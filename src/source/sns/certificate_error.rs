//! Why a certificate is not accepted.

/// Why a file has no key of SNS.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("the file is not in PEM format")]
    NotPem,
    #[error("the file contains too many certificates")]
    TooMany,
    #[error("the file contains no certificate")]
    Empty,
    #[error("the certificate cannot be parsed")]
    Unreadable,
    #[error("the certificate does not belong to SNS in the topic's region")]
    NotOfSns,
    #[error("the certificate's key cannot be parsed")]
    Key,
    #[error("the certificate is not valid now")]
    NotNow,
    #[error("the certificate cannot be parsed: {0}")]
    Unfit(rustls::Error),
    #[error("the certificate's issuer is not trusted: {0}")]
    Issuer(rustls::Error),
}
