//! Writes docs/performance.md: the part between its markers, and the charts beside it.

use std::{fs, path::Path};

use crate::{
    measure::Run,
    report::{
        chart::chart,
        tables::{goals, tables},
    },
    results::{Group, Metric},
};

const BEGIN: &str = "<!-- what follows is written by `cargo xtask bench` -->";
const END: &str = "<!-- what was written by `cargo xtask bench` ends here -->";

/// The charts: their files and contents.
const CHARTS: &[(&str, Group, Metric)] = &[
    ("calls", Group::Calls, Metric::Rate),
    ("cpu", Group::Calls, Metric::Cpu),
    ("pairs", Group::Pairs, Metric::Rate),
    ("memory", Group::Memory, Metric::Memory),
];

/// Writes the tables and charts of a run into the folder `docs`.
pub(crate) fn write(run: &Run, machine: &str, docs: &Path) -> Result<(), String> {
    let charts = docs.join("performance");
    fs::create_dir_all(&charts).map_err(|e| format!("cannot make the folder {}: {e}", charts.display()))?;
    let mut text = format!("\n{machine}\n\n### Goals\n\n{}", goals(&run.results).markdown());
    for missing in &run.missing {
        text += &format!("\nNot measured: {} ({}).\n", missing.what, missing.why);
    }
    for (name, group, metric) in CHARTS {
        let Some(svg) = chart(&run.results, *group, *metric) else { continue };
        save(&charts.join(format!("{name}.svg")), &svg)?;
        text += &format!("\n![{} ({})](performance/{name}.svg)\n", group.title(), metric.title());
    }
    for (title, table) in tables(&run.results) {
        text += &format!("\n### {title}\n\n{}", table.markdown());
    }
    let page = docs.join("performance.md");
    let before = fs::read_to_string(&page).map_err(|e| format!("cannot read {}: {e}", page.display()))?;
    let after = replaced(&before, &text).ok_or_else(|| format!("{} has lost its markers", page.display()))?;
    save(&page, &after)
}

/// Replaces the text between the page's markers.
fn replaced(page: &str, text: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{text}\n{END}{after}"))
}

fn save(file: &Path, text: &str) -> Result<(), String> {
    fs::write(file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_is_replaced() {
        let page = format!("a\n{BEGIN}\nold\n{END}\nz\n");
        let once = replaced(&page, "new").expect("both markers are there");
        assert_eq!(once, format!("a\n{BEGIN}\nnew\n{END}\nz\n"));
        assert_eq!(replaced(&once, "new"), Some(once.clone()), "a second time changes nothing");
    }

    #[test]
    fn a_page_without_its_markers_is_left_alone() {
        assert_eq!(replaced("a", "new"), None);
        assert_eq!(replaced(&format!("{END} {BEGIN}"), "new"), None);
    }
}
