//! The documentation of a Terraform provider, as far as it is about buckets, in our own words. Which pages are about who
//! may read a bucket is known, and is no part of a page.

use crate::phrasebook::{Phrasebook, PhrasebookError, Topic};

/// The provider that the pages belong to: namespace, name and version.
pub const PROVIDER: (&str, &str, &str) = ("hashicorp", "aws", "6.20.0");
/// The id of the first page; the others follow.
const FIRST_ID: usize = 9_300_001;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doc {
    pub id: String,
    /// The name of the resource, without the provider's.
    pub slug: String,
    /// The page in Markdown, below a head that describes it.
    pub content: String,
    pub description: String,
    /// Whether it is about who may read a bucket.
    pub is_public: bool,
}

/// All pages. Fails only when the phrase file was damaged.
pub fn docs() -> Result<Vec<Doc>, PhrasebookError> {
    let book = Phrasebook::parse(&[include_str!("../phrases/terraform/docs.txt")])?;
    Ok(book.topics.iter().zip(FIRST_ID..).map(|(topic, id)| doc(topic, id)).collect())
}

fn doc(topic: &Topic, id: usize) -> Doc {
    let description = topic.openings.first().map(|sentence| sentence.text.clone()).unwrap_or_default();
    let notes: String = topic.sequels.iter().map(|sentence| format!("* {}\n", sentence.text)).collect();
    let slug = &topic.name;
    let head = format!(
        "---\nsubcategory: \"S3 (Simple Storage Service)\"\npage_title: \"AWS: aws_{slug}\"\ndescription: |-\n  {description}\n---\n"
    );
    let example = format!("```terraform\nresource \"aws_{slug}\" \"example\" {{\n  bucket = \"example\"\n}}\n```\n");
    let content = format!(
        "{head}\n# Resource: aws_{slug}\n\n{description}\n\n## Example Usage\n\n{example}\n## Notes\n\n{notes}"
    );
    Doc { id: id.to_string(), slug: slug.clone(), content, description, is_public: topic.has("public") }
}

#[cfg(test)]
mod tests {
    use super::docs;

    #[test]
    fn every_page_describes_itself_and_some_are_about_access() {
        let docs = docs().unwrap();
        let public = docs.iter().filter(|doc| doc.is_public).count();
        assert!(docs.len() > 40 && (5..=10).contains(&public), "{public} of {}", docs.len());
        for doc in &docs {
            let head = format!("description: |-\n  {}\n---\n", doc.description);
            assert!(!doc.description.is_empty() && doc.content.contains(&head), "{}", doc.content);
        }
    }
}
