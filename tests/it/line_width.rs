//! Lines of source code fit beside a second file on a screen.

use std::fs;
use std::path::Path;

use crate::docs::files_below;

/// The width in rustfmt.toml, which does not apply to comments and strings.
const WIDTH: usize = 110;

/// Lines that cannot be broken: rows of tables in the documentation, addresses, and literal wire texts.
fn is_whole(line: &str) -> bool {
    let line = line.trim_start();
    let comment = line.trim_start_matches('/').trim_start_matches('!').trim_start();
    comment.len() < line.len() && (comment.starts_with('|') || comment.starts_with("https://"))
        || line.contains("r#\"")
}

fn too_long(text: &str) -> impl Iterator<Item = usize> {
    let lines = text.lines().zip(1..);
    lines.filter(|(line, _)| line.chars().count() > WIDTH && !is_whole(line)).map(|(_, number)| number)
}

#[test]
fn no_line_of_source_is_too_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for entry in fs::read_dir(root).expect("the repository") {
        let folder = entry.expect("an entry").path();
        let is_made = folder.file_name().is_some_and(|name| name == "target" || name == ".git");
        if folder.is_dir() && !is_made {
            files_below(&folder, "rs", &mut sources);
        }
    }
    assert!(sources.len() > 300, "{} files", sources.len());
    // Output of rustc and of the macro is kept as printed. The benchmarks read the lines of `compile`.
    let written = sources.iter().filter(|file| {
        let file = file.to_string_lossy();
        !["/ui/", ".expanded.", "/target/", "/bench/compile/"].iter().any(|part| file.contains(part))
    });
    let wrong: Vec<String> = written
        .flat_map(|file| {
            let text = fs::read_to_string(file).expect("a source");
            too_long(&text).map(|number| format!("{}:{number}", file.display())).collect::<Vec<_>>()
        })
        .collect();
    assert!(wrong.is_empty(), "more than {WIDTH} characters:\n{}", wrong.join("\n"));
}

#[test]
fn a_line_that_is_too_long_is_found() {
    let long = "x ".repeat(WIDTH);
    let found = |line: String| too_long(&format!("short\n{line}")).collect::<Vec<_>>();
    assert_eq!(found(long.clone()), [2]);
    assert_eq!(found(format!("/// {long}")), [2]);
    for whole in [format!("/// | {long}"), format!("// https://{long}"), format!("r#\"{long}")] {
        assert!(found(whole).is_empty());
    }
    assert!(found("−".repeat(WIDTH)).is_empty(), "characters are counted, and not bytes");
}
