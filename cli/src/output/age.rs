//! Times for people: how long ago, and durations as they are typed.

use crate::failure::Failure;
use control_plane_api::timestamp::Timestamp;
use std::time::Duration;

const UNITS: [(char, i64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// How long ago `time` was, in its two largest whole units: `3d4h`, `12m`, `0s`.
pub(crate) fn since(time: Timestamp) -> String {
    short(Timestamp::now().as_millis().saturating_sub(time.as_millis()) / 1000)
}

/// How long it is until `time`; `expired` where that lies behind.
pub(crate) fn until(time: Timestamp) -> String {
    let seconds = time.as_millis().saturating_sub(Timestamp::now().as_millis()) / 1000;
    if seconds <= 0 { "expired".to_owned() } else { short(seconds) }
}

fn short(seconds: i64) -> String {
    let mut rest = seconds.max(0);
    let mut parts = Vec::new();
    for (unit, size) in UNITS {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        } else if !parts.is_empty() {
            break;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.into_iter().take(2).collect() }
}

/// A duration such as `90s`, `15m`, `2h`, `7d` in seconds; a leading `-` means in the past.
pub(crate) fn parse_duration(text: &str) -> Result<i64, Failure> {
    let bad =
        || Failure::usage(format!("`{text}` is not a duration")).hint("use a number and a unit: 90s, 15m, 2h, 7d");
    let size = |unit| UNITS.iter().find(|(u, _)| *u == unit).map(|(_, size)| *size);
    let unit = text.chars().last().and_then(size).ok_or_else(bad)?;
    let number: i64 = text.get(..text.len() - 1).unwrap_or_default().parse().map_err(|_| bad())?;
    number.checked_mul(unit).ok_or_else(bad)
}

/// A time to wait: a duration, or a plain number of seconds; not nothing, and at most a day.
pub(crate) fn parse_timeout(text: &str) -> Result<Duration, Failure> {
    const MOST: i64 = 86_400;
    let seconds = match text.parse::<i64>() {
        Ok(seconds) => seconds,
        Err(_) => parse_duration(text)?,
    };
    match u64::try_from(seconds) {
        Ok(wanted @ 1..) if seconds <= MOST => Ok(Duration::from_secs(wanted)),
        _ => Err(Failure::usage(format!("`{text}` is no time to wait: it takes 1s to 1d"))),
    }
}

/// A moment: RFC 3339, or an age counted back from now.
pub(crate) fn parse_moment(text: &str) -> Result<Timestamp, Failure> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    match parse_duration(text) {
        Ok(seconds) => Ok(Timestamp::now().plus_millis(seconds.saturating_mul(-1000))),
        Err(_) => Err(Failure::usage(format!("`{text}` is neither a time nor an age"))
            .hint("use RFC 3339 such as 2026-07-28T09:00:00Z, or an age such as 90s, 15m, 2h, 7d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<i64>) {
        assert_eq!(parse_duration(text).ok(), expected, "{text}");
    }

    #[test]
    fn durations_are_a_number_and_a_unit() {
        check("90s", Some(90));
        check("15m", Some(900));
        check("2h", Some(7_200));
        check("7d", Some(604_800));
        check("0s", Some(0));
        check("-5m", Some(-300));
        for bad in ["", "s", "5", "5w", "1.5h", "5 m", "99999999999999999999d", "9223372036854775807d", "ä"] {
            check(bad, None);
        }
    }

    #[test]
    fn a_timeout_is_a_duration_or_seconds_and_never_nothing() {
        let seconds = |text| parse_timeout(text).ok().map(|time| time.as_secs());
        assert_eq!([seconds("30"), seconds("30s"), seconds("2m")], [Some(30), Some(30), Some(120)]);
        for bad in ["", "0", "0s", "-1", "-5m", "2d", "x"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn ages_show_their_two_largest_units() {
        assert_eq!(short(0), "0s");
        assert_eq!(short(59), "59s");
        assert_eq!(short(3_661), "1h1m");
        assert_eq!(short(90_061), "1d1h");
        assert_eq!(short(86_400 * 3 + 5), "3d");
        assert_eq!(short(-5), "0s");
    }

    #[test]
    fn what_ends_says_when_and_what_has_ended_says_so() {
        assert_eq!(until(Timestamp::now().plus_millis(7_200_500)), "2h");
        assert_eq!(until(Timestamp::now().plus_millis(-1)), "expired");
    }

    #[test]
    fn moments_are_absolute_or_ages() {
        assert_eq!(parse_moment("1970-01-01T00:00:01Z").unwrap().as_millis(), 1000);
        assert!(parse_moment("1h").unwrap().as_millis() < Timestamp::now().as_millis() - 3_599_000);
        assert!(parse_moment("yesterday").is_err());
    }
}
