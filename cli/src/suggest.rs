//! "Did you mean": the name closest to a mistyped one.

/// The member of `names` closest to `typed`, when it is close enough to be meant.
pub(crate) fn closest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (typed.chars().count() / 3).max(1);
    names.into_iter().map(|name| (distance(typed, name), name)).filter(|(d, _)| *d <= bound).min().map(|(_, name)| name)
}

/// Levenshtein distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let next = (diagonal + usize::from(x != *y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = next;
            left = next;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str, names: &[&str], expected: Option<&str>) {
        assert_eq!(closest(typed, names.iter().copied()), expected, "{typed}");
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        check("slak", &["jira", "slack"], Some("slack"));
        check("weekly_report", &["weekly_reports", "daily_reports"], Some("weekly_reports"));
        check("slack-readonly", &["slack-full", "slack-read-only"], Some("slack-read-only"));
        check("github", &["jira", "slack"], None);
        check("", &["jira"], None);
    }

    #[test]
    fn the_distance_counts_insertions_deletions_and_changes() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
