//! Who works in the synthetic company and where they talk. All names are made up.

use super::{Channel, User};

/// Channels: name and purpose. The ids follow from the order.
pub const CHANNELS: [(&str, &str); 8] = [
    ("general", "Company-wide news and the occasional cake"),
    ("engineering", "How we build things"),
    ("platform-oncall", "Pages, incidents, clusters"),
    ("security", "Keeping the shop and its people safe"),
    ("random", "Anything goes"),
    ("product", "What we build and why"),
    ("support", "What customers tell us"),
    ("data-pipelines", "Jobs, tables and dashboards"),
];

const PEOPLE: [(&str, &str, &str); 26] = [
    ("Maren", "Oduvik", "Staff engineer, platform"),
    ("Tobias", "Kellgreen", "Backend engineer, checkout"),
    ("Ifeoma", "Brandvold", "Head of engineering"),
    ("Lucia", "Ferrantel", "Product manager, search"),
    ("Dmitri", "Aldhouse", "Data engineer"),
    ("Hanneke", "Vossmeer", "Support lead"),
    ("Yusuf", "Tarkanli", "Site reliability engineer"),
    ("Priyanka", "Desmarou", "Security engineer"),
    ("Oskar", "Lindqvall", "Mobile developer"),
    ("Chloe", "Amberwick", "Product designer"),
    ("Mateusz", "Zarembski", "Backend engineer, ledger"),
    ("Naledi", "Khumanto", "Data analyst"),
    ("Gareth", "Penrhosyn", "Office and facilities"),
    ("Soraya", "Bahranel", "Security lead"),
    ("Kenji", "Morisawe", "Search engineer"),
    ("Beatriz", "Caldeiro", "Recruiter"),
    ("Fergus", "Macallorn", "Platform engineer"),
    ("Anouk", "Delvaire", "Frontend engineer"),
    ("Emeka", "Obiandu", "Support specialist"),
    ("Linnea", "Strombeck", "Engineering manager"),
    ("Rafael", "Quintaro", "Sales engineer"),
    ("Zeynep", "Aksoyer", "Frontend engineer"),
    ("Callum", "Ridderfort", "IT and workplace"),
    ("Tamsin", "Holloworth", "Technical writer"),
    ("Ignacio", "Belmontez", "Logistics product manager"),
    ("Wren", "Castellow", "Analytics engineer"),
];

/// Where programs report, in a workspace with alerts.
const ALERTS: (&str, &str) = ("data-alerts", "What Airflow and dbt report");

/// The programs that report there.
const BOTS: [(&str, &str); 2] = [("airflow", "Airflow"), ("dbt", "dbt Cloud")];

/// The channels with their ids.
pub(super) fn channels() -> Vec<Channel> {
    numbered(CHANNELS.iter())
}

/// The same, and the one for alerts.
pub(super) fn channels_with_alerts() -> Vec<Channel> {
    numbered(CHANNELS.iter().chain([&ALERTS]))
}

fn numbered<'a>(channels: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Vec<Channel> {
    let numbered = channels.zip(1..);
    numbered
        .map(|((name, purpose), number)| Channel {
            id: format!("C0DEMO{number:02}"),
            name: (*name).to_owned(),
            purpose: (*purpose).to_owned(),
        })
        .collect()
}

/// Everyone in the workspace.
pub fn users() -> Vec<User> {
    let numbered = PEOPLE.iter().zip(1..);
    numbered
        .map(|((first, last, title), number)| User {
            id: format!("U0DEMO{number:02}"),
            name: format!("{}.{}", first.to_lowercase(), last.to_lowercase()),
            real_name: format!("{first} {last}"),
            title: (*title).to_owned(),
        })
        .collect()
}

/// Everyone, and the programs that report.
pub(super) fn users_and_bots() -> Vec<User> {
    users().into_iter().chain(bots()).collect()
}

/// The programs that report.
pub(super) fn bots() -> Vec<User> {
    let numbered = BOTS.iter().zip(1..);
    numbered
        .map(|((name, real_name), number)| User {
            id: format!("B0DEMO{number:02}"),
            name: (*name).to_owned(),
            real_name: (*real_name).to_owned(),
            title: "Bot".to_owned(),
        })
        .collect()
}
