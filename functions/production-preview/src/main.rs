//! production-preview: a CodePipeline action that tells, before the production approval, what a
//! rollout would change there. It changes nothing. Wiring only; read `request`, `decide`, `handler` in
//! this order.

mod decide;
mod handler;
mod request;

use std::sync::Arc;

use aws::clients::Clients;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::log::start(std::env::var("AWS_LAMBDA_LOG_LEVEL").ok().as_deref());
    let clients = Arc::new(Clients::from_environment());
    clients.warm_up().await;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        aws::job::run(Arc::clone(&clients), event, handler::handle)
    }))
    .await
}
