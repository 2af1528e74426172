//! Types of parameters, results and errors as schemas.

use birpc_contract::{ErrorType, Method, Outcome, Param, Schema};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};

use crate::error::{MethodResult, RpcError};
use crate::message::ErrorObject;
use crate::progress::Progress;
use crate::streaming::Streaming;

/// Collects the types of a service while it is described.
#[derive(Debug)]
pub struct Types(SchemaGenerator);

impl Types {
    pub(super) fn new() -> Self {
        let settings = SchemaSettings::draft07().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Self(settings.into_generator())
    }

    /// The schema of a type. A type with a name is kept, and the schema refers to it.
    pub fn schema<T: JsonSchema>(&mut self) -> Schema {
        let mut schema = self.0.subschema_for::<T>();
        for transform in self.0.transforms_mut() {
            transform.transform(&mut schema);
        }
        Schema::from(schema.to_value())
    }

    /// The types with a name.
    pub(super) fn into_named(mut self) -> impl Iterator<Item = (String, Schema)> {
        self.0.take_definitions(true).into_iter().map(|(name, schema)| (name, Schema::from(schema)))
    }
}

/// What a method takes as a parameter, with a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "a method of an `#[rpc(schema)]` trait takes this",
    note = "derive it: `#[derive(schemars::JsonSchema)]`, with schemars 1"
)]
pub trait DescribedParam {
    /// Adds it to a method, with this name.
    fn describe(name: &str, required: bool, method: &mut Method, types: &mut Types);
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DescribedParam for T {
    fn describe(name: &str, required: bool, method: &mut Method, types: &mut Types) {
        let mut param = Param::new(name, types.schema::<T>());
        param.required = required;
        method.params.push(param);
    }
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema, E: RpcError> DescribedParam for Streaming<T, E> {
    fn describe(name: &str, _: bool, method: &mut Method, types: &mut Types) {
        let mut param = Param::new(name, types.schema::<T>());
        param.stream = true;
        method.params.push(param);
    }
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DescribedParam for Progress<T> {
    fn describe(_: &str, _: bool, method: &mut Method, types: &mut Types) {
        method.progress = Some(types.schema::<T>());
    }
}

/// What a request returns when it succeeds, with a schema.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON Schema",
    label = "a method of an `#[rpc(schema)]` trait returns this",
    note = "derive it: `#[derive(schemars::JsonSchema)]`, with schemars 1"
)]
pub trait DescribedBody {
    /// What the method answers.
    fn describe(types: &mut Types) -> Outcome;

    /// The type of the errors with which it ends.
    fn errors(types: &mut Types) -> Option<ErrorType>;
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema> DescribedBody for T {
    fn describe(types: &mut Types) -> Outcome {
        Outcome::Result(types.schema::<T>())
    }

    fn errors(_: &mut Types) -> Option<ErrorType> {
        None
    }
}

#[diagnostic::do_not_recommend]
impl<T: JsonSchema, E: RpcError + DescribeError> DescribedBody for Streaming<T, E> {
    fn describe(types: &mut Types) -> Outcome {
        Outcome::Stream(types.schema::<T>())
    }

    fn errors(types: &mut Types) -> Option<ErrorType> {
        E::describe(types)
    }
}

/// What a request returns, with schemas.
pub trait DescribedResult: MethodResult<Ok: DescribedBody, Err: DescribeError> {}

impl<R: MethodResult<Ok: DescribedBody, Err: DescribeError>> DescribedResult for R {}

/// An error type that tells its errors.
///
/// `#[derive(RpcError)]` implements it for a type with `#[rpc(schema)]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not tell its errors",
    label = "a method of an `#[rpc(schema)]` trait fails with this",
    note = "write `#[rpc(schema)]` beside its `#[derive(RpcError)]`"
)]
pub trait DescribeError {
    /// The errors, with their codes; `None` for a type that has any error.
    fn describe(types: &mut Types) -> Option<ErrorType>;
}

impl DescribeError for ErrorObject {
    fn describe(_: &mut Types) -> Option<ErrorType> {
        None
    }
}
