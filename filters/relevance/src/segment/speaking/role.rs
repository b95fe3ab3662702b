//! What the fields of a record are for.

use serde_json::Value;

/// What a field is for, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Title,
    Body,
    Label,
    Aside,
    Thread,
    Silent,
    Unknown,
}

/// Names as they are compared: lower case, without `_`, `-` and spaces.
pub(super) fn role(name: &str) -> Role {
    let mut name: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    name.make_ascii_lowercase();
    match name.as_str() {
        "title" | "summary" | "subject" | "headline" | "name" | "displayname" | "pretitle" | "alerttitle" => {
            Role::Title
        }
        "text" | "message" | "msg" | "body" | "description" | "content" | "contents" | "comment" | "comments"
        | "note" | "notes" | "snippet" | "excerpt" | "fragment" | "topic" | "purpose" | "reason" | "value"
        | "details" | "log" | "line" | "error" | "question" | "answer" | "abstract" | "fallback" | "pretext"
        | "bodytext" | "plaintext" | "markdown" | "resolution" | "attachments" => Role::Body,
        "labels" | "label" | "tags" | "tag" | "keywords" | "components" | "component" | "category" | "categories"
        | "issuetype" | "kind" | "severity" | "topics" | "filename" | "path" => Role::Label,
        "author" | "user" | "username" | "realname" | "assignee" | "reporter" | "creator" | "owner" | "sender"
        | "from" | "to" | "login" | "botname" | "channel" | "channelname" | "room" | "project" | "repository"
        | "status" | "state" | "priority" | "namespace" | "service" | "host" | "level" => Role::Aside,
        "threadts" | "threadid" | "thread" | "conversationid" | "discussionid" => Role::Thread,
        "reactions" | "avatar" | "avatarurl" | "links" | "permissions" | "icons" | "color" | "email" | "type"
        | "subtype" | "timezone" | "tz" | "permalink" | "cursor" | "id" | "ts" | "time" | "date" | "created"
        | "updated" | "sha" | "commit" | "hash" | "uid" | "url" | "msgid" | "userid" | "timestamp" | "createdat"
        | "updatedat" => Role::Silent,
        _ => Role::Unknown,
    }
}

/// The role of a member of something that has a role itself: what is in an author is not a title, and what is in
/// a label is a label. A commit is silent as a hash and an envelope as an object.
pub(super) fn inner_role(outer: Role, name: &str, value: &Value) -> Role {
    let own = role(name);
    match (outer, own) {
        (_, Role::Silent) if value.is_object() && name.eq_ignore_ascii_case("commit") => Role::Unknown,
        (Role::Silent, _) | (_, Role::Silent) => Role::Silent,
        (Role::Aside | Role::Label, _) if own != Role::Thread => outer,
        (Role::Body, Role::Unknown) if value.is_string() => Role::Unknown,
        _ => own,
    }
}
