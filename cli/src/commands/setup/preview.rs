//! `--dry-run`: what would be created, as a file for `apply -f`; never a secret's value.

use super::{plan::Plan, reference};
use crate::{args::Format, failure::Failure, output::Output};

/// Prints it.
pub(super) fn print(plan: &Plan, output: Output) -> Result<(), Failure> {
    for secret in &plan.secrets {
        output.note(format!("{} would be set", reference(&secret.name)));
    }
    let names: Vec<String> = plan.objects.iter().map(|object| object.reference().to_string()).collect();
    output.note(format!("{} would be applied", names.join(", ")));
    match output.format() {
        Format::Name => output.raw(&names.iter().map(|name| format!("{name}\n")).collect::<String>()),
        Format::Json | Format::Jsonl => {
            let text =
                serde_json::to_string_pretty(&plan.objects).map_err(|error| Failure::failed(error.to_string()))?;
            output.raw(&format!("{text}\n"))
        }
        _ => {
            let mut text = String::new();
            for object in &plan.objects {
                let mut document = serde_json::to_value(object).map_err(|error| Failure::failed(error.to_string()))?;
                if let Some(members) = document.as_object_mut() {
                    members.remove("revision");
                }
                let document =
                    serde_yaml_ng::to_string(&document).map_err(|error| Failure::failed(error.to_string()))?;
                text.push_str(&format!("---\n{document}"));
            }
            output.raw(&text)
        }
    }
}
