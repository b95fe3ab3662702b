//! `docs/servers.md` says of every server what the catalogue says.

use super::described::Described;
use crate::catalogue;
use std::{env, fs};

const BEGIN: &str = "<!-- begin: written by `UPDATE_DOCS=1 cargo test -p mcpctl documented` -->\n";
const END: &str = "<!-- end -->\n";

/// The part of the page that follows from the catalogue.
fn written() -> String {
    let mut text = String::new();
    for definition in catalogue::all().unwrap() {
        let id = definition.id();
        let server = Described::new(&definition).unwrap();
        text.push_str(&format!(
            "### {}\n\n{}. <{}>\n\n",
            definition.title(),
            definition.description,
            definition.website_url.as_deref().unwrap()
        ));
        text.push_str("| variant | command | needs | to grant |\n|---|---|---|---|\n");
        for (at, variant) in server.variants.iter().enumerate() {
            let flag = if at == 0 { String::new() } else { format!(" --variant {}", variant.name) };
            let needs: Vec<String> =
                variant.inputs.iter().map(|input| format!("`{}` ({})", input.name, input.traits())).collect();
            let needs: Vec<String> = needs.into_iter().chain(variant.consent.map(str::to_owned)).collect();
            let needs = if needs.is_empty() { "nothing".to_owned() } else { needs.join(", ") };
            let (name, says) = (&variant.name, &variant.description);
            text.push_str(&format!(
                "| {name}: {says} | `mcpctl setup {id}{flag}` | {needs} | {} |\n",
                variant.grant.join("; ")
            ));
        }
        text.push_str(&format!("\nProfiles: {}.", code(&server.profiles)));
        let counts = (server.read.len(), server.write.len(), server.destructive.len());
        text.push_str(&format!(" Tools known: {} read, {} write, {} destroy.", counts.0, counts.1, counts.2));
        for variant in &server.variants {
            if !variant.read_only.is_empty() {
                text.push_str(&format!(
                    " The variant {} is told to keep to reading by {}.",
                    variant.name,
                    code(&variant.read_only)
                ));
            }
            if !variant.check.is_empty() {
                text.push_str(&format!(" The credential of {} is tried with {}.", variant.name, code(&variant.check)));
            }
        }
        text.push('\n');
        let rows = [
            ("Filtered by relevance", &server.large),
            ("Never filtered", &server.whole),
            ("Narrowed by an argument", &server.narrowed),
            ("`--only` limits calls to a", &server.subjects),
        ];
        for (label, items) in rows.into_iter().filter(|(_, items)| !items.is_empty()) {
            text.push_str(&format!("{label}: {}.\n", code(items)));
        }
        text.push('\n');
    }
    text
}

fn code(items: &[String]) -> String {
    items.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_page_about_servers_is_of_this_catalogue() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/servers.md");
    let page = fs::read_to_string(path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has its mark");
    let (found, after) = rest.split_once(END).expect("the page has its mark");
    let written = written();
    if env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, format!("{before}{BEGIN}{written}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, written, "write it anew: UPDATE_DOCS=1 cargo test -p mcpctl documented");
}
