//! What each role may do, as the table of routes has it.

use super::routes;
use crate::identity::Access;
use axum::Json;
use control_plane_api::access::{Role, RoleSummary, RouteSummary};

pub(super) async fn list() -> Json<Vec<RoleSummary>> {
    Json(Role::ALL.map(summary).into())
}

fn summary(role: Role) -> RoleSummary {
    let opened = |access: Access| access.admits(&[role]) && !access.admits(&[]);
    let may = routes().into_iter().filter(|route| opened(route.access)).map(|route| RouteSummary {
        method: route.method.to_string(),
        path: route.path.to_owned(),
        summary: route.summary.to_owned(),
    });
    RoleSummary { name: role, purpose: role.purpose().to_owned(), may: may.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(role: Role, method: &str, path: &str, expected: bool) {
        let may = summary(role).may;
        assert_eq!(may.iter().any(|route| route.method == method && route.path == path), expected, "{role} {path}");
    }

    #[test]
    fn a_role_may_do_what_the_table_of_routes_lets_it() {
        check(Role::Admin, "POST", "/api/v1/users/{name}/tokens", true);
        check(Role::Operator, "POST", "/api/v1/users/{name}/tokens", false);
        check(Role::Operator, "POST", "/api/v1/apply", true);
        check(Role::Auditor, "GET", "/api/v1/audit", true);
        check(Role::Auditor, "POST", "/api/v1/apply", false);
        check(Role::Developer, "GET", "/api/v1/projects", true);
        check(Role::Developer, "GET", "/api/v1/servers", false);
        // Open to everybody, or to gateways alone: of no role.
        check(Role::Admin, "GET", "/api/v1/whoami", false);
        check(Role::Admin, "PUT", "/api/v1/gateways/{name}/status", false);
    }
}
