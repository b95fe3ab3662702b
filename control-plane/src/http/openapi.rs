//! The OpenAPI document, made from the table of routes and the schemas of the contract.

use super::route::{Route, SchemaOf, Shape};
use crate::identity::Access;
use axum::http::Method;
use control_plane_api::{object::Object, problem::Problem, secret::SecretSpec, snapshot::ConfigEvent};
use utoipa::openapi::{
    ComponentsBuilder, Content, ContentBuilder, HttpMethod, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Paths, Ref,
    RefOr, Required, ResponseBuilder,
    path::{Operation, OperationBuilder, ParameterBuilder, ParameterIn},
    request_body::{RequestBody, RequestBodyBuilder},
    schema::{Array, ObjectBuilder, Schema, SchemaType, Type},
    security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
};

const BEARER: &str = "bearer";

/// The document for `routes`.
#[must_use]
pub fn document(routes: &[Route]) -> OpenApi {
    let mut paths = Paths::new();
    for route in routes {
        let item = PathItem::new(method(&route.method), operation(route));
        match paths.paths.get_mut(route.path) {
            Some(known) => known.merge_operations(item),
            None => {
                paths.paths.insert(route.path.to_owned(), item);
            }
        }
    }
    let information = InfoBuilder::new()
        .title("mcpd")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The control plane of mcpctl. Errors are problem details as of RFC 9457."));
    let components = ComponentsBuilder::new()
        .schemas_from_iter(schemas(routes))
        .security_scheme(BEARER, SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    OpenApiBuilder::new().info(information.build()).paths(paths).components(Some(components.build())).build()
}

/// What the routes refer to, and what they answer or send without naming it in the table.
fn schemas(routes: &[Route]) -> Vec<(String, RefOr<Schema>)> {
    let bodies = routes.iter().filter_map(|route| route.body.as_ref());
    let answers = routes.iter().flat_map(|route| &route.answers).map(|(_, shape)| shape);
    let named = bodies.chain(answers).filter_map(|shape| match shape {
        Shape::One(schema) | Shape::Many(schema) | Shape::Events(schema) => Some(schema.clone()),
        Shape::Nothing | Shape::Anything | Shape::Page => None,
    });
    let unnamed = [
        SchemaOf::of::<Problem>(),
        SchemaOf::of::<ConfigEvent>(),
        SchemaOf::of::<Object>(),
        SchemaOf::of_named::<SecretSpec>(),
    ];
    named.chain(unnamed).flat_map(|schema| schema.schemas).collect()
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::PUT => HttpMethod::Put,
        Method::POST => HttpMethod::Post,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(route: &Route) -> Operation {
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .description(Some(who(route.access)))
        .request_body(route.body.as_ref().map(request_body));
    for name in route.path.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name) {
        operation = operation.parameter(parameter(name, ParameterIn::Path));
    }
    for (name, meaning) in &route.queries {
        operation = operation.parameter(parameter(name, ParameterIn::Query).description(Some(*meaning)));
    }
    for (status, shape) in &route.answers {
        let mut response = ResponseBuilder::new().description(phrase(*status));
        if let Some((media, content)) = content(shape) {
            response = response.content(media, content);
        }
        operation = operation.response(status.to_string(), response.build());
    }
    if route.access != Access::Open {
        operation = operation.security(SecurityRequirement::new::<_, [&str; 0], &str>(BEARER, []));
    }
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let problem = ResponseBuilder::new().description("Anything else").content("application/problem+json", problem);
    operation.response("default", problem.build()).build()
}

fn who(access: Access) -> &'static str {
    match access {
        Access::Open => "Open to anybody.",
        Access::Join => "With a join token for this gateway.",
        Access::Gateway => "With this gateway's own token.",
        Access::Anyone => "Every user.",
        Access::Member => "Every user with a role; developers see what is theirs.",
        Access::Read => "Roles admin, operator, auditor.",
        Access::Inspect => "Roles admin, auditor.",
        Access::Operate => "Roles admin, operator.",
        Access::Administer => "Role admin.",
    }
}

fn parameter(name: &str, place: ParameterIn) -> ParameterBuilder {
    let required = if place == ParameterIn::Path { Required::True } else { Required::False };
    let text = ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build();
    ParameterBuilder::new().name(name).parameter_in(place).required(required).schema(Some(text))
}

fn request_body(shape: &Shape) -> RequestBody {
    let body = RequestBodyBuilder::new().required(Some(Required::True));
    match content(shape) {
        Some((media, content)) => body.content(media, content).build(),
        None => body.build(),
    }
}

fn content(shape: &Shape) -> Option<(&'static str, Content)> {
    let content = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
    let reference = |schema: &SchemaOf| RefOr::Ref(Ref::from_schema_name(&schema.name));
    match shape {
        Shape::Nothing => None,
        Shape::Anything => Some(("application/json", content(ObjectBuilder::new().build().into()))),
        Shape::Page => Some((
            "text/html",
            content(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).build().into()),
        )),
        Shape::One(schema) => Some(("application/json", content(reference(schema)))),
        Shape::Many(schema) => Some(("application/json", content(Array::new(reference(schema)).into()))),
        Shape::Events(schema) => Some(("text/event-stream", content(reference(schema)))),
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        201 => "Created",
        204 => "Done",
        303 => "Go on there",
        _ => "OK",
    }
}
