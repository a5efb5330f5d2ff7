//! The Gregorian calendar, as days counted from 1970-01-01, in both directions and without end. No leap seconds.
//!
//! The algorithm is Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (<https://howardhinnant.github.io/date_algorithms.html>): years begin in March, so that the leap day is the last of a year, and
//! 400 of them are one era of 146 097 days. 719 468 days lie between 0000-03-01 and 1970-01-01.

/// Seconds.
pub const DAY: i64 = 86_400;
const ERA: i64 = 146_097;
const BEFORE_1970: i64 = 719_468;

/// The number of a day. Months and days that no calendar has are taken as days past the end of what is there; see [`day`].
pub fn number(year: i64, month: i64, date: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + date - 1;
    era * ERA + year * 365 + year / 4 - year / 100 + of_year - BEFORE_1970
}

/// Year, month (from 1) and date of the day with this number.
pub fn civil(number: i64) -> (i64, i64, i64) {
    let days = number + BEFORE_1970;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, date)
}

/// The number of a day, if there is such a day.
pub fn day(year: i64, month: i64, date: i64) -> Option<i64> {
    let number = number(year, month, date);
    (civil(number) == (year, month, date)).then_some(number)
}

/// Seconds since 1970 (UTC) as `2026-11-28T15:55:56`, without the zone.
pub fn utc(seconds: i64) -> String {
    let (days, rest) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, date) = civil(days);
    format!("{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against counting: every day of 1600 to 2400, one by one, with the rule of leap years as it is told.
    #[test]
    fn every_day_of_eight_centuries_is_itself() {
        let mut next = number(1600, 1, 1);
        for year in 1600..2400 {
            let leaps = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let february = if leaps { 29 } else { 28 };
            for (month, days) in (1..).zip([31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
                for date in 1..=days {
                    assert_eq!((number(year, month, date), civil(next)), (next, (year, month, date)));
                    next += 1;
                }
                assert_eq!(day(year, month, days + 1), None, "{year}-{month}");
            }
        }
        assert_eq!(number(1970, 1, 1), 0);
        for nothing in
            [(2023, 2, 29), (2100, 2, 29), (2027, 13, 1), (2027, 0, 1), (2027, 1, 0), (2027, 1, -3)]
        {
            assert_eq!(day(nothing.0, nothing.1, nothing.2), None, "{nothing:?}");
        }
    }

    #[test]
    fn times_before_and_after_1970_are_written() {
        assert_eq!(utc(0), "1970-01-01T00:00:00");
        assert_eq!(utc(-1), "1969-12-31T23:59:59");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(utc(951_868_800), "2000-03-01T00:00:00");
        assert_eq!(utc(4_107_542_400), "2100-03-01T00:00:00");
        assert_eq!(utc(1_798_761_599), "2026-12-31T23:59:59");
    }
}
