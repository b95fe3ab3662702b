//! One row of the table of routes.

use super::App;
use crate::identity::Access;
use axum::{
    handler::Handler,
    http::Method,
    routing::{self, MethodRouter},
};
use control_plane_api::object::Named;
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

/// A route: method, path, who may use it, what it takes and gives.
#[derive(Clone)]
pub struct Route {
    /// The HTTP method.
    pub method: Method,
    /// The path, `{…}` standing for one segment.
    pub path: &'static str,
    /// What it asks of its caller.
    pub access: Access,
    pub(super) summary: &'static str,
    pub(super) queries: Vec<(&'static str, &'static str)>,
    pub(super) body: Option<Shape>,
    pub(super) answers: Vec<(u16, Shape)>,
    pub(super) service: MethodRouter<App>,
}

/// The form of a body.
#[derive(Clone)]
pub(super) enum Shape {
    /// No body.
    Nothing,
    /// JSON that is not described further.
    Anything,
    /// HTML for people.
    Page,
    /// This schema.
    One(SchemaOf),
    /// An array of it.
    Many(SchemaOf),
    /// An event stream; the text of each event is JSON of this schema.
    Events(SchemaOf),
}

/// A named schema of the contract.
#[derive(Clone)]
pub(super) struct SchemaOf {
    pub(super) name: String,
    /// Itself, and what it refers to, by name.
    pub(super) schemas: Vec<(String, RefOr<Schema>)>,
}

impl SchemaOf {
    /// The schema of `T`.
    pub(super) fn of<T: ToSchema>() -> Self {
        Self::under::<T>(T::name().into_owned())
    }

    /// The schema of `Named<S>`, under the name by which other schemas refer to it.
    pub(super) fn of_named<S: ToSchema>() -> Self {
        let mut this = Self::under::<Named<S>>(format!("{}_{}", Named::<S>::name(), S::name()));
        // utoipa names the argument of a generic type, but leaves it out of what that type refers to.
        this.schemas.extend(Self::of::<S>().schemas);
        this
    }

    fn under<T: ToSchema>(name: String) -> Self {
        let mut schemas = vec![(name.clone(), T::schema())];
        T::schemas(&mut schemas);
        Self { name, schemas }
    }
}

/// The schema of `T`.
pub(super) fn one<T: ToSchema>() -> Shape {
    Shape::One(SchemaOf::of::<T>())
}

/// An array of `T`.
pub(super) fn many<T: ToSchema>() -> Shape {
    Shape::Many(SchemaOf::of::<T>())
}

macro_rules! methods {
    ($($method:ident $name:ident),*) => {$(
        #[doc = concat!("A route for `", stringify!($method), "`.")]
        pub(super) fn $name<H, T>(path: &'static str, access: Access, serve: H, summary: &'static str) -> Route
        where
            H: Handler<T, App>,
            T: 'static,
        {
            let service = routing::$name(serve);
            Route {
                method: Method::$method,
                path,
                access,
                summary,
                queries: Vec::new(),
                body: None,
                answers: Vec::new(),
                service,
            }
        }
    )*};
}
methods!(GET get, POST post, PUT put, DELETE delete);

impl Route {
    /// The body it takes.
    pub(super) fn takes(mut self, shape: Shape) -> Self {
        self.body = Some(shape);
        self
    }

    /// A body it gives, and with which status.
    pub(super) fn answers(mut self, status: u16, shape: Shape) -> Self {
        self.answers.push((status, shape));
        self
    }

    /// A query parameter it understands.
    pub(super) fn asks(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.queries.push((name, meaning));
        self
    }
}
