//! Comparison of a day with the days before it.
//!
//! Uses the minimum and the maximum of the days before, so that an administrator can verify the result with the
//! displayed numbers.

use crate::text_enum;

/// The number of days that the last one is compared with.
pub const DAYS_BEFORE: usize = 6;
/// Smaller differences are ignored.
const LEAST_DIFFERENCE: i64 = 10;

text_enum! {
    /// How a day compares with those before it.
    pub enum DayComparison {
        /// Nothing was counted in the days before.
        Unknown = "unknown",
        /// Between half of the least and one and a half times the most of them.
        Usual = "usual",
        /// More than that range.
        More = "more",
        /// Less than that range.
        Less = "less",
    }
}

impl DayComparison {
    /// How `day` compares with the numbers of the days before.
    #[must_use]
    pub fn of(day: i64, before: &[i64; DAYS_BEFORE]) -> Self {
        let [least, most] = range(before);
        if most == 0 && before.iter().all(|n| *n == 0) {
            return Self::Unknown;
        }
        if day - most >= LEAST_DIFFERENCE && day > most + most / 2 {
            return Self::More;
        }
        if least - day >= LEAST_DIFFERENCE && day < least / 2 {
            return Self::Less;
        }
        Self::Usual
    }
}

/// The minimum and the maximum.
#[must_use]
pub fn range(before: &[i64; DAYS_BEFORE]) -> [i64; 2] {
    let least = before.iter().copied().min().unwrap_or_default();
    let most = before.iter().copied().max().unwrap_or_default();
    [least, most]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_compared_with_the_least_and_the_most_of_the_days_before() {
        let before = [100, 120, 90, 110, 105, 95];
        for (day, expected) in [
            (100, DayComparison::Usual),
            (180, DayComparison::Usual),
            (181, DayComparison::More),
            (45, DayComparison::Usual),
            (44, DayComparison::Less),
            (0, DayComparison::Less),
        ] {
            assert_eq!(DayComparison::of(day, &before), expected, "{day}");
        }
        // Small numbers vary.
        assert_eq!(DayComparison::of(9, &[0, 0, 0, 1, 0, 0]), DayComparison::Usual);
        assert_eq!(DayComparison::of(0, &[5, 6, 5, 7, 5, 6]), DayComparison::Usual);
        assert_eq!(DayComparison::of(500, &[0; DAYS_BEFORE]), DayComparison::Unknown);
    }
}
