//! Traits: an interface of the methods, and their table.

use super::identifiers::{Identifiers, variables};
use super::text::{comment, indexes, key, literal, of_method, property};
use super::types;
use crate::model::{Method, Outcome, Param, Service, Style};

/// A trait that the program calls.
pub(super) fn called(service: &Service, identifiers: &Identifiers<'_>) -> String {
    let methods = service.methods.iter().map(|method| {
        let mut names = names(&method.params, "options");
        let last = names.pop().unwrap_or_default();
        let params = method.params.iter().zip(names).enumerate().map(|(index, (param, name))| {
            let optional = index >= needed(&method.params);
            called_param(param, &name, optional, identifiers)
        });
        let options = match &method.progress {
            Some(progress) => format!("birpc.ProgressOptions<{}>", types::of(progress, identifiers)),
            None => "birpc.CallOptions".to_owned(),
        };
        let params: Vec<_> = params.chain([format!("{last}?: {options}")]).collect();
        let answer = match &method.outcome {
            Outcome::Notification => "Promise<void>".to_owned(),
            Outcome::Result(result) => format!("Promise<{}>", types::of(result, identifiers)),
            Outcome::Stream(item) | Outcome::Subscription { item, .. } => {
                format!("birpc.Stream<{}>", types::of(item, identifiers))
            }
        };
        signature(method, &params, &answer, identifiers)
    });
    let (interface, value) = identifiers.called(&service.name);
    let declaration = declaration(service, interface, methods);
    format!("{declaration}\nexport const {value}: birpc.Table<{interface}> = {};\n", table(service, ""))
}

/// A trait that the program serves.
pub(super) fn served(service: &Service, identifiers: &Identifiers<'_>) -> String {
    let methods = service.methods.iter().map(|method| {
        let mut names = names(&method.params, "context");
        let last = names.pop().unwrap_or_default();
        let params = method.params.iter().zip(names);
        let params = params.map(|(param, name)| served_param(param, &name, identifiers));
        let context = match &method.progress {
            Some(progress) => format!("birpc.ProgressContext<{}>", types::of(progress, identifiers)),
            None => "birpc.CallContext".to_owned(),
        };
        let params: Vec<_> = params.chain([format!("{last}: {context}")]).collect();
        let answer = match &method.outcome {
            Outcome::Notification => "void | Promise<void>".to_owned(),
            Outcome::Result(result) => {
                // Functions that return nothing are as good.
                let result = match types::of(result, identifiers) {
                    null if null == "null" => "null | void".to_owned(),
                    other => other,
                };
                format!("{result} | Promise<{result}>")
            }
            Outcome::Stream(item) | Outcome::Subscription { item, .. } => {
                format!("birpc.Produced<{}>", types::of(item, identifiers))
            }
        };
        signature(method, &params, &answer, identifiers)
    });
    let (interface, value) = identifiers.served(&service.name);
    let declaration = declaration(service, interface, methods);
    format!(
        "{declaration}\nexport const {value} = (implementation: {interface}): birpc.Served => ({});\n",
        table(service, "\n  implementation,"),
    )
}

/// The interface of a trait.
fn declaration(service: &Service, name: &str, methods: impl Iterator<Item = String>) -> String {
    let docs = comment(&service.docs, &[], "");
    format!("\n{docs}export interface {name} {{\n{}}}\n", methods.collect::<String>())
}

fn signature(method: &Method, params: &[String], answer: &str, identifiers: &Identifiers<'_>) -> String {
    let errors = method.errors.iter().filter(|error| !error.cases.is_empty());
    let mut errors: Vec<_> = errors.map(|error| identifiers.error(error)).collect();
    errors.sort_unstable();
    let (docs, name) = (of_method(method, &errors), property(&method.function));
    let line = format!("  {name}({}): {answer};\n", params.join(", "));
    if line.len() <= 120 {
        return docs + &line;
    }
    let params: String = params.iter().map(|param| format!("    {param},\n")).collect();
    format!("{docs}  {name}(\n{params}  ): {answer};\n")
}

/// How many params a call has at least.
fn needed(params: &[Param]) -> usize {
    params.iter().rposition(|param| param.required).map_or(0, |last| last + 1)
}

fn called_param(param: &Param, name: &str, optional: bool, identifiers: &Identifiers<'_>) -> String {
    let ty = types::of(&param.schema, identifiers);
    match (param.stream, optional) {
        (true, _) => format!("{name}: birpc.Items<{ty}>"),
        (false, true) => format!("{name}?: {ty}"),
        (false, false) => format!("{name}: {ty}"),
    }
}

fn served_param(param: &Param, name: &str, identifiers: &Identifiers<'_>) -> String {
    let ty = types::of(&param.schema, identifiers);
    match (param.stream, param.required) {
        (true, _) => format!("{name}: birpc.Stream<{ty}>"),
        (false, true) => format!("{name}: {ty}"),
        (false, false) => format!("{name}: {ty} | undefined"),
    }
}

/// The names of the parameters and of the one behind them.
fn names(params: &[Param], last: &str) -> Vec<String> {
    variables(params.iter().map(|param| &*param.name).chain([last]))
}

/// The methods as the runtime reads them.
fn table(service: &Service, further: &str) -> String {
    let rows: String = service.methods.iter().map(row).collect();
    format!("{{\n  version: 1,{further}\n  methods: {{\n{rows}  }},\n}}")
}

fn row(method: &Method) -> String {
    let params: Vec<_> = method.params.iter().map(|param| literal(&param.name)).collect();
    let mut row = format!("name: {}, params: [{}]", literal(&method.name), params.join(", "));
    let mut add = |key: &str, value: &str| row += &format!(", {key}: {value}");
    match method.style {
        Style::Positional => {}
        Style::Named => add("style", "\"named\""),
        Style::Single => add("style", "\"single\""),
    }
    if let Some(optional) = indexes(&method.params, |param| !param.required) {
        add("optional", &optional);
    }
    if let Some(streams) = indexes(&method.params, |param| param.stream) {
        add("streams", &streams);
    }
    match method.outcome {
        Outcome::Notification => add("notification", "true"),
        Outcome::Result(_) => {}
        Outcome::Stream(_) | Outcome::Subscription { .. } => add("stream", "true"),
    }
    if method.progress.is_some() {
        add("progress", "true");
    }
    if method.idempotent {
        add("idempotent", "true");
    }
    format!("    {}: {{ {row} }},\n", key(&method.function))
}
