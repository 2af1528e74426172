//! Lists the public API of a crate from its sources, one line for each item.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use quote::ToTokens;
use syn::{Attribute, Field, Fields, ImplItem, Item, ItemImpl, TraitItem, Type, UseTree, Visibility};

/// Modules by their path from the crate's root.
type Modules = BTreeMap<Vec<String>, Module>;

struct Module {
    /// The conditions under which it is compiled, each followed by a blank.
    cfg: String,
    items: Vec<Item>,
}

/// The lines of a crate, sorted.
pub(super) struct Listing(BTreeSet<String>);

impl Listing {
    /// Lists the crate with this `lib.rs`.
    pub(super) fn of(lib: &Path) -> Self {
        let mut modules = Modules::new();
        read_file(lib, lib.parent().expect("a folder"), Vec::new(), String::new(), &mut modules);
        Self::of_modules(&modules)
    }

    /// Lists a crate that is a single text.
    pub(super) fn of_source(source: &str) -> Self {
        let mut modules = Modules::new();
        let file = syn::parse_file(source).expect("Rust");
        read_items(file.items, Path::new(""), Vec::new(), String::new(), &mut modules);
        Self::of_modules(&modules)
    }

    fn of_modules(modules: &Modules) -> Self {
        let mut reader = Reader { modules, lines: BTreeSet::new(), types: BTreeSet::new() };
        reader.module(&[], "");
        reader.impls();
        Self(reader.lines)
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<_> = self.0.iter().collect();
        lines.sort_by_key(|line| (line.to_lowercase(), line.to_string()));
        lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Reads a file and the files of its modules, which are in `folder`.
fn read_file(file: &Path, folder: &Path, path: Vec<String>, cfg: String, modules: &mut Modules) {
    let source = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let items = syn::parse_file(&source).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items;
    read_items(items, folder, path, cfg, modules);
}

fn read_items(items: Vec<Item>, folder: &Path, path: Vec<String>, cfg: String, modules: &mut Modules) {
    for item in &items {
        let Item::Mod(module) = item else { continue };
        if is_test(&module.attrs) {
            continue;
        }
        let name = module.ident.to_string();
        let inner: Vec<_> = path.iter().cloned().chain([name.clone()]).collect();
        let (below, cfg) = (folder.join(&name), format!("{cfg}{}", kept_attributes(&module.attrs)));
        match &module.content {
            Some((_, items)) => read_items(items.clone(), &below, inner, cfg, modules),
            None => {
                let candidates: [PathBuf; 2] = [folder.join(format!("{name}.rs")), below.join("mod.rs")];
                let file = candidates.iter().find(|file| file.exists());
                let file = file.unwrap_or_else(|| panic!("no file of the module {}", inner.join("::")));
                read_file(file, &below, inner, cfg, modules);
            }
        }
    }
    modules.insert(path, Module { cfg, items });
}

struct Reader<'m> {
    modules: &'m Modules,
    lines: BTreeSet<String>,
    /// The names of the listed types and traits.
    types: BTreeSet<String>,
}

impl<'m> Reader<'m> {
    /// Lists the public items of a module. `shown` is its public path with a trailing `::`.
    fn module(&mut self, path: &[String], shown: &str) {
        let modules = self.modules;
        for item in modules.get(path).into_iter().flat_map(|module| &module.items) {
            if is_hidden(attributes(item)) || !is_public(item) {
                continue;
            }
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    let inner: Vec<_> = path.iter().cloned().chain([name.clone()]).collect();
                    self.module(&inner, &format!("{shown}{name}::"));
                }
                Item::Use(used) => {
                    let kept = kept_attributes(&used.attrs);
                    for (target, name) in leaves(&used.tree) {
                        self.used(path, shown, &target, &name, &kept);
                    }
                }
                item => self.item(item, shown, ""),
            }
        }
    }

    /// Lists the item of a `pub use`: the item itself, if it belongs to this crate and keeps its name.
    fn used(&mut self, at: &[String], shown: &str, target: &[String], name: &str, kept: &str) {
        match self.resolve(at, target, 0) {
            Some(item) if target.last().is_some_and(|last| last == name) => self.item(item, shown, kept),
            _ => drop(self.lines.insert(format!("{shown}{name}: {kept}pub use {}", target.join("::")))),
        }
    }

    /// Finds the item that a path names, from module to module.
    fn resolve(&self, at: &[String], target: &[String], depth: usize) -> Option<&'m Item> {
        let modules = self.modules;
        let (name, path) = target.split_last()?;
        let mut module: Vec<String> = at.to_vec();
        for (index, segment) in path.iter().enumerate() {
            match &**segment {
                "crate" => module.clear(),
                "self" => {}
                "super" => drop(module.pop()?),
                other => {
                    module.push(other.to_owned());
                    if !modules.contains_key(&module) && index == 0 {
                        return None;
                    }
                }
            }
        }
        let items = &modules.get(&module)?.items;
        let own = items.iter().find(|item| is_public(item) && ident(item).as_ref() == Some(name));
        own.or_else(|| {
            let uses =
                items.iter().filter_map(|item| if let Item::Use(used) = item { Some(used) } else { None });
            let mut targets = uses.flat_map(|used| leaves(&used.tree)).filter(|(_, leaf)| leaf == name);
            targets.find_map(
                |(target, _)| if depth > 8 { None } else { self.resolve(&module, &target, depth + 1) },
            )
        })
    }

    fn item(&mut self, item: &Item, shown: &str, kept: &str) {
        let Some(name) = ident(item) else { return };
        let line = format!("{shown}{name}: {kept}{}{}", kept_attributes(attributes(item)), outline(item));
        self.lines.insert(line);
        if let Item::Trait(found) = item {
            let members = found.items.iter().filter(|member| !is_hidden(trait_attributes(member)));
            for member in members {
                let kept = kept_attributes(trait_attributes(member));
                self.lines.insert(format!("{shown}{name}::{kept}{}", member_outline(member)));
            }
        }
        self.types.insert(name);
    }

    /// Lists the methods of the listed types, and the traits that they implement.
    fn impls(&mut self) {
        let modules = self.modules;
        for (cfg, item) in
            modules.values().flat_map(|module| module.items.iter().map(|item| (&module.cfg, item)))
        {
            let Item::Impl(found) = item else { continue };
            if is_test(&found.attrs) || !self.is_of_a_shown_type(found) {
                continue;
            }
            let head = impl_head(found);
            let kept = format!("{cfg}{}", kept_attributes(&found.attrs));
            if found.trait_.is_some() {
                self.lines.insert(format!("{kept}{head}"));
                continue;
            }
            for member in &members(found) {
                if let Some(line) = inherent_outline(member) {
                    self.lines.insert(format!("{kept}{head}: {line}"));
                }
            }
        }
    }

    fn is_of_a_shown_type(&self, found: &ItemImpl) -> bool {
        let Type::Path(path) = &*found.self_ty else { return false };
        let name = |path: &syn::Path| path.segments.last().map(|last| last.ident.to_string());
        // A private trait of the crate does not concern users.
        name(&path.path).is_some_and(|name| self.types.contains(&name))
    }
}

/// The items of an `impl`, including those that a macro generates.
fn members(found: &ItemImpl) -> Vec<ImplItem> {
    let settings = |member: &ImplItem| match member {
        ImplItem::Macro(called) if text(&called.mac.path).ends_with("connection_settings") => settings(),
        member => vec![member.clone()],
    };
    found.items.iter().flat_map(settings).collect()
}

/// The items that the macro of both builders generates.
fn settings() -> Vec<ImplItem> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("rpc-core/src/settings.rs");
    let source = syn::parse_file(&fs::read_to_string(source).expect("the macro")).expect("Rust");
    let rules = source.items.iter().find_map(|item| match item {
        Item::Macro(rules) => Some(rules.mac.tokens.to_string()),
        _ => None,
    });
    let rules = rules.expect("a macro");
    let body = rules.trim_end_matches(';').split_once("=>").expect("a rule").1.trim();
    let body = body.replace("$ (# [$ example]) *", "");
    syn::parse_str::<ItemImpl>(&format!("impl Builder {body}")).expect("methods").items
}

fn is_public(item: &Item) -> bool {
    let visibility = match item {
        Item::Const(item) => &item.vis,
        Item::Enum(item) => &item.vis,
        Item::Fn(item) => &item.vis,
        Item::Mod(item) => &item.vis,
        Item::Static(item) => &item.vis,
        Item::Struct(item) => &item.vis,
        Item::Trait(item) => &item.vis,
        Item::Type(item) => &item.vis,
        Item::Use(item) => &item.vis,
        _ => return false,
    };
    matches!(visibility, Visibility::Public(_))
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn trait_attributes(member: &TraitItem) -> &[Attribute] {
    match member {
        TraitItem::Const(member) => &member.attrs,
        TraitItem::Fn(member) => &member.attrs,
        TraitItem::Type(member) => &member.attrs,
        _ => &[],
    }
}

fn ident(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        _ => return None,
    })
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| text(attribute) == "#[doc(hidden)]")
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| text(attribute) == "#[cfg(test)]")
}

/// The attributes that concern users, each followed by a blank.
fn kept_attributes(attributes: &[Attribute]) -> String {
    let kept = ["cfg", "derive", "must_use", "non_exhaustive", "proc_macro_attribute", "proc_macro_derive"];
    let mut texts: Vec<_> = attributes
        .iter()
        .filter(|attribute| kept.iter().any(|name| attribute.path().is_ident(name)))
        .map(|attribute| match attribute.path().is_ident("must_use") {
            true => "#[must_use]".to_owned(),
            false => sorted_derive(text(attribute)),
        })
        .collect();
    texts.sort();
    texts.into_iter().map(|text| text + " ").collect()
}

fn sorted_derive(derive: String) -> String {
    let Some(names) = derive.strip_prefix("#[derive(").and_then(|rest| rest.strip_suffix(")]")) else {
        return derive;
    };
    let mut names: Vec<_> = names.split(',').map(str::trim).collect();
    names.sort_unstable();
    format!("#[derive({})]", names.join(", "))
}

/// All names of a `use`: the path, and the local name.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => leaves(&path.tree)
            .into_iter()
            .map(|(mut target, name)| {
                target.insert(0, path.ident.to_string());
                (target, name)
            })
            .collect(),
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(renamed) => vec![(vec![renamed.ident.to_string()], renamed.rename.to_string())],
        UseTree::Glob(_) => vec![(vec!["*".into()], "*".into())],
        UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

/// An item without its body.
fn outline(item: &Item) -> String {
    match item {
        Item::Fn(item) => format!("pub {}", text(&item.sig)),
        Item::Struct(item) => {
            let (generics, clause) = (text(&item.generics), text(&item.generics.where_clause));
            format!("pub struct {}{generics}{}{}", item.ident, fields(&item.fields), spaced(&clause))
        }
        Item::Enum(item) => {
            let variants: Vec<_> = item
                .variants
                .iter()
                .filter(|variant| !is_hidden(&variant.attrs))
                .map(|variant| {
                    let fields = match &variant.fields {
                        Fields::Named(_) | Fields::Unnamed(_) => all_fields(&variant.fields),
                        Fields::Unit => String::new(),
                    };
                    format!("{}{}{fields}", kept_attributes(&variant.attrs), variant.ident)
                })
                .collect();
            format!("pub enum {}{} {{ {} }}", item.ident, text(&item.generics), variants.join(", "))
        }
        Item::Trait(item) => {
            let bounds = text(&item.supertraits);
            let bounds = if bounds.is_empty() { bounds } else { format!(": {bounds}") };
            format!("pub trait {}{}{bounds}", item.ident, text(&item.generics))
        }
        Item::Const(item) => {
            format!("pub const {}: {} = {}", item.ident, text(&item.ty), text(&item.expr))
        }
        Item::Static(item) => format!("pub static {}: {}", item.ident, text(&item.ty)),
        Item::Type(item) => format!("pub type {}{} = {}", item.ident, text(&item.generics), text(&item.ty)),
        other => text(other),
    }
}

fn spaced(clause: &str) -> String {
    if clause.is_empty() { String::new() } else { format!(" {clause}") }
}

/// The public fields, and `..` if there are others.
fn fields(fields: &Fields) -> String {
    let shown = |field: &&Field| matches!(field.vis, Visibility::Public(_)) && !is_hidden(&field.attrs);
    let mut texts: Vec<_> = fields.iter().filter(shown).map(field).collect();
    if texts.len() < fields.len() {
        texts.push("..".into());
    }
    if texts.is_empty() { String::new() } else { format!(" {{ {} }}", texts.join(", ")) }
}

fn all_fields(fields: &Fields) -> String {
    let texts: Vec<_> = fields.iter().map(field).collect();
    format!(" {{ {} }}", texts.join(", "))
}

fn field(field: &Field) -> String {
    let visibility = if matches!(field.vis, Visibility::Public(_)) { "pub " } else { "" };
    let name = field.ident.as_ref().map_or_else(String::new, |ident| format!("{ident}: "));
    format!("{visibility}{name}{}", text(&field.ty))
}

fn member_outline(member: &TraitItem) -> String {
    match member {
        TraitItem::Fn(member) => {
            let provided = if member.default.is_some() { " { provided }" } else { "" };
            format!("{}{provided}", text(&member.sig))
        }
        TraitItem::Type(member) => format!("type {}: {}", member.ident, text(&member.bounds)),
        other => text(other),
    }
}

fn inherent_outline(member: &ImplItem) -> Option<String> {
    let (attributes, visibility, outline) = match member {
        ImplItem::Fn(member) => (&member.attrs, &member.vis, text(&member.sig)),
        ImplItem::Const(member) => {
            (&member.attrs, &member.vis, format!("const {}: {}", member.ident, text(&member.ty)))
        }
        _ => return None,
    };
    let is_shown = matches!(visibility, Visibility::Public(_)) && !is_hidden(attributes);
    is_shown.then(|| format!("{}pub {outline}", kept_attributes(attributes)))
}

/// `impl<T> Trait for Type where …`.
fn impl_head(found: &ItemImpl) -> String {
    let mut head = found.clone();
    head.attrs.clear();
    head.items.clear();
    let head = text(&head);
    head.strip_suffix("{}").unwrap_or(&head).trim_end().to_owned()
}

/// Tokens in one line, roughly as rustfmt would write them.
fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    // Longer ones first.
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" , ", ", "),
        (" ,", ","),
        ("# [", "#["),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" [", "["),
        ("[ ", "["),
        (" ]", "]"),
        (" < ", "<"),
        ("< ", "<"),
        (" <", "<"),
        (" >", ">"),
        ("& ", "&"),
        (" : ", ": "),
        (" ;", ";"),
        ("' ", "'"),
        ("{ }", "{}"),
        (", >", ">"),
        (", )", ")"),
        (",)", ")"),
        ("(mut self", "(self"),
        (" =(", " = ("),
        (">where ", "> where "),
        (")where ", ") where "),
        ("->", " -> "),
        ("- >", "->"),
        ("impl <", "impl<"),
        (" <<", " << "),
    ] {
        text = text.replace(from, to);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches(',').to_owned()
}
