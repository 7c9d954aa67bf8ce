//! production-gate: what arrives in the bucket of releases is verified here, and deployed by somebody
//! else. Wiring only; what an event asks for is `shared::production::arrival`, every reason to refuse
//! `shared::production::gate`, and what is done about it `handler`.

mod handler;
mod sweep;

use std::sync::Arc;

use aws::clients::Clients;
use handler::{Gate, Setup};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;
use shared::production::arrival::Asked;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    aws::log::start(set("AWS_LAMBDA_LOG_LEVEL").as_deref());
    let setup = Setup::read(set);
    let clients = Clients::from_environment();
    clients.warm_up().await;
    let gate = Arc::new(Gate::new(clients, setup));
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| {
        let gate = Arc::clone(&gate);
        async move { gate.handle(Asked::parse(&event.payload)).await }
    }))
    .await
}
