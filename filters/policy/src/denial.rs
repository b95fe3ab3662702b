//! Why something is refused, in words for its owner and the audit log. No value of an argument is among them.

use crate::{Age, Refused};
use control_plane_api::{name::Name, server::ToolClass};
use std::fmt;

/// Characters of an argument's name that are shown.
const SHOWN_CHARS_MAX: usize = 64;

/// Why something is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No such project, or not a member of it.
    #[error("project `{0}` is not open to you")]
    Project(String),
    /// Nobody offers a primitive of that name.
    #[error("no server of this project offers `{0}`")]
    NotOffered(String),
    /// A server has it, and it is not trusted.
    #[error("`{name}` is not offered: {reason}")]
    Withheld {
        /// The name clients know.
        name: String,
        /// Why, and what to do about it.
        reason: String,
    },
    /// No profile grants anything of that server.
    #[error("no profile of this project covers server `{0}`")]
    NoProfile(Name),
    /// The ceiling of the profile is lower than the tool's class.
    #[error("profile `{profile}` is {access} and `{tool}` is classed {class}")]
    Ceiling {
        /// The profile.
        profile: Name,
        /// Its ceiling.
        access: &'static str,
        /// The server's own name of the tool.
        tool: String,
        /// What the tool does.
        class: ToolClass,
    },
    /// The profile's patterns leave it out.
    #[error("profile `{profile}` does not grant `{name}`")]
    NotGranted {
        /// The profile.
        profile: Name,
        /// The server's own name.
        name: String,
    },
    /// The profile denies the tool, for itself and every other profile of its project.
    #[error("profile `{profile}` denies `{tool}`")]
    Denied {
        /// The profile.
        profile: Name,
        /// The server's own name of the tool.
        tool: String,
    },
    /// The tool is granted, but not with these arguments.
    #[error("profile `{profile}` does not grant `{tool}` with these arguments: {fault}{}", fault.asked())]
    Arguments {
        /// The profile.
        profile: Name,
        /// The server's own name of the tool.
        tool: String,
        /// What is wrong with them.
        fault: Fault,
    },
    /// The profile would grant it, had the control plane confirmed the configuration lately.
    #[error(
        "the configuration was last confirmed {age} ago, and profile `{profile}` denies {refused} after {after}: is mcpd \
         reachable?"
    )]
    Stale {
        /// The profile.
        profile: Name,
        /// What it denies.
        refused: Refused,
        /// How long ago that was.
        age: Age,
        /// From which age on it denies that.
        after: Age,
    },
}

/// What is wrong with the arguments of a call. Its text names the argument and nothing of any profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The argument, by the names that lead to it; empty for the arguments as a whole.
    pub argument: String,
    /// What is wrong with it.
    pub problem: Problem,
    /// What the rule asks of it, in words; empty where no rule speaks of it.
    pub asked: String,
}

/// What is wrong with an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The arguments are no object.
    Unreadable,
    /// It is not there, or an empty array.
    Absent,
    /// It is of another type.
    Type,
    /// Its value is not allowed.
    Value,
    /// Neither a rule nor the schema of the tool names it.
    Undeclared,
}

impl Denial {
    /// The one of two that says more: the nearer something came to being granted, the more. Of equals the first.
    pub(crate) fn or(self, other: Self) -> Self {
        if other.nearness() > self.nearness() { other } else { self }
    }

    fn nearness(&self) -> u8 {
        match self {
            Self::Project(_) | Self::NotOffered(_) | Self::Withheld { .. } => 0,
            Self::NoProfile(_) => 1,
            Self::NotGranted { .. } => 2,
            Self::Ceiling { .. } => 3,
            Self::Denied { .. } => 4,
            // Of something that the user may know is there.
            Self::Arguments { .. } => 5,
            Self::Stale { .. } => 6,
        }
    }
}

impl Fault {
    pub(crate) fn new(argument: &str, problem: Problem) -> Self {
        let shown = argument.chars().filter(|letter| !letter.is_control()).take(SHOWN_CHARS_MAX);
        Self { argument: shown.collect(), problem, asked: String::new() }
    }

    /// The same, of an argument inside `outer`.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        let outer = Self::new(outer, self.problem).argument;
        self.argument = if self.argument.is_empty() { outer } else { format!("{outer}.{}", self.argument) };
        self
    }

    fn asked(&self) -> String {
        if self.asked.is_empty() { String::new() } else { format!(" (it {})", self.asked) }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { argument, problem, .. } = self;
        match problem {
            Problem::Unreadable => f.write_str("they are not an object"),
            Problem::Absent => write!(f, "argument `{argument}` is missing"),
            Problem::Type => write!(f, "argument `{argument}` is of another type than is allowed"),
            Problem::Value => write!(f, "argument `{argument}` has a value that is not allowed"),
            Problem::Undeclared => write!(f, "argument `{argument}` is none of the tool's"),
        }
    }
}
