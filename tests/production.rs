//! Production: what arrives passes the gate or is told why not, is deployed in order, and is recorded. All
//! of it as it is deployed from template.yaml: S3, EventBridge, the gate, Step Functions, the deployer, ECS,
//! under their own roles.

mod arrives;
mod case;
mod commands;
mod faults;
mod order;
mod refused;
mod undone;
