//! Results, notifications and errors as an older revision has them: what its clients cannot read becomes something they
//! can, everything they know stays byte for byte (changelogs of the revisions). Pure; the way in is `envelope`.

mod schema;

use protocol::{Members, Notification, Revision, RpcError, code, meta, method};
use serde_json::value::{RawValue, to_raw_value};

/// Something that is not there, as legacy servers say it.
const RESOURCE_NOT_FOUND: i64 = -32_002;
/// Keys of `_meta` that only modern peers read.
const ENVELOPE: [&str; 3] = [meta::SERVER_INFO, meta::SUBSCRIPTION_ID, meta::PROTOCOL_VERSION];

/// The result of `method` for a client of `revision`.
pub(super) fn result(method: &str, revision: Revision, result: &RawValue) -> Box<RawValue> {
    let Ok(mut members) = Members::open(result) else {
        return result.to_owned();
    };
    for modern in ["resultType", "ttlMs", "cacheScope"] {
        members.remove(modern);
    }
    strip(&mut members);
    match method {
        method::TOOLS_CALL => {
            structured(&mut members);
            each(&mut members, "content", |block| content(revision, block));
        }
        method::PROMPTS_GET => each(&mut members, "messages", |message| {
            let mut message = Members::open(message).ok()?;
            let shaped = content(revision, message.get("content")?)?;
            message.set_raw("content", shaped);
            Some(message.to_raw())
        }),
        method::TOOLS_LIST => each(&mut members, "tools", |tool| self::tool(revision, tool)),
        _ => {}
    }
    members.to_raw()
}

/// A notification for a client of `revision`; none for one it has no use for.
pub(super) fn notification(revision: Revision, mut note: Notification) -> Option<Notification> {
    match note.method.as_str() {
        method::ACKNOWLEDGED => return None,
        "notifications/elicitation/complete" if revision < Revision::V2025_11_25 => return None,
        "notifications/progress" if revision < Revision::V2025_03_26 => {
            note.params.remove("message");
        }
        _ => {}
    }
    strip(&mut note.params);
    Some(note)
}

/// The error of `method` as legacy clients know it.
pub(super) fn error(method: &str, mut error: RpcError) -> RpcError {
    let of_resource = || {
        let named = error.data.as_deref().and_then(|data| Members::open(data).ok());
        named.is_some_and(|named| named.get("uri").is_some())
    };
    error.code = match error.code {
        code::INVALID_PARAMS if method.starts_with("resources/") && of_resource() => RESOURCE_NOT_FOUND,
        // What was missing was not declared: the request cannot be made.
        code::MISSING_CAPABILITY => code::INVALID_REQUEST,
        // The gateway's own fault: this client sent none of what they are about.
        code::HEADER_MISMATCH | code::UNSUPPORTED_VERSION => code::INTERNAL_ERROR,
        other => other,
    };
    error
}

/// Takes what only modern peers read out of `_meta`.
fn strip(members: &mut Members) {
    let mut meta = meta::of(members);
    let stripped = ENVELOPE.iter().filter(|key| meta.remove(key).is_some()).count();
    match (stripped, meta.is_empty()) {
        (0, _) => {}
        (_, true) => {
            members.remove("_meta");
        }
        (_, false) => members.set("_meta", &meta),
    }
}

/// Puts `shaped` entries of list `name` in the place of those it has something for.
fn each(members: &mut Members, name: &str, shaped: impl Fn(&RawValue) -> Option<Box<RawValue>>) {
    let Some(mut entries) = members.read::<Vec<Box<RawValue>>>(name) else {
        return;
    };
    let mut touched = false;
    for entry in &mut entries {
        if let Some(better) = shaped(entry) {
            *entry = better;
            touched = true;
        }
    }
    if touched {
        members.set(name, &entries);
    }
}

/// A content block in place of one that `revision` does not know.
fn content(revision: Revision, block: &RawValue) -> Option<Box<RawValue>> {
    if revision >= Revision::V2025_06_18 {
        return None;
    }
    let block = Members::open(block).ok()?;
    let kind = block.read::<String>("type")?;
    let told = |name: &str| block.read::<String>(name).filter(|text| !text.is_empty());
    match kind.as_str() {
        "audio" if revision < Revision::V2025_03_26 => {
            let kind = told("mimeType").unwrap_or_else(|| "unknown type".to_owned());
            Some(text(&format!("[audio content ({kind}), which this client cannot play]"), &block))
        }
        "resource_link" => {
            let name = told("title").or_else(|| told("name")).unwrap_or_default();
            let description = told("description").map(|text| format!(" ({text})")).unwrap_or_default();
            let uri = told("uri").unwrap_or_default();
            Some(text(
                format!("[resource {name}{description}: {uri}]").replace("[resource :", "[resource:").as_str(),
                &block,
            ))
        }
        _ => None,
    }
}

/// A text block; who it is for is carried over from the `block` it stands for.
fn text(text: &str, block: &Members) -> Box<RawValue> {
    let mut members = Members::new();
    members.set("type", "text");
    members.set("text", text);
    if let Some(annotations) = block.get("annotations") {
        members.set("annotations", annotations);
    }
    members.to_raw()
}

/// Structured content of legacy revisions is an object; what it holds stands in a text block as well.
fn structured(members: &mut Members) {
    let Some(value) = members.get("structuredContent").map(ToOwned::to_owned) else {
        return;
    };
    if Members::open(&value).is_ok() {
        return;
    }
    let mut wrapped = Members::new();
    wrapped.set_raw("result", value.clone());
    members.set("structuredContent", &wrapped);
    let mut blocks = members.read::<Vec<Box<RawValue>>>("content").unwrap_or_default();
    let is_text = |block: &RawValue| {
        Members::open(block).is_ok_and(|block| block.read::<String>("type").as_deref() == Some("text"))
    };
    if !blocks.iter().any(|block| is_text(block)) {
        blocks.push(text(value.get(), &Members::new()));
        members.set("content", &blocks);
    }
}

/// A tool in place of one that says what `revision` has no words for.
fn tool(revision: Revision, tool: &RawValue) -> Option<Box<RawValue>> {
    let mut tool = Members::open(tool).ok()?;
    let mut touched = revision < Revision::V2025_03_26 && tool.remove("annotations").is_some();
    if let Some(output) = tool.get("outputSchema").map(ToOwned::to_owned) {
        match schema::as_object(&output) {
            schema::Shaped::AsItIs => {}
            schema::Shaped::Wrapped(wrapped) => {
                tool.set_raw("outputSchema", wrapped);
                touched = true;
            }
            schema::Shaped::Unknowable => {
                tool.remove("outputSchema");
                touched = true;
            }
        }
    }
    touched.then(|| to_raw_value(&tool).ok()).flatten()
}

#[cfg(test)]
mod tests;
