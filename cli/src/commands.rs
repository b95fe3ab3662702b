//! The commands, one module each. A command turns arguments into requests and results into reports; it prints
//! through [`crate::output`] alone.

pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod catalogue;
pub(crate) mod claude;
pub(crate) mod client;
pub(crate) mod completion;
pub(crate) mod config;
pub(crate) mod connection;
pub(crate) mod credentials;
pub(crate) mod daemon;
pub(crate) mod db;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod filter;
pub(crate) mod gateway;
pub(crate) mod help;
pub(crate) mod instance;
mod laptop;
pub(crate) mod login;
pub(crate) mod man;
pub(crate) mod model;
pub(crate) mod objects;
pub(crate) mod policy;
pub(crate) mod profile;
pub(crate) mod project;
pub(crate) mod role;
pub(crate) mod rollout;
pub(crate) mod secrets;
pub(crate) mod server;
pub(crate) mod session;
pub(crate) mod setup;
pub(crate) mod show;
pub(crate) mod status;
pub(crate) mod test_connection;
pub(crate) mod token;
pub(crate) mod tools;
pub(crate) mod upgrade;
pub(crate) mod user;
pub(crate) mod version;

use crate::{Invocation, args::Command, bridge, failure::Failure, output::Output};
use std::process::ExitCode;

/// Runs one command. An exit code other than success without a failure means: the result itself says what is wrong.
pub(crate) async fn run(command: Command, invocation: &Invocation) -> Result<ExitCode, Failure> {
    match command {
        Command::Daemon(command) => daemon::run(command, invocation).await,
        Command::Setup(setup) => done(Box::pin(setup::run(*setup, invocation)).await),
        Command::Catalogue(command) => done(catalogue::run(command, invocation.output)),
        Command::Server(command) => done(server::run(command, invocation).await),
        Command::Instance(command) => done(Box::pin(instance::run(command, invocation)).await),
        Command::Gateway(command) => done(Box::pin(gateway::run(command, invocation)).await),
        Command::Project(command) => done(project::run(command, invocation).await),
        Command::Profile(command) => done(profile::run(command, invocation).await),
        Command::Policy(command) => Box::pin(policy::run(command, invocation)).await,
        Command::Apply(apply) => done(apply::run(&apply, invocation).await),
        Command::Diff(diff) => diff::run(&diff, invocation).await,
        Command::Get(get) => done(Box::pin(objects::get::run(get, invocation)).await),
        Command::Delete(delete) => done(objects::delete::run(delete, invocation).await),
        Command::Export(export) => done(objects::export::run(export, invocation).await),
        Command::Claude(command) => done(Box::pin(claude::run(command, invocation)).await),
        Command::Client(command) => done(Box::pin(client::run(command, invocation)).await),
        Command::Auth(command) => done(auth::run(&command, invocation)),
        Command::Connect(connect) => done(connection::connect(connect, invocation).await),
        Command::Connection(command) => done(connection::run(command, invocation).await),
        Command::Audit(audit) => done(Box::pin(audit::run(*audit, invocation)).await),
        Command::Status { watch } => done(status::run(watch, invocation).await),
        Command::Version => done(version::run(invocation).await),
        Command::TestConnection(test) => done(Box::pin(test_connection::run(test, invocation)).await),
        Command::Doctor(args) => Box::pin(doctor::run(args, invocation)).await,
        Command::Db(command) => done(db::run(command, invocation)),
        Command::Tools(command) => done(tools::run(command, invocation).await),
        Command::Login(login) => done(login::log_in(login, invocation).await),
        Command::Logout => done(login::log_out(invocation).await),
        Command::Whoami => done(login::whoami(invocation).await),
        Command::Role(command) => done(role::run(command, invocation).await),
        Command::Session(command) => done(session::run(command, invocation).await),
        Command::Credentials(command) => done(credentials::run(&command, invocation)),
        Command::Secrets(command) => done(secrets::run(command, invocation).await),
        Command::User(command) => done(user::run(command, invocation).await),
        Command::Token(command) => done(token::run(command, invocation).await),
        Command::Filter(command) => filter::run(&command, invocation),
        Command::Model(command) => Box::pin(model::run(command, invocation)).await,
        Command::McpStdio(args) => {
            done(Box::pin(bridge::run(args.project, invocation.home.clone(), !args.no_start)).await)
        }
        Command::Config(command) => done(config::run(command, invocation)),
        Command::Upgrade { .. } => done(upgrade::run(invocation).await),
        alone => run_alone(alone, invocation.output),
    }
}

/// Runs one of the commands that need nothing of this machine.
pub(crate) fn run_alone(command: Command, output: Output) -> Result<ExitCode, Failure> {
    match command {
        Command::Completion { shell } => done(completion::run(shell, output)),
        Command::Explain(explain) => done(explain::run(&explain, output)),
        Command::Help { words } => done(help::run(&words, output)),
        Command::Man { dir } => done(man::run(dir.as_deref(), output)),
        _ => Err(Failure::failed("this command needs a home directory")),
    }
}

fn done(result: Result<(), Failure>) -> Result<ExitCode, Failure> {
    result.map(|()| ExitCode::SUCCESS)
}
