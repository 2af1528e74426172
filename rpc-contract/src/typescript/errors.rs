//! Error types: a union of errors with literal codes, and a guard.

use super::identifiers::{Identifiers, guard};
use super::types;
use crate::model::ErrorType;

pub(super) fn declaration(error: &ErrorType, identifiers: &Identifiers<'_>) -> String {
    let name = identifiers.error(error);
    let errors = error.cases.iter().map(|case| {
        let data = case.data.as_ref().map_or("undefined".into(), |data| types::of(data, identifiers));
        format!("birpc.RpcError<{}, {data}>", case.code)
    });
    let codes: Vec<_> = error.cases.iter().map(|case| case.code.to_string()).collect();
    format!(
        "\nexport type {name} =\n  | {};\n\nexport const {} = (error: unknown): error is {name} =>\n  \
         error instanceof birpc.RpcError && [{}].includes(error.code);\n",
        errors.collect::<Vec<_>>().join("\n  | "),
        guard(name),
        codes.join(", "),
    )
}
