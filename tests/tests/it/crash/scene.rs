//! What happens around a deal while its relayer dies: step by step, each of them worth repeating when
//! a death cut it off.

use surety_orders::Order;
use surety_relayer::wire::CaseState;

use Step::{
    Accept, Again, Ask, Days, Deliver, Dies, Ended, Hold, Idle, IsReplaced, Mute, Noted, Open, Pin,
    Reaches, Release, Retry, Revert, Silence, Snapshot, Split, Stranger, Waits, Withhold,
};

/// A step: something that is done, or something that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An agent has the relayer open the deal.
    Open,
    /// The seller hands in the bytes and a delivery for each milestone.
    Deliver,
    /// The seller puts the first milestone's delivery on the chain.
    Pin,
    /// All cases of the panel are in this state.
    Reaches(CaseState),
    /// All cases of the appeal panel are in this state.
    Again(CaseState),
    /// The sender has nothing left to do.
    Idle,
    /// No juror says anything.
    Mute,
    /// Two jurors of the panel contradict the three others.
    Split,
    /// The juror on seat 3 commits and never shows its ballot.
    Withhold,
    /// That juror's silence is on record.
    Silence,
    /// The panel's time passes.
    Days,
    /// The buyer asks for the reclaim, and pays for it.
    Ask,
    /// What time allows is queued or put off, and looked at again later.
    Noted,
    /// The next block's gas costs so much wei.
    Costs(&'static str),
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

/// What a deal comes to when all is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The seller is paid by a verdict.
    Paid,
    /// The case is given up, and the money waits in the escrow.
    GivenUp,
    /// Time gives all of it to the buyer, who paid so many dollars for that.
    Reclaimed(u64),
    /// Both panels were silent: the buyer has its money again, the seller its bond.
    Silent,
}

/// A whole life of a deal, and its only good end.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) name: &'static str,
    pub(super) steps: &'static [Step],
    /// Where the relayer dies first, for [`Step::Dies`].
    pub(super) first: Option<&'static str>,
    pub(super) end: End,
    /// Transactions of the relayer's key that the chain keeps.
    pub(super) sent: u64,
    /// So many more are right too: a verdict that lost its company goes alone.
    pub(super) spare: u64,
    pub(super) milestones: u8,
    /// Whether a verdict may be appealed, and there is an appeal panel.
    pub(super) appeals: bool,
    /// What the relayer is configured with besides.
    pub(super) set: &'static [&'static str],
}

impl Scene {
    const fn new(name: &'static str, sent: u64, steps: &'static [Step]) -> Self {
        Self {
            name,
            steps,
            first: None,
            end: End::Paid,
            sent,
            spare: 0,
            milestones: 1,
            appeals: false,
            set: &[],
        }
    }

    const fn given_up(name: &'static str, steps: &'static [Step]) -> Self {
        Self { end: End::GivenUp, ..Self::new(name, 0, steps) }
    }

    /// One whose relayer does by itself what time allows.
    const fn timed(name: &'static str, sent: u64, end: End, steps: &'static [Step]) -> Self {
        Self { end, set: &[PERFORM], ..Self::new(name, sent, steps) }
    }

    /// Whether the deal is opened in the scene, and not before it.
    pub(super) fn opens(&self) -> bool {
        self.steps.contains(&Open)
    }

    /// The rounds in which the relayer has cases.
    pub(super) fn rounds(&self) -> &'static [u8] {
        let is_again = |step: &Step| matches!(step, Again(_));
        match (self.steps.contains(&Deliver), self.steps.iter().any(is_again)) {
            (false, _) => &[],
            (true, false) => &[1],
            (true, true) => &[1, 2],
        }
    }
}

const FINAL: Step = Reaches(CaseState::Final);
const FINAL_AGAIN: Step = Again(CaseState::Final);
const GIVEN_UP: Step = Reaches(CaseState::GivenUp);
const ASKED: Step = Reaches(CaseState::Asked);
const ASKED_AGAIN: Step = Again(CaseState::Asked);
const BUMP: Step = Step::Gives(Order::Bump);
const CANCEL: Step = Step::Gives(Order::Cancel);
/// More than the relayer pays, and what it pays gladly.
const DEAR: Step = Step::Costs("0xe8d4a51000");
const CHEAP: Step = Step::Costs("0x3b9aca00");

const PERFORM: &str = "acts.perform=true";
/// Both verdicts are ready before either goes alone.
const TOGETHER: &[&str] = &[PERFORM, "batch.least_ms=700", "batch.most_ms=700"];

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
/// The panel does not agree, and the appeal panel does: two settlements.
static ROUND2: Scene = Scene {
    appeals: true,
    ..Scene::timed("round 2", 2, End::Paid, &[Split, Deliver, FINAL, FINAL_AGAIN, Idle])
};
/// The same of two milestones, whose verdicts settle together in both rounds.
static BATCHED: Scene = Scene {
    spare: 2,
    milestones: 2,
    appeals: true,
    set: TOGETHER,
    ..Scene::timed("batched", 2, End::Paid, &[Split, Deliver, FINAL, FINAL_AGAIN, Idle])
};
/// Opened here, and never delivered.
static RECLAIMED: Scene =
    Scene::timed("reclaimed", 2, End::Reclaimed(0), &[Open, Days, Ended, Idle]);
/// Both panels are silent: an escalation, then the end.
static EXPIRED: Scene = Scene {
    appeals: true,
    ..Scene::timed(
        "expired",
        2,
        End::Silent,
        &[Mute, Deliver, ASKED, Pin, Days, ASKED_AGAIN, Days, Ended, Idle],
    )
};
/// Nobody appeals: a settlement, then the end.
static FINALIZED: Scene = Scene {
    appeals: true,
    ..Scene::timed("finalized", 2, End::Paid, &[Deliver, FINAL, Days, Ended, Idle])
};
/// What time allows is queued, and waits for cheaper blocks for days.
static PUT_OFF: Scene = Scene::timed(
    "put off",
    1,
    End::Reclaimed(0),
    &[Mute, Deliver, ASKED, DEAR, Days, Noted, Days, Noted, CHEAP, Ended, Idle],
);
/// A stranger's deal: the relayer does nothing before it is paid.
static PAID_FOR: Scene = Scene::timed("paid for", 1, End::Reclaimed(5), &[Days, Ask, Ended, Idle]);

/// All of them.
pub(super) static SCENES: [&Scene; 18] = [
    &PLAIN, &OPENED, &SILENT, &TAKEN_UP, &WITHHELD, &BUMPED, &CANCELLED, &ORPHANED, &STRANGE, &GAP,
    &OVERTAKEN, &ROUND2, &BATCHED, &RECLAIMED, &EXPIRED, &FINALIZED, &PUT_OFF, &PAID_FOR,
];

/// The scenes in which a point is passed, and at which passages the relayer dies in each.
pub(super) fn of(point: &str) -> Vec<(&'static Scene, &'static [u32])> {
    const fn at(
        scene: &'static Scene,
        passages: &'static [u32],
    ) -> (&'static Scene, &'static [u32]) {
        (scene, passages)
    }

    let row = point.rsplit_once('.').map_or(point, |(row, _)| row);
    match row {
        "transaction.queued" => vec![at(&OPENED, &[1])],
        // What the start finds, the settlement, and what opens round 2.
        "watch.step" => vec![at(&PLAIN, &[1, 2]), at(&ROUND2, &[2])],
        // The first commitment, the one that makes a quorum, and a ballot.
        "seat.heard" => vec![at(&PLAIN, &[1, 4, 7])],
        "watch.orphaned" | "send.reopened" | "send.trusted" => vec![at(&ORPHANED, &[1])],
        "seat.silent" => vec![at(&WITHHELD, &[1])],
        "case.given-up" => vec![at(&SILENT, &[1])],
        "case.taken-up" => vec![at(&TAKEN_UP, &[1])],
        "case.unsent" => vec![at(&CANCELLED, &[1])],
        "case.passed" => vec![at(&ROUND2, &[1])],
        "batch" | "batch.sent" => vec![at(&BATCHED, &[1])],
        // The escalation, then the end of silence; the other two.
        "act.sent" => vec![at(&EXPIRED, &[1, 2]), at(&RECLAIMED, &[1]), at(&FINALIZED, &[1])],
        "act.put-off" => vec![at(&PUT_OFF, &[1])],
        "act.asked" => vec![at(&PAID_FOR, &[1])],
        "send.ordered" | "send.replaced" => vec![at(&BUMPED, &[1])],
        "send.requeued" => vec![at(&STRANGE, &[1])],
        "send.failed" => vec![at(&OVERTAKEN, &[1])],
        "send.gap" => vec![at(&GAP, &[1])],
        _ => vec![at(&PLAIN, &[1])],
    }
}
