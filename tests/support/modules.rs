//! The modules of a crate and their dependencies, read from the source text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::{fs, io};

/// The sources of a crate by module; the key of the root is empty.
pub struct Crate {
    files: BTreeMap<Vec<String>, Source>,
}

struct Source {
    file: String,
    tokens: Vec<String>,
    /// Names that a module re-exports from a module within it.
    passes_on: BTreeMap<String, Vec<String>>,
}

/// A module uses another. Both are direct children of `parent` and stand for everything in them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// Empty, or the path of the common parent module with a trailing slash.
    pub parent: String,
    pub user: String,
    pub used: String,
    pub file: String,
    pub path: String,
}

impl Crate {
    /// Reads all files below a folder `src`.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next)? {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
                    files.push((name, fs::read_to_string(&path)?));
                }
            }
        }
        Ok(Self::of(files))
    }

    /// Takes files by their paths below `src`. Files that are only for tests are left out.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let (mut sources, mut for_tests) = (BTreeMap::new(), BTreeSet::new());
        for (file, text) in files {
            let module = module_of(&file);
            let (tokens, left_out) = without_tests(tokens(&text));
            for name in left_out {
                for_tests.insert(module.iter().cloned().chain([name]).collect::<Vec<_>>());
            }
            sources.insert(module, Source { file, tokens, passes_on: BTreeMap::new() });
        }
        // Files that a `#[path]` attribute makes a module `tests`.
        let is_test = |module: &Vec<String>, source: &Source| {
            for_tests.iter().any(|test| module.starts_with(test))
                || source.file.ends_with("tests.rs")
                || source.file.contains("/bin/")
        };
        sources.retain(|module, source| !is_test(module, source));
        let mut this = Self { files: sources };
        let modules: Vec<Vec<String>> = this.files.keys().cloned().collect();
        for module in modules {
            let passes_on = this.uses(&module).into_iter().filter(|found| found.public);
            let passes_on = passes_on.filter_map(|found| {
                let name = found.alias.or_else(|| found.path.last().cloned())?;
                Some((name, this.absolute(&module, &found.path)?))
            });
            let passes_on: BTreeMap<String, Vec<String>> = passes_on.collect();
            if let Some(source) = this.files.get_mut(&module) {
                source.passes_on = passes_on;
            }
        }
        this
    }

    /// The paths of all modules, with slashes.
    pub fn modules(&self) -> BTreeSet<String> {
        self.files.keys().filter(|module| !module.is_empty()).map(|module| module.join("/")).collect()
    }

    /// Which modules use which, once for each path. Uses between a module and one within it do not count, nor
    /// do those of the crate's root.
    pub fn edges(&self) -> Vec<Edge> {
        let mut edges = Vec::new();
        for (module, source) in &self.files {
            for found in self.uses(module) {
                let Some(path) = self.absolute(module, &found.path) else { continue };
                let used = self.defining(&path, 0);
                let Some(at) = module.iter().zip(&used).position(|(one, other)| one != other) else {
                    continue;
                };
                let parent = module[..at].iter().map(|name| format!("{name}/")).collect();
                let (user, used) = (module[at].clone(), used[at].clone());
                let path = found.path.join("::");
                edges.push(Edge { parent, user, used, file: source.file.clone(), path });
            }
        }
        edges
    }

    /// The absolute path of a path in a module; `None` if it leads outside the crate.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let mut from = module.to_vec();
        let mut rest = path;
        match path.first()?.as_str() {
            "crate" => (from, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|part| part == "super") {
                    from.pop()?;
                    rest = &rest[1..];
                }
            }
            child => {
                let within: Vec<String> = module.iter().cloned().chain([child.to_owned()]).collect();
                self.files.contains_key(&within).then_some(())?;
            }
        }
        from.extend(rest.iter().cloned());
        Some(from)
    }

    /// The module that defines the item of a path.
    fn defining(&self, path: &[String], depth: usize) -> Vec<String> {
        let is_module = |length: &usize| self.files.contains_key(&path[..*length]);
        let length = (0..=path.len()).rev().find(is_module).unwrap_or_default();
        let module = path[..length].to_vec();
        let passed_on = path.get(length).and_then(|name| self.files.get(&module)?.passes_on.get(name));
        match passed_on {
            Some(path) if depth < 8 => self.defining(path, depth + 1),
            _ => module,
        }
    }

    fn uses(&self, module: &[String]) -> Vec<Found> {
        let Some(source) = self.files.get(module) else { return Vec::new() };
        let (tokens, mut found) = (&source.tokens, Vec::new());
        let mut at = 0;
        while at < tokens.len() {
            if tokens[at] == "use" {
                let public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
                at = tree(tokens, at + 1, &[], public, &mut found);
            } else if ["crate", "super", "self"].contains(&tokens[at].as_str())
                && tokens.get(at + 1).is_some_and(|next| next == "::")
                && (at == 0 || tokens[at - 1] != "::")
            {
                let mut path = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|next| next == "::") && is_name(tokens.get(at + 2)) {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                found.push(Found { path, alias: None, public: false });
                at += 1;
            } else {
                at += 1;
            }
        }
        found
    }
}

/// A path in a source file.
struct Found {
    path: Vec<String>,
    alias: Option<String>,
    /// Whether it is re-exported.
    public: bool,
}

/// Reads a tree of a `use`; returns the position after it.
fn tree(tokens: &[String], mut at: usize, before: &[String], public: bool, found: &mut Vec<Found>) -> usize {
    let mut path = before.to_vec();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                at += 1;
                while tokens.get(at).is_some_and(|token| token != "}") {
                    at = tree(tokens, at, &path, public, found);
                    if tokens.get(at).is_some_and(|token| token == ",") {
                        at += 1;
                    }
                }
                return at + 1;
            }
            Some("::") => at += 1,
            Some(name) if name == "*" || is_name(tokens.get(at)) => {
                let is_parent_itself = name == "self" && !path.is_empty();
                if name != "*" && !is_parent_itself {
                    path.push(name.to_owned());
                }
                at += 1;
                if tokens.get(at).is_none_or(|token| token != "::") {
                    let alias =
                        (tokens.get(at).is_some_and(|token| token == "as")).then(|| tokens[at + 1].clone());
                    at += if alias.is_some() { 2 } else { 0 };
                    found.push(Found { path, alias, public });
                    return at;
                }
            }
            _ => return at + 1,
        }
    }
}

fn is_name(token: Option<&String>) -> bool {
    token.is_some_and(|token| token.starts_with(|first: char| first.is_alphabetic() || first == '_'))
}

fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs");
    let path = path.strip_suffix("/mod").unwrap_or(path);
    if ["lib", "main", "mod"].contains(&path) {
        return Vec::new();
    }
    path.split('/').map(str::to_owned).collect()
}

/// Splits a text into names, `::` and single characters, without comments, strings and character literals.
fn tokens(text: &str) -> Vec<String> {
    let (mut tokens, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            string_length(rest)
        } else if let Some(escape) = rest.strip_prefix("'\\") {
            2 + escape.char_indices().skip(1).find(|(_, end)| *end == '\'').map_or(1, |(at, _)| at + 1)
        } else if first == '\'' && rest.chars().nth(2) == Some('\'') {
            2 + rest.chars().nth(1).map_or(0, char::len_utf8)
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, next) in text.char_indices().skip(1) {
        match next {
            '"' if !escaped => return at + 1,
            _ => escaped = next == '\\' && !escaped,
        }
    }
    text.len()
}

/// Removes the items under `#[cfg(test)]` and `#[cfg(any(test, …))]`. Also returns the names of the modules
/// among these.
fn without_tests(tokens: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut left_out, mut at) = (Vec::new(), Vec::new(), 0);
    let is = |at: usize, what: &[&str]| {
        tokens
            .get(at..at + what.len())
            .is_some_and(|found| found.iter().zip(what).all(|(one, other)| one == other))
    };
    while at < tokens.len() {
        let cfg =
            is(at, &["#", "[", "cfg", "(", "test"]) || is(at, &["#", "[", "cfg", "(", "any", "(", "test"]);
        if !cfg {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        // The item ends at the brace depth at which it began.
        let (mut depth, mut brackets) = (0, 0);
        loop {
            match tokens.get(at).map(String::as_str) {
                Some("mod") if depth == 0 && brackets == 0 => left_out.extend(tokens.get(at + 1).cloned()),
                Some("[") => brackets += 1,
                Some("]") => brackets -= 1,
                Some("{") => depth += 1,
                Some("}") => depth -= 1,
                Some(_) => {}
                None => return (kept, left_out),
            }
            let ends = matches!(tokens[at].as_str(), ";" | "}") && depth == 0 && brackets == 0;
            at += 1;
            if ends {
                break;
            }
        }
    }
    (kept, left_out)
}

/// Sets of modules that use each other in a circle, each with its path.
pub fn circles(edges: &[Edge]) -> Vec<Vec<String>> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for edge in edges {
        let (user, used) = (format!("{}{}", edge.parent, edge.user), format!("{}{}", edge.parent, edge.used));
        uses.entry(user).or_default().insert(used);
    }
    let reached = |from: &String| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            next.extend(uses.get(module).into_iter().flatten().filter(|used| seen.insert((*used).clone())));
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        uses.keys().map(|module| (module, reached(module))).collect();
    let within = |one: &String, other: &String| reached.get(one).is_some_and(|seen| seen.contains(other));
    let circle = |module: &&String| -> Option<Vec<String>> {
        let circle: Vec<String> =
            uses.keys().filter(|other| within(module, other) && within(other, module)).cloned().collect();
        (!circle.is_empty()).then_some(circle)
    };
    uses.keys().collect::<Vec<_>>().iter().filter_map(circle).collect::<BTreeSet<_>>().into_iter().collect()
}
