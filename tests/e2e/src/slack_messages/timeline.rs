//! When people write: office hours of a few time zones, hardly on weekends.

use crate::random::Dice;

/// Monday 2026-10-12 00:00 UTC, in seconds since 1970.
const FIRST_DAY: u64 = 1_791_763_200;
const WEEKS: u64 = 5;
const DAY_S: u64 = 86_400;
const HOUR_S: u64 = 3_600;
const WEEKEND_PERCENT: u64 = 5;

/// A moment somebody starts a conversation, in seconds since 1970.
pub(crate) fn moment(dice: &mut Dice) -> u64 {
    let week = dice.number(0..=WEEKS - 1);
    let day = if dice.chance(WEEKEND_PERCENT) { dice.number(5..=6) } else { dice.number(0..=4) };
    // Two dice: most is written around noon UTC, little at seven or after seventeen.
    let hour = 7 + dice.number(0..=5) + dice.number(0..=5);
    FIRST_DAY + (week * 7 + day) * DAY_S + hour * HOUR_S + dice.number(0..=HOUR_S - 1)
}

/// A moment at which a program reports, by day or by night, in seconds since 1970.
pub(crate) fn any_moment(dice: &mut Dice) -> u64 {
    FIRST_DAY + dice.number(0..=WEEKS * 7 * DAY_S - 1)
}

/// How long the next one in a thread takes to answer, in seconds.
pub(crate) fn pause(dice: &mut Dice) -> u64 {
    let minutes = if dice.chance(75) { dice.number(1..=18) } else { dice.number(19..=150) };
    minutes * 60 + dice.number(0..=59)
}
