//! The Terraform code of the made-up company, as a code search finds it: one hit for each block, always the same. Which
//! of them let everybody into a bucket is known, and is no part of a hit.

use crate::random::Dice;

const SEED: u64 = 90_210;
const HITS: usize = 420;
/// Of 100 hits, how many open a bucket.
const OPEN_PERCENT: u64 = 10;
/// Hits on the largest page, as GitHub has it.
pub const PAGE_MAX: usize = 100;

const NAMES: [&str; 15] = [
    "assets",
    "invoices",
    "exports",
    "backups",
    "uploads",
    "reports",
    "thumbnails",
    "receipts",
    "telemetry",
    "archive",
    "statements",
    "drops",
    "labels",
    "catalog",
    "avatars",
];
const TEAMS: [&str; 8] = ["checkout", "platform", "growth", "search", "payments", "mobile", "data", "logistics"];

/// Blocks that let everybody in; `@` is the bucket.
const OPEN: [&str; 4] = [
    "resource \"aws_s3_bucket_acl\" \"@\" {\n  bucket = aws_s3_bucket.@.id\n  acl    = \"public-read\"\n}",
    "resource \"aws_s3_bucket_acl\" \"@\" {\n  bucket = aws_s3_bucket.@.id\n  acl    = \"public-read-write\"\n}",
    "resource \"aws_s3_bucket_public_access_block\" \"@\" {\n  bucket                  = aws_s3_bucket.@.id\n  \
     block_public_acls       = false\n  block_public_policy     = false\n  ignore_public_acls      = false\n  \
     restrict_public_buckets = false\n}",
    "data \"aws_iam_policy_document\" \"@\" {\n  statement {\n    actions   = [\"s3:GetObject\"]\n    \
     resources = [\"${aws_s3_bucket.@.arn}/*\"]\n    principals {\n      type        = \"*\"\n      \
     identifiers = [\"*\"]\n    }\n  }\n}",
];

/// Blocks that let nobody in who was not in before; the first three look much like those above.
const CLOSED: [&str; 9] = [
    "resource \"aws_s3_bucket_acl\" \"@\" {\n  bucket = aws_s3_bucket.@.id\n  acl    = \"private\"\n}",
    "resource \"aws_s3_bucket_public_access_block\" \"@\" {\n  bucket                  = aws_s3_bucket.@.id\n  \
     block_public_acls       = true\n  block_public_policy     = true\n  ignore_public_acls      = true\n  \
     restrict_public_buckets = true\n}",
    "data \"aws_iam_policy_document\" \"@\" {\n  statement {\n    actions   = [\"s3:GetObject\"]\n    \
     resources = [\"${aws_s3_bucket.@.arn}/*\"]\n    principals {\n      type        = \"AWS\"\n      \
     identifiers = [aws_iam_role.@.arn]\n    }\n  }\n}",
    "resource \"aws_s3_bucket\" \"@\" {\n  bucket = \"acme-@\"\n  tags   = local.tags\n}",
    "resource \"aws_s3_bucket_versioning\" \"@\" {\n  bucket = aws_s3_bucket.@.id\n  versioning_configuration {\n    \
     status = \"Enabled\"\n  }\n}",
    "resource \"aws_s3_bucket_lifecycle_configuration\" \"@\" {\n  bucket = aws_s3_bucket.@.id\n  rule {\n    \
     id     = \"expire\"\n    status = \"Enabled\"\n    expiration {\n      days = 90\n    }\n  }\n}",
    "resource \"aws_s3_bucket_server_side_encryption_configuration\" \"@\" {\n  bucket = aws_s3_bucket.@.id\n  rule {\n    \
     apply_server_side_encryption_by_default {\n      sse_algorithm = \"aws:kms\"\n    }\n  }\n}",
    "resource \"aws_s3_bucket_logging\" \"@\" {\n  bucket        = aws_s3_bucket.@.id\n  \
     target_bucket = aws_s3_bucket.logs.id\n  target_prefix = \"@/\"\n}",
    "resource \"aws_s3_bucket_notification\" \"@\" {\n  bucket = aws_s3_bucket.@.id\n  queue {\n    \
     queue_arn = aws_sqs_queue.@.arn\n    events    = [\"s3:ObjectCreated:*\"]\n  }\n}",
];

/// A block of code that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// `owner/name`.
    pub repository: String,
    pub path: String,
    /// Of the file; unique.
    pub sha: String,
    /// The lines that were found.
    pub fragment: String,
    /// Whether it lets everybody in.
    pub is_open: bool,
}

/// All code about buckets.
pub fn estate() -> Vec<Hit> {
    let mut dice = Dice::new(SEED);
    (0..HITS).map(|index| hit(index, &mut dice)).collect()
}

fn hit(index: usize, dice: &mut Dice) -> Hit {
    let is_open = dice.chance(OPEN_PERCENT);
    let block = if is_open { dice.pick(&OPEN) } else { dice.pick(&CLOSED) };
    let name = dice.pick(&NAMES).copied().unwrap_or_default();
    let team = dice.pick(&TEAMS).copied().unwrap_or_default();
    Hit {
        repository: format!("acme/{team}-infra"),
        path: format!("modules/{name}-{index}/main.tf"),
        sha: format!("{:016x}{index:024x}", dice.number(0..=u64::MAX - 1)),
        fragment: block.copied().unwrap_or_default().replace('@', name),
        is_open,
    }
}

/// The hits that hold every word of `query`; `org:`, `language:` and other qualifiers narrow nothing, since all is of one
/// company and one language.
pub fn search<'a>(hits: &'a [Hit], query: &str) -> Vec<&'a Hit> {
    let words: Vec<&str> = query.split_whitespace().filter(|word| !word.contains(':')).collect();
    let holds = |hit: &&Hit| words.iter().all(|word| hit.fragment.contains(word.trim_matches('"')));
    hits.iter().filter(holds).collect()
}

#[cfg(test)]
mod tests {
    use super::{estate, search};
    use std::collections::BTreeSet;

    #[test]
    fn the_estate_is_the_same_every_time_and_some_of_it_is_open() {
        let hits = estate();
        assert_eq!(hits, estate());
        let open = hits.iter().filter(|hit| hit.is_open).count();
        assert!((30..=60).contains(&open), "{open} of {}", hits.len());
        assert_eq!(hits.iter().map(|hit| &hit.sha).collect::<BTreeSet<_>>().len(), hits.len());
        assert!(hits.iter().all(|hit| !hit.fragment.contains('@') && hit.sha.len() == 40));
    }

    #[test]
    fn every_word_has_to_be_there_and_qualifiers_are_none() {
        let hits = estate();
        let found = search(&hits, "\"aws_s3_bucket_acl\" org:acme language:HCL");
        assert!(found.len() > 20 && found.iter().all(|hit| hit.fragment.contains("aws_s3_bucket_acl")));
        assert!(found.iter().any(|hit| hit.is_open) && found.iter().any(|hit| !hit.is_open));
        assert!(search(&hits, "aws_s3_bucket_acl nowhere").is_empty());
    }
}
