//! A browser without scripts: it keeps cookies, follows redirects, and sends forms as they are on the
//! page.

use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// One browser with its cookie.
pub(crate) struct Browser {
    address: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    cookie: Mutex<Option<String>>,
}

/// A response.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
    /// The path that it came from, after redirects.
    pub path: String,
}

/// The fields of a form with their values, as a browser sends them.
#[derive(Clone, Debug)]
pub(crate) struct PageForm {
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Browser {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { address, client, cookie: Mutex::new(None) }
    }

    /// A page, after redirects.
    pub(crate) async fn open(&self, path: &str) -> Page {
        let page = self.send(Method::GET, path, "", &[]).await;
        self.follow(page).await
    }

    /// Sends a form and follows redirects.
    pub(crate) async fn submit(&self, form: &PageForm) -> Page {
        let page = self.send(Method::POST, &form.action, &form.encoded(), &[]).await;
        self.follow(page).await
    }

    async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..5 {
            let Some(location) = page.headers.get("location") else { return page };
            let location = location.to_str().expect("text").to_owned();
            page = self.send(Method::GET, &location, "", &[]).await;
        }
        panic!("too many redirects: {}", page.path);
    }

    /// One request, with more headers or other ones.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &str,
        headers: &[(&'static str, &str)],
    ) -> Page {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::builder().method(method).uri(uri);
        let mut request = request
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html,application/xhtml+xml")
            .body(Full::new(Bytes::from(body.to_owned())))
            .expect("a request");
        if let Some(cookie) = &*self.cookie.lock().expect("no panic") {
            let cookie = HeaderValue::from_str(cookie).expect("a header's value");
            request.headers_mut().insert("cookie", cookie);
        }
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header's value");
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        let (head, body) = self.client.request(request).await.expect("an answer").into_parts();
        if let Some(cookie) = head.headers.get("set-cookie") {
            let pair = cookie.to_str().expect("text").split(';').next().expect("a part");
            *self.cookie.lock().expect("no panic") = Some(pair.to_owned());
        }
        let body = body.collect().await.expect("a body").to_bytes();
        Page {
            status: head.status.as_u16(),
            headers: head.headers,
            body: String::from_utf8(body.into()).expect("UTF-8"),
            path: path.to_owned(),
        }
    }

    pub(crate) fn cookie(&self) -> Option<String> {
        self.cookie.lock().expect("no panic").clone()
    }

    pub(crate) fn set_cookie(&self, cookie: &str) {
        *self.cookie.lock().expect("no panic") = Some(cookie.to_owned());
    }
}

impl Page {
    /// The form that is sent to this address.
    pub(crate) fn form(&self, action: &str) -> PageForm {
        let start = format!("action=\"{action}\"");
        let from = self.body.find(&start).unwrap_or_else(|| panic!("{action}: {}", self.body));
        let form = &self.body[from..];
        let form = &form[..form.find("</form>").expect("it ends")];
        let mut fields = Vec::new();
        for (at, _) in form.match_indices('<') {
            let tag = &form[at + 1..];
            let end = tag.find('>').expect("it ends");
            let (tag, rest) = (&tag[..end], &tag[end + 1..]);
            let Some(name) = attribute(tag, "name") else { continue };
            let value = attribute(tag, "value").unwrap_or_default();
            let is_on = tag.contains(" checked") && !tag.contains(" disabled");
            if tag.starts_with("input") {
                match attribute(tag, "type").as_deref() {
                    Some("checkbox" | "radio") if !is_on => {}
                    _ => fields.push((name, value)),
                }
            } else if tag.starts_with("select") {
                let options = &rest[..rest.find("</select>").expect("it ends")];
                let chosen = options.split('<').find(|option| option.contains(" selected"));
                let chosen = chosen.or_else(|| options.split('<').nth(1)).expect("an option");
                fields.push((name, attribute(chosen, "value").unwrap_or_default()));
            } else if tag.starts_with("textarea") {
                let text = &rest[..rest.find("</textarea>").expect("it ends")];
                fields.push((name, unescaped(text)));
            }
        }
        PageForm { action: action.to_owned(), fields }
    }

    /// The text of the page without its tags.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for part in self.body.split('<') {
            text.push_str(part.split_once('>').map_or("", |(_, text)| text));
            text.push(' ');
        }
        unescaped(&text).split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl PageForm {
    /// Fills in a field, as text that replaces what is there.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        match self.fields.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.fields.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Fills in the field of a row, from 0.
    pub(crate) fn with_row(mut self, row: usize, name: &str, value: &str) -> Self {
        let mut fields = self.fields.iter_mut().filter(|(known, _)| known == name);
        let (_, known) = fields.nth(row).unwrap_or_else(|| panic!("{name} {row}"));
        value.clone_into(known);
        self
    }

    /// Checks one more box of a name.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self
    }

    /// Presses a button.
    pub(crate) fn press(self, action: &str) -> Self {
        self.with("action", action)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn encoded(&self) -> String {
        let mut form = form_urlencoded::Serializer::new(String::new());
        for (name, value) in &self.fields {
            form.append_pair(name, value);
        }
        form.finish()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = format!(" {name}=\"");
    let from = tag.find(&start)? + start.len();
    let value = &tag[from..];
    Some(unescaped(&value[..value.find('"')?]))
}

fn unescaped(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    plain.replace("&amp;", "&")
}
