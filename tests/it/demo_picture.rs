//! The README's picture of `postmeter demo` shows what the demo prints.
//!
//! `POSTMETER_WRITE_DOCS=1 cargo test --locked --test it -- demo_picture::` writes it again.

use std::fmt::Write;
use std::fs;

use crate::support::command::{project_file, run, text};

const PICTURE: &str = "docs/demo.svg";
const COMMAND: &str = "postmeter demo --seconds 3 --seed 7";

/// Columns of the pictured terminal.
const COLUMNS: usize = 120;

/// Sizes in pixels.
const CHARACTER_WIDTH: f64 = 8.0;
const LINE_HEIGHT: usize = 20;
const MARGIN: usize = 20;
const TITLE_BAR_HEIGHT: usize = 34;

const DIM: &str = "#8b949e";
const PLAIN: &str = "#e6edf3";
const GREEN: &str = "#3fb950";

struct Line {
    text: String,
    colour: &'static str,
}

#[test]
fn picture_shows_what_the_demo_prints() {
    let arguments: Vec<_> = COMMAND.split_whitespace().skip(1).collect();
    let output = run(&arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = picture(&lines(text(&output.stdout)));
    if std::env::var_os("POSTMETER_WRITE_DOCS").is_some_and(|value| value == "1") {
        fs::write(project_file(PICTURE), &expected).expect("the picture can be written");
    }
    let found = fs::read_to_string(project_file(PICTURE)).expect("the picture is there");
    assert!(found == expected, "{PICTURE} is out of date: run this with POSTMETER_WRITE_DOCS=1");
}

/// The terminal at the end of the demo. The lines of each second, with figures of the machine, come
/// before the first empty line, and a terminal has overwritten them.
fn lines(printed: &str) -> Vec<Line> {
    let (_, end) = printed.split_once("\n\n").expect("an empty line comes before the table");
    // A row that is too long continues in the column of its last cell.
    let metrics_column = end.find("metrics").expect("the table has a heading");
    let prompt = Line { text: format!("$ {COMMAND}"), colour: GREEN };
    let mut lines = vec![prompt];
    for line in end.lines().map(str::trim_end) {
        let colour = match line {
            _ if [" destination", " campaign ", " mailbox provider "]
                .iter()
                .any(|head| line.starts_with(head)) =>
            {
                DIM
            }
            _ if line.starts_with("Every figure") => GREEN,
            _ => PLAIN,
        };
        let indent = if line.starts_with(' ') { metrics_column } else { 0 };
        lines.extend(wrapped(line, indent).into_iter().map(|text| Line { text, colour }));
    }
    lines
}

/// Breaks a line at spaces, so that it fits the terminal.
fn wrapped(line: &str, indent: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = line.to_owned();
    while rest.chars().count() > COLUMNS {
        let end = rest.char_indices().nth(COLUMNS).map_or(rest.len(), |(at, _)| at);
        let place = rest[..end].rfind("  ").or_else(|| rest[..end].rfind(' '));
        let place = place.expect("a line has spaces");
        let next = format!("{:indent$}{}", "", rest[place..].trim_start());
        lines.push(rest[..place].trim_end().to_owned());
        rest = next;
    }
    lines.push(rest);
    lines
}

fn picture(lines: &[Line]) -> String {
    let width = pixels(COLUMNS) + 2.0 * as_pixels(MARGIN);
    let height = TITLE_BAR_HEIGHT + LINE_HEIGHT * lines.len() + MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title\">\n\
         <title id=\"title\">{COMMAND}: counts by event destination, equal to what was sent</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#0d1117\"/>\n"
    );
    for (at, colour) in ["#ff5f57", "#febc2e", "#28c840"].into_iter().enumerate() {
        let x = MARGIN + 20 * at;
        writeln!(svg, "<circle cx=\"{x}\" cy=\"17\" r=\"6\" fill=\"{colour}\"/>").expect("a text");
    }
    svg.push_str(
        "<g font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', \
         monospace\" font-size=\"13\" xml:space=\"preserve\">\n",
    );
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.text.is_empty()) {
        let y = TITLE_BAR_HEIGHT + LINE_HEIGHT * (at + 1) - 5;
        // The explicit width keeps the columns aligned in any font.
        let columns = line.text.chars().count();
        writeln!(
            svg,
            "<text x=\"{MARGIN}\" y=\"{y}\" fill=\"{}\" textLength=\"{}\">{}</text>",
            line.colour,
            pixels(columns),
            escaped(&line.text)
        )
        .expect("a text");
    }
    svg.push_str("</g>\n</svg>\n");
    svg
}

fn pixels(columns: usize) -> f64 {
    as_pixels(columns) * CHARACTER_WIDTH
}

fn as_pixels(count: usize) -> f64 {
    f64::from(u16::try_from(count).expect("a picture is small"))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
