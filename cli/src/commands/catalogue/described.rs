//! Everything the catalogue says of one server.

use super::launch;
use crate::{
    catalogue::{Choice, Definition, Input, Multiplexed, Place, Switches},
    commands::setup,
    failure::Failure,
    output::{Report, Table},
};
use control_plane_api::argument::Scalar;
use serde::Serialize;

/// One server.
#[derive(Serialize)]
pub(super) struct Described {
    name: String,
    title: String,
    description: String,
    documentation: String,
    pub(super) variants: Vec<DescribedVariant>,
    pub(super) profiles: Vec<String>,
    pub(super) read: Vec<String>,
    pub(super) write: Vec<String>,
    pub(super) destructive: Vec<String>,
    /// Readers with many records in a result.
    pub(super) large: Vec<String>,
    /// Readers of whose results nothing is left out.
    pub(super) whole: Vec<String>,
    untrusted: Vec<String>,
    private: Vec<String>,
    public: Vec<String>,
    pub(super) narrowed: Vec<String>,
    pub(super) subjects: Vec<String>,
}

/// One of its variants.
#[derive(Serialize)]
pub(super) struct DescribedVariant {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) launch: String,
    pub(super) inputs: Vec<DescribedInput>,
    pub(super) grant: Vec<String>,
    /// What it is told to keep to reading with.
    pub(super) read_only: Vec<String>,
    /// What shows whether its credential is good.
    pub(super) check: Vec<String>,
    /// How somebody gives consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) consent: Option<&'static str>,
    hint: String,
}

/// Something it is given.
#[derive(Serialize)]
pub(super) struct DescribedInput {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) required: bool,
    pub(super) secret: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<String>,
    place: &'static str,
}

impl Described {
    pub(super) fn new(definition: &Definition) -> Result<Self, Failure> {
        let extension = definition.extension();
        let mut variants = Vec::new();
        for variant in definition.variants() {
            variants.push(DescribedVariant::new(&Choice::new(definition.clone(), Some(&variant.id))?)?);
        }
        let tools = extension.tools;
        Ok(Self {
            name: definition.id().to_owned(),
            title: definition.title().to_owned(),
            description: definition.description.clone(),
            documentation: definition.website_url.clone().unwrap_or_default(),
            variants,
            profiles: setup::profile_names(definition)?,
            read: tools.read,
            write: tools.write,
            destructive: tools.destructive,
            large: tools.large,
            whole: tools.whole,
            untrusted: tools.flow.untrusted,
            private: tools.flow.private,
            public: tools.flow.public,
            narrowed: extension.multiplexed.iter().map(narrowed).collect(),
            subjects: extension.subjects.into_keys().collect(),
        })
    }
}

impl DescribedVariant {
    fn new(choice: &Choice) -> Result<Self, Failure> {
        let variant = &choice.variant;
        Ok(Self {
            name: variant.id.clone(),
            description: variant.description.clone(),
            launch: launch(choice)?,
            inputs: choice.inputs().into_iter().map(DescribedInput::from).collect(),
            grant: variant.scopes.clone(),
            read_only: told(&variant.read_only),
            check: variant.probes.iter().map(|probe| probe.tool.clone()).collect(),
            consent: variant.oauth.as_ref().map(|oauth| match oauth.needs_client_id {
                true => "consent in a browser, and `--client-id`",
                false => "consent in a browser",
            }),
            hint: variant.hint.clone(),
        })
    }
}

impl From<Input> for DescribedInput {
    fn from(input: Input) -> Self {
        Self {
            place: match input.place {
                Place::Environment => "environment",
                Place::Argument => "argument",
                Place::Header => "header",
                Place::Url => "url",
            },
            name: input.name,
            description: input.description,
            required: input.required,
            secret: input.secret,
            default: input.default,
            choices: input.choices,
        }
    }
}

impl DescribedInput {
    /// What it is like, in a few words.
    pub(super) fn traits(&self) -> String {
        let needed = if self.required { "needed" } else { "optional" };
        if self.secret { format!("{needed}, secret") } else { needed.to_owned() }
    }
}

/// Its switches in one line each.
fn told(switches: &Switches) -> Vec<String> {
    let environment = switches.environment.iter().map(|(key, value)| format!("{key}={value}"));
    let headers = switches.headers.iter().map(|(key, value)| format!("{key}: {value}"));
    environment.chain(switches.arguments.iter().cloned()).chain(headers).collect()
}

fn narrowed(tool: &Multiplexed) -> String {
    let values = |level: &str, values: &[Scalar]| {
        let values: Vec<String> = values.iter().map(|value| value.to_string().replace(['`', '"'], "")).collect();
        (!values.is_empty()).then(|| format!("{level} with {} {}", tool.argument, values.join(", ")))
    };
    let both: Vec<String> =
        [values("reads", &tool.read), values("writes", &tool.write)].into_iter().flatten().collect();
    format!("{}: {}", tool.tool, both.join("; "))
}

impl Report for Described {
    fn table(&self, _wide: bool) -> Table {
        let mut table = Table::pairs();
        table.pair("Name", &self.name);
        table.pair("Title", &self.title);
        table.pair("Description", &self.description);
        table.pair("Documentation", &self.documentation);
        for (at, variant) in self.variants.iter().enumerate() {
            let first = if at == 0 { " (default)" } else { "" };
            table.pair("Variant", format!("{}{first}: {}", variant.name, variant.description));
            table.pair("  Launch", &variant.launch);
            for input in &variant.inputs {
                table.pair("  Input", format!("{} ({}): {}", input.name, input.traits(), input.description));
            }
            for grant in &variant.grant {
                table.pair("  Grant", grant);
            }
            if let Some(consent) = variant.consent {
                table.pair("  Needs", format!("{consent}: `mcpctl connect {}`", self.name));
            }
            if !variant.read_only.is_empty() {
                table.pair("  Read-only by", variant.read_only.join(" "));
            }
            if !variant.check.is_empty() {
                table.pair("  Checked by", variant.check.join(", "));
            }
            table.pair("  Hint", &variant.hint);
        }
        table.pair("Profiles", self.profiles.join(", "));
        let rows = [
            ("Tools that read", &self.read),
            ("Tools that write", &self.write),
            ("Tools that destroy", &self.destructive),
            ("Many records", &self.large),
            ("Never filtered", &self.whole),
            ("Text of strangers", &self.untrusted),
            ("Not for everyone", &self.private),
            ("Seen by strangers", &self.public),
            ("By an argument", &self.narrowed),
            ("Limited with --only", &self.subjects),
        ];
        for (label, tools) in rows.into_iter().filter(|(_, tools)| !tools.is_empty()) {
            table.pair(label, tools.join(", "));
        }
        table
    }

    fn names(&self) -> Vec<String> {
        vec![self.name.clone()]
    }
}
