//! `mcpctl project`.

use super::{sure::Sure, wait::Wait};
use clap::{Args, Subcommand, ValueEnum};
use control_plane_api::{flow::FlowRule, name::Name};

/// What to do with projects.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a project
    #[command(after_help = "Examples:
  mcpctl project create weekly_reports --profiles slack-read-only jira-read-only --wait
  mcpctl project create triage --profiles jira-full --members alice bob
  mcpctl project create reviews --profiles github-full slack-read-only --flow apart")]
    Create(Create),
    /// List projects
    #[command(after_help = "Examples:\n  mcpctl project list", visible_alias = "ls")]
    List,
    /// Show a project's settings
    #[command(after_help = "Examples:\n  mcpctl project describe weekly_reports --format yaml")]
    Describe {
        /// The project [default: the setting `project`]
        name: Option<Name>,
    },
    /// Show a project's profiles, the state of their servers, and how many tools it grants
    #[command(after_help = "Examples:\n  mcpctl project status weekly_reports")]
    Status {
        /// The project [default: the setting `project`]
        name: Option<Name>,
    },
    /// Delete a project
    #[command(
        after_help = "Examples:\n  mcpctl project delete weekly_reports --yes\n  mcpctl project delete weekly_reports --dry-run"
    )]
    Delete {
        /// The project
        name: Name,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        wait: Wait,
    },
}

/// A new project.
#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The project
    pub name: Name,
    /// The profiles it grants
    #[arg(long, required = true, num_args = 1.., value_delimiter = ',')]
    pub profiles: Vec<Name>,
    /// Users that may use it, besides administrators
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub members: Vec<Name>,
    /// Whether text of strangers, private data and what strangers can see are kept apart
    #[arg(long, value_enum, default_value = "open")]
    pub flow: Flow,
    /// One line for people
    #[arg(long, default_value = "")]
    pub description: String,
    /// Replace a project of this name that says something else
    #[arg(long)]
    pub replace: bool,
    /// Only say what would change
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub wait: Wait,
}

/// Whether flows of information are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Flow {
    /// Every flow is open
    Open,
    /// Who read both what strangers wrote and what is private may for an hour not call what strangers can see
    Apart,
}

impl From<Flow> for FlowRule {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Open => Self::Open,
            Flow::Apart => Self::Apart,
        }
    }
}
