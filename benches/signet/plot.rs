//! The results as a chart: for each measurement a bar with its share of the ceiling.

use std::fmt::Write as _;

use crate::report::Row;

const LEFT: usize = 300;
const WIDTH: usize = 420;
const LINE: usize = 26;

/// The number of connections that is shown if several were measured.
const USUAL: usize = 64;

fn is_usual(row: &Row, rows: &[Row]) -> bool {
    let others = || rows.iter().filter(|other| other.work == row.work);
    row.connections == USUAL || others().all(|other| other.connections != USUAL)
}

/// An SVG that is readable on light and dark backgrounds.
pub fn svg(rows: &[Row]) -> String {
    let shown: Vec<&Row> =
        rows.iter().filter(|row| row.beside.is_some() && is_usual(row, rows)).collect();
    let height = shown.len() * LINE + 40;
    let width = LEFT + WIDTH + 200;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\" \
         aria-label=\"Share of the ceiling each work reaches\">\
         <style>text{{fill:#444}}@media(prefers-color-scheme:dark){{text{{fill:#ccc}}}}</style>"
    );
    for (index, row) in shown.iter().enumerate() {
        let Some((rate, of)) = row.beside else { continue };
        let ratio = row.measured.rate() / rate.max(1e-9);
        let (y, bar) = (index * LINE + 20, (ratio.min(1.1) * WIDTH as f64 / 1.1) as usize);
        let fill = if row.work.starts_with("oidc-provider") { "#9ca3af" } else { "#3b82f6" };
        // Writing to a `String` cannot fail.
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{} ({})</text>\
             <rect x=\"{LEFT}\" y=\"{y}\" width=\"{bar}\" height=\"16\" rx=\"2\" fill=\"{fill}\"/>\
             <text x=\"{}\" y=\"{}\">{:.2} of {of}: {:.0}/s</text>",
            LEFT - 8,
            y + 13,
            row.work,
            row.connections,
            LEFT + bar + 6,
            y + 13,
            ratio,
            row.measured.rate()
        );
    }
    svg.push_str("</svg>\n");
    svg
}
