use std::collections::{BTreeMap, BTreeSet};

use super::{CHANNELS, Workspace, phrases, users};
use crate::phrasebook::marks::Marks;

fn workspace() -> Workspace {
    Workspace::generate().unwrap()
}

#[test]
fn there_are_enough_messages_of_five_weeks_in_every_channel() {
    let workspace = workspace();
    let count = workspace.messages.len();
    assert!((1_250..=1_400).contains(&count), "{count}");
    let mut per_channel: BTreeMap<&str, usize> = BTreeMap::new();
    for message in &workspace.messages {
        *per_channel.entry(&message.channel_name).or_default() += 1;
    }
    assert_eq!(per_channel.len(), CHANNELS.len(), "{per_channel:?}");
    assert!(per_channel.values().all(|count| *count >= 30), "{per_channel:?}");
    let seconds = |ts: &str| ts.split('.').next().unwrap().parse::<u64>().unwrap();
    let newest = seconds(&workspace.messages.first().unwrap().ts);
    let oldest = seconds(&workspace.messages.last().unwrap().ts);
    let days = (newest - oldest) / 86_400;
    assert!((31..=35).contains(&days), "{days}");
}

#[test]
fn the_workspace_is_the_same_every_time() {
    assert_eq!(workspace().messages, workspace().messages);
    assert_eq!(workspace().labels(), workspace().labels());
}

#[test]
fn every_ts_is_unique_and_newest_comes_first() {
    let workspace = workspace();
    let stamps: Vec<&str> = workspace.messages.iter().map(|message| message.ts.as_str()).collect();
    assert_eq!(stamps.iter().collect::<BTreeSet<_>>().len(), stamps.len());
    assert!(stamps.is_sorted_by(|one, other| one > other));
}

#[test]
fn threads_hang_from_a_message_of_the_same_channel() {
    let workspace = workspace();
    let by_ts: BTreeMap<&str, _> = workspace.messages.iter().map(|m| (m.ts.as_str(), m)).collect();
    let mut replies = 0;
    for message in &workspace.messages {
        let Some(thread) = &message.thread_ts else { continue };
        let root = by_ts[thread.as_str()];
        assert_eq!(root.thread_ts.as_ref(), Some(thread));
        assert_eq!(root.channel, message.channel);
        assert!(message.ts >= root.ts);
        replies += usize::from(message.ts != root.ts);
    }
    assert!(replies > 250, "{replies}");
}

#[test]
fn about_a_hundred_messages_are_labelled_and_most_never_say_the_word() {
    let workspace = workspace();
    let labels = workspace.labels();
    assert!((90..=130).contains(&labels.security.len()), "{}", labels.security.len());
    assert_eq!(labels.total, workspace.messages.len());
    let labelled: Vec<_> = workspace.messages.iter().filter(|m| labels.security.contains(&m.ts)).collect();
    let silent = labelled.iter().filter(|m| !m.text.to_lowercase().contains("secur")).count();
    assert!(silent * 2 > labelled.len(), "{silent} of {}", labelled.len());
    let channels: BTreeSet<&str> = labelled.iter().map(|m| m.channel_name.as_str()).collect();
    assert!(channels.len() >= 6, "{channels:?}");
    let chatter = workspace.messages.iter().filter(|m| m.channel_name == "security").count()
        - labelled.iter().filter(|m| m.channel_name == "security").count();
    assert!(chatter >= 15, "{chatter}");
}

#[test]
fn hard_negatives_are_there_and_unlabelled() {
    let workspace = workspace();
    let labels = workspace.labels();
    for phrase in
        ["secure ", "job security", "token of appreciation", "patch of ice", "attack the backlog", "Life hack"]
    {
        let found: Vec<_> = workspace.messages.iter().filter(|m| m.text.contains(phrase)).collect();
        assert!(!found.is_empty(), "`{phrase}` is nowhere");
        let labelled = |ts: &String| labels.security.contains(ts);
        assert!(phrase == "secure " || !found.iter().any(|m| labelled(&m.ts)), "`{phrase}` is labelled");
    }
}

#[test]
fn no_message_shows_its_label_or_looks_like_a_secret() {
    let workspace = workspace();
    for forbidden in ["xox", "ghp_", "AKIA", "{", "}", "|"] {
        let hits: Vec<_> = workspace.messages.iter().filter(|m| m.text.contains(forbidden)).collect();
        assert!(hits.is_empty(), "`{forbidden}`: {hits:?}");
    }
    let text = serde_json::to_string(&workspace.messages).unwrap();
    assert!(!text.contains("\"about\"") && !text.contains("\"security\":"));
}

#[test]
fn openings_differ_from_each_other_and_vary_in_length() {
    let workspace = workspace();
    let is_root = |m: &&super::Message| m.thread_ts.as_ref().is_none_or(|ts| *ts == m.ts);
    let roots: Vec<&str> = workspace.messages.iter().filter(is_root).map(|m| m.text.as_str()).collect();
    assert_eq!(roots.iter().collect::<BTreeSet<_>>().len(), roots.len());
    let words: Vec<usize> = roots.iter().map(|text| text.split_whitespace().count()).collect();
    assert!(words.iter().all(|count| (3..=60).contains(count)));
    assert!(words.iter().any(|count| *count <= 8) && words.iter().any(|count| *count >= 35));
}

#[test]
fn every_channel_and_word_list_of_the_phrases_exists() {
    let book = phrases(&[]).unwrap();
    let names: Vec<&str> = CHANNELS.iter().map(|(name, _)| *name).collect();
    for topic in &book.topics {
        assert!(topic.list("channels").iter().all(|name| names.contains(&name.as_str())));
    }
    let first_names: Vec<String> =
        users().iter().map(|user| user.real_name.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(book.words["person"], first_names);
}

#[test]
fn there_are_ten_contexts_and_more_each_with_enough_to_find() {
    let labels = workspace().labels();
    assert!(labels.contexts.len() >= 10, "{}", labels.contexts.len());
    for context in &labels.contexts {
        assert!((20..=150).contains(&context.core.len()), "{}: {}", context.name, context.core.len());
        assert!(context.relevant.len() * 10 <= labels.total * 2, "{}: {}", context.name, context.relevant.len());
        assert!(context.core.iter().all(|ts| context.relevant.contains(ts)), "{}", context.name);
        assert!(context.asked.len() >= 2, "{} is asked for in one way only", context.name);
    }
    assert_eq!(labels.contexts[0].core, labels.security);
}

#[test]
fn every_label_belongs_to_a_message_that_is_served() {
    let workspace = workspace();
    let served: BTreeSet<&str> = workspace.messages.iter().map(|message| message.ts.as_str()).collect();
    for context in workspace.labels().contexts {
        assert!(context.relevant.iter().all(|ts| served.contains(ts.as_str())), "{}", context.name);
    }
}

#[test]
fn every_mark_of_the_phrases_is_a_context() {
    let contexts = workspace().labels().contexts;
    let known: BTreeSet<&str> = contexts.iter().map(|context| context.name.as_str()).collect();
    let nothing = Marks::default();
    for topic in &phrases(&[]).unwrap().topics {
        let marks = topic.sentences().map(|sentence| sentence.marks(&nothing)).chain([topic.about()]);
        for name in marks.flat_map(|marks| marks.subjects().map(str::to_owned).collect::<Vec<_>>()) {
            assert!(known.contains(name.as_str()), "`{name}` in `[{}]` is no context", topic.name);
        }
    }
}

#[test]
fn much_that_is_labelled_is_understood_only_in_its_thread() {
    let workspace = workspace();
    let is_reply = |ts: &String| {
        let message = workspace.messages.iter().find(|message| message.ts == *ts).unwrap();
        message.thread_ts.as_ref().is_some_and(|thread| thread != ts)
    };
    for context in workspace.labels().contexts {
        let replies = context.core.iter().filter(|ts| is_reply(ts)).count();
        assert!(replies * 8 >= context.core.len(), "{}: {replies} of {}", context.name, context.core.len());
    }
}

#[test]
fn words_of_a_context_are_used_in_other_senses() {
    let workspace = workspace();
    let labels = workspace.labels();
    for (context, words) in [
        ("postgres", "migration"),
        ("courier", "courier"),
        ("releases", "release"),
        ("outages", "outage"),
        ("latency", "slow"),
        ("billing", "bill"),
        ("design", "design"),
        ("hiring", "candidate"),
        ("food", "eating"),
    ] {
        let context = labels.contexts.iter().find(|one| one.name == context).unwrap();
        let uses = |m: &&super::Message| m.text.to_lowercase().contains(words) && !context.relevant.contains(&m.ts);
        assert!(workspace.messages.iter().any(|m| uses(&m)), "`{words}` always means {}", context.name);
    }
}

#[test]
fn a_conversation_written_as_it_stands_keeps_its_order_and_its_opener() {
    let workspace = workspace();
    let root = workspace.messages.iter().find(|m| m.text.starts_with("05:31 writes stopped")).unwrap();
    let mut thread: Vec<_> = workspace.messages.iter().filter(|m| m.thread_ts.as_ref() == Some(&root.ts)).collect();
    thread.reverse();
    assert_eq!(thread.len(), 6, "{thread:?}");
    assert!(thread[1].text.starts_with("Congratulations!") && thread[5].text.starts_with("Until the 30th"));
    let by_opener: Vec<bool> = thread.iter().map(|m| m.user == root.user).collect();
    assert_eq!(by_opener, [true, false, true, false, false, true]);
}

#[test]
fn alerts_come_on_top_and_leave_the_rest_as_it_is() {
    let (plain, alerted) = (workspace(), Workspace::with_alerts().unwrap());
    let (alerts, rest): (Vec<_>, Vec<_>) = alerted.messages.iter().partition(|m| m.channel_name == "data-alerts");
    let said = |m: &super::Message| (m.user_name.clone(), m.text.clone());
    let mut before: Vec<_> = plain.messages.iter().map(said).collect();
    let mut after: Vec<_> = rest.into_iter().map(said).collect();
    before.sort();
    after.sort();
    assert_eq!(before, after);
    assert!(alerts.len() > 1_000 && alerts.iter().all(|m| ["airflow", "dbt"].contains(&m.user_name.as_str())));
    let labels = alerted.labels();
    let broken = labels.contexts.iter().find(|context| context.name == "broken").unwrap();
    assert!((60..=120).contains(&broken.core.len()), "{}", broken.core.len());
    assert!(alerts.iter().filter(|m| m.text.contains("succeeded")).all(|m| !broken.core.contains(&m.ts)));
}
