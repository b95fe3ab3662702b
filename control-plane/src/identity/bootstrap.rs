//! The first administrator: made when there are no users, its token written where only the owner of the home
//! folder can read it.

use super::{Actor, issue, peppers};
use crate::{
    home::{HomeError, PrivateFile},
    secrets::Keys,
    store::{Change, Store, StoreError},
};
use control_plane_api::{
    access::{Role, TokenRequest, UserSpec},
    name::{InvalidName, Name},
    object::{Kind, Named, Object, ObjectRef},
};
use std::path::Path;

/// The file with the administrator's token, in the home folder.
const ADMIN_TOKEN_FILE: &str = "admin-token";
/// Label of the token in that file.
const LABEL: &str = "admin-token file";

/// Why there is no administrator.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error(transparent)]
    Name(#[from] InvalidName),
}

/// Makes the user `admin` and its token if there are no users at all.
pub(crate) async fn bootstrap(store: &Store, keys: &Keys, home: &Path) -> Result<(), BootstrapError> {
    let mut change = store.change().await?;
    if !change.tx().objects_of(Kind::User).await?.is_empty() {
        return Ok(());
    }
    install(change, keys, (home, "mcpd (first start)")).await?;
    tracing::info!(file = %home.join(ADMIN_TOKEN_FILE).display(), "Wrote the token of the first administrator");
    Ok(())
}

/// Replaces the token in the file; the one that was there ends, and so do every session and the password of `admin`. The user `admin` is made again if it is gone.
pub(crate) async fn reset_admin_token(store: &Store, keys: &Keys, home: &Path) -> Result<(), BootstrapError> {
    let change = store.change().await?;
    install(change, keys, (home, "mcpd reset-admin-token")).await?;
    tracing::info!(file = %home.join(ADMIN_TOKEN_FILE).display(), "Wrote a new token of the user `admin`");
    Ok(())
}

async fn install(mut change: Change, keys: &Keys, (home, method): (&Path, &str)) -> Result<(), BootstrapError> {
    let name: Name = "admin".parse()?;
    let actor = Actor { user: None, token_id: None, method: method.to_owned(), peer: None };
    let user = ObjectRef { kind: Kind::User, name: name.clone() };
    let mut spec = match change.tx().object(&user).await? {
        Some(Object::User(user)) => user.spec,
        _ => UserSpec::default(),
    };
    if spec.disabled || !spec.roles.contains(&Role::Admin) {
        spec.disabled = false;
        spec.roles.retain(|role| *role != Role::Admin);
        spec.roles.push(Role::Admin);
        let revision = change.next();
        change.writing().put_object(&Object::User(Named { name: name.clone(), revision, spec })).await?;
        change.record(&actor, &user.to_string(), "administrator").await?;
    }
    let peppers = peppers::load(change.tx(), keys).await?;
    let (issued, row) = issue(&name, TokenRequest { label: LABEL.to_owned(), expires_in_s: None }, &peppers);
    change.writing().delete_sessions_of(&name).await?;
    change.writing().delete_password(&name).await?;
    change.writing().delete_tokens_of(&name, Some(LABEL)).await?;
    change.writing().add_token(&row).await?;
    change.record(&actor, &format!("{user}/tokens/{}", row.summary.id), "created").await?;
    // Written in full before the commit, put in its place after it: the file never holds a token that is not valid.
    let file = PrivateFile::write(&home.join(ADMIN_TOKEN_FILE), &format!("{}\n", issued.token))?;
    change.commit().await?;
    Ok(file.put()?)
}
