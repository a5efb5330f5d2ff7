//! The graph as SVG, without any other program.

use super::{
    Arrow, Line, Picture,
    layout::{BOX, layout},
};
use std::{borrow::Cow, collections::BTreeMap, fmt::Write};

/// Letters of a name that are shown; the whole one is in the tooltip.
const LONGEST: usize = 38;
/// Width of a letter at this size, for people who have another font: a bit too wide.
const LETTER: f64 = 6.7;

/// Of a picture that stands alone, for light and dark.
const STYLE: &str = "
svg { background: var(--back); font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif;
  --back: #fff; --ink: #1c1f23; --line: #8b939e; --box: #f5f6f8; --edge: #b9c0c9; --hot: #d1242f; --changed: #b7791f; --failed: #d1242f; --ok: #2f8f4e; }
@media (prefers-color-scheme: dark) { svg { --back: #15181c; --ink: #e4e7eb; --line: #7d8590; --box: #22262c; --edge: #4a525c; --hot: #ff6b6b;
  --changed: #e3b341; --failed: #ff6b6b; --ok: #57ab5a; } }
.n rect { fill: var(--box); stroke: var(--edge); } .n text { fill: var(--ink); } .n .no { fill: var(--line); }
.a path { fill: none; stroke: var(--line); stroke-width: 1.2; } .a path.reach { stroke: transparent; stroke-width: 9; } marker path { fill: var(--line); }
.dashed { stroke-dasharray: 6 3; } .dotted { stroke-dasharray: 1.5 3; }
.hot rect { stroke: var(--hot); stroke-width: 2; } .a.hot path:not(.reach) { stroke: var(--hot); stroke-width: 2.4; } marker.hot path { fill: var(--hot); }
.n .mark { stroke: none; fill: var(--edge); } .s-changed .mark, .s-would-change .mark { fill: var(--changed); } .s-failed .mark, .s-blocked .mark { fill: var(--failed); } .s-ok .mark { fill: var(--ok); }
";

/// A file of its own.
pub fn svg(picture: &Picture, title: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}\n", drawn(picture, title, STYLE))
}

/// Without a style, for a page that has one. Each task is a group `n` with `data-task`, each edge a group `a` with `data-from` and `data-to`.
pub fn drawing(picture: &Picture, title: &str) -> String {
    drawn(picture, title, "")
}

fn drawn(picture: &Picture, title: &str, style: &str) -> String {
    // One line for each pair, with all reasons.
    let mut pairs: BTreeMap<(usize, usize), Vec<&Arrow>> = BTreeMap::new();
    for arrow in &picture.arrows {
        pairs.entry((arrow.from, arrow.to)).or_default().push(arrow);
    }
    let labels: Vec<String> = picture.tasks.iter().map(|task| short(&task.name)).collect();
    let edges: Vec<(usize, usize)> = pairs.keys().copied().collect();
    let digits = picture.tasks.len().to_string().len() as f64;
    let widths: Vec<f64> = picture
        .tasks
        .iter()
        .zip(&labels)
        .map(|(task, label)| {
            let took = task.took.as_ref().map_or(0.0, |took| width(took) + 10.0);
            width(label) + digits * LETTER + 28.0 + took
        })
        .collect();
    let layout = layout(&widths, &edges);
    let (wide, high) = (layout.width.ceil().max(80.0), layout.height.ceil().max(40.0));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" role=\"img\" aria-label=\"{}\">\n",
        escaped(title)
    );
    if !style.is_empty() {
        let _ = writeln!(out, "<title>{}</title><style>{style}</style>", escaped(title));
    }
    let tip = "viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\" markerUnits=\"userSpaceOnUse\"";
    let _ = writeln!(
        out,
        "<defs><marker id=\"tip\" {tip}><path d=\"M0 0L8 4L0 8z\"/></marker><marker id=\"hot\" class=\"hot\" {tip}><path d=\"M0 0L8 4L0 8z\"/></marker></defs>"
    );
    // The critical path above the others.
    let mut lines: Vec<_> = pairs.values().zip(&layout.routes).collect();
    lines.sort_by_key(|(arrows, _)| arrows[0].critical);
    for (arrows, route) in lines {
        let (first, path) = (arrows[0], path(route));
        let hot = arrows.iter().any(|arrow| arrow.critical);
        let line = match arrows.iter().map(|arrow| arrow.line).min_by_key(|line| *line as u8) {
            Some(Line::Dashed) => " class=\"dashed\"",
            Some(Line::Dotted) => " class=\"dotted\"",
            _ => "",
        };
        let names = [first.from, first.to].map(|at| picture.tasks[at].name.as_str());
        let why: Vec<&str> = arrows.iter().map(|arrow| arrow.why.as_str()).collect();
        let about = format!("{} before {}: {}", names[0], names[1], why.join("; "));
        let (class, tip) = if hot { ("a hot", "hot") } else { ("a", "tip") };
        let _ = writeln!(
            out,
            "<g class=\"{class}\" data-from=\"{}\" data-to=\"{}\"><path{line} d=\"{path}\" marker-end=\"url(#{tip})\"/><path class=\"reach\" d=\"{path}\"><title>{}</title></path></g>",
            first.from,
            first.to,
            escaped(&about)
        );
    }
    for (at, (task, label)) in picture.tasks.iter().zip(&labels).enumerate() {
        let placed = &layout.boxes[at];
        let (x, y, width) = (placed.x, placed.y, placed.width);
        let mut class = String::from("n");
        if let Some(status) = task.status {
            let _ = write!(class, " s-{}", status.replace(' ', "-"));
        }
        if task.critical {
            class += " hot";
        }
        let said: Vec<&str> = task.status.into_iter().chain(task.took.as_deref()).collect();
        let said = if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) };
        let top = y - BOX / 2.0;
        let _ = write!(
            out,
            "<g class=\"{class}\" data-task=\"{at}\"><title>{}{said}</title><rect x=\"{x:.0}\" y=\"{top:.0}\" width=\"{width:.0}\" height=\"{BOX}\" rx=\"4\"/>\
             <rect class=\"mark\" x=\"{x:.0}\" y=\"{top:.0}\" width=\"4\" height=\"{BOX}\" rx=\"2\"/>\
             <text x=\"{:.0}\" y=\"{y:.0}\" dominant-baseline=\"central\"><tspan class=\"no\">{}</tspan> {}</text>",
            escaped(&task.name),
            x + 11.0,
            at + 1,
            escaped(label),
        );
        if let Some(took) = &task.took {
            let _ = write!(
                out,
                "<text class=\"no\" x=\"{:.0}\" y=\"{y:.0}\" text-anchor=\"end\" dominant-baseline=\"central\">{}</text>",
                x + width - 7.0,
                escaped(took)
            );
        }
        out.push_str("</g>\n");
    }
    out + "</svg>"
}

/// Level through its stops, and curved between them.
fn path(route: &[(f64, f64)]) -> String {
    let mut out = format!("M{:.0} {:.0}", route[0].0, route[0].1);
    for (at, two) in route.windows(2).enumerate() {
        let ((x, y), (to_x, to_y)) = (two[0], two[1]);
        // From a stop's left to its right it is level; all else is a gap between layers.
        if at % 2 == 1 || (y - to_y).abs() < 0.5 {
            let _ = write!(out, "L{to_x:.0} {to_y:.0}");
        } else {
            let middle = (x + to_x) / 2.0;
            let _ = write!(out, "C{middle:.0} {y:.0} {middle:.0} {to_y:.0} {to_x:.0} {to_y:.0}");
        }
    }
    out
}

/// As wide as it may be drawn: letters of East Asia take twice the room.
fn width(text: &str) -> f64 {
    let letter = |c: char| if c as u32 >= 0x1100 { 2.0 } else { 1.0 };
    text.chars().map(letter).sum::<f64>() * LETTER
}

fn short(name: &str) -> String {
    let name: String = name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if name.chars().count() <= LONGEST {
        return name;
    }
    // Tasks of a role begin alike, and items of a loop differ in their end.
    let all: Vec<char> = name.chars().collect();
    let (head, tail) = (&all[..LONGEST - 13], &all[all.len() - 12..]);
    format!("{}…{}", String::from_iter(head), String::from_iter(tail))
}

/// Text for XML or HTML, inside an element or a quoted attribute; what XML cannot hold, and what would turn the direction of the text behind
/// it, is replaced by a sign of its own.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !matches!(c, '&' | '<' | '>' | '"' | '\'') && is_xml(c);
    if text.chars().all(is_plain) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(plain(c)),
        }
    }
    out.into()
}

/// A letter as it is shown: what is none, or would turn the direction of the text behind it, as a sign of its own.
pub fn plain(c: char) -> char {
    if is_xml(c) { c } else { '\u{fffd}' }
}

fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{7e}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
        && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Drawn;

    #[test]
    fn hostile_names_are_text() {
        let name = "</title></g><script>alert(1)</script> \u{1b}[31m \u{202e} \"'&amp; \0 ]]>";
        let task = || Drawn { name: name.into(), critical: true, ..Drawn::default() };
        let why = "result `<b>`".to_string();
        let arrow = Arrow { from: 0, to: 1, why, line: Line::Dotted, critical: true };
        let picture = Picture { tasks: vec![task(), task()], arrows: vec![arrow], order: vec![0, 1] };
        let out = svg(&picture, "host <b>");
        assert!(!out.contains("<script") && !out.contains("<b>") && !out.contains('\u{1b}'), "{out}");
        assert!(!out.contains('\u{202e}') && !out.contains('\0'), "{out}");
        assert_eq!(out.matches("<g ").count(), 3);
        assert!(
            out.contains("&lt;/title&gt;&lt;/g&gt;&lt;script&gt;") && out.contains("class=\"dotted\""),
            "{out}"
        );
        assert!(!drawing(&picture, "x").contains("<style"), "a page has one");
    }

    #[test]
    fn long_names_keep_their_beginning_and_their_end() {
        let name = format!("base : files of the application ({})", "deep/".repeat(9) + "last.conf");
        assert_eq!(short(&name), "base : files of the appli…p/last.conf)");
        assert_eq!(short("motd"), "motd");
    }
}
