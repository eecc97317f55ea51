//! What happens around a deal while its relayer dies: step by step, each of them worth repeating when
//! a death cut it off.

use surety_orders::Order;
use surety_relayer::wire::CaseState;

use Step::{
    Accept, Days, Deliver, Dies, Ended, Hold, Idle, IsReplaced, Mute, Open, Reaches, Release,
    Retry, Revert, Silence, Snapshot, Stranger, Waits, Withhold,
};

/// A step: something that is done, or something that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An agent has the relayer open the deal.
    Open,
    /// The seller hands in the bytes and the delivery.
    Deliver,
    /// The case is in this state.
    Reaches(CaseState),
    /// The sender has nothing left to do.
    Idle,
    /// No juror says anything.
    Mute,
    /// The juror on seat 3 commits and never shows its ballot.
    Withhold,
    /// That juror's silence is on record.
    Silence,
    /// The panel's time passes.
    Days,
    /// Blocks come no more by themselves.
    Hold,
    /// A transaction of the relayer waits for a block.
    Waits,
    /// The operator gives an order about the settlement.
    Gives(Order),
    /// More than one transaction was signed for the settlement.
    IsReplaced,
    /// Blocks come again.
    Release,
    /// The chain can come back to here.
    Snapshot,
    /// The chain comes back, and goes on without what happened since.
    Revert,
    /// The milestone has ended on the chain.
    Ended,
    /// Another program sends with the relayer's key.
    Stranger,
    /// The operator has the case taken up again.
    Retry,
    /// The relayer dies, of the scene's own point.
    Dies,
    /// The buyer accepts, while no relayer lives.
    Accept,
}

/// A whole life of a deal, and its only good end.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) steps: &'static [Step],
    /// Where the relayer dies first, for [`Step::Dies`].
    pub(super) first: Option<&'static str>,
    pub(super) state: CaseState,
    /// Transactions of the relayer's key that the chain keeps.
    pub(super) sent: u64,
}

impl Scene {
    const fn new(name: &'static str, sent: u64, steps: &'static [Step]) -> Self {
        Self { name, steps, first: None, state: CaseState::Final, sent }
    }

    const fn given_up(name: &'static str, steps: &'static [Step]) -> Self {
        Self { state: CaseState::GivenUp, ..Self::new(name, 0, steps) }
    }

    /// Whether the deal is opened in the scene, and not before it.
    pub(super) fn opens(&self) -> bool {
        self.steps.contains(&Open)
    }
}

const FINAL: Step = Reaches(CaseState::Final);
const GIVEN_UP: Step = Reaches(CaseState::GivenUp);
const ASKED: Step = Reaches(CaseState::Asked);
const BUMP: Step = Step::Gives(Order::Bump);
const CANCEL: Step = Step::Gives(Order::Cancel);

static PLAIN: Scene = Scene::new("plain", 1, &[Deliver, FINAL, Idle]);
static OPENED: Scene = Scene::new("opened", 2, &[Open, Deliver, FINAL, Idle]);
static SILENT: Scene = Scene::given_up("silent", &[Mute, Deliver, ASKED, Days, GIVEN_UP]);
static TAKEN_UP: Scene =
    Scene::given_up("taken up", &[Mute, Deliver, ASKED, Days, GIVEN_UP, Retry, GIVEN_UP]);
static WITHHELD: Scene =
    Scene::new("withheld", 1, &[Withhold, Deliver, FINAL, Idle, Days, Silence]);
static BUMPED: Scene =
    Scene::new("bumped", 1, &[Hold, Deliver, Waits, BUMP, IsReplaced, Release, FINAL, Idle]);
/// An empty transaction, then the settlement under the next nonce.
static CANCELLED: Scene =
    Scene::new("cancelled", 2, &[Hold, Deliver, Waits, CANCEL, IsReplaced, Release, FINAL, Idle]);
static ORPHANED: Scene =
    Scene::new("orphaned", 1, &[Snapshot, Deliver, FINAL, Idle, Revert, Ended, FINAL, Idle]);
/// The stranger's transaction, then the settlement under another nonce.
static STRANGE: Scene =
    Scene::new("strange", 2, &[Hold, Deliver, Waits, Stranger, Release, FINAL, Idle]);
/// The stranger's transaction is orphaned; ours fill the gap and settle.
static GAP: Scene =
    Scene::new("gap", 2, &[Snapshot, Stranger, Deliver, FINAL, Idle, Revert, Ended, FINAL, Idle]);
/// The settlement is queued, and is pointless when the relayer lives again.
static OVERTAKEN: Scene = Scene {
    first: Some("case.sent.stored"),
    ..Scene::new("overtaken", 0, &[Deliver, Dies, Accept, FINAL, Idle])
};

/// All of them.
pub(super) static SCENES: [&Scene; 11] = [
    &PLAIN, &OPENED, &SILENT, &TAKEN_UP, &WITHHELD, &BUMPED, &CANCELLED, &ORPHANED, &STRANGE, &GAP,
    &OVERTAKEN,
];

/// The scene in which a point is passed, and at which passages the relayer dies.
pub(super) fn of(point: &str) -> (&'static Scene, &'static [u32]) {
    let row = point.rsplit_once('.').map_or(point, |(row, _)| row);
    match row {
        "transaction.queued" => (&OPENED, &[1]),
        // What the start finds, and the settlement.
        "watch.step" => (&PLAIN, &[1, 2]),
        // The first commitment, the one that makes a quorum, and a ballot.
        "seat.heard" => (&PLAIN, &[1, 4, 7]),
        "watch.orphaned" | "send.reopened" | "send.trusted" => (&ORPHANED, &[1]),
        "seat.silent" => (&WITHHELD, &[1]),
        "case.given-up" => (&SILENT, &[1]),
        "case.taken-up" => (&TAKEN_UP, &[1]),
        "case.unsent" => (&CANCELLED, &[1]),
        "send.ordered" | "send.replaced" => (&BUMPED, &[1]),
        "send.requeued" => (&STRANGE, &[1]),
        "send.failed" => (&OVERTAKEN, &[1]),
        "send.gap" => (&GAP, &[1]),
        _ => (&PLAIN, &[1]),
    }
}
