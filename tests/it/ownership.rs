//! The parts of a connection own their state: no field is visible to other parts, and all methods of a type
//! are in one file, so that a reader of one part need not open another.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::docs::files_below;

const FOLDERS: [&str; 2] = ["rpc-core/src/connection", "rpc-core/src/shared_state"];

/// The relevant contents of a file.
#[derive(Default)]
struct Found {
    /// Fields that other modules can see, as `Type.field`.
    visible: Vec<String>,
    /// Types with an inherent impl.
    types: BTreeSet<String>,
}

impl Found {
    fn look(&mut self, items: &[syn::Item]) {
        for item in items {
            match item {
                syn::Item::Struct(item) => self.look_at_fields(item),
                syn::Item::Impl(item) if item.trait_.is_none() => self.look_at_methods(item),
                syn::Item::Mod(module) if module.ident != "tests" => {
                    self.look(module.content.as_ref().map_or(&[], |(_, items)| items));
                }
                _ => {}
            }
        }
    }

    fn look_at_fields(&mut self, item: &syn::ItemStruct) {
        for (index, field) in item.fields.iter().enumerate() {
            if !matches!(field.vis, syn::Visibility::Inherited) {
                let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
                self.visible.push(format!("{}.{name}", item.ident));
            }
        }
    }

    fn look_at_methods(&mut self, item: &syn::ItemImpl) {
        if let syn::Type::Path(path) = &*item.self_ty
            && let Some(last) = path.path.segments.last()
        {
            self.types.insert(last.ident.to_string());
        }
    }
}

/// The violations in these files, which are given by name.
fn wrong(files: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut homes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (file, source) in files {
        let mut found = Found::default();
        found.look(&syn::parse_file(source).expect("Rust").items);
        wrong.extend(found.visible.iter().map(|field| format!("{file}: other modules see {field}")));
        for name in found.types {
            homes.entry(name).or_default().push(file);
        }
    }
    let spread = homes.into_iter().filter(|(_, files)| files.len() > 1);
    wrong.extend(spread.map(|(name, files)| format!("methods of {name} stand in {}", files.join(", "))));
    wrong
}

#[test]
fn the_parts_of_a_connection_own_their_state() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in FOLDERS {
        let mut paths = Vec::new();
        files_below(&root.join(folder), "rs", &mut paths);
        assert!(paths.len() > 5, "{folder}: {} files", paths.len());
        let files: Vec<_> = paths
            .iter()
            .map(|path| (path.display().to_string(), fs::read_to_string(path).expect("a source")))
            .collect();
        let wrong = wrong(&files);
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn a_field_that_others_see_and_methods_that_are_spread_are_found() {
    let file = |name: &str, source: &str| (name.to_owned(), source.to_owned());
    let one = "pub(super) struct Part { pub(super) count: usize, own: u8 } impl Part { fn a(&self) {} }";
    let two = "struct Pair(pub(crate) u8); impl<T> super::Part<T> { fn b(&self) {} } impl Drop for Pair {}";
    assert_eq!(
        wrong(&[file("one.rs", one), file("two.rs", two)]),
        [
            "one.rs: other modules see Part.count",
            "two.rs: other modules see Pair.0",
            "methods of Part stand in one.rs, two.rs",
        ]
    );
    let tests = "struct Part(u8); #[cfg(test)] mod tests { struct Case { pub(super) a: u8 } impl Part {} }";
    assert!(wrong(&[file("one.rs", tests), file("two.rs", "impl Clone for Part {}")]).is_empty());
}
