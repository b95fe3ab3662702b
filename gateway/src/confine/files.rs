//! Which files a strictly confined process reaches (Landlock): the system's to read, its own to change.

use super::{Step as _, Trouble, plan::Plan};
use landlock::{
    ABI, Access as _, AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    Scope, path_beneath_rules,
};

/// Programs, libraries, certificates, what describes the machine. Those that are not there are left out.
const SYSTEM: [&str; 13] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc",
    "/opt",
    "/nix/store",
    "/proc",
    "/sys",
    // Where names are looked up.
    "/run/systemd/resolve",
    "/run/nscd",
];
/// Devices that lead nowhere.
const DEVICES: [&str; 6] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"];

/// What is not left out on any kernel: before this version a file could be emptied that cannot be written to.
const NEEDED: ABI = ABI::V3;
/// Also taken away where the kernel can.
const WANTED: ABI = ABI::V6;

/// Takes all files but those of `plan` away from this process and everything it starts.
pub(super) fn apply(plan: &Plan) -> Result<(), Trouble> {
    restrict(plan).step("taking files away (Landlock, Linux 6.2 or newer)")
}

fn restrict(plan: &Plan) -> Result<(), landlock::RulesetError> {
    let (read, all) = (AccessFs::from_read(WANTED), AccessFs::from_all(WANTED));
    Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(NEEDED))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .add_rules(path_beneath_rules(SYSTEM, read))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::from_file(WANTED)))?
        .add_rules(path_beneath_rules(&plan.read, read))?
        .add_rules(path_beneath_rules(&plan.write, all))?
        .restrict_self()?;
    Ok(())
}
