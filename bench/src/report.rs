//! What a run says at its end: tables for the terminal, and tables and charts for the documentation.

mod chart;
mod page;
mod table;

use crate::{
    gate::Verdict,
    goals::GOALS,
    measure::Run,
    report::table::Table,
    results::{Group, Metric, Results, Series, Test},
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

/// A table for each group of tests that were made.
fn tables(results: &Results) -> Vec<(&'static str, Table)> {
    let made = Group::ALL.into_iter().filter(|group| results.of_group(*group).next().is_some());
    made.map(|group| (group.title(), table(results, group))).collect()
}

/// One row for each test and contestant, one column for each metric; a median, and from where to where rounds went.
fn table(results: &Results, group: Group) -> Table {
    let mut metrics: Vec<Metric> = Vec::new();
    let mut rows: Vec<(Test, &str)> = Vec::new();
    for Series { test, metric, of, .. } in results.of_group(group) {
        if !metrics.contains(metric) {
            metrics.push(*metric);
        }
        if !rows.contains(&(*test, of)) {
            rows.push((*test, of));
        }
    }
    let baseline = group.baseline();
    let mut head: Vec<String> = vec![String::new(), String::new()];
    head.extend(metrics.iter().map(|metric| metric.title().to_owned()));
    head.extend(baseline.map(|(metric, against)| format!("{} × {against}'s", metric.short())));
    let mut table = Table::new(head);
    let mut last = None;
    for (test, of) in rows {
        let name = if last == Some(test) { String::new() } else { test.name.to_owned() };
        last = Some(test);
        let mut row = vec![name, of.to_owned()];
        row.extend(metrics.iter().map(|metric| cell(results, test, *metric, of)));
        row.extend(baseline.map(|(metric, against)| {
            let ratio = results.ratio((test, of), (test, against), metric);
            ratio.map_or(String::new(), |ratio| format!("{:.2}", ratio.median))
        }));
        table.add(row);
    }
    table
}

fn cell(results: &Results, test: Test, metric: Metric, of: &str) -> String {
    let Some(summary) = results.summary(test, metric, of) else { return String::new() };
    let median = metric.show(summary.median);
    if !metric.has_spread() || summary.least == summary.most {
        return median;
    }
    format!("{median} ({}–{})", metric.show(summary.least), metric.show(summary.most))
}

/// What is to be reached, and what was.
fn goals(results: &Results) -> Table {
    let mut table = Table::new(["", "goal", "measured", ""].map(str::to_owned).into());
    for goal in GOALS {
        let (measured, verdict) = match goal.measured(results) {
            None => ("–".into(), "not in this run"),
            Some(figure) => (goal.show(figure), if goal.met_by(figure) { "met" } else { "NOT met" }),
        };
        table.add(vec![goal.what.into(), goal.bound(), measured, verdict.into()]);
    }
    table
}
