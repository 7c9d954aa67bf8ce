//! Figures as people read them: medians, ratios, units.

use std::time::Duration;

use anyhow::{Context, Result};

/// The middle one; of an even number the upper of the two.
pub(super) fn median<T: Ord>(figures: impl Iterator<Item = T>) -> Result<T> {
    let mut sorted: Vec<T> = figures.collect();
    sorted.sort();
    let middle = sorted.len() / 2;
    let found = sorted.into_iter().nth(middle);
    found.context("nothing was measured")
}

/// `7.3 ms`, `412 ms`, `5.1 s`.
pub(super) fn time(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        ..100.0 => format!("{ms:.1} ms"),
        ..1000.0 => format!("{ms:.0} ms"),
        _ => format!("{:.1} s", ms / 1e3),
    }
}

/// How many times the first the second is: `31×`, `2.4×`, `0.8×`.
pub(super) fn ratio(ours: f64, theirs: f64) -> String {
    match theirs / ours {
        ratio if !ratio.is_finite() => "–".to_owned(),
        ratio if ratio >= 9.95 => format!("{ratio:.0}×"),
        ratio => format!("{ratio:.1}×"),
    }
}

/// [`ratio`] of two times.
pub(super) fn ratio_of_times(ours: Duration, theirs: Duration) -> String {
    ratio(ours.as_secs_f64(), theirs.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median([3, 1, 2].into_iter()).unwrap(), 2);
        assert_eq!(median([4, 1, 2, 3].into_iter()).unwrap(), 3);
        assert!(median(std::iter::empty::<u8>()).is_err());
    }

    #[test]
    fn figures_have_two_digits_that_mean_something() {
        let ms = |ms| time(Duration::from_secs_f64(ms / 1e3));
        assert_eq!(
            (ms(7.31), ms(412.4), ms(5_123.0)),
            ("7.3 ms".into(), "412 ms".into(), "5.1 s".into())
        );
        assert_eq!(
            (ratio(1.0, 31.2), ratio(5.0, 12.0), ratio(0.0, 1.0)),
            ("31×".into(), "2.4×".into(), "–".into())
        );
    }
}
