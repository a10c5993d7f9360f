//! A table as text: title, right-aligned columns, notes.

use comfy_table::{Cell, CellAlignment, ContentArrangement, ContentLineStyle, LineStyle, Table, TableStyle};

/// Longest line of a note: longer ones are hard to read, however wide the display.
const LONGEST_NOTE: usize = 120;
/// Space between two columns.
const GAP: usize = 2;

/// How wide a table may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Columns of the display.
    pub(crate) width: usize,
}

impl Layout {
    /// Title, table and notes. The first column names the row; the others belong together in groups of as many columns
    /// as `groups` says. Groups that do not fit beside the others follow below, with the first column again.
    pub(crate) fn table(
        self,
        title: &str,
        (header, groups): (&[&str], &[usize]),
        rows: &[Vec<String>],
        notes: &[String],
    ) -> String {
        let parts = self.parts(&widths(header, rows), groups).into_iter();
        let parts: Vec<String> = parts.map(|columns| part(&columns, header, rows)).collect();
        let mut text = format!("{title}\n{}", parts.join("\n\n"));
        for note in notes {
            text.push('\n');
            text.push_str(&self.wrap(note));
        }
        text
    }

    /// The columns of each part of a table whose columns have these `widths`.
    fn parts(self, widths: &[usize], groups: &[usize]) -> Vec<Vec<usize>> {
        let first = widths.first().copied().unwrap_or(0);
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let (mut next, mut used) = (1, 0);
        for group in groups {
            let columns = next..(next + group).min(widths.len());
            next = columns.end;
            let room: usize = widths[columns.clone()].iter().map(|width| width + GAP).sum();
            if let Some(part) = parts.last_mut().filter(|_| used + room <= self.width) {
                used += room;
                part.extend(columns);
            } else {
                used = first + room;
                parts.push(std::iter::once(0).chain(columns).collect());
            }
        }
        parts
    }

    /// `text` in lines no wider than the display, the second and later ones indented; longer words stay whole.
    pub(crate) fn wrap(self, text: &str) -> String {
        let width = self.width.min(LONGEST_NOTE);
        let (mut lines, mut line) = (String::new(), String::new());
        for word in text.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
                lines.push_str(line.trim_end());
                lines.push('\n');
                line = String::from(" ");
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines + &line
    }
}

/// The widest line of each column.
fn widths(header: &[&str], rows: &[Vec<String>]) -> Vec<usize> {
    let width = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let column = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| width(cell));
        cells.chain(header.get(at).map(|name| width(name))).max().unwrap_or(0)
    };
    (0..header.len()).map(column).collect()
}

/// The table of some columns; no column is narrower than its widest line.
fn part(columns: &[usize], header: &[&str], rows: &[Vec<String>]) -> String {
    const STYLE: TableStyle = TableStyle::new()
        .header_lines(ContentLineStyle::none())
        .header_separator(LineStyle::none().fill('-').junction('-'))
        .content_lines(ContentLineStyle::none());
    let right = |text: &str| Cell::new(text).set_alignment(CellAlignment::Right);
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(columns.iter().map(|at| right(header[*at])));
    for row in rows {
        table.add_row(columns.iter().map(|at| right(row.get(*at).map_or("", String::as_str))));
    }
    for column in table.column_iter_mut() {
        let left = u16::from(column.index != 0);
        column.set_padding((left, 0));
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_keep_every_word() {
        let text = "word ".repeat(60);
        let wrapped = Layout { width: 80 }.wrap(&text);
        assert!(wrapped.lines().all(|line| line.chars().count() <= 80));
        assert_eq!(wrapped.split_whitespace().count(), 60);
        assert!(wrapped.lines().skip(1).all(|line| line.starts_with("  ")));
        let wide = Layout { width: 1000 }.wrap(&text);
        assert!(wide.lines().all(|line| line.chars().count() <= LONGEST_NOTE));
    }

    #[test]
    fn groups_that_do_not_fit_follow_below() {
        let header = ["Stage", "One\na", "One\nb", "Two\na", "Two\nb"];
        let rows = [["0", "1.0", "2.0", "30000.0", "4.0"].map(str::to_owned).to_vec()];
        let table = |width| Layout { width }.table("Title", (&header, &[2, 2]), &rows, &[]);
        insta::assert_snapshot!(table(29), @r"
        Title
        Stage  One  One      Two  Two
                 a    b        a    b
        -----------------------------
            0  1.0  2.0  30000.0  4.0
        ");
        insta::assert_snapshot!(table(28), @r"
        Title
        Stage  One  One
                 a    b
        ---------------
            0  1.0  2.0

        Stage      Two  Two
                     a    b
        -------------------
            0  30000.0  4.0
        ");
        assert_eq!(table(28), table(5), "a group is never torn");
    }
}
