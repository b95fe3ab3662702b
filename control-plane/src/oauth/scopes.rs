//! Which scopes are asked for. Pure.

use super::discovery::Discovered;
use control_plane_api::oauth::OauthSettings;

/// The scope of refresh tokens (OpenID Connect Core §11).
const OFFLINE: &str = "offline_access";

/// The scopes to ask for: those of the newest challenge, else all the resource has; those the operator wants; those
/// the connection has already, so that stepping up takes nothing away. Empty: the parameter is left out.
pub(super) fn wanted(
    discovered: &Discovered,
    settings: &OauthSettings,
    challenged: &[String],
    have: &[String],
) -> Vec<String> {
    let mut wanted = Vec::new();
    let mut add = |scope: &str| {
        if !scope.is_empty() && !wanted.iter().any(|known| known == scope) {
            wanted.push(scope.to_owned());
        }
    };
    let named = discovered.challenged.as_deref().unwrap_or_default();
    let of_challenge = challenged.iter().map(String::as_str).chain(named.split_ascii_whitespace());
    let mut any = false;
    of_challenge.for_each(|scope| {
        any = true;
        add(scope);
    });
    if !any {
        discovered.scopes_supported.iter().for_each(|scope| add(scope));
    }
    settings.scopes.iter().chain(have).for_each(|scope| add(scope));
    let offline = discovered.authority.scopes_supported.iter().any(|scope| scope == OFFLINE);
    wanted.retain(|scope| scope != OFFLINE || offline);
    // Alone it would take the place of the server's default scopes.
    if offline && settings.grant.is_code() && !wanted.is_empty() && !wanted.iter().any(|scope| scope == OFFLINE) {
        wanted.push(OFFLINE.to_owned());
    }
    wanted
}

/// Whether consent must be asked for explicitly, because that is what offline access takes.
pub(super) fn needs_prompt(wanted: &[String]) -> bool {
    wanted.iter().any(|scope| scope == OFFLINE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::metadata::Authority;
    use url::Url;

    fn split(text: &str) -> Vec<String> {
        text.split_ascii_whitespace().map(str::to_owned).collect()
    }

    /// `of`: challenge of the probe | scopes of the resource | scopes of the authority.
    fn check(of: [&str; 3], settings: &str, challenged: &str, have: &str, expected: &str) {
        let [probe, resource, authority] = of;
        let mut known = Authority::assumed(&Url::parse("https://x").unwrap()).unwrap();
        known.scopes_supported = split(authority);
        let discovered = Discovered {
            resource: String::new(),
            authority: known,
            challenged: (!probe.is_empty()).then(|| probe.to_owned()),
            scopes_supported: split(resource),
        };
        let settings = OauthSettings { scopes: split(settings), ..OauthSettings::default() };
        assert_eq!(wanted(&discovered, &settings, &split(challenged), &split(have)).join(" "), expected);
    }

    #[test]
    fn the_challenge_decides_then_the_resource_and_else_nothing_is_said() {
        check(["a b", "c d", ""], "", "", "", "a b");
        check(["", "c d", ""], "", "", "", "c d");
        check(["", "", ""], "", "", "", "");
        check(["a", "c", ""], "x", "", "", "a x");
    }

    #[test]
    fn stepping_up_keeps_what_is_there() {
        check(["a", "", ""], "", "write", "read a", "write a read");
    }

    #[test]
    fn offline_access_is_asked_for_only_where_it_is_known() {
        check(["a", "", "a offline_access"], "", "", "", "a offline_access");
        check(["a offline_access", "", "a"], "", "", "", "a");
        check(["", "", "offline_access"], "", "", "", "");
    }
}
