//! `mcpctl audit export`: to a directory, a bucket, or a syslog server.

use super::{chunks, directory::Directory, s3::Bucket, syslog};
use crate::{Invocation, args::audit::Export, failure::Failure};
use std::path::PathBuf;

/// Exports, and says how much.
pub(super) async fn run(args: Export, invocation: &Invocation) -> Result<(), Failure> {
    let client = invocation.client()?;
    let count = match args.target.split_once("://") {
        Some(("s3", _)) => {
            let bucket = Bucket::open(&args.target, args.s3_endpoint, args.s3_region)?;
            chunks::export(&client, &bucket).await?
        }
        Some(("syslog" | "syslog+tcp" | "syslog+unix", _)) => {
            syslog::export(&client, &args.target, args.state.as_deref()).await?
        }
        Some((scheme, _)) => {
            return Err(Failure::usage(format!("there is no export to `{scheme}://`"))
                .hint("use a directory, `s3://`, `syslog://`, `syslog+tcp://` or `syslog+unix://`"));
        }
        None => chunks::export(&client, &Directory(PathBuf::from(&args.target))).await?,
    };
    invocation.output.note(format!("exported {count} records to {}", args.target));
    Ok(())
}
