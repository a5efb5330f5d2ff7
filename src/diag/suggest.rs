//! Did-you-mean.

/// The known name closest to what was written, when close enough to be a slip (optimal string alignment distance
/// of at most a third of the length, at least 1).
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (written.chars().count().max(3)) / 3;
    let scored =
        known.into_iter().map(|name| (distance(&written.to_lowercase(), &name.to_lowercase()), name));
    // Of two single letters none is a slip of the other.
    let close = |(d, name): &(usize, &str)| {
        *d <= limit && (*d == 0 || *d < written.chars().count().max(name.chars().count()))
    };
    scored.filter(close).min_by_key(|(d, _)| *d).map(|(_, name)| name)
}

fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let substitute = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substitute.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        assert_eq!(did_you_mean("tempalte", ["copy", "template", "file"]), Some("template"));
        assert_eq!(did_you_mean("mod", ["mode", "path"]), Some("mode"));
        assert_eq!(did_you_mean("Notify", ["notify"]), Some("notify"));
        assert_eq!(did_you_mean("b", ["a"]), None);
        assert_eq!(did_you_mean("bb", ["b"]), Some("b"));
        assert_eq!(did_you_mean("zzz", ["mode", "path"]), None);
    }
}
