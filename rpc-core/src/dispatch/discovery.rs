//! `rpc.discover`, with which tools of OpenRPC ask a peer for its document.

use std::future::{Ready, ready};
use std::sync::Arc;

use birpc_contract::Contract;
use serde::de::IgnoredAny;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::context::Context;
use crate::message::{ErrorCode, ErrorObject};

/// A document that is written once.
#[derive(Clone)]
pub(super) struct Document(Arc<RawValue>);

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// The handler that answers the document of a contract. It has no params, and ignores those that come.
pub(super) fn of(
    contract: &Contract,
) -> impl Fn(Context, Option<IgnoredAny>) -> Ready<Result<Document, ErrorObject>> + Send + Sync + 'static {
    let text = RawValue::from_string(contract.openrpc_compact());
    let document =
        text.map(|text| Document(text.into())).map_err(|_| ErrorObject::framework(ErrorCode::Internal));
    move |_, _| ready(document.clone())
}
