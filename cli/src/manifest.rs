//! Manifests: the objects in files, folders and stdin, each with the place it stands at. It reads; what becomes of the objects is
//! the commands' to say.

mod document;

use crate::failure::{During as _, Failure, Status};
use control_plane_api::object::{Object, ObjectRef};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Largest file, in bytes.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Most files in the folders of one command.
const FILES_MAX: usize = 10_000;
/// What the name of a file in a folder ends with.
const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
/// What stdin is called.
const STDIN: &str = "<stdin>";

/// An object, and where it stands: file and line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Declared {
    pub(crate) object: Object,
    pub(crate) place: String,
}

/// Reads the objects of `paths`, files and folders; `-` is stdin. None of them may be there twice.
pub(crate) fn read(paths: &[String], recursive: bool) -> Result<Vec<Declared>, Failure> {
    if paths.iter().filter(|path| *path == "-").count() > 1 {
        return Err(Failure::usage("stdin is named twice").hint("it can be read once only"));
    }
    let mut all = Vec::new();
    for path in paths {
        let read = match path.as_str() {
            "-" => document::parse(STDIN, &text_of(STDIN, io::stdin())?)?,
            path => of_path(Path::new(path), recursive)?,
        };
        if read.is_empty() {
            let name = if path == "-" { STDIN } else { path };
            return Err(Failure::usage(format!("`{name}` holds no object"))
                .hint("write `kind`, `name` and `spec`; `mcpctl get all -o yaml` shows what there is"));
        }
        all.extend(read);
    }
    let mut places: BTreeMap<ObjectRef, &str> = BTreeMap::new();
    for Declared { object, place } in &all {
        let reference = object.reference();
        if let Some(first) = places.insert(reference.clone(), place) {
            return Err(Failure::usage(format!("{place}: {reference} is there twice, first at {first}"))
                .hint("keep one of them; nothing was applied"));
        }
    }
    Ok(all)
}

/// The objects alone, of one file or folder.
pub(crate) fn read_one(path: &str) -> Result<Vec<Object>, Failure> {
    Ok(read(&[path.to_owned()], false)?.into_iter().map(|declared| declared.object).collect())
}

/// What `object` says, as it is written into a file: without the revision, which is the control plane's.
pub(crate) fn text(object: &Object) -> Result<String, Failure> {
    let failed = |error: serde_yaml_ng::Error| Failure::failed(format!("cannot write {}: {error}", object.reference()));
    let mut value = serde_yaml_ng::to_value(object).map_err(failed)?;
    if let Some(members) = value.as_mapping_mut() {
        members.shift_remove("revision");
    }
    serde_yaml_ng::to_string(&value).map_err(failed)
}

fn of_path(path: &Path, recursive: bool) -> Result<Vec<Declared>, Failure> {
    if !path.is_dir() {
        return of_file(path);
    }
    let mut files = Vec::new();
    collect(path, recursive, &mut files)?;
    if files.is_empty() {
        let hint = if recursive { "name another folder" } else { "with `-R` the folders in it are looked into too" };
        let told = format!("the folder `{}` holds no file that ends with .yaml, .yml or .json", path.display());
        return Err(Failure::usage(told).hint(hint));
    }
    let read: Result<Vec<_>, Failure> = files.iter().map(|file| of_file(file)).collect();
    Ok(read?.concat())
}

/// The files of a folder in the order of their names, the folders in it after them. Links to folders are not followed.
fn collect(folder: &Path, recursive: bool, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let told = || format!("cannot read `{}`", folder.display());
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.during(told).map_err(as_usage)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    for path in entries.iter().filter(|entry| !is_folder(entry)).map(fs::DirEntry::path) {
        let ends = path.extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending));
        if ends && path.is_file() {
            files.push(path);
        }
    }
    if files.len() > FILES_MAX {
        return Err(Failure::usage(format!("`{}` holds more than {FILES_MAX} files", folder.display())));
    }
    for entry in entries.iter().filter(|entry| recursive && is_folder(entry)) {
        collect(&entry.path(), recursive, files)?;
    }
    Ok(())
}

fn of_file(path: &Path) -> Result<Vec<Declared>, Failure> {
    let name = path.display().to_string();
    let file = fs::File::open(path).during(|| format!("cannot read `{name}`")).map_err(as_usage)?;
    document::parse(&name, &text_of(&name, file)?)
}

fn text_of(name: &str, reader: impl io::Read) -> Result<String, Failure> {
    let mut text = String::new();
    let read = reader.take(FILE_BYTES_MAX + 1).read_to_string(&mut text);
    read.during(|| format!("cannot read `{name}`")).map_err(as_usage)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("`{name}` is larger than {FILE_BYTES_MAX} bytes"))
            .hint("share the objects out among several files, and name their folder"));
    }
    Ok(text)
}

fn as_usage(failure: Failure) -> Failure {
    Failure { status: Status::Usage, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control_plane_api::{snapshot::Snapshot, validate::validate};

    fn parse(file: &str, text: &str) -> Result<Vec<Object>, Failure> {
        Ok(document::parse(file, text)?.into_iter().map(|declared| declared.object).collect())
    }

    const PROFILE: &str = "kind: profile\nname: p\nspec:\n  server: slack\n  access: read-only\n";

    fn check(text: &str, expected: &str) {
        let failure = parse("f.yaml", text).unwrap_err();
        assert!(failure.message.contains(expected), "{}", failure.message);
    }

    #[test]
    fn several_documents_in_yaml_or_json_are_read_in_order() {
        let text = format!(
            "---\n{PROFILE}---\n{{\"kind\": \"project\", \"name\": \"w\", \"spec\": {{\"profiles\": [\"p\"]}}}}\n---\n"
        );
        let names: Vec<String> = parse("f", &text).unwrap().iter().map(|o| o.reference().to_string()).collect();
        assert_eq!(names, ["profile/p", "project/w"]);
    }

    #[test]
    fn a_list_of_objects_is_read_like_documents_and_each_has_its_place() {
        let list = r#"[{"kind": "profile", "name": "p", "spec": {"server": "s"}}, {"kind": "project", "name": "w", "spec": {}}]"#;
        let text = format!("# first\n{PROFILE}---\n{list}\n");
        let read = document::parse("f", &text).unwrap();
        let places: Vec<_> = read.iter().map(|d| format!("{} {}", d.object.reference(), d.place)).collect();
        assert_eq!(places, ["profile/p f:2", "profile/p f:8[0]", "project/w f:8[1]"]);
        let wrong = r#"[{"kind": "profile", "name": "p", "spec": {"server": "s", "acess": "full"}}]"#;
        check(wrong, "f.yaml:1:59: ");
    }

    #[test]
    fn a_folder_is_read_in_the_order_of_names_and_only_so_deep_as_asked() {
        let dir = tempfile::tempdir().unwrap();
        let profile = |name: &str| format!("kind: profile\nname: {name}\nspec: {{server: s}}\n");
        fs::create_dir(dir.path().join("a")).unwrap();
        for (file, name) in [("b.yml", "one"), ("c.json", "two"), ("a/z.yaml", "three"), ("note.txt", "Not A Name")] {
            fs::write(dir.path().join(file), profile(name)).unwrap();
        }
        let path = dir.path().display().to_string();
        let names = |recursive| -> Vec<String> {
            let read = read(std::slice::from_ref(&path), recursive).unwrap();
            read.iter().map(|declared| declared.object.reference().name.to_string()).collect()
        };
        assert_eq!(names(false), ["one", "two"]);
        assert_eq!(names(true), ["one", "two", "three"]);
        fs::write(dir.path().join("a/z.yaml"), profile("one")).unwrap();
        let told = read(std::slice::from_ref(&path), true).unwrap_err().message;
        assert!(
            told.contains("a/z.yaml:1: profile/one is there twice, first at") && told.ends_with("b.yml:1"),
            "{told}"
        );
    }

    #[test]
    fn what_the_documentation_shows_is_valid() {
        let page = include_str!("../../docs/security/policy.md");
        let text = page.split("```yaml,file=profiles.yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let mut objects = parse("policy.md", text).unwrap();
        for server in ["slack", "jira", "files"] {
            let server = format!("kind: server\nname: {server}\nspec: {{transport: {{type: stdio, command: x}}}}\n");
            objects.extend(parse("server", &server).unwrap());
        }
        let snapshot = Snapshot { objects, ..Snapshot::empty() };
        assert_eq!(validate(&snapshot), []);
        assert_eq!(snapshot.profiles().map(|(_, spec)| spec.arguments.len()).sum::<usize>(), 5);
    }

    #[test]
    fn what_is_wrong_is_told_by_file_line_and_column() {
        check("kind: profile\nname: p\nspec:\n  server: slack\n  acces: full\n", "f.yaml:5:3: ");
        check("kind: profile\nname: p\nspec:\n  server: slack\n  access: most\n", "f.yaml:5:11: ");
        check("kind: profile\nname: Not Valid\nspec: {server: s}\n", "f.yaml:1:1: `Not Valid` is not a valid name");
        check("kind: profile\nname: [p\n", "f.yaml:");
        check(
            "kind: gadget\nname: p\n",
            "f.yaml:1:7: kind: `gadget` is not a kind of object; there are secret, server, ",
        );
        check("kind: Projct\nname: p\n", "`Projct` is not a kind of object; did you mean `project`?");
        check("hello\n", "expected an object with `kind`, `name` and `spec`");
        check("- 1\n", "f.yaml:1:");
        check("name: p\n", "missing field `kind`");
        check(&format!("{PROFILE}---\nkind: project\nname: w\nspec:\n  profile: [p]\n"), "f.yaml:10:3: ");
    }
}
