//! The book of pins: what is trusted of which server. Values in, values out; no file, no clock but the one pinning asks.

use super::{Definitions, Withheld};
use control_plane_api::{
    name::Name,
    pin::{PINNED_DEFINITION_BYTES_MAX, PINS_MAX, Pin, PinReport, PinSpec, Quarantine},
    snapshot::Snapshot,
    timestamp::Timestamp,
};
use protocol::Definition;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// Pins in one report.
const REPORT_PINS_MAX: usize = 500;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Book {
    /// The configuration it was last brought in line with.
    pub(super) revision: u64,
    /// The pins of every configured server.
    pub(super) servers: BTreeMap<Name, PinSpec>,
    /// Those that no snapshot has yet: this gateway saw them first.
    #[serde(default)]
    pub(super) own: BTreeMap<Name, BTreeSet<String>>,
    /// The servers that are the central gateway: what they offer was pinned there, and is not pinned once more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) central: BTreeSet<Name>,
}

impl Book {
    /// The book under `snapshot`: its pins, and of the same server those that this gateway alone has seen.
    pub(super) fn adopting(&self, snapshot: &Snapshot) -> Self {
        let told: BTreeMap<&Name, &PinSpec> = snapshot.pins().collect();
        let mut next = Self { revision: snapshot.revision, ..Self::default() };
        for (server, spec) in snapshot.servers() {
            if spec.central {
                next.central.insert(server.clone());
                continue;
            }
            let mut spec = told.get(server).map(|spec| (*spec).clone()).unwrap_or_default();
            let mut own = BTreeSet::new();
            // A configuration of before there were pins says 0: that is no other server.
            let known = self.servers.get(server);
            for (tool, pin) in known
                .filter(|known| known.made_at == spec.made_at || known.made_at == 0)
                .into_iter()
                .flat_map(|known| &known.tools)
            {
                if !spec.tools.contains_key(tool) && spec.put(tool, pin.clone()) {
                    own.insert(tool.clone());
                }
            }
            next.servers.insert(server.clone(), spec);
            if !own.is_empty() {
                next.own.insert(server.clone(), own);
            }
        }
        next
    }

    /// Pins the tools of `server` that are seen for the first time; which those are.
    pub(super) fn meet(&mut self, server: &Name, definitions: &Definitions) -> Vec<String> {
        // The last listing of a server that is gone by now.
        let Some(spec) = self.servers.get_mut(server) else { return Vec::new() };
        let mut added = Vec::new();
        for (tool, definition) in definitions {
            let Ok(definition) = definition else { continue };
            let pin = || Pin {
                digest: definition.digest().to_owned(),
                definition: Some(definition.text().to_owned()),
                pinned_at: Timestamp::now(),
                approved_by: None,
            };
            if !spec.tools.contains_key(tool) && spec.put(tool, pin()) {
                added.push(tool.clone());
            }
        }
        if !added.is_empty() {
            self.own.entry(server.clone()).or_default().extend(added.iter().cloned());
        }
        added
    }

    /// Whether the tool may be offered.
    pub(super) fn judge(
        &self,
        server: &Name,
        tool: &str,
        definition: &Result<Definition, String>,
    ) -> Result<(), Withheld> {
        let definition = definition.as_ref().map_err(|reason| Withheld::Unusable(reason.clone()))?;
        if self.central.contains(server) {
            return Ok(());
        }
        match self.pin(server, tool) {
            Some(pin) if pin.digest == definition.digest() => Ok(()),
            Some(pin) => Err(Withheld::Changed(changed(pin, definition))),
            None => {
                let reason = format!("its definition could not be pinned (of a server {PINS_MAX} tools can be)");
                Err(Withheld::Unusable(reason))
            }
        }
    }

    /// What is trusted as the definition of the tool.
    pub(super) fn pin(&self, server: &Name, tool: &str) -> Option<&Pin> {
        self.servers.get(server)?.tools.get(tool)
    }

    /// Some of what the control plane does not have yet and is not in `reported`.
    pub(super) fn unreported(&self, reported: &BTreeSet<(Name, u64, String)>) -> Option<PinReport> {
        self.own.iter().find_map(|(server, own)| {
            let spec = self.servers.get(server)?;
            let is_news = |tool: &&String| !reported.contains(&(server.clone(), spec.made_at, (*tool).clone()));
            let pins =
                own.iter().filter(is_news).filter_map(|tool| Some((tool.clone(), spec.tools.get(tool)?.clone())));
            let tools: BTreeMap<String, Pin> = pins.take(REPORT_PINS_MAX).collect();
            (!tools.is_empty()).then(|| PinReport { server: server.clone(), made_at: spec.made_at, tools })
        })
    }
}

fn changed(pin: &Pin, found: &Definition) -> Quarantine {
    let known = pin.definition.as_ref().and_then(|text| RawValue::from_string(text.clone()).ok());
    let differences = match known.and_then(|known| Definition::of(&known).ok()) {
        Some(known) => known.differences(found).iter().map(ToString::to_string).collect(),
        None => vec!["the pinned definition is too long to be kept word for word".to_owned()],
    };
    let short = found.text().len() <= PINNED_DEFINITION_BYTES_MAX;
    Quarantine { digest: found.digest().to_owned(), definition: short.then(|| found.text().to_owned()), differences }
}
