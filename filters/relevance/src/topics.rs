//! A small thesaurus of the broad topics that people at work ask for by one word.
//!
//! A sentence encoder knows that *security* is near *secure*, less so that phishing, a leaked token and an overdue
//! patch all belong to it. An intent that is nothing but the name of such a topic is therefore also looked for by
//! its facets. Any other intent is taken as it is.

/// Names that mean the topic, and what belongs to it.
struct Topic {
    names: &'static [&'static str],
    facets: &'static [&'static str],
}

/// Words that leave a topic's name the same topic: "security incidents", "hiring updates".
const NEUTRAL: &[&str] = &[
    "topics",
    "topic",
    "matters",
    "matter",
    "issues",
    "issue",
    "concerns",
    "concern",
    "problems",
    "problem",
    "things",
    "stuff",
    "news",
    "updates",
    "update",
    "questions",
    "question",
    "relevant",
    "related",
    "and",
    "or",
    "general",
    "it",
];

/// The facets of the topic that `intent` names and says nothing more about.
#[must_use]
pub(crate) fn named_by(intent: &str) -> Option<&'static [&'static str]> {
    let lower = intent.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !NEUTRAL.contains(word))
        .collect();
    let named = words.join(" ");
    TOPICS.iter().find(|topic| topic.names.contains(&named.as_str())).map(|topic| topic.facets)
}

const TOPICS: &[Topic] = &[
    Topic {
        names: &[
            "security",
            "cybersecurity",
            "cyber security",
            "information security",
            "infosec",
            "secure",
            "app security",
            "application security",
            "security incidents",
            "security risks",
            "security vulnerabilities",
            "security threats",
            "security vulnerability",
            "security incident",
        ],
        facets: &[
            "security vulnerability, exploit or CVE advisory",
            "injection, cross-site scripting, path traversal or request forgery",
            "remote code execution or privilege escalation",
            "broken access control or authentication bypass",
            "insecure default or misconfiguration open to the internet",
            "vulnerable dependency, security patch and update",
            "phishing, scam or social engineering",
            "leaked password, token, key or other secret",
            "suspicious login or account takeover",
            "malware, ransomware or virus infection",
            "data breach or exposure of personal data",
            "sensitive data in logs or unprotected files",
            "access review, admin rights and revoked accounts",
            "two-factor authentication, single sign-on and passwords",
            "encryption, certificates and key rotation",
            "denial of service attack",
            "penetration test, bug bounty or security audit",
            "firewall, VPN and network isolation",
            "privacy, compliance and data protection",
            "lost or stolen device or badge",
            "fraud attempt or blackmail",
            "security incident, investigation and response",
            "security policy and awareness training",
        ],
    },
    Topic {
        names: &["incidents", "incident", "outages", "outage", "downtime", "production incidents", "reliability"],
        facets: &[
            "outage, service down or unavailable",
            "error rate or latency alert",
            "incident declared, on-call paged",
            "rollback or hotfix in production",
            "root cause and postmortem",
            "customers affected by degraded service",
            "database, disk or memory exhausted",
            "incident resolved, service recovered",
        ],
    },
    Topic {
        names: &["performance", "slowness", "latency", "slow performance"],
        facets: &[
            "slow page, query or response time",
            "high CPU, memory or disk usage",
            "memory leak or out of memory",
            "timeouts under load",
            "profiling, caching and optimisation",
            "load test and capacity",
        ],
    },
    Topic {
        names: &["deployments", "deployment", "releases", "release", "rollouts", "rollout"],
        facets: &[
            "deployed a new version to production",
            "release notes and changelog",
            "rollback of a bad release",
            "deployment pipeline and continuous integration",
            "feature flag and gradual rollout",
            "code freeze and release date",
        ],
    },
    Topic {
        names: &["bugs", "bug", "defects", "defect", "errors"],
        facets: &[
            "a bug, it does not work as expected",
            "crash, exception or stack trace",
            "regression since the last version",
            "steps to reproduce a problem",
            "a fix for the bug was merged",
        ],
    },
    Topic {
        names: &["testing", "tests", "quality assurance", "qa"],
        facets: &[
            "failing or flaky test",
            "test coverage and missing tests",
            "manual test plan and acceptance",
            "continuous integration build is red",
            "quality assurance found a problem",
        ],
    },
    Topic {
        names: &["hiring", "recruiting", "recruitment"],
        facets: &[
            "job interview with a candidate",
            "open position or job posting",
            "job offer accepted or declined",
            "referral of a candidate",
            "new colleague starts, onboarding",
        ],
    },
    Topic {
        names: &["people", "hr", "human resources", "personnel"],
        facets: &[
            "vacation, sick leave and time off",
            "salary, payroll and benefits",
            "new colleague, onboarding or farewell",
            "performance review and promotion",
            "working hours and home office policy",
        ],
    },
    Topic {
        names: &["customers", "customer feedback", "customer complaints", "complaints", "feedback", "support"],
        facets: &[
            "customer complains about a problem",
            "customer asks for a feature",
            "refund, cancellation or churn",
            "praise and positive feedback from a customer",
            "escalated support case",
            "survey results and satisfaction",
        ],
    },
    Topic {
        names: &["finance", "finances", "money", "costs", "cost", "budget", "billing", "payments"],
        facets: &[
            "invoice, payment or refund",
            "budget, cost and savings",
            "price change and discount",
            "expense report and reimbursement",
            "revenue, profit and financial result",
            "failed payment or declined card",
            "tax and accounting",
        ],
    },
    Topic {
        names: &["legal", "compliance", "privacy", "gdpr", "data protection", "regulation"],
        facets: &[
            "personal data and privacy",
            "data protection law and consent",
            "contract, terms and licence",
            "audit and certification",
            "retention and deletion of data",
            "regulator, lawsuit or legal claim",
        ],
    },
    Topic {
        names: &["infrastructure", "operations", "ops", "devops"],
        facets: &[
            "server, cluster or node",
            "Kubernetes, containers and pods",
            "cloud cost and capacity",
            "network, DNS and load balancer",
            "monitoring, alerts and dashboards",
            "backup and restore",
            "configuration and infrastructure as code",
        ],
    },
    Topic {
        names: &["data", "data quality", "analytics", "data pipelines"],
        facets: &[
            "data pipeline or batch job failed",
            "schema change or missing column",
            "wrong or duplicate data",
            "dashboard, report or metric",
            "data warehouse and query",
            "backfill and migration of data",
        ],
    },
    Topic {
        names: &["documentation", "docs"],
        facets: &[
            "documentation, guide or README",
            "outdated or missing documentation",
            "how-to, tutorial or runbook",
            "typo in the text",
        ],
    },
    Topic {
        names: &["meetings", "meeting", "scheduling"],
        facets: &[
            "meeting invitation or agenda",
            "rescheduled or cancelled meeting",
            "meeting minutes and decisions",
            "calendar, room and time of a meeting",
        ],
    },
    Topic {
        names: &["decisions", "decision"],
        facets: &[
            "we decided to",
            "agreed and approved",
            "proposal rejected or postponed",
            "decision needed by a date",
        ],
    },
    Topic {
        names: &["deadlines", "deadline", "blockers", "blocker", "delays", "delay", "risks"],
        facets: &[
            "deadline or due date",
            "blocked, waiting for someone",
            "delayed, will not be done in time",
            "at risk, needs attention",
        ],
    },
    Topic {
        names: &["marketing", "sales"],
        facets: &[
            "campaign, advertisement or newsletter",
            "new customer, deal or contract",
            "website traffic and conversion",
            "press, event or conference",
            "pricing and offer",
        ],
    },
    Topic {
        names: &["design", "usability", "ux", "user experience"],
        facets: &[
            "design draft, mockup or prototype",
            "confusing or hard to use interface",
            "accessibility",
            "colours, fonts and layout",
            "user research and interviews",
        ],
    },
    Topic {
        names: &["social", "fun", "off topic", "smalltalk", "small talk"],
        facets: &[
            "lunch, coffee and food",
            "birthday, party and celebration",
            "weekend, holidays and hobbies",
            "pets, sports and games",
            "jokes and funny links",
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(intent: &str, known: bool) {
        assert_eq!(named_by(intent).is_some(), known, "{intent}");
    }

    #[test]
    fn only_the_bare_name_of_a_topic_is_expanded() {
        check("security", true);
        check("Security issues", true);
        check("information security", true);
        check("hiring", true);
        check("job security", false);
        check("security deposit", false);
        check("security of the checkout service", false);
        check("", false);
    }

    #[test]
    fn no_name_means_two_topics() {
        let mut names: Vec<&str> = TOPICS.iter().flat_map(|topic| topic.names).copied().collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
