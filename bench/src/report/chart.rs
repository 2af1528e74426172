//! Bar charts as SVG, readable on light and dark pages.

use crate::{
    contestants::{BIRPC, BOUND, FLOOR},
    results::{Group, Metric, Results, Series, Test},
};

const WIDTH: f64 = 720.0;
const LABELS: f64 = 130.0;
const FIGURES: f64 = 110.0;
const BAR: f64 = 16.0;
const ROW: f64 = 22.0;
const HEAD: f64 = 30.0;

/// The colours of texts and bars: for birpc, for its bounds, and for other frameworks.
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.test{font-weight:600}\
    .birpc{fill:#0969da}.bound{fill:#8c959f}.peer{fill:#bf8700}\
    @media(prefers-color-scheme:dark){\
    text{fill:#e6edf3}.birpc{fill:#4493f8}.bound{fill:#7d8590}.peer{fill:#d29922}}";

/// The bars of one metric in all tests of a group. The bars of a test share a scale, on which the longest bar
/// is the largest value.
pub(crate) fn chart(results: &Results, group: Group, metric: Metric) -> Option<String> {
    let series: Vec<&Series> = results.of_group(group).filter(|series| series.metric == metric).collect();
    series.first()?;
    let mut tests: Vec<Test> = series.iter().map(|series| series.test).collect();
    tests.dedup();
    let title = format!("{} ({})", group.title(), metric.title());
    let mut body = text(0.0, 16.0, "test", "start", &title);
    let mut y = HEAD;
    for test in tests {
        body += &text(0.0, y + 14.0, "", "start", test.name);
        y += ROW;
        let bars: Vec<(&str, f64)> = series
            .iter()
            .filter(|series| series.test == test)
            .filter_map(|series| Some((series.of, series.summary()?.median)))
            .collect();
        let most = bars.iter().map(|(_, figure)| *figure).fold(0.0, f64::max);
        for (of, figure) in bars {
            body += &bar(y, of, figure / most, &metric.show(figure));
            y += ROW;
        }
        y += ROW / 2.0;
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" \
         width=\"{WIDTH}\" height=\"{y}\" \
         role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n{body}</svg>\n",
        escaped(&title)
    ))
}

fn bar(y: f64, of: &str, share: f64, figure: &str) -> String {
    let class = match of {
        BIRPC => "birpc",
        FLOOR | BOUND => "bound",
        _ => "peer",
    };
    let width = (share.clamp(0.0, 1.0) * (WIDTH - LABELS - FIGURES)).max(1.0);
    let label = text(LABELS - 8.0, y + 13.0, "", "end", of);
    let figure = text(LABELS + width + 6.0, y + 13.0, "", "start", figure);
    format!(
        "{label}<rect class=\"{class}\" x=\"{LABELS}\" y=\"{y}\" width=\"{width:.1}\" \
         height=\"{BAR}\" rx=\"2\"/>\n{figure}"
    )
}

fn text(x: f64, y: f64, class: &str, anchor: &str, text: &str) -> String {
    let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
    format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\"{class}>{}</text>\n", escaped(text))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: Test = Test { group: Group::Calls, name: "64 × 16" };

    #[test]
    fn the_longest_bar_is_the_largest_figure_and_others_are_in_proportion() {
        let mut results = Results::default();
        results.record(TEST, Metric::Rate, FLOOR, 2000.0);
        results.record(TEST, Metric::Rate, BIRPC, 1000.0);
        let svg = chart(&results, Group::Calls, Metric::Rate).expect("there are figures");
        assert!(svg.contains("class=\"bound\" x=\"130\" y=\"52\" width=\"480.0\""), "{svg}");
        assert!(svg.contains("class=\"birpc\" x=\"130\" y=\"74\" width=\"240.0\""), "{svg}");
        assert!(svg.contains(">2 000<") && svg.contains(">birpc<"));
        assert_eq!(chart(&results, Group::Pairs, Metric::Rate), None);
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("a < \"b\" & c"), "a &lt; &quot;b&quot; &amp; c");
    }
}
