//! A JSON object opened one level deep: names in order, values as the raw text they were.
//!
//! The tool for splicing without re-serialising: change one member, and every other byte of every other value
//! survives, whatever numbers, escapes or unknown fields it holds.

use crate::json;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap as _,
};
use serde_json::value::{RawValue, to_raw_value};
use std::{borrow::Cow, fmt, marker::PhantomData};

/// The members of a JSON object, in order.
#[derive(Clone, Default)]
pub struct Members(Vec<(String, Box<RawValue>)>);

/// The text is not a JSON object.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON object")]
pub struct NotAnObject;

impl Members {
    /// No members.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Opens `raw`.
    ///
    /// # Errors
    /// [`NotAnObject`] when `raw` is an array, a text, a number, …
    pub fn open(raw: &RawValue) -> Result<Self, NotAnObject> {
        serde_json::from_str(raw.get()).map_err(|_| NotAnObject)
    }

    /// The raw value of member `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// Member `name` read as `T`; none when absent or of another type.
    #[must_use]
    pub fn read<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// Member `name` if it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        self.get(name).and_then(|raw| json::text(raw.get()))
    }

    /// Member `name` opened as an object; none when absent or not an object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(|raw| Self::open(raw).ok())
    }

    /// Sets member `name` to raw `value`, in its old place or at the end.
    pub fn set_raw(&mut self, name: &str, value: Box<RawValue>) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Sets member `name` to `value` serialised. A value that cannot be serialised (a map with keys that are not text)
    /// becomes `null`; none of the types used here can fail.
    pub fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let raw = to_raw_value(value).unwrap_or_else(|_| RawValue::NULL.to_owned());
        self.set_raw(name, raw);
    }

    /// Takes member `name` out.
    pub fn remove(&mut self, name: &str) -> Option<Box<RawValue>> {
        let at = self.0.iter().position(|(n, _)| n == name)?;
        Some(self.0.remove(at).1)
    }

    /// Names and raw values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), &**value))
    }

    /// Whether there is no member.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object as raw JSON again: untouched values byte for byte.
    #[must_use]
    pub fn to_raw(&self) -> Box<RawValue> {
        to_raw_value(self).unwrap_or_else(|_| RawValue::NULL.to_owned())
    }
}

/// The members of a JSON object where they stand: for looking into it without a copy.
#[derive(Default)]
pub struct View<'a>(Vec<(Name<'a>, &'a RawValue)>);

/// Borrowed unless it is written with escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> View<'a> {
    /// Looks into `raw`.
    ///
    /// # Errors
    /// [`NotAnObject`] when `raw` is an array, a text, a number, …
    pub fn open(raw: &'a RawValue) -> Result<Self, NotAnObject> {
        serde_json::from_str(raw.get()).map_err(|_| NotAnObject)
    }

    /// The raw value of member `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// Member `name` read as `T`; none when absent or of another type.
    #[must_use]
    pub fn read<T: Deserialize<'a>>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    /// Member `name` if it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).and_then(|raw| json::text(raw.get()))
    }

    /// Member `name` as an object; none when absent or not an object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Self> {
        self.get(name).and_then(|raw| Self::open(raw).ok())
    }

    /// Names and raw values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(name, value)| (&*name.0, *value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for View<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Listed(PhantomData)).map(Self)
    }
}

/// Lists the members of an object in order.
struct Listed<N, V>(PhantomData<(N, V)>);

impl<'de, N: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for Listed<N, V> {
    type Value = Vec<(N, V)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(members)
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Listed(PhantomData)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_touched_survives_byte_for_byte() {
        let text = r#"{"n":18446744073709551616,"s":"\u0041\/","o":{ "b" : 1.10 },"x":null}"#;
        let mut members: Members = serde_json::from_str(text).unwrap();
        members.set("x", "y");
        members.remove("s");
        assert_eq!(members.to_raw().get(), r#"{"n":18446744073709551616,"o":{ "b" : 1.10 },"x":"y"}"#);
    }

    #[test]
    fn a_view_says_what_a_copy_says() {
        let raw: Box<RawValue> = serde_json::from_str(r#"{"\u0061":1,"b":{"c":"d"},"e":[1.0],"b":2}"#).unwrap();
        let (view, copy) = (View::open(&raw).unwrap(), Members::open(&raw).unwrap());
        let told = |(name, value): (&str, &RawValue)| (name.to_owned(), value.get().to_owned());
        assert!(view.iter().map(told).eq(copy.iter().map(told)));
        assert_eq!(view.read::<i64>("a"), Some(1));
        assert_eq!(view.object("b").unwrap().read::<&str>("c"), Some("d"));
        assert!(view.get("f").is_none() && view.object("a").is_none());
    }

    #[test]
    fn only_objects_open() {
        for text in ["[]", "1", "\"a\"", "null"] {
            let raw: Box<RawValue> = serde_json::from_str(text).unwrap();
            assert!(Members::open(&raw).is_err() && View::open(&raw).is_err());
        }
    }
}
