//! `Mcp-Param-*`: arguments of a tool that are mirrored in headers, as its input schema says with `x-mcp-header` (2026-07-28
//! server/tools and transports/streamable-http, custom headers).

use crate::{
    Members,
    headers::{HeaderMismatch, decode, encode},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::value::RawValue;

/// The annotation.
const ANNOTATION: &str = "x-mcp-header";
/// Deepest nesting of properties that is looked into.
const DEPTH_MAX: usize = 16;
/// Largest integer that can be mirrored: 2^53 - 1 (2026-07-28 server/tools).
const INTEGER_MAX: f64 = 9_007_199_254_740_991.0;

/// Which arguments of one tool are mirrored, and where.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParamHeaders(Vec<Param>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Param {
    header: HeaderName,
    /// Names of properties, from the arguments inwards.
    path: Vec<String>,
    integer: bool,
}

/// Why a tool's annotations cannot be followed; the tool is of no use to clients over HTTP then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAnnotation {
    /// It is no name of a header.
    #[error("`x-mcp-header` of `{0}` is not a name of a header")]
    Name(String),
    /// Two properties share a header.
    #[error("`x-mcp-header` of `{0}` is there twice")]
    Twice(String),
    /// Only texts, integers and booleans can be mirrored.
    #[error("`x-mcp-header` of `{0}` is on something else than a string, an integer or a boolean")]
    Type(String),
    /// It stands where no argument can be told by it.
    #[error("`x-mcp-header` stands below `{0}`, where it does not belong")]
    Place(String),
}

impl ParamHeaders {
    /// Reads the annotations of a tool's input schema.
    ///
    /// # Errors
    /// [`InvalidAnnotation`] for the first one that breaks the rules.
    pub fn of_tool(input_schema: &RawValue) -> Result<Self, InvalidAnnotation> {
        let mut params = Vec::new();
        if input_schema.get().contains(ANNOTATION)
            && let Ok(schema) = Members::open(input_schema)
        {
            properties(&schema, &mut Vec::new(), &mut params)?;
        }
        Ok(Self(params))
    }

    /// Whether nothing is mirrored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The headers a call with these `arguments` is sent with; what is absent or null has none.
    #[must_use]
    pub fn headers(&self, arguments: Option<&RawValue>) -> Vec<(HeaderName, HeaderValue)> {
        let given = |param: &Param| Some((param.header.clone(), encode(&mirrored(&value(arguments, &param.path)?)?)));
        self.0.iter().filter_map(given).collect()
    }

    /// Whether `headers` say of the `arguments` what they must. Headers of no annotation are nobody's.
    ///
    /// # Errors
    /// [`HeaderMismatch`] for the first header that is missing, malformed, there without its argument, or different.
    pub fn check(&self, arguments: Option<&RawValue>, headers: &HeaderMap) -> Result<(), HeaderMismatch> {
        self.0.iter().try_for_each(|param| {
            let given = value(arguments, &param.path);
            // A text of digits is a text, whatever the schema says.
            let whole = param.integer && given.as_ref().is_some_and(|raw| !raw.get().starts_with('"'));
            let expected = given.and_then(|raw| mirrored(&raw));
            let mut values = headers.get_all(&param.header).iter();
            let header = match (values.next(), values.next()) {
                (Some(header), None) => Some(decode(header)),
                (None, _) => None,
                (Some(_), Some(_)) => Some(None),
            };
            match (expected, header) {
                (None, None) => Ok(()),
                (Some(_), None) => Err(HeaderMismatch::Missing(param.header.clone())),
                (_, Some(None)) => Err(HeaderMismatch::Malformed(param.header.clone())),
                (Some(expected), Some(Some(told))) if alike(&expected, &told, whole) => Ok(()),
                (_, Some(Some(_))) => Err(HeaderMismatch::Different(param.header.clone())),
            }
        })
    }
}

/// Walks the `properties` of `schema`; everything else must hold no annotation.
fn properties(schema: &Members, path: &mut Vec<String>, params: &mut Vec<Param>) -> Result<(), InvalidAnnotation> {
    for (name, raw) in schema.iter() {
        if name != "properties" && name != ANNOTATION && raw.get().contains(ANNOTATION) && annotated(raw) {
            return Err(InvalidAnnotation::Place(name.to_owned()));
        }
    }
    let Some(properties_of) = schema.object("properties") else {
        return Ok(());
    };
    for (name, raw) in properties_of.iter() {
        let Ok(property) = Members::open(raw) else { continue };
        path.push(name.to_owned());
        if let Some(annotation) = property.get(ANNOTATION) {
            params.push(param(annotation, &property, path, params)?);
        }
        if path.len() < DEPTH_MAX {
            properties(&property, path, params)?;
        }
        path.pop();
    }
    Ok(())
}

fn param(
    annotation: &RawValue,
    property: &Members,
    path: &[String],
    known: &[Param],
) -> Result<Param, InvalidAnnotation> {
    let of = path.join(".");
    let name: String = serde_json::from_str(annotation.get()).map_err(|_| InvalidAnnotation::Name(of.clone()))?;
    let header = Some(name.as_str()).filter(|name| !name.is_empty());
    let header = header.and_then(|name| format!("mcp-param-{name}").parse::<HeaderName>().ok());
    let header = header.ok_or_else(|| InvalidAnnotation::Name(of.clone()))?;
    if known.iter().any(|param| param.header == header) {
        return Err(InvalidAnnotation::Twice(of));
    }
    let kind: Option<String> = property.read("type");
    match kind.as_deref() {
        Some(kind @ ("string" | "integer" | "boolean")) => {
            Ok(Param { header, path: path.to_vec(), integer: kind == "integer" })
        }
        _ => Err(InvalidAnnotation::Type(of)),
    }
}

/// Whether an annotation stands somewhere within `raw`, as a member and not as a mere text.
fn annotated(raw: &RawValue) -> bool {
    fn within(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Object(members) => members.contains_key(ANNOTATION) || members.values().any(within),
            serde_json::Value::Array(items) => items.iter().any(within),
            _ => false,
        }
    }
    serde_json::from_str(raw.get()).is_ok_and(|value| within(&value))
}

/// The argument at `path`; none when absent or null.
fn value(arguments: Option<&RawValue>, path: &[String]) -> Option<Box<RawValue>> {
    let (last, outer) = path.split_last()?;
    let mut members = Members::open(arguments?).ok()?;
    for name in outer {
        members = members.object(name)?;
    }
    members.get(last).filter(|raw| raw.get() != "null").map(ToOwned::to_owned)
}

/// A value as its header says it: texts as they are, others as their JSON.
fn mirrored(raw: &RawValue) -> Option<String> {
    match serde_json::from_str::<serde_json::Value>(raw.get()).ok()? {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(_) | serde_json::Value::Bool(_) => Some(raw.get().to_owned()),
        _ => None,
    }
}

/// Whole numbers are compared by value: `42.0` is `42`. Outside of what every client can tell apart only equal texts are
/// alike.
fn alike(expected: &str, told: &str, whole: bool) -> bool {
    let number = |text: &str| {
        let number = text.parse::<f64>().ok()?;
        (number.fract().abs().total_cmp(&0.0).is_eq() && number.abs() <= INTEGER_MAX).then_some(number + 0.0)
    };
    let equal = |expected: f64, told: f64| expected.total_cmp(&told).is_eq();
    expected == told || (whole && number(expected).zip(number(told)).is_some_and(|(a, b)| equal(a, b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn raw(text: &str) -> Box<RawValue> {
        serde_json::from_str(text).unwrap()
    }

    fn schema(properties: &str) -> Result<ParamHeaders, InvalidAnnotation> {
        ParamHeaders::of_tool(&raw(&format!(r#"{{"type":"object","properties":{properties}}}"#)))
    }

    const TOOL: &str = r#"{"region":{"type":"string","x-mcp-header":"Region"},"n":{"type":"integer","x-mcp-header":"N"},
        "deep":{"type":"object","properties":{"flag":{"type":"boolean","x-mcp-header":"Flag"}}},"plain":{"type":"string"}}"#;

    fn check(arguments: &str, pairs: &[(&'static str, &'static str)]) -> Result<(), HeaderMismatch> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        schema(TOOL).unwrap().check(Some(&raw(arguments)), &headers)
    }

    #[test]
    fn headers_say_what_the_arguments_say() {
        let all = r#"{"region":"eu","n":42,"deep":{"flag":true},"plain":"x"}"#;
        let told =
            [("mcp-param-region", "eu"), ("mcp-param-n", "42.0"), ("mcp-param-flag", "true"), ("mcp-param-x", "?")];
        assert_eq!(check(all, &told), Ok(()));
        assert_eq!(check(r#"{"region":null}"#, &[]), Ok(()));
        let region = HeaderName::from_static("mcp-param-region");
        assert_eq!(check(all, &told[1..]), Err(HeaderMismatch::Missing(region.clone())));
        assert_eq!(check("{}", &told[..1]), Err(HeaderMismatch::Different(region.clone())));
        assert_eq!(check(r#"{"region":"us"}"#, &told[..1]), Err(HeaderMismatch::Different(region.clone())));
        assert_eq!(
            check(r#"{"region":"eu"}"#, &[("mcp-param-region", "=?base64?ZXU=?=")]),
            Ok(()),
            "the encoded form says the same"
        );
        let bad = [("mcp-param-region", "=?base64?!?=")];
        assert_eq!(check(r#"{"region":"eu"}"#, &bad), Err(HeaderMismatch::Malformed(region)));
    }

    #[test]
    fn integers_are_compared_by_value_and_exactly() {
        let check = |n: &str, told: &'static str| check(&format!(r#"{{"n":{n}}}"#), &[("mcp-param-n", told)]).is_ok();
        assert!(check("42", "42") && check("42", "42.0") && check("4.2e1", "42") && check("-7", "-7.0"));
        assert!(!check("42", "42.4") && !check("42", "41.6") && !check("42", "-42") && !check("42", "nan"));
        assert!(!check("42", "") && !check("42", "42x") && !check("42", "inf"));
        assert!(check(r#""42""#, "42") && !check(r#""42""#, "42.0"), "a text is compared as one");
        assert!(!check("9007199254740993", "9007199254740992"), "no two integers share a value");
    }

    #[test]
    fn annotations_that_break_the_rules_are_named() {
        let place = |name: &str| InvalidAnnotation::Place(name.to_owned());
        assert!(matches!(schema(r#"{"a":{"type":"string","x-mcp-header":""}}"#), Err(InvalidAnnotation::Name(_))));
        assert!(matches!(schema(r#"{"a":{"type":"string","x-mcp-header":"a b"}}"#), Err(InvalidAnnotation::Name(_))));
        assert!(matches!(schema(r#"{"a":{"type":"number","x-mcp-header":"A"}}"#), Err(InvalidAnnotation::Type(_))));
        let twice = r#"{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}"#;
        assert!(matches!(schema(twice), Err(InvalidAnnotation::Twice(_))));
        let items = r#"{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}"#;
        assert_eq!(schema(items), Err(place("items")));
        assert_eq!(schema(r#"{"a":{"type":"string","description":"see x-mcp-header"}}"#), Ok(ParamHeaders::default()));
    }

    proptest! {
        #[test]
        fn what_is_sent_is_accepted(region in "\\PC{0,12}", n in any::<i32>(), flag in any::<bool>()) {
            let tool = schema(TOOL).unwrap();
            let arguments = serde_json::json!({"region": region, "n": n, "deep": {"flag": flag}}).to_string();
            let headers: HeaderMap = tool.headers(Some(&raw(&arguments))).into_iter().collect();
            assert_eq!(headers.len(), 3);
            assert_eq!(tool.check(Some(&raw(&arguments)), &headers), Ok(()));
        }
    }
}
