//! The public API of each published crate is listed in `public-api/`, so that reviewers see changes of it.
//! The listing is made from the sources: the items that `pub use` and `pub mod` export from the crate's root,
//! except for those with `doc(hidden)`. It contains all items, whatever features they need, with their `cfg`.
//!
//! After an intended change:
//! ```text
//! UPDATE_PUBLIC_API=1 cargo test --test it public_api
//! ```

mod listing;

use std::collections::BTreeSet;
use std::path::Path;
use std::{env, fs};

use listing::Listing;

const CRATES: [(&str, &str); 10] = [
    ("birpc", "."),
    ("birpc-core", "rpc-core"),
    ("birpc-server", "rpc-server"),
    ("birpc-client", "rpc-client"),
    ("birpc-inspector", "rpc-inspector"),
    ("birpc-cluster", "rpc-cluster"),
    ("birpc-tungstenite", "rpc-tungstenite"),
    ("birpc-macros", "rpc-macros"),
    ("birpc-contract", "rpc-contract"),
    ("birpc-nats", "rpc-nats"),
];

fn listing_of(name: &str, folder: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let found = Listing::of(&root.join(folder).join("src/lib.rs")).to_string();
    let file = root.join("public-api").join(format!("{name}.txt"));
    if env::var_os("UPDATE_PUBLIC_API").is_some() {
        fs::write(&file, found).expect("the listing can be written");
        return;
    }
    let listed = fs::read_to_string(&file).unwrap_or_default();
    let only_in = |these: &str, those: &str, sign: &str| -> String {
        let those: Vec<_> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}\n")).collect()
    };
    assert!(
        found == listed,
        "the public API of {name} is not what public-api/{name}.txt lists:\n{}{}\nif that is meant: \
         `UPDATE_PUBLIC_API=1 cargo test --test it public_api`, and an entry in CHANGELOG.md",
        only_in(&listed, &found, "-"),
        only_in(&found, &listed, "+"),
    );
}

#[test]
fn the_public_api_of_each_crate_is_the_one_that_is_listed() {
    for (name, folder) in CRATES {
        listing_of(name, folder);
    }
}

/// What is public and hidden: one module of each crate, and a macro that has to stand at a crate's root.
const HIDDEN: [(&str, &str); 6] = [
    ("src/lib.rs", "pub use birpc_core::__private;"),
    ("rpc-core/src/lib.rs", "pub mod __private;"),
    ("rpc-cluster/src/lib.rs", "pub mod internals;"),
    ("rpc-core/src/lib.rs", "pub mod internals;"),
    ("rpc-server/src/lib.rs", "pub mod __private;"),
    ("rpc-core/src/settings.rs", "#[macro_export]"),
];

#[test]
fn nothing_else_is_public_and_hidden() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut hidden = Vec::new();
    for (_, folder) in CRATES {
        let mut files = Vec::new();
        crate::docs::files_below(&root.join(folder).join("src"), "rs", &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("a source");
            let name = file.strip_prefix(root).expect("it is in the repository").display().to_string();
            let mut lines = text.lines().map(str::trim);
            while let Some(line) = lines.next() {
                if line.starts_with("#[doc(hidden)") {
                    let (file, item) = (name.trim_start_matches("./"), lines.next().unwrap_or_default());
                    hidden.push((file.to_owned(), item.to_owned()));
                }
            }
        }
    }
    let known = HIDDEN.map(|(file, item)| (file.to_owned(), item.to_owned()));
    assert_eq!(hidden.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(known));
}

/// The listing contains the right items.
#[test]
fn a_listing_has_what_users_reach_and_nothing_else() {
    let source = r#"
        mod inner {
            /// Docs have no effect.
            #[derive(Debug, Clone)]
            #[non_exhaustive]
            pub struct Shown<T> { pub field: T, hidden: u8 }
            impl<T: Copy> Shown<T> {
                #[must_use]
                pub fn get(&self) -> T { self.field }
                #[doc(hidden)]
                pub fn back_door(&self) {}
                fn private(&self) {}
            }
            impl<T> Drop for Shown<T> { fn drop(&mut self) {} }
            pub struct Unreachable;
            pub(crate) fn helper() {}
            #[cfg(test)]
            mod tests { pub fn test() {} }
        }
        pub mod open { pub const LIMIT: usize = 1 << 4; pub use super::inner::Shown as Again; }
        pub use inner::Shown;
        #[doc(hidden)]
        pub mod __private { pub use crate::inner::Unreachable; }
    "#;
    let expected = "\
impl<T: Copy> Shown<T>: #[must_use] pub fn get(&self) -> T
impl<T> Drop for Shown<T>
open::Again: pub use super::inner::Shown
open::LIMIT: pub const LIMIT: usize = 1<<4
Shown: #[derive(Clone, Debug)] #[non_exhaustive] pub struct Shown<T> { pub field: T, .. }
";
    assert_eq!(Listing::of_source(source).to_string(), expected);
}
