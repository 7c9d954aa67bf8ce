//! Stacks to roll out to, one of its own for each test.

use rehearsal::world::{self, Service, Stack, StackSpec, Template};

use crate::fixture::World;

/// A service with its task definition, held on request.
pub(super) const SERVICE: &str = include_str!("service.yaml");
/// ... beside a database.
pub(super) const DATABASE: &str = include_str!("database.yaml");
/// ... nested.
pub(super) const PARENT: &str = include_str!("parent.yaml");

/// A stack to roll out to, its images and how the pipeline names them.
pub(crate) struct StackCase {
    pub(crate) stack: Stack,
    pub(crate) repository: String,
    pub(crate) digest: String,
}

impl StackCase {
    /// What a parameter for the image is given.
    pub(crate) fn image(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }

    /// The service, which is in the stack itself.
    pub(crate) fn service(&self) -> Service {
        self.stack.service("Service").unwrap()
    }

    /// Waits until an update that brought `Hold` is held: its task definition is made, its service
    /// as it was. `stack.signal("Signal", …)` tells it how to go on.
    pub(crate) fn await_hold(&self) {
        let held = self.stack.wait_until(|events| {
            let newest = events.last().unwrap();
            newest.logical == "Signal" && newest.status.ends_with("_IN_PROGRESS")
        });
        held.unwrap();
    }
}

impl World {
    /// A stack of its own name in the other account, whose service runs v1, with v2 in ECR.
    pub(crate) fn stack(&self, name: &str) -> StackCase {
        self.stack_from(name, SERVICE, |spec| spec)
    }

    /// As [`World::stack`], from a template that has the parameters `Name` and `Image` too.
    pub(crate) fn stack_from(
        &self,
        name: &str,
        template: &str,
        change: impl FnOnce(StackSpec) -> StackSpec,
    ) -> StackCase {
        let account = &self.suite.other;
        let [first, digest] = ["v1", "v2"].map(|version| {
            let manifest = world::manifest(&format!("{name} {version}"));
            world::put_image(account, name, version, &manifest).unwrap()
        });
        let repository = world::repository_uri(account, name);
        world::create_cluster(account, "test").unwrap();
        let spec = StackSpec::new(name, template)
            .with("Name", name)
            .with("Image", &format!("{repository}@{first}"));
        StackCase {
            stack: world::create_stack(account, &change(spec)).unwrap(),
            repository,
            digest,
        }
    }

    /// A stack whose nested stack has the service and the database.
    pub(crate) fn stack_with_nested(&self, name: &str) -> StackCase {
        let Template::At(child) = self.template("database.yaml", DATABASE) else {
            panic!("a template in a bucket has an address");
        };
        self.stack_from(name, PARENT, |spec| {
            spec.with("Child", &child).with("Identifier", name)
        })
    }

    /// A template in a bucket of the other account.
    pub(crate) fn template(&self, key: &str, text: &str) -> Template {
        let bucket = world::template_bucket(&self.suite.other).unwrap();
        Template::put(&self.suite.other, &bucket, key, text).unwrap()
    }
}

/// With a tag.
pub(super) fn tagged(mut spec: StackSpec) -> StackSpec {
    spec.tags.push(("team".to_owned(), "web".to_owned()));
    spec
}

/// A template that is too long to be sent with the request.
pub(crate) fn long(template: &str) -> String {
    let padding = "x".repeat(shared::stack::LONGEST_BODY_BYTES);
    format!("{template}\nMetadata:\n  Padding: {padding}\n")
}
