//! `[listen]`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::config::access_key::{ACCESS_KEY_BYTES_MAX, ACCESS_KEY_BYTES_WEAK, AccessKey};
use crate::config::kinds::{address, duration, optional, path, text};
use crate::config::section::section;
use crate::config::text::Fault;

section! {
    /// The two listeners, and settings that they share with the listener of the SES API.
    pub struct ListenConfig as [listen] {
        /// Address that receives events. Other addresses than loopback require an access key.
        ///
        /// It is an IP address and a port, 0 for any free port. In a container, listen on
        /// "0.0.0.0:8127" and set `firehose.access_keys`.
        http: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 8127)), address();

        /// Address that serves `/metrics`, `/series`, `/livez` and `/readyz`.
        ///
        /// If it is not on loopback, set `listen.admin_token`, or make sure that only your
        /// monitoring can reach this port.
        admin: SocketAddr = SocketAddr::from((Ipv4Addr::LOCALHOST, 9127)), address();

        /// Token that `/metrics` and `/series` require as `Authorization: Bearer TOKEN`. Empty: no
        /// token is required, and on loopback only requests for a loopback `Host` that do not come
        /// from a web page are served.
        ///
        /// 16 to 4096 letters, digits and `- . _ ~ + / =`. Prefer `POSTMETER__LISTEN__ADMIN_TOKEN`
        /// to this file. `/livez` and `/readyz` never require it.
        admin_token: Option<AccessKey> = None,
            optional(text("token", "a-random-token-of-16-bytes", admin_token, AccessKey::print).secret());

        /// How long an idle connection stays open. It must be longer than the idle timeout of a
        /// load balancer in front (60s by default).
        ///
        /// Otherwise the balancer may send a request on a connection that is closing, and respond
        /// with 502.
        keep_alive: Duration = Duration::from_secs(75),
            duration(Duration::from_secs(1), Duration::from_hours(1));

        /// File with the certificate chain (PEM). It enables TLS on every listener. Empty: plain
        /// HTTP, for loopback or behind a load balancer.
        ///
        /// Set both certificate and key, or neither. They are reloaded within 10s of a change, and
        /// on SIGHUP; invalid files are logged and ignored.
        tls_certificate: Option<PathBuf> = None,
            optional(path("path", "/etc/postmeter/certificate.pem"));

        /// File with the private key of the certificate (PEM).
        tls_key: Option<PathBuf> = None, optional(path("path", "/etc/postmeter/key.pem"));

        /// File with the CA certificates (PEM) that sign client certificates. Clients of
        /// `listen.http` and `ses_api.listen` then need a client certificate; clients of
        /// `listen.admin` do not. Empty: clients need no certificate.
        ///
        /// For `listen.admin`, set `listen.admin_token`. Load balancers and Firehose cannot send
        /// client certificates.
        tls_client_ca: Option<PathBuf> = None,
            optional(path("path", "/etc/postmeter/client-ca.pem"));
    }
}

// === impl ListenConfig ===

impl ListenConfig {
    /// Whether only programs on this machine can reach the admin listener.
    #[must_use]
    pub(crate) fn admin_is_on_loopback(&self) -> bool {
        is_loopback(self.admin)
    }
}

pub(in crate::config) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// A bearer token as in <https://www.rfc-editor.org/rfc/rfc6750#section-2.1>. The fault describes
/// only its shape, never its content.
fn admin_token(text: &str) -> Result<AccessKey, Fault> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let is_valid = (ACCESS_KEY_BYTES_WEAK..=ACCESS_KEY_BYTES_MAX).contains(&text.len())
        && text.bytes().all(allowed);
    if !is_valid {
        let fix = format!(
            "write {ACCESS_KEY_BYTES_WEAK} to {ACCESS_KEY_BYTES_MAX} letters, digits and `- . _ ~ \
             + / =`, for example the output of `openssl rand -hex 32`"
        );
        return Err(("this is not a valid token".into(), fix));
    }
    Ok(AccessKey::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_seen_through_mapped_addresses() {
        for inside in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert!(is_loopback(inside.parse().unwrap()), "{inside}");
        }
        for beyond in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "[::ffff:10.0.0.1]:1"] {
            assert!(!is_loopback(beyond.parse().unwrap()), "{beyond}");
        }
    }
}
