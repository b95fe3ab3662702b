//! Tables of arguments, named after what they try.

use super::*;
use serde_json::{Value, json};
use std::sync::Arc;

/// The schema `shape`: an object names members, an array of one says that there may be an array.
fn declared(shape: &Value) -> Declared {
    match shape {
        Value::Array(of) => Declared { list: true, ..of.first().map(declared).unwrap_or_default() },
        Value::Object(members) => Declared {
            list: false,
            members: members.iter().map(|(name, shape)| (name.clone(), declared(shape))).collect(),
        },
        _ => Declared::default(),
    }
}

struct Case {
    rules: Rules,
    declared: Option<Arc<Declared>>,
}

impl Case {
    fn new(rules: Value, shape: &Value) -> Self {
        let rules: Vec<ArgumentRule> = serde_json::from_value(rules).unwrap();
        Self { rules: Rules::compile(&rules), declared: Some(Arc::new(declared(shape))) }
    }

    fn of(condition: Value) -> Self {
        let mut rule = json!({"argument": "a"});
        rule.as_object_mut().unwrap().extend(condition.as_object().unwrap().clone());
        Self::new(json!([rule]), &json!({"a": 0, "b": 0}))
    }

    fn judge(&self, arguments: &str) -> Result<(), (String, Problem)> {
        let arguments: Box<RawValue> = serde_json::from_str(arguments).unwrap();
        let call = Call { tool: "t", arguments: Some(&arguments), declared: &|| self.declared.clone() };
        self.rules.judge(&call).map_err(|fault| (fault.argument, fault.problem))
    }

    /// What becomes of `arguments` (JSON text): the problem, if there is one.
    fn check(&self, arguments: &str, expected: Option<Problem>) {
        assert_eq!(self.judge(arguments).err().map(|(_, problem)| problem), expected, "{arguments}");
    }

    /// The same for the value of `a`.
    fn value(&self, value: &str, expected: Option<Problem>) {
        self.check(&format!(r#"{{"a":{value}}}"#), expected);
    }
}

use Problem::{Absent, Type, Undeclared, Unreadable, Value as Bad};

/// The values that lead, or may lead, out of `/safe/`; besides plain text as JSON text.
const ESCAPES: [&str; 16] = [
    "/safe/../x",
    "/safe/..",
    "/safe/%2e%2e/x",
    "/safe/%252e%252e/x",
    "/safe//x",
    "//safe/x",
    r"/safe/\\..\\x",
    r"/safe/\u0000/../x",
    r"/safe/x\u0000",
    "/safe/\u{ff0f}..\u{ff0f}x",
    "/safe/\u{ff0e}\u{ff0e}/x",
    "/safe/cafe\u{301}",
    "/safe/x.",
    "/safe/x ",
    "/SAFE/x",
    "/safer/../x",
];

#[test]
fn z03_no_spelling_of_a_path_leads_out_of_its_folder() {
    for condition in [json!({"under": "/safe"}), json!({"prefix": "/safe/"}), json!({"matches": "/safe/[a-z]+"})] {
        let case = Case::of(condition);
        case.value(r#""/safe/x""#, None);
        case.value(r#""\/safe\/\u0078""#, None);
        for escape in ESCAPES {
            case.value(&format!("\"{escape}\""), Some(Bad));
        }
        for (other, problem) in
            [(r#"["/safe/x"]"#, Type), (r#"{"toString":"/safe/x"}"#, Type), ("null", Type), ("true", Type), ("1", Type)]
        {
            case.value(other, Some(problem));
        }
        case.check("{}", Some(Absent));
        case.check(r#"{"a":"/safe/x","a ":"/x"}"#, Some(Undeclared));
        case.check(r#"{"a":"/safe/x","A":"/x"}"#, Some(Undeclared));
        case.check(r#"{"A":"/safe/x"}"#, Some(Undeclared));
        case.check(r#"{"a":"/safe/x","\u0061":"/x"}"#, Some(Bad));
    }
}

#[test]
fn z05_a_value_of_another_type_is_another_value() {
    let case = Case::of(json!({"one_of": [1, "x", true]}));
    for same in ["1", "\"x\"", "true", r#""\u0078""#] {
        case.value(same, None);
    }
    for (other, problem) in [
        ("\"1\"", Bad),
        ("1.0", Bad),
        ("1e0", Bad),
        ("-1", Bad),
        ("false", Bad),
        ("\"true\"", Bad),
        ("\"X\"", Bad),
        ("\"\u{ff58}\"", Bad),
        ("\"x\\n\"", Bad),
        ("[1]", Type),
        ("null", Type),
        ("{}", Type),
    ] {
        case.value(other, Some(problem));
    }
}

#[test]
fn z05_numbers_are_compared_without_rounding() {
    let case = Case::of(json!({"range": {"min": 0, "max": 9_007_199_254_740_992_u64}}));
    for inside in ["0", "-0", "-0.0", "9007199254740992", "9007199254740992.0", "1e-400", "9.007199254740992e15"] {
        case.value(inside, None);
    }
    for outside in ["9007199254740993", "9007199254740992.00000000001", "1e308", "1e400", "-1e-400", "-1"] {
        case.value(outside, Some(Bad));
    }
    for other in ["\"1\"", "true", "null", "[1]", "1e99999999999999999999"] {
        case.value(other, Some(Type));
    }
}

#[test]
fn z05_a_regular_expression_is_about_the_whole_text_and_takes_linear_time() {
    let case = Case::of(json!({"matches": "(a+)+b?"}));
    case.value("\"aaa\"", None);
    for other in [r#""aaa\n""#, r#""\naaa""#, "\"AAA\"", "\"\"", "\"aaac\""] {
        case.value(other, Some(Bad));
    }
    let started = std::time::Instant::now();
    for length in [8_000, 1_000_000] {
        case.value(&format!("\"{}c\"", "a".repeat(length)), Some(Bad));
    }
    assert!(started.elapsed().as_secs() < 5, "a pattern that others backtrack on took {:?}", started.elapsed());
}

#[test]
fn z06_what_neither_a_rule_nor_the_schema_names_is_refused() {
    let case = Case::of(json!({"one_of": ["x"]}));
    case.check(r#"{"a":"x","b":{"anything":[1]}}"#, None);
    case.check(r#"{"a":"x","filename":"y"}"#, Some(Undeclared));
    let unknown = Case { declared: None, ..case };
    unknown.check(r#"{"a":"x"}"#, None);
    unknown.check(r#"{"a":"x","b":1}"#, Some(Undeclared));
    unknown.check(r#"{"a":["x"]}"#, Some(Type));
}

#[test]
fn z06_so_too_inside_objects_that_a_rule_looks_into() {
    let shape = json!({"fields": {"project": {"key": 0}, "summary": 0}});
    let case = Case::new(json!([{"argument": "fields.project.key", "one_of": ["ACME"]}]), &shape);
    case.check(r#"{"fields":{"project":{"key":"ACME"},"summary":"x"}}"#, None);
    assert_eq!(case.judge(r#"{"fields":{"project":{"key":"X"}}}"#), Err(("fields.project.key".to_owned(), Bad)));
    assert_eq!(
        case.judge(r#"{"fields":{"project":{"key":"ACME","id":"7"}}}"#),
        Err(("fields.project.id".to_owned(), Undeclared))
    );
    for (arguments, problem) in [
        (r#"{"fields":{"project":"X"}}"#, Type),
        (r#"{"fields":[{"project":{"key":"ACME"}}]}"#, Type),
        (r#"{"fields":{"summary":"x"}}"#, Absent),
        (r#"{"fields":{"project":{}}}"#, Absent),
        (r#"{"fields.project.key":"X"}"#, Bad),
        (r#"{"fields":{"project.key":"X"}}"#, Bad),
        (r#"{"project":{"key":"X"},"fields":{"project":{"key":"ACME"}}}"#, Undeclared),
    ] {
        case.check(arguments, Some(problem));
    }
}

#[test]
fn every_element_of_an_array_must_keep_the_rule() {
    let rules = json!([{"argument": "a", "one_of": ["x", "y"]}, {"argument": "of.b", "range": {"max": 1}}]);
    let case = Case::new(rules, &json!({"a": [0], "of": [{"b": 0}]}));
    case.check(r#"{"a":["x","y"],"of":[{"b":1},{"b":0}]}"#, None);
    case.check(r#"{"a":"x","of":{"b":1}}"#, None);
    for (arguments, problem) in [
        (r#"{"a":["x","z"],"of":[{"b":1}]}"#, Bad),
        (r#"{"a":[["x"]],"of":[{"b":1}]}"#, Type),
        (r#"{"a":[],"of":[{"b":1}]}"#, Absent),
        (r#"{"a":["x"],"of":[{"b":1},{"b":2}]}"#, Bad),
        (r#"{"a":["x"],"of":[{"b":1},{}]}"#, Absent),
        (r#"{"a":["x"],"of":[{"b":1},1]}"#, Type),
        (r#"{"a":["x"],"of":[]}"#, Absent),
        (r#"{"a":["x"],"of":[{"b":1,"c":1}]}"#, Undeclared),
    ] {
        case.check(arguments, Some(problem));
    }
}

#[test]
fn an_optional_argument_may_be_absent_and_not_otherwise() {
    let case = Case::of(json!({"prefix": "x", "optional": true}));
    case.check("{}", None);
    case.value("\"xy\"", None);
    case.value("null", Some(Type));
    case.value("\"y\"", Some(Bad));
}

#[test]
fn arguments_that_are_no_object_are_refused_where_anything_is_asked_of_them() {
    let case = Case::of(json!({"prefix": "x", "optional": true}));
    for (arguments, expected) in [
        ("{}", None),
        ("null", Some(Unreadable)),
        ("[]", Some(Unreadable)),
        (r#""x""#, Some(Unreadable)),
        ("1", Some(Unreadable)),
    ] {
        case.check(arguments, expected);
    }
    let call = Call { tool: "t", arguments: None, declared: &|| None };
    assert!(case.rules.judge(&call).is_ok());
    assert!(Case::of(json!({"prefix": "x"})).rules.judge(&call).is_err());
}

#[test]
fn a_rule_speaks_of_the_tools_it_names() {
    let rules = json!([
        {"tools": ["t", "t*"], "argument": "a", "prefix": "x"},
        {"tools": ["other"], "argument": "b", "prefix": "y"},
    ]);
    let case = Case::new(rules, &json!({}));
    case.check(r#"{"a":"x"}"#, None);
    case.check(r#"{"a":"y"}"#, Some(Bad));
    let none = Case::new(json!([{"tools": ["other"], "argument": "b", "prefix": "y"}]), &json!({}));
    none.check(r#"{"b":1,"anything":2}"#, None);
}

#[test]
fn a_broken_rule_refuses_every_value() {
    for broken in [json!({}), json!({"prefix": "x", "under": "/x"}), json!({"matches": "("})] {
        let case = Case::of(broken);
        case.value("\"x\"", Some(Bad));
        case.check("{}", Some(Absent));
    }
}

#[test]
fn a_fault_names_the_argument_and_what_is_asked_of_it_but_no_value() {
    let case = Case::of(json!({"one_of": ["C1", 2]}));
    let arguments: Box<RawValue> = serde_json::from_str(r#"{"a":"very secret"}"#).unwrap();
    let call = Call { tool: "t", arguments: Some(&arguments), declared: &|| None };
    let fault = case.rules.judge(&call).unwrap_err();
    assert_eq!(fault.to_string(), "argument `a` has a value that is not allowed");
    assert_eq!(fault.asked, "must be one of `\"C1\"`, `2`");
    let long = case.judge(&format!(r#"{{"{}":1}}"#, "\\u001b\\u0007x".repeat(1_000))).unwrap_err();
    assert_eq!(long.0, "x".repeat(64));
}
