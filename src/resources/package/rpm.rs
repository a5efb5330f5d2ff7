//! Versions of rpm packages: `EPOCH:VERSION-RELEASE`, the epoch left out when it is 0.

use std::cmp::Ordering;

fn parts(evr: &str) -> (u64, &str, &str) {
    let (epoch, rest) =
        evr.split_once(':').map_or((0, evr), |(epoch, rest)| (epoch.parse().unwrap_or(0), rest));
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, version, release)
}

/// How it may be written: in full, without the release, without the epoch.
pub fn forms(evr: &str) -> Vec<&str> {
    let rest = evr.split_once(':').map_or(evr, |(_, rest)| rest);
    let version = |text: &str| text.rfind('-').unwrap_or(text.len());
    vec![evr, &evr[..version(evr)], rest, &rest[..version(rest)]]
}

/// Which is the newer one.
pub fn order(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    let releases = || if a.2.is_empty() || b.2.is_empty() { Ordering::Equal } else { compare(a.2, b.2) };
    a.0.cmp(&b.0).then_with(|| compare(a.1, b.1)).then_with(releases)
}

/// Part for part: digits as numbers, letters as text, numbers before letters; `~` before the end, `^` after it.
fn compare(mut a: &str, mut b: &str) -> Ordering {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '~' || c == '^';
    loop {
        a = a.trim_start_matches(|c| !plain(c));
        b = b.trim_start_matches(|c| !plain(c));
        let (first_a, first_b) = (a.chars().next(), b.chars().next());
        for (mark, without) in [('~', Ordering::Less), ('^', Ordering::Greater)] {
            match (first_a == Some(mark), first_b == Some(mark)) {
                (true, true) => {}
                // A `^` is newer than the end, but older than more of the same.
                (true, false) if mark == '^' && first_b.is_some() => return Ordering::Less,
                (false, true) if mark == '^' && first_a.is_some() => return Ordering::Greater,
                (true, false) => return without,
                (false, true) => return without.reverse(),
                (false, false) => {}
            }
        }
        let (Some(one), Some(other)) = (first_a, first_b) else {
            return first_a.is_some().cmp(&first_b.is_some());
        };
        if one == '~' || one == '^' {
            (a, b) = (&a[1..], &b[1..]);
            continue;
        }
        let digits = one.is_ascii_digit();
        if digits != other.is_ascii_digit() {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let same = |c: char| if digits { c.is_ascii_digit() } else { c.is_ascii_alphabetic() };
        let end = |text: &str| text.find(|c| !same(c)).unwrap_or(text.len());
        let ((part_a, rest_a), (part_b, rest_b)) = (a.split_at(end(a)), b.split_at(end(b)));
        let order = if digits {
            let (x, y) = (part_a.trim_start_matches('0'), part_b.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            part_a.cmp(part_b)
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

#[cfg(test)]
mod tests {
    use super::{forms, order};

    /// As `rpm --eval '%{lua:print(rpm.vercmp("a", "b"))}'` has it.
    #[test]
    fn versions_are_ordered_as_rpm_orders_them() {
        for (lower, higher) in [
            ("1.0-1", "1.0-2"),
            ("1.9-1", "1.10-1"),
            ("2.0-1", "1:1.0-1"),
            ("1.0~rc1-1", "1.0-1"),
            ("1.0-1", "1.0^git1-1"),
            ("1.0^git1-1", "1.0.1-1"),
            ("1.0a-1", "1.0.1-1"),
            ("1.0a-1", "1.0b-1"),
            ("1.0-1.fc40", "1.0-1.fc41"),
            ("1.0-1", "1.0.0-1"),
        ] {
            assert!(order(lower, higher).is_lt(), "{lower} {higher}");
            assert!(order(higher, lower).is_gt(), "{higher} {lower}");
        }
        assert!(
            order("1.01-1", "1.1-1").is_eq()
                && order("0:1-1", "1-1").is_eq()
                && order("1.0", "1.0-3").is_eq()
        );
    }

    #[test]
    fn a_version_may_be_written_short() {
        assert_eq!(forms("1:2.0-3"), ["1:2.0-3", "1:2.0", "2.0-3", "2.0"]);
        assert_eq!(forms("2.0-3"), ["2.0-3", "2.0", "2.0-3", "2.0"]);
    }
}
