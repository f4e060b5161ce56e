//! A connection that sends HTTP as no regular client would.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::app::PATIENCE;

/// A connection of a malicious sender.
pub(crate) struct Raw(TcpStream);

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// After a response with this status.
    Answered(u16),
    /// Without a response.
    Closed,
}

impl Raw {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let connected = timeout(PATIENCE, TcpStream::connect(address)).await;
        Self(connected.expect("in time").expect("it listens"))
    }

    /// As [`Raw::connect`], with a receive buffer of about this size.
    pub(crate) async fn connect_with_buffer(address: SocketAddr, bytes: u32) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(bytes).expect("a size");
        let connected = timeout(PATIENCE, socket.connect(address)).await;
        Self(connected.expect("in time").expect("it listens"))
    }

    /// As [`Raw::connect`], from a given loopback address, where there are several.
    pub(crate) async fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        if socket.bind((source, 0).into()).is_err() {
            return Self::connect(address).await;
        }
        let connected = timeout(PATIENCE, socket.connect(address)).await;
        Self(connected.expect("in time").expect("it listens"))
    }

    /// Sends bytes; returns whether the other side accepted them.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.0.write_all(bytes)).await.expect("in time").is_ok()
    }

    /// Starts a delivery of this many bytes, with an optional key.
    pub(crate) async fn begin(&mut self, id: &str, key: &str, announced: usize) -> bool {
        let head = format!(
            "POST /firehose HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Amz-Firehose-Request-Id: {id}\r\n\
             X-Amz-Firehose-Access-Key: {key}\r\nContent-Length: {announced}\r\n\r\n"
        );
        self.send(head.as_bytes()).await
    }

    /// The status of the response; `None` when the connection closes without one.
    pub(crate) async fn status(&mut self) -> Option<u16> {
        let mut heard = Vec::new();
        while !heard.contains(&b'\n') {
            let mut piece = [0; 256];
            let read = timeout(PATIENCE, self.0.read(&mut piece)).await.expect("in time");
            match read {
                Ok(0) | Err(_) => return None,
                Ok(read) => heard.extend_from_slice(&piece[..read]),
            }
        }
        let line = String::from_utf8_lossy(&heard).into_owned();
        Some(line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line"))
    }

    /// The status, if it arrives within this time.
    pub(crate) async fn status_within(&mut self, patience: Duration) -> Option<u16> {
        timeout(patience, self.status()).await.ok().flatten()
    }

    /// Everything until the other side closes.
    pub(crate) async fn read_to_end(mut self) -> String {
        let mut all = Vec::new();
        // A reset is an end too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut all)).await.expect("it is closed");
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Waits until the other side closes.
    pub(crate) async fn end(mut self) -> End {
        let status = self.status().await;
        let mut rest = Vec::new();
        // A reset is an end too.
        let _ = timeout(PATIENCE, self.0.read_to_end(&mut rest)).await.expect("it is closed");
        status.map_or(End::Closed, End::Answered)
    }
}
