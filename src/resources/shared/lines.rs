//! Lines of a text file that belong to a task, among others that stay.

use super::{body, line_break};

/// The text in which just `wanted` are ours, in the place of the first that was. `form` tells ours, and when two say the same: lines that
/// say what is wanted stay as they are laid out.
pub fn own_lines(text: &str, form: impl Fn(&str) -> Option<String>, wanted: &[String]) -> String {
    let found: Vec<_> = text.lines().filter_map(&form).collect();
    if found == wanted.iter().filter_map(|line| form(line)).collect::<Vec<_>>() {
        return text.into();
    }
    let end = line_break(text);
    let wanted: String = wanted.iter().map(|line| format!("{line}{end}")).collect();
    let (mut out, mut is_placed) = (String::new(), false);
    for line in text.split_inclusive('\n') {
        if form(body(line)).is_none() {
            out.push_str(line);
        } else if !is_placed {
            out.push_str(&wanted);
            is_placed = true;
        }
    }
    if !is_placed {
        if !out.is_empty() && !out.ends_with('\n') {
            out.push_str(end);
        }
        out.push_str(&wanted);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::own_lines;

    fn form(line: &str) -> Option<String> {
        line.trim().strip_prefix("a=").map(String::from)
    }

    #[test]
    fn lines_of_others_stay() {
        let own = |text: &str, wanted: &[&str]| {
            own_lines(text, form, &wanted.iter().map(ToString::to_string).collect::<Vec<_>>())
        };
        assert_eq!(own("# x\n a=1 \nb=2\na=3\n", &["a=4"]), "# x\na=4\nb=2\n");
        assert_eq!(own("# x\n  a=1\n", &["a=1"]), "# x\n  a=1\n");
        assert_eq!(own("b=2", &["a=1"]), "b=2\na=1\n");
        assert_eq!(own("b=2\r\na=1", &["a=3"]), "b=2\r\na=3\r\n");
        assert_eq!(own("a=1\nb=2\n", &[]), "b=2\n");
        assert_eq!(own("", &["a=1", "a=2"]), "a=1\na=2\n");
    }
}
