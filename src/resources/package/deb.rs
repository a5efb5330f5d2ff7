//! Versions of Debian packages: `EPOCH:UPSTREAM-REVISION`, the epoch 0 and the revision empty when they are left out.

use std::cmp::Ordering;

fn parts(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) =
        version.split_once(':').map_or((0, version), |(epoch, rest)| (epoch.parse().unwrap_or(0), rest));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    (epoch, upstream, revision)
}

/// Which is the newer one.
pub fn order(a: &str, b: &str) -> Ordering {
    let (a, b) = (parts(a), parts(b));
    a.0.cmp(&b.0).then_with(|| compare(a.1, b.1)).then_with(|| compare(a.2, b.2))
}

/// Text and number by turns: `~` before the end, the end before letters, letters before all else.
fn compare(mut a: &str, mut b: &str) -> Ordering {
    let weight = |c: Option<char>| match c {
        Some('~') => -1,
        Some(c) if c.is_ascii_digit() => 0,
        None => 0,
        Some(c) if c.is_ascii_alphabetic() => c as i32,
        Some(c) => c as i32 + 256,
    };
    let is_text = |text: &str| text.starts_with(|c: char| !c.is_ascii_digit());
    while !a.is_empty() || !b.is_empty() {
        while is_text(a) || is_text(b) {
            let (mut rest_a, mut rest_b) = (a.chars(), b.chars());
            let order = weight(a.chars().next()).cmp(&weight(b.chars().next()));
            if order.is_ne() {
                return order;
            }
            rest_a.next();
            rest_b.next();
            (a, b) = (rest_a.as_str(), rest_b.as_str());
        }
        let number = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let ((digits_a, rest_a), (digits_b, rest_b)) = (a.split_at(number(a)), b.split_at(number(b)));
        let (x, y) = (digits_a.trim_start_matches('0'), digits_b.trim_start_matches('0'));
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

#[cfg(test)]
mod tests {
    use super::order;

    /// As `dpkg --compare-versions` has it.
    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        for (lower, higher) in [
            ("1.0-1", "1.0-2"),
            ("1.9", "1.10"),
            ("2.0-1", "1:1.0-1"),
            ("1.0~rc1-1", "1.0-1"),
            ("1.0~~", "1.0~"),
            ("1.0", "1.0a"),
            ("1.0a", "1.0+b"),
            ("1.0-1~deb12u1", "1.0-1"),
            ("1.0-1", "1.0-1+deb12u1"),
            ("1.0", "1.0-1"),
            ("1.0-1-1", "1.0-2-0"),
            ("9", "09.1"),
        ] {
            assert!(order(lower, higher).is_lt(), "{lower} {higher}");
            assert!(order(higher, lower).is_gt(), "{higher} {lower}");
        }
        for (one, same) in [("1.01-1", "1.1-1"), ("0:1-1", "1-1"), ("1.0-0", "1.0"), ("1.0-1", "1.0-01")] {
            assert!(order(one, same).is_eq(), "{one} {same}");
        }
    }
}
