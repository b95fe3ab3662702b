//! Numbers as JSON writes them, compared exactly: no value is rounded before it is judged.

use std::cmp::Ordering;

/// A number, by its digits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// Digits before the point.
    whole: &'a [u8],
    /// Digits after it.
    fraction: &'a [u8],
    /// Zeros before the first digit that is none.
    zeros: usize,
    /// Places from that digit to the point; none for zero.
    magnitude: Option<i64>,
}

impl<'a> Decimal<'a> {
    /// Reads a JSON number; none for anything else, and for exponents beyond 64 bits.
    pub(super) fn read(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let exponent: i64 = exponent.parse().ok()?;
        let (whole, fraction) = (whole.as_bytes(), fraction.as_bytes());
        let zeros = whole.iter().chain(fraction).take_while(|digit| **digit == b'0').count();
        let places = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?;
        let magnitude = match zeros < whole.len() + fraction.len() {
            true => Some(places.checked_add(exponent)?),
            false => None,
        };
        Some(Self { negative, whole, fraction, zeros, magnitude })
    }

    /// By value: `-0` is `0`, `1.0` is `1`.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match self.sign().cmp(&other.sign()) {
            Ordering::Equal => {}
            different => return different,
        }
        let (mine, theirs) = (self.digits(), other.digits());
        let length = (self.whole.len() + self.fraction.len()).max(other.whole.len() + other.fraction.len());
        let padded = std::iter::repeat(&b'0');
        let size = self.magnitude.cmp(&other.magnitude);
        let size = size.then_with(|| mine.chain(padded.clone()).take(length).cmp(theirs.chain(padded).take(length)));
        if self.negative { size.reverse() } else { size }
    }

    fn sign(&self) -> i8 {
        match (self.magnitude, self.negative) {
            (None, _) => 0,
            (Some(_), true) => -1,
            (Some(_), false) => 1,
        }
    }

    fn digits(&self) -> impl Iterator<Item = &'a u8> + use<'a> {
        self.whole.iter().chain(self.fraction).skip(self.zeros)
    }
}

/// Whether the number `text` is the number `named`, both or neither written as a whole number, with the same sign.
pub(super) fn is_written_as(text: &str, named: &str) -> bool {
    let (Some(left), Some(right)) = (Decimal::read(text), Decimal::read(named)) else {
        return false;
    };
    let is_whole = |text: &str| !text.contains(['.', 'e', 'E']);
    is_whole(text) == is_whole(named) && left.negative == right.negative && left.compare(&right).is_eq()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert_eq, proptest};

    fn check(left: &str, right: &str, expected: Ordering) {
        let (a, b) = (Decimal::read(left).unwrap(), Decimal::read(right).unwrap());
        assert_eq!((a.compare(&b), b.compare(&a)), (expected, expected.reverse()), "{left} {right}");
    }

    #[test]
    fn numbers_compare_as_they_are_written() {
        for same in [("1", "1.0"), ("0", "-0"), ("1e2", "100"), ("0.10", "1E-1"), ("0e5", "0.000"), ("12e-1", "1.2")] {
            check(same.0, same.1, Ordering::Equal);
        }
        for less in [
            ("9007199254740992", "9007199254740993"),
            ("1", "1.00000000000000000000000000000001"),
            ("1e308", "1e309"),
            ("-1e309", "-1e308"),
            ("-1", "0"),
            ("-2", "-1"),
            ("9.99", "10"),
            ("1e-400", "1e-399"),
            ("18446744073709551615", "18446744073709551616"),
        ] {
            check(less.0, less.1, Ordering::Less);
        }
    }

    #[test]
    fn what_is_no_number_is_not_read() {
        for text in ["", "-", "\"1\"", "true", "1e999999999999999999999", "NaN", "+1", ".5", "1e9223372036854775807"] {
            assert!(Decimal::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_number_is_another_spelling_only_by_value() {
        let same = [("1", "1"), ("1.50", "1.5"), ("1e2", "100.0")];
        assert!(same.iter().all(|(text, named)| is_written_as(text, named)));
        let other = [("1.0", "1"), ("1", "1.0"), ("-0", "0"), ("1e0", "1"), ("2", "1"), ("1", "true")];
        assert!(!other.iter().any(|(text, named)| is_written_as(text, named)));
    }

    proptest! {
        #[test]
        fn whole_numbers_compare_as_integers_do(a in any::<i128>(), b in any::<i64>()) {
            let (left, right) = (a.to_string(), b.to_string());
            let (left, right) = (Decimal::read(&left).unwrap(), Decimal::read(&right).unwrap());
            prop_assert_eq!(left.compare(&right), a.cmp(&i128::from(b)));
        }
    }
}
