//! `postmeter healthcheck`: asks the daemon beside it how it is, for containers without a shell.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::args::HealthcheckArgs;
use super::output::complain;
use super::{Exit, settings};

const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the command.
pub fn run(args: &HealthcheckArgs) -> Exit {
    let Some(config) = settings::load(args.config.as_deref()).and_then(|loaded| loaded.config)
    else {
        return Exit::Failed;
    };
    let path = if args.ready { "/readyz" } else { "/livez" };
    match ask(reachable(config.listen.admin), path) {
        Ok(true) => Exit::Done,
        Ok(false) => Exit::Failed,
        Err(error) => {
            complain(&format!("no answer from {}: {error}", config.listen.admin));
            Exit::Failed
        }
    }
}

/// An address that listens everywhere is asked on loopback.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<bool> {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    // A timeout of zero would be none at all.
    let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left))?;
    stream.set_write_timeout(Some(left))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    Ok(status.ends_with(b" 200"))
}
