//! What a route asks of its caller. The table of routes names one of these per route; there is no default.

use control_plane_api::access::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, also without a token.
    Open,
    /// Whoever holds a join token for the gateway in the path.
    Join,
    /// The gateway in the path.
    Gateway,
    /// Every user.
    Anyone,
    /// Users with any role; developers see only the projects they are members of.
    Member,
    /// Administrators, operators and auditors.
    Read,
    /// Administrators and auditors: users and the audit log.
    Inspect,
    /// Administrators and operators.
    Operate,
    /// Administrators.
    Administer,
}

impl Access {
    /// Whether a user with `roles` may use the route. Routes for gateways admit no user.
    #[must_use]
    pub fn admits(self, roles: &[Role]) -> bool {
        let any_of = |wanted: &[Role]| roles.iter().any(|role| wanted.contains(role));
        match self {
            Self::Open | Self::Anyone => true,
            Self::Join | Self::Gateway => false,
            Self::Member => !roles.is_empty(),
            Self::Read => any_of(&[Role::Admin, Role::Operator, Role::Auditor]),
            Self::Inspect => any_of(&[Role::Admin, Role::Auditor]),
            Self::Operate => any_of(&[Role::Admin, Role::Operator]),
            Self::Administer => any_of(&[Role::Admin]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(access: Access, expected: [bool; 5]) {
        let callers: [&[Role]; 5] = [&[Role::Admin], &[Role::Operator], &[Role::Auditor], &[Role::Developer], &[]];
        assert_eq!(callers.map(|roles| access.admits(roles)), expected, "{access:?}");
    }

    #[test]
    fn each_access_admits_its_roles_and_no_others() {
        check(Access::Open, [true; 5]);
        check(Access::Anyone, [true; 5]);
        check(Access::Join, [false; 5]);
        check(Access::Gateway, [false; 5]);
        check(Access::Member, [true, true, true, true, false]);
        check(Access::Read, [true, true, true, false, false]);
        check(Access::Inspect, [true, false, true, false, false]);
        check(Access::Operate, [true, true, false, false, false]);
        check(Access::Administer, [true, false, false, false, false]);
    }
}
