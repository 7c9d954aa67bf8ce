//! artifact-copier: a CodePipeline action that carries a release to the production account, signed,
//! and then follows what production makes of it. Wiring only; read `request`, `decide`, `handler`,
//! `deliver` and `follow` in this order.

mod decide;
mod deliver;
mod follow;
mod handler;
mod request;

use std::sync::Arc;
use std::time::Duration;

use aws::clients::Clients;
use handler::Setup;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    aws::log::start(set("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let seconds = set("LOOK_EVERY_SECONDS").and_then(|text| text.parse().ok());
    let setup = Setup {
        look_every: Duration::from_secs(seconds.unwrap_or(5)),
        signing_key: set("SIGNING_KEY"),
    };
    let clients = Arc::new(Clients::from_environment());
    clients.warm_up().await;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let setup = setup.clone();
        aws::job::run(Arc::clone(&clients), event, |clients, job, round| {
            handler::handle(clients, job, round, setup)
        })
    }))
    .await
}
