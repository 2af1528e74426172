//! The text of the two packages. The common parts are written once, for one kind of record, and repeated for
//! ten.

/// One of the two, as `bench/compile/` has it.
pub(super) struct Source {
    pub(super) name: &'static str,
    /// The manifest. `WORKSPACE` in it stands for the path of birpc.
    manifest: &'static str,
    /// `main.rs`, with a line `//{PART}` for each of [`PARTS`].
    main: &'static str,
    /// Whether each method of the trait needs its wire name in an attribute.
    names_methods: bool,
}

pub(super) const BIRPC: Source = Source {
    name: "birpc",
    manifest: include_str!("../../compile/birpc.toml"),
    main: include_str!("../../compile/birpc.rs"),
    names_methods: false,
};

pub(super) const JSONRPSEE: Source = Source {
    name: "jsonrpsee",
    manifest: include_str!("../../compile/jsonrpsee.toml"),
    main: include_str!("../../compile/jsonrpsee.rs"),
    names_methods: true,
};

/// The parts that are repeated for each kind of record: its types, the ten methods of the trait that use it,
/// their implementations, and calls of them.
const PARTS: [(&str, &str); 5] = [
    ("types", include_str!("../../compile/types.rs")),
    ("methods", include_str!("../../compile/methods.rs")),
    ("service", include_str!("../../compile/service.rs")),
    ("calls", include_str!("../../compile/calls.rs")),
    ("all", "    call_record(api).await?;\n"),
];

/// Each name replaces `Record` in [`PARTS`].
const RECORDS: [&str; 10] =
    ["Account", "Budget", "Courier", "Device", "Event", "Folder", "Guest", "Harbour", "Invoice", "Journey"];

impl Source {
    /// The package's `Cargo.toml`.
    pub(super) fn manifest(&self, workspace: &str) -> String {
        self.manifest.replace("WORKSPACE", workspace)
    }

    /// The package's `src/main.rs`.
    pub(super) fn main(&self) -> String {
        let mut main = self.main.to_owned();
        for (part, text) in PARTS {
            let mut text = for_each_record(text);
            if part == "methods" && self.names_methods {
                text = text.lines().map(named).collect();
            }
            main = main.replace(&format!("//{{{part}}}\n"), &text);
        }
        main
    }
}

fn for_each_record(text: &str) -> String {
    let texts =
        RECORDS.map(|record| text.replace("Record", record).replace("record", &record.to_lowercase()));
    texts.concat()
}

/// A method with the attribute that gives it its wire name.
fn named(method: &str) -> String {
    let name = method.trim_start().trim_start_matches("async fn ").split('(').next().unwrap_or_default();
    format!("    #[method(name = \"{name}\")]\n{method}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_have_a_hundred_methods_and_a_hundred_calls() {
        for source in [BIRPC, JSONRPSEE] {
            let main = source.main();
            assert!(PARTS.iter().all(|(part, _)| !main.contains(&format!("//{{{part}}}"))), "{main}");
            let methods = main.lines().filter(|line| line.contains("async fn") && line.ends_with(';'));
            assert_eq!(methods.count(), 100);
            let served = main.lines().filter(|line| line.contains("async fn") && line.contains("&self"));
            assert_eq!(served.count(), 200);
            assert_eq!(main.matches("api.").count(), 100);
        }
    }

    #[test]
    fn jsonrpsee_is_told_each_name() {
        let main = JSONRPSEE.main();
        assert_eq!(main.matches("#[method(name = ").count(), 100);
        assert!(main.contains("    #[method(name = \"get_guest\")]\n    async fn get_guest(&self, id: u64)"));
    }

    #[test]
    fn birpc_is_where_the_workspace_is() {
        assert!(BIRPC.manifest("/a/b").contains("birpc = { path = \"/a/b\""));
    }
}
