//! XML of version 1 responses.

use aws_smithy_xml::encode::{ScopeWriter, XmlWriter};

/// An element with its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    name: String,
    content: XmlContent,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum XmlContent {
    Text(String),
    Elements(Vec<Element>),
}

const NAMESPACE: &str = "http://ses.amazonaws.com/doc/2010-12-01/";

// === impl Element ===

impl Element {
    pub(super) fn new(name: impl Into<String>, elements: Vec<Self>) -> Self {
        Self { name: name.into(), content: XmlContent::Elements(elements) }
    }

    pub(super) fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), content: XmlContent::Text(text.into()) }
    }

    /// `<name><member>…</member>…</name>`.
    pub(super) fn list(name: impl Into<String>, elements: impl Iterator<Item = Self>) -> Self {
        let member = |element: Self| Self { name: "member".to_owned(), ..element };
        Self::new(name, elements.map(member).collect())
    }

    /// The document with this root element.
    #[must_use]
    pub(super) fn document(&self) -> String {
        let mut text = String::new();
        let mut writer = XmlWriter::new(&mut text);
        let mut root = writer.start_el(&self.name).write_ns(NAMESPACE, None).finish();
        self.write_content(&mut root);
        root.finish();
        text
    }

    fn write_content(&self, into: &mut ScopeWriter<'_, '_>) {
        match &self.content {
            XmlContent::Text(text) => into.data(text),
            XmlContent::Elements(elements) => {
                for element in elements {
                    let mut scope = into.start_el(&element.name).finish();
                    element.write_content(&mut scope);
                }
            }
        }
    }
}
