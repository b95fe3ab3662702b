//! The legacy rim against a server that follows a script.

mod bounds;
mod calling;
mod fake;
mod listening;
mod rounds;
mod tasks;
