//! Checks the pages of the repository: links, cited tests and files, defaults, messages, and that the code
//! blocks of each page are doctests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn files_below(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files_below(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
}

/// The pages of the book, relative to `docs/`.
fn pages_of_the_book() -> Vec<String> {
    let (docs, mut pages) = (root().join("docs"), Vec::new());
    files_below(&docs, "md", &mut pages);
    let relative =
        |path: PathBuf| path.strip_prefix(&docs).expect("below docs").to_string_lossy().into_owned();
    let mut pages: Vec<_> = pages.into_iter().map(relative).collect();
    pages.sort();
    pages
}

/// All pages, relative to the root of the repository.
fn all_pages() -> Vec<String> {
    let mut pages: Vec<_> = pages_of_the_book().into_iter().map(|page| format!("docs/{page}")).collect();
    pages.extend(["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"].map(String::from));
    pages
}

fn read(page: &str) -> String {
    fs::read_to_string(root().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// The text of a page without its blocks of code.
pub(crate) fn prose(page: &str) -> String {
    let mut in_code = false;
    let mut kept = String::new();
    for line in read(page).lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The targets of `[text](target)`, outside of `inline code`.
fn links(page: &str) -> Vec<String> {
    let text = prose(page);
    let ends = text.match_indices("](").map(|(at, _)| &text[at + 2..]);
    ends.filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// A heading's anchor, as mdBook and the usual forges make it.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    for heading in prose(page).lines().filter(|line| line.starts_with('#')) {
        let text = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(anchor.clone()).or_insert(0);
        anchors.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    anchors
}

/// `path` without `.` and `..`; `None` if it leads out of the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => out.pop().then_some(())?,
            Component::Normal(part) => out.push(part),
            _ => {}
        }
    }
    Some(out)
}

/// What is wrong with a link of a page, if anything is.
fn fault(page: &str, link: &str) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if path.is_empty() {
        page.to_owned()
    } else {
        let folder = Path::new(page).parent().expect("a file has a folder");
        match normal(&folder.join(path)) {
            Some(target) => target.to_string_lossy().into_owned(),
            None => return Some(format!("{page}: {link} leads out of the repository")),
        }
    };
    if !root().join(&target).exists() {
        return Some(format!("{page}: {link} leads nowhere"));
    }
    if page.starts_with("docs/") && !target.starts_with("docs/") {
        return Some(format!("{page}: {link} leads out of the book"));
    }
    if !anchor.is_empty() && !anchors(&target).contains(anchor) {
        return Some(format!("{page}: {link}: {target} has no such heading"));
    }
    None
}

#[test]
fn links_between_pages_lead_somewhere() {
    let faults: Vec<_> = all_pages()
        .iter()
        .flat_map(|page| links(page).into_iter().filter_map(|link| fault(page, &link)).collect::<Vec<_>>())
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    assert!(fault("README.md", "docs/limits.md#max_open").is_none());
    assert!(fault("README.md", "docs/no-such-page.md").is_some());
    assert!(fault("docs/limits.md", "#no-such-heading").is_some());
    assert!(fault("docs/limits.md", "../README.md").is_some());
}

#[test]
fn the_table_of_contents_has_each_page_once() {
    let mut listed = links("docs/SUMMARY.md");
    listed.push("SUMMARY.md".into());
    listed.sort();
    assert_eq!(listed, pages_of_the_book());
}

/// The code of this page is a package of the workspace.
const TUTORIAL: &str = "docs/tutorial.md";

#[test]
fn the_tutorial_shows_the_files_of_its_package() {
    let page = read(TUTORIAL);
    for file in ["src/lib.rs", "src/room.rs", "src/bin/server.rs", "src/bin/client.rs", "tests/chat.rs"] {
        // The page adds this line in a separate step.
        let text = read(&format!("examples/tutorial/{file}")).replace("\n\npub mod room;", "");
        assert!(
            page.contains(&format!("```rust\n{}\n```", text.trim_end())),
            "the page lacks {file} as it is"
        );
    }
}

#[test]
fn the_code_blocks_of_each_page_are_doctests() {
    let compiled = fs::read_to_string(root().join("src/pages.rs")).expect("the list of pages");
    let mut missing = Vec::new();
    for page in all_pages() {
        let has_code = read(&page).lines().any(|line| line.starts_with("```rust"));
        if has_code && page != TUTORIAL && !compiled.contains(&format!("\"{page}\"")) {
            missing.push(page);
        }
    }
    assert!(missing.is_empty(), "src/pages.rs lacks {missing:?}");
}

/// The texts between backticks.
pub(crate) fn inline_code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The source files of all crates.
pub(crate) fn source_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for name in ["core", "macros", "server", "client", "inspector", "tungstenite", "cluster"] {
        files_below(&root().join(format!("rpc-{name}/src")), "rs", &mut files);
    }
    files
}

/// The text of all sources, with string literals over several lines joined.
fn sources() -> String {
    let mut text = String::new();
    for file in source_files() {
        let source = fs::read_to_string(&file).expect("a source file");
        for line in source.lines() {
            if text.ends_with('\\') {
                text.pop();
                text.push_str(line.trim_start());
            } else {
                text.push('\n');
                text.push_str(line);
            }
        }
    }
    text
}

/// The messages between backticks in a column of the page's tables.
fn messages(page: &str, cell: usize) -> Vec<String> {
    let text = prose(page);
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.split(" | ").nth(cell).map(|cell| cell.trim_start_matches("| ")));
    cells.filter(|cell| cell.starts_with('`')).flat_map(inline_code).map(str::to_owned).collect()
}

#[test]
fn messages_that_pages_explain_are_ones_that_birpc_writes() {
    let sources = sources();
    let mut shown = messages("docs/reference/logs-and-metrics.md", 1);
    shown.truncate(shown.iter().position(|message| message == "birpc::wire").unwrap_or(shown.len()));
    for cell in [0, 1] {
        shown.extend(messages("docs/troubleshooting.md", cell));
    }
    assert!(shown.len() > 80, "{}", shown.len());
    let is_written = |message: &str| message.split('…').all(|part| sources.contains(part.trim_matches(' ')));
    let faults: Vec<_> = shown.iter().filter(|message| !is_written(message)).collect();
    assert!(faults.is_empty(), "birpc does not write {faults:#?}");
    assert!(!is_written("a message that … nothing writes"));
}

/// Names of the test functions in a file.
fn functions(file: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let names = text.match_indices("fn ").map(|(at, _)| &text[at + 3..]);
    names.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()).collect()
}

/// The files that may contain the module of a citation: `order` is `tests/it/order.rs`, `ui` is
/// `tests/ui.rs`, and `transport::websocket::tests` is below the `src` of a crate.
fn files_of_module(module: &str) -> Vec<PathBuf> {
    let module = module.strip_prefix("it::").unwrap_or(module);
    let path = module.replace("::", "/");
    let integration = ["tests/it", "tests", "rpc-cluster/tests", "examples/tests", "examples/testbed/tests"]
        .map(String::from);
    let unit = ["core", "macros", "server", "client", "tungstenite", "cluster"]
        .map(|name| format!("rpc-{name}/src"));
    let folders = integration.iter().chain(&unit);
    let files = folders.flat_map(|folder| [format!("{folder}/{path}.rs"), format!("{folder}/{path}/mod.rs")]);
    let mut files: Vec<_> = files.map(|file| root().join(file)).filter(|file| file.exists()).collect();
    if files.is_empty() && path.ends_with("/tests") {
        // A module `tests` within its file.
        files = files_of_module(module.trim_end_matches("::tests"));
    }
    files
}

/// Tests are distinguished from other paths by their long names.
fn is_citation(code: &str) -> bool {
    let plain = code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | ':'));
    let foreign = ["birpc", "tokio", "std", ""].iter().any(|name| code.starts_with(&format!("{name}::")));
    plain && !foreign && code.rsplit_once("::").is_some_and(|(_, last)| last.matches('_').count() >= 2)
}

#[test]
fn cited_tests_exist() {
    let mut faults = Vec::new();
    for page in all_pages() {
        let text = prose(&page);
        for code in inline_code(&text).filter(|code| is_citation(code)) {
            let (module, name) = code.rsplit_once("::").expect("a path");
            if !files_of_module(module).iter().any(|file| functions(file).contains(name)) {
                faults.push(format!("{page}: no test {code}"));
            }
        }
        // "(all of `a`, `b` and `c`)"
        for cited in text.split("(all of ").skip(1).filter_map(|rest| rest.split_once(')')) {
            for module in inline_code(cited.0).filter(|code| !is_citation(code)) {
                if files_of_module(module).is_empty() {
                    faults.push(format!("{page}: no tests {module}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_test_that_is_not_there_is_found() {
    let cited = "docs::a_test_that_is_not_there_is_found";
    assert!(is_citation(cited) && !is_citation("middleware::from_fn"));
    let (module, name) = cited.rsplit_once("::").expect("a path");
    let files = files_of_module(module);
    assert!(files.iter().any(|file| functions(file).contains(name)), "{files:?}");
    assert!(!files.iter().any(|file| functions(file).contains("no_such_test")));
    assert!(files_of_module("no_such_module").is_empty());
}

#[test]
fn files_that_pages_name_exist() {
    const FOLDERS: [&str; 6] = ["tests/", "examples/", "docs/", "xtask/", "bench/", "rpc-"];
    let mut faults = Vec::new();
    for page in all_pages().iter().filter(|page| !["CHANGELOG.md", TUTORIAL].contains(&&***page)) {
        let text = prose(page);
        for path in inline_code(&text).filter(|code| FOLDERS.iter().any(|folder| code.starts_with(folder))) {
            let pattern = path.contains(['*', '<', '…', ' ', '(', '{']) || !path.contains('/');
            if !pattern && !root().join(path).exists() && !root().join(format!("{path}.rs")).exists() {
                faults.push(format!("{page}: no file {path}"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The name and the default of each row in the overview of docs/limits.md.
fn documented_defaults() -> BTreeMap<String, String> {
    let text = prose("docs/limits.md");
    let rows = text.lines().skip_while(|line| !line.starts_with("| name | default |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with("| "));
    let cells = rows.filter_map(|row| row.trim_matches('|').split_once(" | "));
    cells
        .map(|(name, rest)| {
            let default = rest.split(" | ").next().unwrap_or_default();
            (name.trim().trim_matches('`').to_owned(), default.trim_matches('`').to_owned())
        })
        .collect()
}

/// The fields in the `Debug` output of a struct without nested structs, as the page writes their values.
fn defaults(shown: &str) -> Vec<(String, String)> {
    let (_, fields) = shown.trim_end_matches(" }").split_once(" { ").expect("a struct");
    let value = |text: &str| match text.strip_suffix('s').map(str::parse::<u64>) {
        Some(Ok(seconds)) if seconds >= 300 => format!("{} min", seconds / 60),
        Some(Ok(seconds)) => format!("{seconds} s"),
        _ => match text.parse::<usize>() {
            Ok(number) if number >= 10_000 => {
                let digits = number.to_string();
                let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
                let groups = rest.as_bytes().chunks(3).map(String::from_utf8_lossy);
                groups.fold(first.to_owned(), |text, group| format!("{text} {group}"))
            }
            Ok(number) => number.to_string(),
            Err(_) => text.replace("None", "none"),
        },
    };
    let some = |text: &str| text.trim_start_matches("Some(").trim_end_matches(')').to_owned();
    let fields = fields.split(", ").filter_map(|field| field.split_once(": "));
    fields.map(|(name, text)| (name.to_owned(), value(&some(text)))).collect()
}

#[test]
fn the_page_about_limits_has_each_default_as_the_code_has_it() {
    let config = birpc::Config::default();
    let mut expected = defaults(&format!("{:?}", config.limits));
    let keepalive = defaults(&format!("{:?}", config.keepalive));
    expected.extend(keepalive.into_iter().map(|(name, value)| (format!("Keepalive::{name}"), value)));
    let own = format!(
        "Config {{ when_full: WhenFull::{:?}, call_timeout: {:?}, warn_open_after: {:?} }}",
        config.when_full, config.call_timeout, config.warn_open_after,
    );
    expected.extend(defaults(&own).into_iter().map(|(name, value)| (format!("Config::{name}"), value)));
    let birpc::WhileDown::Wait { at_most } = birpc::WhileDown::default() else { panic!("it waits") };
    expected.push(("Reconnect::while_down".into(), at_most.to_string()));
    // These cannot be read back, so the source must have them.
    let sources = sources();
    for (name, value, said) in [
        ("ServerBuilder::backlog", "4096", "const BACKLOG: u32 = 4096;"),
        ("Reconnect::backoff", "250 ms, 30 s", "initial: Duration::from_millis(250),"),
        ("Reconnect::backoff", "250 ms, 30 s", "cap: Duration::from_secs(30),"),
        ("Reconnect::max_attempts", "none", "max_attempts: None,"),
        ("Config::overflow", "Overflow::Drop", "{ Overflow::Close } else { Overflow::Drop };"),
    ] {
        assert!(sources.contains(said), "{name}");
        expected.push((name.into(), value.into()));
    }
    assert_eq!(documented_defaults(), expected.into_iter().collect());
}
