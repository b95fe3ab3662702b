//! Servers and their pins, profiles, projects and users. (Secrets have a table of their own.)

use super::{StoreError, Tx, on, read_count, read_json, read_name, write_count, write_json};
use control_plane_api::object::{Kind, Named, Object, ObjectRef};

type Row = (String, String, i64, String);

impl Tx {
    /// Every object, in the order of kind and name.
    pub(crate) async fn objects(&mut self) -> Result<Vec<Object>, StoreError> {
        let sql = "SELECT kind, name, revision, spec FROM objects ORDER BY kind, name";
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// The objects of one kind, by name.
    pub(crate) async fn objects_of(&mut self, kind: Kind) -> Result<Vec<Object>, StoreError> {
        let sql = "SELECT kind, name, revision, spec FROM objects WHERE kind = $1 ORDER BY name";
        let rows: Vec<Row> = on!(self, c => sqlx::query_as(sql).bind(kind.as_str()).fetch_all(c).await)?;
        rows.into_iter().map(read).collect()
    }

    /// One object.
    pub(crate) async fn object(&mut self, object: &ObjectRef) -> Result<Option<Object>, StoreError> {
        let sql = "SELECT kind, name, revision, spec FROM objects WHERE kind = $1 AND name = $2";
        let (kind, name) = (object.kind.as_str(), object.name.as_str());
        let row: Option<Row> = on!(self, c => sqlx::query_as(sql).bind(kind).bind(name).fetch_optional(c).await)?;
        row.map(read).transpose()
    }

    /// Creates or replaces an object.
    pub(crate) async fn put_object(&mut self, object: &Object) -> Result<(), StoreError> {
        let sql = "INSERT INTO objects (kind, name, revision, spec) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (kind, name) DO UPDATE SET revision = excluded.revision, spec = excluded.spec";
        let reference = object.reference();
        let (kind, name) = (reference.kind.as_str(), reference.name.as_str());
        let (revision, spec) = (write_count(object.revision()), spec_of(object)?);
        on!(self, c => sqlx::query(sql).bind(kind).bind(name).bind(revision).bind(spec).execute(c).await.map(drop))?;
        Ok(())
    }

    /// Removes an object.
    pub(crate) async fn delete_object(&mut self, object: &ObjectRef) -> Result<(), StoreError> {
        let sql = "DELETE FROM objects WHERE kind = $1 AND name = $2";
        let (kind, name) = (object.kind.as_str(), object.name.as_str());
        on!(self, c => sqlx::query(sql).bind(kind).bind(name).execute(c).await.map(drop))?;
        Ok(())
    }
}

fn spec_of(object: &Object) -> Result<String, StoreError> {
    let what = object.reference().to_string();
    match object {
        Object::Server(o) => write_json(&what, &o.spec),
        Object::Pin(o) => write_json(&what, &o.spec),
        Object::Profile(o) => write_json(&what, &o.spec),
        Object::Project(o) => write_json(&what, &o.spec),
        Object::User(o) => write_json(&what, &o.spec),
        Object::Connection(o) => write_json(&what, &o.spec),
        Object::Secret(o) => write_json(&what, &o.spec),
        Object::Issuer(o) => write_json(&what, &o.spec),
    }
}

fn read((kind, name, revision, spec): Row) -> Result<Object, StoreError> {
    fn named<S: serde::de::DeserializeOwned>(row: (&str, String, i64, &str)) -> Result<Named<S>, StoreError> {
        let (kind, name, revision, spec) = row;
        Ok(Named {
            name: read_name(kind, &name)?,
            revision: read_count(revision),
            spec: read_json(|| format!("{kind}/{name}"), spec)?,
        })
    }
    let row = (kind.as_str(), name, revision, spec.as_str());
    let kinds = Kind::ALL.into_iter().find(|k| k.as_str() == row.0);
    match kinds {
        Some(Kind::Server) => named(row).map(Object::Server),
        Some(Kind::Pin) => named(row).map(Object::Pin),
        Some(Kind::Profile) => named(row).map(Object::Profile),
        Some(Kind::Project) => named(row).map(Object::Project),
        Some(Kind::User) => named(row).map(Object::User),
        Some(Kind::Issuer) => named(row).map(Object::Issuer),
        Some(Kind::Secret | Kind::Connection) | None => {
            Err(StoreError::Unreadable { what: format!("{kind}/{}", row.1), reason: "no such kind".to_owned() })
        }
    }
}
