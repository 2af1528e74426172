//! The tables of a run: one for each group of tests, and one for the goals.

use crate::{
    goals::{GOALS, Goal},
    report::table::Table,
    results::{Group, Metric, Results, Series, Test},
    statistics::Summary,
};

/// A table for each group of tests that were made.
pub(crate) fn tables(results: &Results) -> Vec<(&'static str, Table)> {
    let made = Group::ALL.into_iter().filter(|group| results.of_group(*group).next().is_some());
    made.map(|group| (group.title(), table(results, group))).collect()
}

/// One row for each test and contestant, one column for each metric: the median and the range of the rounds.
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

/// The goals and the results.
pub(crate) fn goals(results: &Results) -> Table {
    let mut table = Table::new(["", "goal", "measured", ""].map(str::to_owned).into());
    for goal in GOALS {
        let (measured, verdict) = match goal.measured(results) {
            None => ("–".into(), "not in this run".into()),
            Some(summary) => (goal.show_spread(summary), verdict(goal, summary, results)),
        };
        table.add(vec![goal.what.into(), goal.bound(), measured, verdict]);
    }
    table
}

fn verdict(goal: &Goal, summary: Summary, results: &Results) -> String {
    let met = if goal.met_by(summary.median) { "met" } else { "NOT met" };
    let doubt = if goal.is_in_doubt(results) { "; a core was not full" } else { "" };
    format!("{met}{doubt}")
}
