//! The modules of a crate do not use each other in a circle, and follow the order in `docs/architecture.md`.
//! Both are checked against the paths in the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::modules::{Crate, Edge, circles};

/// The crates, with the heading of their order in the map.
const CRATES: [(&str, &str); 10] = [
    ("rpc-core/src", "### rpc-core"),
    ("rpc-server/src", "### rpc-server"),
    ("rpc-client/src", "### rpc-client"),
    ("rpc-inspector/src", "### rpc-inspector"),
    ("rpc-macros/src", "### rpc-macros"),
    ("rpc-cluster/src", "### rpc-cluster"),
    ("rpc-tungstenite/src", "### rpc-tungstenite"),
    ("rpc-contract/src", "### rpc-contract"),
    ("rpc-nats/src", "### rpc-nats"),
    ("src", ""),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn edges(folder: &str) -> Vec<Edge> {
    Crate::read(&root().join(folder)).expect("its sources can be read").edges()
}

#[test]
fn no_modules_of_a_crate_use_each_other_in_a_circle() {
    let mut found = String::new();
    for (folder, _) in CRATES {
        for circle in circles(&edges(folder)) {
            let _ = writeln!(found, "{folder}: {}", circle.join(", "));
        }
    }
    assert!(found.is_empty(), "these modules use each other in a circle:\n{found}");
}

#[test]
fn modules_use_only_what_the_map_draws_before_them() {
    let map = fs::read_to_string(root().join("docs/architecture.md")).expect("the map is there");
    let mut wrong = String::new();
    for (folder, heading) in CRATES.into_iter().filter(|(_, heading)| !heading.is_empty()) {
        let drawn = Order::drawn(&map, heading);
        for edge in edges(folder) {
            if !drawn.allows(&edge) {
                let Edge { parent, user, used, file, path } = edge;
                let _ = writeln!(wrong, "{folder}/{file}: `{path}`, but {parent}{user} is not after {used}");
            }
        }
        let modules = Crate::read(&root().join(folder)).expect("its sources can be read").modules();
        for stranger in drawn.strangers(&modules) {
            let _ = writeln!(wrong, "{folder}: the map draws `{stranger}`, which is no module");
        }
        for missing in drawn.missing(&modules) {
            let _ = writeln!(wrong, "{folder}: the map does not draw `{missing}`");
        }
    }
    assert!(wrong.is_empty(), "the code and docs/architecture.md differ:\n{wrong}");
}

/// The order of modules in the map: chains of groups, by the module that contains them.
struct Order {
    chains: Vec<(String, BTreeMap<String, usize>)>,
}

impl Order {
    /// Reads the `text` blocks under a heading: `a, b < c` or `inside: a < b`. A line that begins with `<`
    /// continues the previous one.
    fn drawn(map: &str, heading: &str) -> Self {
        let section = map.split_once(&format!("\n{heading}\n")).expect("the map has this heading").1;
        let section = section.split("\n## ").next().and_then(|section| section.split("\n### ").next());
        let blocks = section.unwrap_or_default().split("```text\n").skip(1);
        let text: String = blocks.map(|block| block.split("```").next().unwrap_or_default()).collect();
        let mut chains = Vec::new();
        for line in text.replace('\n', "\u{0}").split('\u{0}').filter(|line| !line.trim().is_empty()) {
            match (line.trim().strip_prefix('<'), chains.last_mut()) {
                (Some(more), Some(chain)) => *chain = format!("{chain} < {more}"),
                _ => chains.push(line.trim().to_owned()),
            }
        }
        Self { chains: chains.iter().map(|chain| Self::chain(chain)).collect() }
    }

    fn chain(text: &str) -> (String, BTreeMap<String, usize>) {
        let (parent, chain) = text
            .split_once(':')
            .map_or((String::new(), text), |(parent, chain)| (format!("{}/", parent.trim()), chain));
        let ranks = chain.split('<').enumerate().flat_map(|(rank, group)| {
            group
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(move |name| (name.to_owned(), rank))
        });
        (parent, ranks.collect())
    }

    /// Whether no chain with both modules has the used one at the same place or later.
    fn allows(&self, edge: &Edge) -> bool {
        self.chains.iter().filter(|(parent, _)| *parent == edge.parent).all(|(_, ranks)| {
            match (ranks.get(&edge.user), ranks.get(&edge.used)) {
                (Some(user), Some(used)) => used < user,
                _ => true,
            }
        })
    }

    /// Names in the order that are not modules.
    fn strangers(&self, modules: &BTreeSet<String>) -> Vec<String> {
        let drawn = self
            .chains
            .iter()
            .flat_map(|(parent, ranks)| ranks.keys().map(move |name| format!("{parent}{name}")));
        drawn.filter(|name| !modules.contains(name)).collect()
    }

    /// Top-level modules of a crate that are not in the order.
    fn missing(&self, modules: &BTreeSet<String>) -> Vec<String> {
        let top = modules.iter().filter(|module| !module.contains('/'));
        let drawn = |name: &str| {
            self.chains.iter().any(|(parent, ranks)| parent.is_empty() && ranks.contains_key(name))
        };
        top.filter(|name| !drawn(name)).cloned().collect()
    }
}

fn made_up(files: &[(&str, &str)]) -> Vec<Edge> {
    Crate::of(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))).edges()
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let found = |files: &[(&str, &str)]| circles(&made_up(files));
    let both = [vec!["a".to_owned(), "b".to_owned()]];
    let root = ("lib.rs", "mod a; mod b; pub use b::Thing;");
    assert_eq!(found(&[root, ("a.rs", "use crate::b::B;"), ("b.rs", "use super::a::{A, x::Y};")]), both);
    assert_eq!(found(&[root, ("a.rs", "fn f() -> crate::b::B {}"), ("b.rs", "use crate::{a::A};")]), both);
    assert_eq!(found(&[root, ("a.rs", "use crate::Thing;"), ("b.rs", "struct Thing(super::a::A);")]), both);
    let inner = [("lib.rs", "mod p;"), ("p/mod.rs", "mod a; mod b;")];
    let inner = [inner[0], inner[1], ("p/a.rs", "use super::b::B;"), ("p/b.rs", "use crate::p::a::A;")];
    assert_eq!(found(&inner), [["p/a".to_owned(), "p/b".to_owned()]]);
    let deep = [
        ("lib.rs", "mod a; mod b;"),
        ("a/mod.rs", "mod x;"),
        ("a/x.rs", "use crate::b::B;"),
        ("b.rs", "use crate::a::x::X;"),
    ];
    assert_eq!(found(&deep), both, "a module stands for all that is in it");
}

#[test]
fn what_is_no_use_is_no_circle() {
    let files = [
        ("lib.rs", "mod a; mod b; #[cfg(test)] mod tests;"),
        ("a.rs", "use crate::b::B; // crate::a\nconst S: &str = \"super::b\";"),
        ("b.rs", "/// [`crate::a::A`]\nstruct B; #[cfg(test)] mod tests { use crate::a::A; }"),
        ("tests.rs", "use crate::a::A; use super::b::B;"),
    ];
    assert!(circles(&made_up(&files)).is_empty());
}

#[test]
fn an_order_that_is_not_kept_is_seen() {
    let map = "\n### x\n```text\na, c < b\n   < d\nb: y < z\n```\n### y\n";
    let order = Order::drawn(map, "### x");
    let files = [
        ("lib.rs", "mod a; mod b; mod c; mod d;"),
        ("a.rs", "use crate::c::C;"),
        ("b/mod.rs", "mod y; mod z;"),
        ("b/y.rs", "use super::z::Z; use crate::d::D;"),
        ("b/z.rs", "use crate::a::A;"),
        ("c.rs", ""),
        ("d.rs", "use crate::a::A;"),
    ];
    let wrong: Vec<_> = made_up(&files).into_iter().filter(|edge| !order.allows(edge)).collect();
    let named: Vec<_> = wrong.iter().map(|edge| (edge.file.as_str(), edge.used.as_str())).collect();
    assert_eq!(named, [("a.rs", "c"), ("b/y.rs", "z"), ("b/y.rs", "d")]);
}
