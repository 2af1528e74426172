//! A contract: what one side of a connection serves, and what it calls.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::model::Service;
use crate::openrpc::ReadError;
use crate::schema::Schema;
use crate::{asyncapi, merge, openrpc, typescript};

/// A trait whose methods can be described; `#[rpc(schema)]` on a trait `Chat` makes such a `ChatContract`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` describes no service",
    note = "`#[rpc(schema)]` on a trait `Chat` generates `ChatContract`, which does"
)]
pub trait Describe {
    /// The methods of the trait.
    fn describe() -> Service;
}

/// What one side of a connection serves, and what it calls at its peer.
///
/// The documents of it are deterministic: services and methods are sorted by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Contract(Content);

impl Contract {
    /// A contract without services. The title and the version are those of the application, and stand in the
    /// documents.
    #[must_use]
    pub fn new(title: impl Into<String>, version: impl Into<String>) -> Self {
        Self(Content { title: title.into(), version: version.into(), ..Content::default() })
    }

    /// Reads an OpenRPC document, such as `rpc.discover` answers.
    ///
    /// A document that birpc wrote gives the contract with which it was made, as far as the other documents
    /// of it depend on it. In those of other servers each first tag of methods is a service, and the errors
    /// of a method are an error type.
    ///
    /// # Errors
    /// If the text is no JSON, or no OpenRPC document of a version 1.x.
    pub fn from_openrpc(document: &str) -> Result<Self, ReadError> {
        openrpc::read(document).map(Self)
    }

    /// Sets a text about the application, for the documents.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.0.description = description.into();
        self
    }

    /// Adds the URL of a server to the documents, such as `wss://example.org/rpc`. Without this they have no
    /// address.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.0.urls.push(url.into());
        self
    }

    /// Adds a trait that this side serves.
    #[must_use]
    pub fn serves<T: Describe>(self) -> Self {
        self.with_served(T::describe())
    }

    /// Adds a trait that this side calls at its peer.
    #[must_use]
    pub fn calls<T: Describe>(self) -> Self {
        self.with_called(T::describe())
    }

    /// Adds a service that this side serves.
    ///
    /// If a type of the service has the name of another type that the contract knows, it gets a number.
    #[must_use]
    pub fn with_served(mut self, service: Service) -> Self {
        let service = merge::into(&mut self.0.schemas, service);
        merge::insert(&mut self.0.serves, service);
        self
    }

    /// Adds a service that this side calls at its peer, as [`Contract::with_served`] does.
    #[must_use]
    pub fn with_called(mut self, service: Service) -> Self {
        let service = merge::into(&mut self.0.schemas, service);
        merge::insert(&mut self.0.calls, service);
        self
    }

    /// The title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.0.title
    }

    /// The version of the application.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// The services that this side serves, by name.
    #[must_use]
    pub fn served(&self) -> &[Service] {
        &self.0.serves
    }

    /// The services that this side calls, by name.
    #[must_use]
    pub fn called(&self) -> &[Service] {
        &self.0.calls
    }

    /// The types to which the schemas of the services refer, by name.
    #[must_use]
    pub fn schemas(&self) -> &BTreeMap<String, Schema> {
        &self.0.schemas
    }

    /// Names of types that differ from another name only in a number at the end, such as `Person2` beside
    /// `Person`.
    ///
    /// Two types of one name get such numbers, and which of them has the number may change when methods are
    /// added. So give one of them another name, with schemars' `#[schemars(rename = "…")]`.
    #[must_use]
    pub fn numbered_types(&self) -> Vec<&str> {
        let numbered = |name: &&str| {
            let stem = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
            stem != *name && self.0.schemas.contains_key(stem)
        };
        self.0.schemas.keys().map(String::as_str).filter(numbered).collect()
    }

    /// An OpenRPC 1.3.2 document, in JSON.
    ///
    /// Its `methods` are those that this side serves. `x-client`, at the root, has those that it calls at its
    /// peer, in the same form.
    #[must_use]
    pub fn openrpc(&self) -> String {
        openrpc::pretty(&self.0)
    }

    /// The same document on one line, as `rpc.discover` answers it.
    #[must_use]
    pub fn openrpc_compact(&self) -> String {
        openrpc::compact(&self.0)
    }

    /// An AsyncAPI 3.0.0 document, in JSON.
    ///
    /// It has one channel, the connection. What this side serves are operations `receive.NAME`, and what it
    /// calls at its peer are operations `send.NAME`.
    #[must_use]
    pub fn asyncapi(&self) -> String {
        asyncapi::pretty(&self.0)
    }

    /// A TypeScript module for programs that use `@birpc/client`.
    ///
    /// It has the types, a table for each trait that this side serves (`chat` for a trait `Chat`), a function
    /// for each trait that it calls, which takes an implementation, and for each error type a union of its
    /// errors and a guard (`isChatError`).
    ///
    /// A trait that this side both serves and calls has both: the table `chat` and the function `serveChat`.
    /// Integers of 64 bits are of the type `number`, which is exact up to 2⁵³.
    #[must_use]
    pub fn typescript(&self) -> String {
        typescript::module(&self.0)
    }

    /// For a test: checks that a file has the current [`typescript`](Self::typescript). If the environment
    /// variable `UPDATE` is set to `1`, writes it instead.
    ///
    /// A relative path is relative to the package's folder, where cargo runs tests.
    ///
    /// # Panics
    /// If the file cannot be read or written, or has another text.
    #[track_caller]
    pub fn assert_typescript(&self, path: impl AsRef<Path>) {
        let (path, text) = (path.as_ref(), self.typescript());
        let shown = path.display();
        if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
            if let Err(error) = std::fs::write(path, text) {
                panic!("cannot write {shown}: {error}");
            }
            return;
        }
        match std::fs::read_to_string(path) {
            // git may have changed the line ends.
            Ok(there) if there.replace("\r\n", "\n") == text => {}
            Ok(_) => panic!("{shown} is not the current TypeScript of the contract: run this with UPDATE=1"),
            Err(error) => panic!("cannot read {shown}: {error}; to write it, run this with UPDATE=1"),
        }
    }
}
