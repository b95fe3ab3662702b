//! What the caller looks for: the intent as typed, and the same without the words of the command.
//!
//! "Find security-related messages for my weekly report" asks for *security*; find, messages and the report are not
//! what a relevant record talks about. It knows no records.

/// Bytes of an intent that are used; more is no intent but a document.
const INTENT_BYTES_MAX: usize = 600;
/// Parts of a listing intent that are looked for one by one.
const PARTS_MAX: usize = 12;

/// A cleaned intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// As typed.
    pub raw: String,
    /// Without command, report and record words; as typed where nothing else is in it.
    pub cleaned: String,
    /// The parts of an intent that lists several: "alarms, timers and weather". None where it is about one thing.
    pub facets: Vec<String>,
}

/// Asking.
const COMMAND: &str = " find show list get give search fetch look tell summarize summarise collect identify please can \
    could would you i we want need wish like me us my our all any every each the a an only just relevant retrieve return \
    filter pick select extract gather read check see display pull up out everything anything something recent latest new ";
/// Questions about who said what.
const QUESTION: &str = " what what's who which whom why how when where who did do does was were is are has have had \
    think thinks thought say says said discuss discussed talk talked ";
/// What the records are called.
const RECORD: &str = " message messages post posts thread threads conversation conversations ticket tickets issue issues \
    item items record records entry entries result results email emails mail mails discussion discussions comment \
    comments chat chats row rows line lines log logs event events note notes commit commits page pages document documents ";
/// Between the records and what they are about.
const CONNECTION: &str = " about related relating relate relates to regarding concerning on of for with that which \
    mention mentions mentioning involve involves involving discussing from in topic topics subject around having ";
/// What a purpose clause ends in.
const REPORT: &str = " report reports summary standup stand-up update digest newsletter review presentation retro \
    retrospective recap overview ";
/// How a purpose clause starts after "to".
const WRITING: &str = " write prepare include compile summarize summarise report create put build make draft ";

impl Intent {
    /// Reads `_context`; `None` for empty text, `*` and `all`, which ask for no filtering.
    #[must_use]
    pub fn read(raw: &str) -> Option<Self> {
        let raw = raw.trim();
        if raw.is_empty() || raw == "*" || raw.eq_ignore_ascii_case("all") {
            return None;
        }
        let raw = raw.get(..raw.floor_char_boundary(INTENT_BYTES_MAX)).unwrap_or(raw).to_owned();
        let cleaned = clean(&raw);
        let facets = listed(&cleaned);
        Some(Self { raw, cleaned, facets })
    }
}

fn is_in(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split_ascii_whitespace().any(|listed| listed == word)
}

/// A word as it is compared: lower case, without punctuation around it.
fn bare(word: &str) -> String {
    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '#' && c != '@').replace('\u{2019}', "'").to_lowercase()
}

fn clean(raw: &str) -> String {
    let words = without_purpose(raw.split_whitespace().collect());
    let leads = |word: &&str| {
        let word = bare(word);
        word.is_empty() || [COMMAND, QUESTION, RECORD, CONNECTION].iter().any(|list| is_in(list, &word))
    };
    let led = words.iter().take_while(|word| leads(word)).count();
    let mut kept: Vec<String> = Vec::new();
    let mut words = words.into_iter().skip(led).peekable();
    while let Some(word) = words.next() {
        let plain = bare(word);
        let related = plain.strip_suffix("-related").or_else(|| plain.strip_suffix("-relevant"));
        let next_is_record = words.peek().is_some_and(|next| is_in(RECORD, &bare(next)));
        let is_listing = word.ends_with(':') && is_in(RECORD, &plain);
        match kept.last_mut() {
            _ if related.is_some() => kept.extend(related.map(str::to_owned)),
            Some(last) if is_listing => last.push(':'),
            _ if plain == "related" && next_is_record => {}
            _ => kept.push(word.to_owned()),
        }
    }
    while kept.last().is_some_and(|last| [RECORD, CONNECTION].iter().any(|list| is_in(list, &bare(last)))) {
        kept.pop();
    }
    let cleaned = kept.join(" ");
    let cleaned = cleaned.trim_matches(|c: char| c.is_whitespace() || ".,:;!?".contains(c));
    if cleaned.is_empty() { raw.to_owned() } else { cleaned.to_owned() }
}

/// The words without "for my weekly report", "so that …" or "to write …", which say why and not what. A purpose ends where
/// a list begins behind it, and one that comes first ends at its comma.
fn without_purpose(mut words: Vec<&str>) -> Vec<&str> {
    let Some(start) = (0..words.len()).find(|index| starts_purpose(&words, *index)) else { return words };
    let ends = |word: &str| word.ends_with([':', ';']) || (start == 0 && word.ends_with(','));
    let end = words.iter().skip(start).position(|word| ends(word)).map(|distance| start + distance + 1);
    match end {
        Some(end) => drop(words.drain(start..end)),
        None if start > 0 => words.truncate(start),
        None => {}
    }
    words
}

fn starts_purpose(words: &[&str], index: usize) -> bool {
    let at = |index: usize| words.get(index).map(|word| bare(word)).unwrap_or_default();
    let next = at(index + 1);
    match at(index).as_str() {
        "for" | "in" | "into" => (index + 1..=index + 5).any(|i| is_in(REPORT, &at(i))),
        "so" => matches!(next.as_str(), "that" | "i" | "we"),
        "to" => is_in(WRITING, &next),
        "because" => true,
        _ => false,
    }
}

/// The parts of "household matters: shopping lists, calendar and smart home".
fn listed(cleaned: &str) -> Vec<String> {
    let parts: Vec<String> = cleaned
        .split([':', ',', ';', '/', '(', ')'])
        .flat_map(|part| part.split(" and "))
        .flat_map(|part| part.split(" or "))
        .map(|part| part.trim().trim_start_matches("and ").trim_start_matches("or ").to_owned())
        .filter(|part| part.len() > 2)
        .take(PARTS_MAX)
        .collect();
    if parts.len() >= 2 { parts } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn check(raw: &str, cleaned: &str) {
        assert_eq!(Intent::read(raw).map(|intent| intent.cleaned).as_deref(), Some(cleaned), "{raw}");
    }

    #[test]
    fn command_and_record_words_go() {
        check("Find security-related messages", "security");
        check("show me security related messages", "security");
        check("messages about: credit limit change", "credit limit change");
        check("Find all messages related to banking and bank accounts", "banking and bank accounts");
        check("I want tickets that mention flaky tests", "flaky tests");
        check("What did the group discuss about speech recognition?", "group discuss about speech recognition");
    }

    #[test]
    fn the_purpose_goes() {
        check("security-related messages for my weekly report", "security");
        check("billing problems so that I can call the customer", "billing problems");
        check("outages last week, to write a postmortem", "outages last week");
        check("Deployments for the payments team", "Deployments for the payments team");
        check("security topics for my weekly report: attacks, leaked keys", "security topics attacks, leaked keys");
        check("For the weekly report, find complaints about shipping", "complaints about shipping");
        check("To write the summary", "write the summary");
    }

    #[test]
    fn what_is_nothing_but_command_words_stays() {
        check("find all messages", "find all messages");
        check("Reports", "Reports");
    }

    #[test]
    fn a_heading_before_a_list_stays_a_heading() {
        check("Find security-related messages: encryption, firewall", "security: encryption, firewall");
        let facets = Intent::read("Find security-related messages: encryption, firewall").unwrap().facets;
        assert_eq!(facets, ["security", "encryption", "firewall"]);
        assert!(Intent::read("job security").unwrap().facets.is_empty());
    }

    #[test]
    fn a_star_all_and_nothing_ask_for_everything() {
        assert!(["", "  ", "*", " * ", "all", " All "].iter().all(|raw| Intent::read(raw).is_none()));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd(raw in any::<String>()) {
            let _ = Intent::read(&raw);
        }
    }
}
