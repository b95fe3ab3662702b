//! The pages on which a person connects a server: who are you, do you agree, done. Plain HTML without scripts.
//!
//! A link says which server and for whom; it never says who sits in front of the browser, so that nobody can be made
//! to connect an own account to somebody else's user. That takes a session, which takes a token of the user: pasted
//! into the login form, or, where only browsers of this very machine reach mcpd, shown by `mcpctl connect`.

mod consent;
mod html;
mod link;
mod login;
mod session;

pub(super) use consent::{agree, callback, client, connect};
pub(super) use login::{login, logout};
