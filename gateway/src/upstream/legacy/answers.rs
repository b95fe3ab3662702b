//! The questions of one call that are not answered yet, and what counts as an answer.

use super::questions::{ELICIT, ROOTS, SAMPLE};
use protocol::{Id, Members, Request, Response, RpcError, code};
use serde_json::value::RawValue;

/// Questions of one call that may be open at once.
const QUESTIONS_MAX: usize = 32;

/// See the module. Keys are never used twice in a call.
#[derive(Debug, Default)]
pub(super) struct Open {
    count: u64,
    questions: Vec<(String, Request)>,
}

impl Open {
    /// Takes `question` in; the answer it gets if there are too many.
    pub(super) fn add(&mut self, question: Request) -> Option<Response> {
        if self.questions.len() >= QUESTIONS_MAX {
            let error = RpcError::new(code::INTERNAL_ERROR, "too many questions are open");
            return Some(Response::error(Some(question.id), error));
        }
        self.count += 1;
        self.questions.push((format!("question-{}", self.count), question));
        None
    }

    /// The server does not want to know any more.
    pub(super) fn withdraw(&mut self, id: &Id) {
        self.questions.retain(|(_, question)| question.id != *id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.questions.is_empty()
    }

    /// What the client is asked: `inputRequests`.
    pub(super) fn requests(&self) -> Members {
        let mut requests = Members::new();
        for (key, question) in &self.questions {
            requests.set(key, &entry(&question.method, &question.params));
        }
        requests
    }

    /// Closes the questions that `answers` (`inputResponses`) answer; what the server gets. Others stay open, unknown
    /// keys are nobody's.
    pub(super) fn close(&mut self, answers: &Members) -> Vec<Response> {
        let mut closed = Vec::new();
        self.questions.retain(|(key, question)| {
            let answer = answers.get(key).and_then(|answer| answer_to(question, answer));
            let Some(result) = answer else {
                return true;
            };
            closed.push(Response::ok(question.id.clone(), result));
            false
        });
        closed
    }

    /// Closes all: nobody will answer.
    pub(super) fn abandon(&mut self) -> Vec<Response> {
        let questions = std::mem::take(&mut self.questions);
        questions.into_iter().map(|(_, question)| abandoned(question)).collect()
    }
}

/// A result that asks for `requests`, to be repeated with `state` if there is one.
pub(super) fn input_required(requests: &Members, state: Option<&str>) -> Box<RawValue> {
    let mut result = Members::new();
    result.set("resultType", "input_required");
    result.set("inputRequests", requests);
    if let Some(state) = state {
        result.set("requestState", state);
    }
    result.to_raw()
}

/// One entry of `inputRequests`.
pub(super) fn entry(method: &str, params: &Members) -> Members {
    let mut entry = Members::new();
    entry.set("method", method);
    if !params.is_empty() {
        entry.set("params", params);
    }
    entry
}

fn abandoned(question: Request) -> Response {
    if question.method == ELICIT {
        let mut result = Members::new();
        result.set("action", "cancel");
        return Response::ok(question.id, result.to_raw());
    }
    Response::error(Some(question.id), RpcError::new(code::INTERNAL_ERROR, "the client did not answer"))
}

/// The result `answer` is to `question`; none if it is not one.
fn answer_to(question: &Request, answer: &RawValue) -> Option<Box<RawValue>> {
    let mut answer = Members::open(answer).ok()?;
    let sound = match question.method.as_str() {
        ELICIT => is_elicited(&question.params, &answer),
        SAMPLE => answer.get("content").is_some(),
        ROOTS => answer.read::<Vec<Box<RawValue>>>("roots").is_some(),
        _ => false,
    };
    answer.remove("resultType");
    sound.then(|| answer.to_raw())
}

/// An accepted form comes with its content, unless nothing in it is required.
fn is_elicited(params: &Members, answer: &Members) -> bool {
    let content = answer.get("content").map(Members::open);
    match answer.read::<String>("action").as_deref() {
        Some("decline" | "cancel") => true,
        Some("accept") => match content {
            Some(content) => content.is_ok(),
            None => {
                let required = params.object("requestedSchema").and_then(|it| it.read::<Vec<String>>("required"));
                required.is_none_or(|required| required.is_empty())
            }
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop, proptest};
    use serde_json::{Value, json};

    fn question(id: i64, method: &str, params: &Value) -> Request {
        let params = serde_json::from_str(&params.to_string()).unwrap();
        Request { id: Id::Number(id), method: method.to_owned(), params }
    }

    /// Whether `answer` closes the question.
    fn check(method: &str, params: &Value, answer: &Value) -> bool {
        let mut open = Open::default();
        assert!(open.add(question(1, method, params)).is_none());
        let mut answers = Members::new();
        answers.set("question-1", answer);
        let closed = open.close(&answers);
        assert_eq!(closed.is_empty(), !open.is_empty());
        !closed.is_empty()
    }

    #[test]
    fn only_what_is_an_answer_closes_a_question() {
        let form = json!({"requestedSchema": {"required": ["a"]}});
        assert!(check(ELICIT, &form, &json!({"action": "accept", "content": {"a": 1}})));
        assert!(check(ELICIT, &form, &json!({"action": "decline"})));
        assert!(check(ELICIT, &json!({"mode": "url"}), &json!({"action": "accept"})));
        for wrong in [
            json!(null),
            json!("accept"),
            json!({}),
            json!({"action": "yes"}),
            json!({"action": "accept"}),
            json!({"action": "accept", "content": 1}),
        ] {
            assert!(!check(ELICIT, &form, &wrong), "{wrong}");
        }
        assert!(check(SAMPLE, &json!({}), &json!({"role": "assistant", "content": {}, "model": "m"})));
        assert!(!check(SAMPLE, &json!({}), &json!({"action": "accept"})));
        assert!(check(ROOTS, &json!({}), &json!({"roots": [{"uri": "file:///"}]})));
        assert!(!check(ROOTS, &json!({}), &json!({"roots": {}})));
    }

    #[test]
    fn nobody_answering_is_said_in_the_words_of_the_question() {
        let mut open = Open::default();
        open.add(question(1, ELICIT, &json!({})));
        open.add(question(2, SAMPLE, &json!({})));
        open.add(question(3, ROOTS, &json!({})));
        open.withdraw(&Id::Number(3));
        let told = open.abandon();
        assert_eq!(told[0].payload.as_ref().unwrap().get(), r#"{"action":"cancel"}"#);
        assert!(told[1].payload.is_err());
        assert!(told.len() == 2 && open.is_empty());
    }

    #[test]
    fn there_is_a_bound_to_open_questions() {
        let mut open = Open::default();
        assert!((0..32).all(|id| open.add(question(id, ROOTS, &json!({}))).is_none()));
        assert!(open.add(question(32, ROOTS, &json!({}))).unwrap().payload.is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_answered_every_question_is_answered_once(rounds in prop::collection::vec(prop::collection::vec(0_u64..12, 0..6), 1..6)) {
            let mut open = Open::default();
            for id in 0..8 {
                open.add(question(id, ROOTS, &json!({})));
            }
            let mut told = Vec::new();
            for round in rounds {
                let mut answers = Members::new();
                for key in round {
                    answers.set(&format!("question-{key}"), &json!({"roots": []}));
                }
                told.extend(open.close(&answers));
            }
            told.extend(open.abandon());
            let mut ids: Vec<_> = told.into_iter().map(|response| response.id.unwrap().to_string()).collect();
            ids.sort();
            assert_eq!(ids, (0..8).map(|id| id.to_string()).collect::<Vec<_>>());
        }
    }
}
