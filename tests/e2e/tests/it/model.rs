//! The weights of the model: from a folder on this machine, downloaded once if there is none.

use crate::{
    programs::{program, repository},
    said::Said,
};
use std::{
    env,
    path::{Path, PathBuf},
};
use tokio::{process::Command, sync::OnceCell};

const NAME: &str = "all-MiniLM-L6-v2";
/// The last file that a pull brings.
const WEIGHTS: &str = "model.safetensors";

/// The folder with the weights.
pub(crate) async fn folder() -> PathBuf {
    static FOLDER: OnceCell<PathBuf> = OnceCell::const_new();
    FOLDER.get_or_init(find).await.clone()
}

async fn find() -> PathBuf {
    let tools = repository().join("target/tools");
    let variable = |name: &str, below: &str| env::var_os(name).map(|path| Path::new(&path).join(below));
    let places = [
        variable("MCPCTL_MODEL_DIR", ""),
        variable("MCPCTL_MODEL_DIR", NAME),
        Some(tools.join("models").join(NAME)),
        variable("HOME", &format!(".mcpctl/models/{NAME}")),
    ];
    if let Some(found) = places.into_iter().flatten().find(|place| place.join(WEIGHTS).exists()) {
        return found;
    }
    let mut pull = Command::new(program("mcpctl"));
    pull.arg("--home").arg(&tools).args(["model", "pull"]);
    Said::new("mcpctl model pull".to_owned(), pull.output().await.unwrap()).done();
    tools.join("models").join(NAME)
}
