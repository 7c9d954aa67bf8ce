//! Those who try to write in the bucket for releases.

use rehearsal::{Account, local, suite, world};

use crate::fixture::World;
use crate::policy::{Caller, Policies};
use crate::release_role::deployed::caller;
use crate::release_role::{administrator, release};

/// Who tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The account's root.
    Root,
    /// A role that may do everything, of whatever name.
    Administrator,
    /// One whose name only begins as it should.
    Lookalike,
    /// Production's own functions, with every right for as long as it is tried: their names are all
    /// that counts.
    Gate,
    Deployer,
    /// The copier's session.
    Release,
}

pub(super) use Who::{Administrator, Deployer, Gate, Lookalike, Release, Root};

pub(super) const EVERYBODY: [Who; 6] = [Root, Administrator, Lookalike, Gate, Deployer, Release];

impl Who {
    fn role(self) -> &'static str {
        match self {
            Root => unreachable!("no role"),
            Administrator => "administrator",
            Lookalike => "redbutton-release-2",
            Gate => "redbutton-production-gate",
            Deployer => "redbutton-production-deployer",
            Release => suite::RELEASE_ROLE.rsplit('/').next().unwrap(),
        }
    }

    pub(super) fn session(self, world: &World) -> Account {
        match self {
            Root => world.suite.production.clone(),
            Release => release(world),
            Gate | Deployer => {
                let production = &world.suite.production;
                let function = self.role().trim_start_matches("redbutton-");
                world::give_every_right(production, self.role()).unwrap();
                production.acting_as(local::credentials_of(production, function).unwrap())
            }
            other => administrator(&world.suite.production, other.role()),
        }
    }

    /// What a session was given for the trial goes again.
    pub(super) fn give_back(self, world: &World) {
        if matches!(self, Gate | Deployer) {
            world::take_every_right(&world.suite.production, self.role()).unwrap();
        }
    }

    pub(super) fn caller(self, world: &World) -> Caller {
        let account = &world.suite.production;
        let arn = |role| format!("arn:aws:iam::{}:role/{role}", account.id());
        match self {
            Root => Caller::root(account.id()),
            Release => caller(account, suite::RELEASE_ROLE),
            other => Caller::role(&arn(other.role()), Policies::everything()),
        }
    }

    /// Whether it is the one, or one of the two, that may write there.
    pub(super) fn writes(self, prefix: &str) -> bool {
        match self {
            Release => prefix == "releases",
            Gate | Deployer => prefix == "ledger" || prefix == "outcomes",
            Root | Administrator | Lookalike => false,
        }
    }

    /// Whether its own policies allow whatever is not denied, there.
    pub(super) fn has_the_right(self, prefix: &str) -> bool {
        self != Release || prefix == "releases"
    }
}
