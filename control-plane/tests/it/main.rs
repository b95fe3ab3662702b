//! The whole control plane in process, on a port of its own: the same suite on SQLite and on PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says so by failing"
)]

mod addressed;
mod audit;
mod authentication;
mod backup;
mod bootstrap;
mod database;
mod disaster;
mod gateways;
mod instances;
mod issuers;
mod laptops;
mod metrics;
mod oauth;
mod objects;
mod openapi;
mod outage;
mod pins;
mod postgres;
mod replicas;
mod retention;
mod rotation;
mod secrets;
mod sessions;
mod sqlite;
mod start;
mod stream;
mod users;
mod world;

/// Makes of each rule one test per database.
macro_rules! on_both_stores {
    ($($rule:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $rule() { super::$rule($crate::world::World::on_sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test] async fn $rule() { super::$rule($crate::world::World::on_postgres().await).await; })+
        }
    };
}
pub(crate) use on_both_stores;
