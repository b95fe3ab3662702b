//! The gateway's own tool by which clients get the rest of results that were shortened, and the template of the resources
//! that are the whole of them. What they answer is `upstream/more`'s.

use crate::servers::offer::Listed;
use control_plane_api::name::Name;
use filters::originals::RESULTS;
use protocol::{Members, method::Primitive};
use serde_json::json;

/// What the model that calls the tool reads about it.
const DESCRIPTION: &str = "Get more of a tool result that was shortened; its note has the id. With only `id`: the best \
    records that were not shown yet, as many as the budget holds; call again for those after them. `range`: these records \
    by number, such as \"101-200\". `query`: the records relevant to something else. `all`: the whole result as the tool \
    answered it, however long. Pass at most one of the three.";

/// The names the tool may have at the gateway called `gateway`, in the order in which they are tried.
pub(super) fn names(gateway: &Name) -> [String; 2] {
    ["mcpctl_more".to_owned(), format!("mcpctl_more_{gateway}")]
}

/// The tool, called `name`, of the gateway called `gateway`.
pub(super) fn tool(gateway: &Name, name: &str) -> Listed {
    let mut entry = Members::new();
    entry.set("name", name);
    entry.set("title", "More of a shortened result");
    entry.set("description", DESCRIPTION);
    let properties = json!({
        "id": {"type": "string", "description": "The id in the note of the shortened result."},
        "query": {"type": "string", "description": "What you are looking for now, in a few words."},
        "all": {"type": "boolean", "description": "true for the whole result."},
        "range": {"type": "string", "description": "Numbers of the first and the last record, counted from 1."},
    });
    let schema = json!({"type": "object", "properties": properties, "required": ["id"], "additionalProperties": false});
    entry.set("inputSchema", &schema);
    entry.set("annotations", &json!({"readOnlyHint": true, "idempotentHint": false, "openWorldHint": false}));
    listed(gateway, Primitive::Tool(name.to_owned()), &entry)
}

/// The template of the kept results.
pub(super) fn template(gateway: &Name) -> Listed {
    let uri = format!("{RESULTS}{{id}}");
    let mut entry = Members::new();
    entry.set("uriTemplate", &uri);
    entry.set("name", "results");
    entry.set("title", "Shortened results");
    entry.set("description", "The whole of a tool result that was shortened, by the id in its note.");
    listed(gateway, Primitive::Resource(uri), &entry)
}

fn listed(gateway: &Name, primitive: Primitive, entry: &Members) -> Listed {
    Listed::new(gateway, primitive.name().to_owned(), primitive, entry.to_raw())
}
