//! Finds the name that the `Cargo.toml` of the current crate gives to birpc.
//!
//! rustc does not tell a macro this name, and its error about a wrong path does not help the user.

use std::path::Path;
use std::{env, fs};

/// The name that the crate's manifest gives to birpc, with `_` for `-`; `None` if it is `birpc` or cannot be
/// determined.
pub(crate) fn renamed() -> Option<String> {
    let folder = env::var_os("CARGO_MANIFEST_DIR")?;
    let folder = Path::new(&folder);
    let own = fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    name_in(&own, || {
        let above =
            folder.ancestors().skip(1).filter_map(|it| fs::read_to_string(it.join("Cargo.toml")).ok());
        above.chain([own.clone()]).find(|text| text.contains("[workspace"))
    })
}

/// The only other name in the manifest. `workspace` returns the manifest from which dependencies may be
/// inherited.
fn name_in(own: &str, workspace: impl FnOnce() -> Option<String>) -> Option<String> {
    let dependencies = dependencies(own);
    if dependencies.iter().any(|it| it.key == OWN_NAME) {
        return None;
    }
    let inherits = dependencies.iter().any(|it| it.inherited);
    let workspace = if inherits { workspace() } else { None }.unwrap_or_default();
    let of_workspace = self::dependencies(&workspace);
    let is_birpc = |it: &&Dependency<'_>| {
        it.is_birpc || it.inherited && of_workspace.iter().any(|above| above.is_birpc && above.key == it.key)
    };
    let mut names = dependencies.iter().filter(is_birpc).map(|it| it.key);
    let name = names.next()?;
    names.all(|other| other == name).then(|| name.replace('-', "_"))
}

const OWN_NAME: &str = "birpc";

/// One line, or one table, of a table of dependencies.
struct Dependency<'a> {
    key: &'a str,
    /// Whether it names birpc as its package.
    is_birpc: bool,
    /// Whether it inherits the rest from the workspace.
    inherited: bool,
}

/// The dependencies of all kinds; a dependency that is spread over several lines yields several entries.
fn dependencies(manifest: &str) -> Vec<Dependency<'_>> {
    let mut found = Vec::new();
    let (mut in_table, mut of) = (false, None);
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default();
            let (parent, last) = header.rsplit_once('.').unwrap_or(("", header));
            in_table = is_of_dependencies(last);
            of = is_of_dependencies(parent.rsplit('.').next().unwrap_or_default()).then(|| unquoted(last));
            continue;
        }
        let Some((key, value)) = line.split_once('=') else { continue };
        let (key, mut value) = (key.trim(), value.replace(char::is_whitespace, ""));
        let key = match (in_table, of) {
            (true, _) => match key.split_once('.') {
                // `name.workspace = true`
                Some((name, inner)) => {
                    value = format!("{}={value}", inner.trim());
                    name
                }
                None => key,
            },
            (false, Some(name)) => {
                value = format!("{key}={value}");
                name
            }
            (false, None) => continue,
        };
        found.push(Dependency {
            key: unquoted(key),
            is_birpc: value.contains("package=\"birpc\""),
            inherited: value.contains("workspace=true"),
        });
    }
    found
}

fn is_of_dependencies(table: &str) -> bool {
    ["dependencies", "dev-dependencies", "build-dependencies"].contains(&table.trim())
}

fn unquoted(key: &str) -> &str {
    key.trim().trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(own: &str) -> Option<String> {
        name_in(own, || {
            let dependencies = "wire = { path = \"..\", package = \"birpc\" }\nserde = \"1\"";
            Some(format!("[workspace]\n[workspace.dependencies]\n{dependencies}"))
        })
    }

    #[test]
    fn another_name_is_found_however_it_is_written() {
        for own in [
            "[dependencies]\nserde = \"1\"\nmy-wire = { package = \"birpc\", version = \"1\" } # why",
            "[dev-dependencies]\n\"my-wire\" = {version=\"1\",package=\"birpc\"}",
            "[target.'cfg(unix)'.dependencies]\nmy-wire = { package = \"birpc\" }",
            "[dependencies.my-wire]\nversion = \"1\"\npackage = \"birpc\"",
            "[dependencies]\nmy-wire.version = \"1\"\nmy-wire.package = \"birpc\"",
        ] {
            assert_eq!(name(own), Some("my_wire".into()), "{own}");
        }
        for own in [
            "[dependencies]\nwire.workspace = true",
            "[dependencies]\nwire = { workspace = true, features = [\"tls\"] }",
            "[dependencies.wire]\nworkspace = true",
        ] {
            assert_eq!(name(own), Some("wire".into()), "{own}");
        }
    }

    #[test]
    fn its_own_name_comes_first_and_nothing_is_guessed() {
        for own in [
            "[dependencies]\nbirpc = \"1\"",
            "[dependencies]\nbirpc.workspace = true\n[dev-dependencies]\nold = { package = \"birpc\" }",
            "[dependencies.birpc]\npath = \"..\"",
            "[dependencies]\nserde.workspace = true",
            "[dependencies]\na = { package = \"birpc\" }\nb = { package = \"birpc\" }",
            "[package.metadata.x]\nwire = { package = \"birpc\" }",
            "",
        ] {
            assert_eq!(name(own), None, "{own}");
        }
    }
}
