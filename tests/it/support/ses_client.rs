//! A client of the SES API that does not sign.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Uses connections that stay open.
pub(crate) struct SesClient {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

const SETS: &str = "/v2/email/configuration-sets";

impl SesClient {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Status, error type and body of a response.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (u16, String, Value) {
        self.try_ask(method, path, body).await.expect("an answer")
    }

    /// As [`SesClient::ask`], for a daemon that may be gone.
    pub(crate) async fn try_ask(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> Option<(u16, String, Value)> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .body(Full::new(body.into()))
            .expect("a request");
        let (head, body) = self.client.request(request).await.ok()?.into_parts();
        let error =
            head.headers.get("x-amzn-errortype").map_or("", |is| is.to_str().expect("text"));
        let body = body.collect().await.ok()?.to_bytes();
        let body = serde_json::from_slice(&body).expect("JSON");
        Some((head.status.as_u16(), error.to_owned(), body))
    }

    async fn done(&self, method: Method, path: &str, body: &Value) {
        let answer = self.ask(method, path, body).await;
        assert_eq!((answer.0, answer.1.as_str()), (200, ""), "{path}: {}", answer.2);
    }

    pub(crate) async fn create_set(&self, set: &str) {
        self.done(Method::POST, SETS, &json!({ "ConfigurationSetName": set })).await;
    }

    pub(crate) async fn delete_set(&self, set: &str) {
        self.done(Method::DELETE, &format!("{SETS}/{set}"), &Value::Null).await;
    }

    pub(crate) async fn create(&self, set: &str, name: &str, definition: &Value) {
        let body = json!({ "EventDestinationName": name, "EventDestination": definition });
        self.done(Method::POST, &format!("{SETS}/{set}/event-destinations"), &body).await;
    }

    pub(crate) async fn update(&self, set: &str, name: &str, definition: &Value) {
        let path = format!("{SETS}/{set}/event-destinations/{name}");
        self.done(Method::PUT, &path, &json!({ "EventDestination": definition })).await;
    }

    pub(crate) async fn destinations(&self, set: &str) -> Value {
        let path = format!("{SETS}/{set}/event-destinations");
        let (status, _, mut body) = self.ask(Method::GET, &path, &Value::Null).await;
        assert_eq!(status, 200, "{body}");
        body["EventDestinations"].take()
    }

    pub(crate) async fn sets(&self) -> Value {
        let path = "/v2/email/list-configuration-sets";
        let (status, _, mut body) = self.ask(Method::POST, path, &json!({})).await;
        assert_eq!(status, 200, "{body}");
        body["ConfigurationSets"].take()
    }
}

/// A destination that counts Send events by these message tags.
pub(crate) fn counts_by(tags: &[&str]) -> Value {
    let dimensions = tags.iter().map(|tag| {
        json!({
            "DimensionName": tag,
            "DimensionValueSource": "MESSAGE_TAG",
            "DefaultDimensionValue": "none",
        })
    });
    json!({
        "Enabled": true,
        "MatchingEventTypes": ["SEND"],
        "CloudWatchDestination": {"DimensionConfigurations": dimensions.collect::<Vec<_>>()},
    })
}
