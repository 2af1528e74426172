//! A table, as aligned text and as Markdown.

/// Rows of cells under a head. The first two columns are words, the others are figures.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: Vec<String>) -> Self {
        Self { rows: vec![head] }
    }

    /// Adds a row with as many cells as the head has.
    pub(crate) fn add(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// As text with columns of equal width.
    pub(crate) fn text(&self) -> String {
        let widths: Vec<usize> = (0..self.rows[0].len()).map(|column| self.width(column)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let space = " ".repeat(width - cell.chars().count());
                line += &if column < 2 { format!("{cell}{space}  ") } else { format!("{space}{cell}  ") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }

    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        let line = |row: &[String]| format!("| {} |\n", row.join(" | "));
        let mut text = line(&self.rows[0]);
        let rule: Vec<_> =
            (0..self.rows[0].len()).map(|c| if c < 2 { "---" } else { "---:" }.to_owned()).collect();
        text += &line(&rule);
        self.rows[1..].iter().for_each(|row| text += &line(row));
        text
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let mut table = Table::new(row(["", "", "a second"]));
        table.add(row(["64 × 16", "floor", "1 234"]));
        table.add(row(["", "birpc", "9"]));
        table
    }

    #[test]
    fn words_are_left_and_figures_right() {
        assert_eq!(
            table().text(),
            "                a second\n64 × 16  floor     1 234\n         birpc         9\n"
        );
    }

    #[test]
    fn markdown_has_a_rule_under_its_head() {
        let lines =
            "|  |  | a second |\n| --- | --- | ---: |\n| 64 × 16 | floor | 1 234 |\n|  | birpc | 9 |\n";
        assert_eq!(table().markdown(), lines);
    }
}
