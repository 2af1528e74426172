//! The report of a run: tables for the terminal, and tables and charts for the documentation.

mod chart;
mod page;
mod table;
mod tables;

use crate::{
    gate::Verdict,
    measure::Run,
    report::tables::{goals, tables},
};

pub(crate) use page::write as write_page;

/// The whole report as plain text.
pub(crate) fn text(run: &Run, verdicts: &[Verdict]) -> String {
    let mut text = String::new();
    for (title, table) in tables(&run.results) {
        text += &format!("\n{title}\n\n{}", table.text());
    }
    text += &format!("\nGoals\n\n{}", goals(&run.results).text());
    text.push('\n');
    for missing in &run.missing {
        text += &format!("SKIPPED - {}: {}\n", missing.what, missing.why);
    }
    for verdict in verdicts {
        text += &match verdict {
            Verdict::Passed(what) => format!("ok - {what}\n"),
            Verdict::Failed(what) => format!("not ok - {what}\n"),
            Verdict::Skipped(what) => format!("SKIPPED - {what}\n"),
        };
    }
    text
}
