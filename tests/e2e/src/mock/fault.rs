//! Faults on demand, so that tests can see what the gateway does when a server dies or hangs.

/// How the server misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// Ends before it says a word.
    ExitAtStart,
    /// Ends when a tool is called, without an answer.
    ExitOnCall,
    /// Never answers when a tool is called.
    HangOnCall,
}

/// The exit status of a fault, distinct from the 1 of a wrong setting.
pub const FAULT_EXIT: u8 = 3;

impl Fault {
    /// To be awaited on every call of a tool; does not return when a fault is due.
    #[expect(clippy::disallowed_methods, reason = "to die in the middle of a call is the fault asked for")]
    pub async fn strike_on_call(fault: Option<Self>) {
        match fault {
            Some(Self::ExitOnCall) => std::process::exit(FAULT_EXIT.into()),
            Some(Self::HangOnCall) => std::future::pending().await,
            Some(Self::ExitAtStart) | None => {}
        }
    }
}
