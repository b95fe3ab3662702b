//! Master keys: which there are, and another one.

use crate::{
    client::Client,
    failure::{Failure, Status},
    output::{Change, Output, Report, Table},
};
use control_plane_api::secret::{KeyInUse, KeyStatus, RewrapReply};
use serde::Serialize;

/// `mcpctl secrets status`.
pub(super) async fn status(client: &Client, output: Output) -> Result<(), Failure> {
    let status = client.master_keys().await?;
    for line in advice(&status) {
        output.note(line);
    }
    output.report(&Keys(status))
}

/// `mcpctl secrets rotate-key`. What an earlier run left undone is done without making yet another key.
pub(super) async fn rotate(client: &Client, output: Output, forget_old: bool) -> Result<(), Failure> {
    let mut status = client.master_keys().await?;
    if status.pending() == 0 {
        if !status.renewable {
            return no_new_key(&status, output);
        }
        status = client.renew_master_key().await?;
    }
    let (all, mut done, mut after, mut unreadable) = (status.pending(), 0, None, Vec::new());
    output.note(format!("{all} values are to be put under key {}", current(&status)));
    loop {
        let RewrapReply { rewrapped, unreadable: more, next } = client.rewrap(after).await.map_err(|failure| {
            failure.hint(format!("{done} of {all} are done; run `mcpctl secrets rotate-key` again to go on"))
        })?;
        done += rewrapped;
        unreadable.extend(more);
        if rewrapped > 0 {
            output.note(format!("{done} of {all}"));
        }
        match next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if forget_old && unreadable.is_empty() {
        status = client.forget_older_master_keys().await?;
    }
    output.changes(&[Change::new(format!("master-key/{}", current(&status)), format!("{done} values rewrapped"))])?;
    if !unreadable.is_empty() {
        let message = format!("{} values cannot be opened by any key there is", unreadable.len());
        return Err(Failure::new(Status::Failed, message).details(unreadable).hint(
            "set them again; or give mcpd the key they are under (MCPD_OLD_MASTER_KEY_SOURCES), and run this again",
        ));
    }
    for line in advice(&client.master_keys().await?) {
        output.note(line);
    }
    Ok(())
}

/// Nothing is to be done, and mcpd cannot make a key where the current one is.
fn no_new_key(status: &KeyStatus, output: Output) -> Result<(), Failure> {
    output.note(
        "everything is under the current key. For another one: make it where the current one is kept, name the old one in \
         MCPD_OLD_MASTER_KEY_SOURCES, start mcpd again, and run this again",
    );
    output.changes(&[Change::new(format!("master-key/{}", current(status)), "unchanged")])
}

fn current(status: &KeyStatus) -> String {
    status.keys.iter().find(|key| key.current).map(|key| key.id.clone()).unwrap_or_default()
}

/// What is to be done about the keys.
fn advice(status: &KeyStatus) -> Vec<String> {
    let mut lines = Vec::new();
    if status.pending() > 0 {
        lines.push(format!("{} values are still under older keys: run `mcpctl secrets rotate-key`", status.pending()));
    }
    for key in status.keys.iter().filter(|key| !key.current) {
        match &key.place {
            Some(place) if key.values == 0 && status.without_id == 0 => {
                lines.push(format!(
                    "key {} is not needed any more, except for backups made before: it is in {place}",
                    key.id
                ));
            }
            None => lines.push(format!("mcpd was not given key {}, and {} values are under it", key.id, key.values)),
            Some(_) => {}
        }
    }
    if status.damaged > 0 {
        lines.push(format!("{} values are damaged: set them again", status.damaged));
    }
    lines
}

#[derive(Serialize)]
struct Keys(KeyStatus);

impl Report for Keys {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::new(["KEY", "VALUES", "STATE", "KEPT-IN"]);
        let state = |key: &KeyInUse| match (key.current, &key.place, key.values) {
            (true, ..) => "current",
            (_, None, _) => "missing",
            (_, _, 0) if self.0.without_id == 0 => "not_needed",
            _ => "older",
        };
        for key in &self.0.keys {
            let place = key.place.clone().unwrap_or_else(|| "-".to_owned());
            table.row([key.id.clone(), key.values.to_string(), state(key).to_owned(), place]);
        }
        if self.0.without_id > 0 {
            table.row(["-".to_owned(), self.0.without_id.to_string(), "without_id".to_owned(), "-".to_owned()]);
        }
        table
    }

    fn names(&self) -> Vec<String> {
        self.0.keys.iter().map(|key| key.id.clone()).collect()
    }
}
