//! production-deployer: one step of a deployment in production, for the state machine of template.yaml.
//! Wiring only; read `handler` (from step to step), then `begin`, `lock`, `roll` and `tell` in this
//! order.

mod begin;
mod handler;
mod lock;
mod place;
mod roll;
mod tell;

use std::sync::Arc;

use aws::clients::Clients;
use handler::handle;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use place::{Deployer, Setup};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    aws::log::start(set("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let setup = Setup::read(set);
    let clients = Clients::from_environment();
    clients.warm_up().await;
    let deployer = Arc::new(Deployer::new(clients, setup));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let deployer = Arc::clone(&deployer);
        async move { handle(&deployer, event).await }
    }))
    .await
}
