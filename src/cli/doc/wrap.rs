//! Text for a terminal of 80 columns.

/// Widest a line gets.
const WIDTH: usize = 80;

/// Paragraphs as lines of at most 80 columns behind `indent`; items of a list keep their lines, and code stays as it is.
pub(super) fn wrapped(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut open = String::new();
    let mut is_code = false;
    for line in text.lines() {
        let is_fence = line.trim_start().starts_with("```");
        let is_item = ["- ", "* ", "| "].iter().any(|mark| line.trim_start().starts_with(mark));
        if is_code || is_fence || is_item || line.trim().is_empty() || line.starts_with("    ") {
            flow(&std::mem::take(&mut open), indent, indent, &mut out);
        }
        is_code ^= is_fence;
        if is_code || is_fence || line.starts_with("    ") {
            out += format!("{:indent$}{line}", "").trim_end();
            out.push('\n');
        } else if line.trim().is_empty() {
            out.push('\n');
        } else if is_item {
            let deeper = line.len() - line.trim_start().len();
            flow(line.trim_start(), indent + deeper, indent + deeper + 2, &mut out);
        } else {
            open += line.trim();
            open.push(' ');
        }
    }
    flow(&open, indent, indent, &mut out);
    out
}

/// Words on lines, the first one behind `first` blanks and the others behind `rest`.
pub(super) fn flow(text: &str, first: usize, rest: usize, out: &mut String) {
    let (mut column, mut indent) = (0, first);
    for word in words(text) {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push('\n');
            (column, indent) = (0, rest);
        }
        if column == 0 {
            *out += &" ".repeat(indent);
            column = indent;
        } else {
            out.push(' ');
            column += 1;
        }
        *out += word;
        column += width;
    }
    if column > 0 {
        out.push('\n');
    }
}

/// Words; what stands in backquotes is not broken unless it is long.
fn words(text: &str) -> Vec<&str> {
    let (mut found, mut start, mut quoted) = (vec![], None::<usize>, false);
    for (at, letter) in text.char_indices() {
        quoted ^= letter == '`';
        let long = start.is_some_and(|start| at - start > WIDTH / 2);
        if letter.is_whitespace() && (!quoted || long) {
            found.extend(start.take().map(|start| &text[start..at]));
        } else if !letter.is_whitespace() && start.is_none() {
            start = Some(at);
        }
    }
    found.extend(start.map(|start| text[start..].trim_end()));
    found
}

/// The first sentence of a text.
pub(super) fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or_default();
    let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
    let ends = paragraph.match_indices(". ").map(|(at, _)| at).find(|at| {
        let next = paragraph[at + 2..].chars().next();
        let quoted = paragraph[..*at].matches('`').count() % 2 == 1;
        !quoted && next.is_some_and(|letter| letter.is_uppercase() || letter == '`')
    });
    ends.map_or(paragraph.clone(), |at| paragraph[..=at].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_a_terminal_and_nothing_is_lost() {
        let text = format!(
            "{}`{}` end.\n\n- {}\n\n```\n{}\n```\n",
            "word ".repeat(30),
            "a b ".repeat(5),
            "item ".repeat(30),
            "x ".repeat(3)
        );
        let found = wrapped(&text, 6);
        assert!(
            found
                .lines()
                .all(|line| line.chars().count() <= WIDTH && (line.is_empty() || line.starts_with("      "))),
            "{found}"
        );
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(bare(&found), bare(&text));
        assert!(found.contains("\n\n      - item item") && found.contains("\n        item"), "{found}");
    }

    #[test]
    fn a_sentence_ends_before_the_next_one_begins() {
        assert_eq!(first_sentence("Makes `a. B` so, e.g. here. Then more."), "Makes `a. B` so, e.g. here.");
        assert_eq!(first_sentence("One\nline\n\nMore."), "One line");
        assert_eq!(first_sentence("One. `two` is next."), "One.");
    }
}
