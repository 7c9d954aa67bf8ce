//! Moments, in whole seconds since the epoch, as people and records write them down.

use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer, ser};
use time::{Date, OffsetDateTime, Time};

/// As records have it, for a JSON Schema.
pub const PATTERN: &str = "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";

/// `2026-02-03 04:05:06`, in UTC; none for a time that no calendar has.
pub fn utc(at: u64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(i64::try_from(at).ok()?).ok()?;
    Some(format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    ))
}

/// `2026-02-03T04:05:06Z`, as records have it.
fn written(at: u64) -> Option<String> {
    Some(utc(at)?.replacen(' ', "T", 1) + "Z")
}

/// A moment as [`written`], and in no other form.
fn read(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u16>().ok();
    let small = |from: usize| u8::try_from(number(from, from + 2)?).ok();
    let year = i32::from(number(0, 4)?);
    let date = Date::from_calendar_date(year, small(5)?.try_into().ok()?, small(8)?).ok()?;
    let time = Time::from_hms(small(11)?, small(14)?, small(17)?).ok()?;
    let at = u64::try_from(OffsetDateTime::new_utc(date, time).unix_timestamp()).ok()?;
    // Whatever else is not as it should be shows in what this moment is written as.
    (written(at)? == text).then_some(at)
}

/// A moment in UTC, whose fractions of a second do not matter: `2026-02-03T04:05:06.789Z`.
pub fn read_prefix(text: &str) -> Option<u64> {
    let (whole, rest) = text.split_at_checked(19)?;
    let fraction = rest
        .strip_suffix('Z')
        .or_else(|| rest.strip_suffix("+00:00"))?;
    let digits = fraction.strip_prefix('.').unwrap_or(fraction);
    let fits = digits.bytes().all(|byte| byte.is_ascii_digit());
    read(&format!("{whole}Z")).filter(|_| fits)
}

/// For `#[serde(with = "…")]`.
pub fn serialize<S: Serializer>(at: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    let text = written(*at).ok_or_else(|| ser::Error::custom("no calendar has this time"))?;
    serializer.serialize_str(&text)
}

/// For `#[serde(with = "…")]`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).ok_or_else(|| {
        D::Error::custom(format!(
            "{text:?} is no time; it must be in UTC, as 2026-02-03T04:05:06Z"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_utc_in_whole_seconds_is_read() {
        assert_eq!(read("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(read("2026-11-28T16:20:00Z"), Some(1_795_882_800));
        assert_eq!(utc(1_795_882_800).unwrap(), "2026-11-28 16:20:00");
        for text in [
            "",
            "2026-11-28",
            "2026-11-28 16:20:00Z",
            "2026-11-28T16:20:00",
            "2026-11-28T16:20:00.000Z",
            "2026-11-28T16:20:00+00:00",
            "2026-02-30T16:20:00Z",
            "2026-13-01T16:20:00Z",
            "2026-11-28T24:20:00Z",
            "+026-11-28T16:20:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-28T16:20:00Zé",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(utc(u64::MAX), None);
    }

    #[test]
    fn fractions_of_a_second_do_not_matter() {
        for text in [
            "2026-11-28T16:20:00Z",
            "2026-11-28T16:20:00.123Z",
            "2026-11-28T16:20:00.123456+00:00",
        ] {
            assert_eq!(read_prefix(text), Some(1_795_882_800), "{text}");
        }
        for text in [
            "",
            "2026-11-28",
            "2026-11-28T16:20:00",
            "2026-11-28T16:20:00.1xZ",
        ] {
            assert_eq!(read_prefix(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(at in 0..253_402_300_800_u64, text in "\\PC{0,24}") {
            prop_assert_eq!(read(&written(at).unwrap()), Some(at));
            prop_assert!(read(&text).is_none_or(|at| written(at).unwrap() == text));
        }
    }
}
