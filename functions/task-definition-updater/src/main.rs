//! task-definition-updater: a CodePipeline action that rolls images out to ECS services and
//! CloudFormation stacks in any region and account. Wiring only; read `handler`, then the crate `driver`.

mod handler;

use std::sync::Arc;
use std::time::Duration;

use aws::clients::Clients;
use handler::Setup;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::log::start(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let seconds = std::env::var("LOOK_EVERY_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    let setup = Setup {
        look_every: Duration::from_secs(seconds.unwrap_or(5)),
        state_bucket: std::env::var("STATE_BUCKET").ok(),
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
