//! Paths and what follows a place, judged by how they are written.
//!
//! A text is refused rather than put in order: what the gateway would make of `..` or `%2e` is not for sure what the
//! server makes of it. The gateway sees names, never files: a link that leads out of its folder is the server's affair.

/// Whether `path` is `folder` or inside it, and written plainly.
pub(super) fn is_under(path: &str, folder: &str) -> bool {
    match path.strip_prefix(folder) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('/').is_some_and(is_plain),
        None => false,
    }
}

/// Whether `rest` does not lead out of the place that `prefix` ends in. A name that `prefix` began goes on in `rest`.
pub(super) fn stays(prefix: &str, rest: &str) -> bool {
    is_plain(&format!("{}{rest}", prefix.rsplit('/').next().unwrap_or_default()))
}

/// Whether `names`, joined by `/`, are written in the one way there is to write them. A `/` may end them.
fn is_plain(names: &str) -> bool {
    names.is_empty() || names.strip_suffix('/').unwrap_or(names).split('/').all(is_plain_name)
}

/// No name of nothing, of the folder itself or of the one above, or that some file systems read as another.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && !name.starts_with("..")
        && !name.starts_with(' ')
        && !name.ends_with(['.', ' '])
        && name.chars().all(is_plain_letter)
}

/// Printable ASCII but `\` and `%`, and letters of other scripts but those of full width: nothing that is a separator, a
/// point or a mark on the letter before in any normal form of Unicode.
fn is_plain_letter(letter: char) -> bool {
    match letter {
        '\\' | '%' => false,
        ' '..='~' => true,
        '\u{ff00}'..='\u{ffef}' => false,
        _ => letter.is_alphabetic(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, expected: bool) {
        assert_eq!(is_under(path, "/safe"), expected, "{path:?}");
    }

    #[test]
    fn a_plain_path_is_inside_or_it_is_not() {
        for inside in
            ["/safe", "/safe/", "/safe/x", "/safe/x/", "/safe/x y/.z", "/safe/é/ж.txt", "/safe/a..b", "/safe/~$x"]
        {
            check(inside, true);
        }
        for outside in
            ["", "/", "/saf", "/safer", "/SAFE/x", "safe/x", " /safe/x", "./safe/x", "/other/safe/x", "/x/../safe"]
        {
            check(outside, false);
        }
    }

    #[test]
    fn what_is_not_plain_is_refused_wherever_it_leads() {
        for odd in [
            "/safe/..",
            "/safe/../x",
            "/safe/./x",
            "/safe//x",
            "/safe//",
            "//safe/x",
            "/safe/x/..",
            "/safe/...",
            "/safe/x.",
            "/safe/x /y",
            "/safe/ x",
            "/safe/x ",
            "/safe/%2e%2e/x",
            "/safe/%252e",
            "/safe\\..\\x",
            "/safe/\\",
            "/safe\0/../x",
            "/safe/\0",
            "/safe/\n",
            "/safe/\u{ff0f}x",
            "/safe/\u{ff0e}\u{ff0e}/x",
            "/safe/\u{2024}\u{2024}/x",
            "/safe/\u{2215}x",
            "/safe/e\u{301}",
            "/safe/\u{202e}x",
            "/safe/..;/x",
            "/safe/\u{2488}",
        ] {
            check(odd, false);
        }
    }

    #[test]
    fn what_follows_a_place_stays_in_it() {
        for (prefix, rest) in
            [("/safe/", ""), ("/safe/", "x"), ("https://x/acme/", "y/z"), ("/safe/rep", "orts/x"), ("/s", "")]
        {
            assert!(stays(prefix, rest), "{prefix} {rest}");
        }
        for (prefix, rest) in [
            ("/safe/", "../x"),
            ("/safe/", "/x"),
            ("/safe", "/../x"),
            ("/safe/.", "./x"),
            ("/safe/", "a/%2e%2e/x"),
            ("/s/", "a\\b"),
        ] {
            assert!(!stays(prefix, rest), "{prefix} {rest}");
        }
    }
}
