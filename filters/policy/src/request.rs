//! What is to be decided.

use control_plane_api::{argument::Declared, name::Name};
use serde_json::value::RawValue;
use std::{fmt, sync::Arc};

/// One question.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub who: Who<'a>,
    /// Through which project; none: any that is open.
    pub project: Option<&'a str>,
    /// What for.
    pub act: Act<'a>,
    /// How long ago the control plane confirmed the configuration, in milliseconds; 0 where there is none to ask.
    pub age_ms: u64,
}

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who<'a> {
    /// Nobody who is known: no project is open.
    Nobody,
    /// A user.
    User {
        /// Which.
        name: &'a Name,
        /// Whether every project is open.
        admin: bool,
    },
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// To use the project at all: to open it, or list what it offers.
    Open,
    /// What the gateway itself offers whoever may use the project, by its name.
    Own(&'a str),
    /// A name that nobody offers.
    Unknown(&'a str),
    /// Something of a server.
    At(&'a Name, Deed<'a>),
}

/// What is to be done at a server. Names are the server's own.
#[derive(Debug, Clone, Copy)]
pub enum Deed<'a> {
    /// To see a tool, without calling it.
    See(&'a str),
    /// To call a tool.
    Call(Call<'a>),
    /// To get, or complete for, a prompt.
    Prompt(&'a str),
    /// To read, watch, or complete for, a resource: its URI.
    Resource(&'a str),
    /// To connect it: whoever may use anything of a server may.
    Connect,
    /// To ask about a task, which a permitted call began.
    Task,
    /// To use a method that is not known here.
    Method(&'a str),
}

/// A call of a tool.
#[derive(Clone, Copy)]
pub struct Call<'a> {
    /// The server's own name of the tool.
    pub tool: &'a str,
    /// The arguments as they will be sent.
    pub arguments: Option<&'a RawValue>,
    /// What the tool's schema declares, where it is known; asked for only if a rule speaks of the tool.
    pub declared: &'a (dyn Fn() -> Option<Arc<Declared>> + Sync),
}

/// For [`Call::declared`] where no schema is known.
#[must_use]
pub fn nothing_declared() -> Option<Arc<Declared>> {
    None
}

impl Deed<'_> {
    /// The tool it is about.
    pub(crate) fn tool(&self) -> Option<&str> {
        match self {
            Self::See(tool) | Self::Call(Call { tool, .. }) => Some(tool),
            Self::Prompt(_) | Self::Resource(_) | Self::Connect | Self::Task | Self::Method(_) => None,
        }
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("tool", &self.tool).finish_non_exhaustive()
    }
}
