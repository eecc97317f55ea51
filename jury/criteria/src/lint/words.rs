//! The words that the rules look for, in lower case; several words stand for a phrase.

/// Without a measure.
#[rustfmt::skip]
pub(super) const VAGUE: &[&str] = &[
    "acceptable", "adequate", "adequately", "and/or", "appealing", "appropriate",
    "appropriately", "as appropriate", "as necessary", "as needed", "asap", "attractive",
    "beautiful", "best", "clean", "clear", "clearly", "compelling", "comprehensive",
    "cutting-edge", "decent", "detailed", "easily", "easy", "efficient", "efficiently",
    "elegant", "engaging", "enough", "etc", "excellent", "fast", "flexible", "good", "great",
    "high quality", "high-quality", "if necessary", "if possible", "impressive", "in depth",
    "in-depth", "insightful", "interesting", "intuitive", "many", "meaningful", "minimal",
    "modern", "nice", "numerous", "of quality", "optimal", "polished", "professional",
    "professionally", "proper", "properly", "quick", "quickly", "readable", "reasonable",
    "reasonably", "relevant", "robust", "satisfactory", "scalable", "seamless", "several",
    "significant", "slick", "and so forth", "and so on", "smooth", "solid", "state of the art",
    "state-of-the-art", "substantial", "sufficient", "sufficiently", "suitable", "thorough",
    "thoroughly", "timely", "top-notch", "usable", "useful", "user friendly", "user-friendly",
    "various", "well made", "well written", "well-made", "well-structured", "well-written",
    "where possible", "world-class",
];

/// Vague unless compared with something: a `than` makes them a measure.
#[rustfmt::skip]
pub(super) const COMPARATIVES: &[&str] = &[
    "better", "cheaper", "cleaner", "clearer", "easier", "faster", "higher", "improved",
    "larger", "nicer", "prettier", "quicker", "shorter", "simpler", "smaller", "stronger",
];

/// Of what no juror sees.
#[rustfmt::skip]
pub(super) const OUT_OF_SIGHT: &[&str] = &[
    "as agreed", "as discussed", "attached", "best practice", "best practices", "boosts sales",
    "buyer approves", "buyer is happy", "buyer is satisfied", "buyer likes", "buyer's approval",
    "buyer's satisfaction", "by email", "by phone", "client likes", "common sense",
    "conversion rate", "customer is happy", "customer satisfaction", "customers love",
    "expectations", "goes viral", "happy with", "in our call", "in our meeting",
    "in production", "in the future", "in the long run", "increases revenue", "increases sales",
    "industry standard", "industry standards", "last time", "of our choice", "on our website",
    "our satisfaction", "our taste", "per our call", "ranks on google", "satisfied with",
    "satisfies the buyer", "stakeholders", "to everyone's satisfaction", "users like",
    "users love", "will continue", "will keep", "will remain",
];

/// Of everything at once.
#[rustfmt::skip]
pub(super) const ABSOLUTE: &[&str] = &[
    "all edge cases", "all possible", "always works", "any possible", "bug free", "bug-free",
    "completely accurate", "completely secure", "error free", "error-free", "every possible",
    "flawless", "flawlessly", "free of bugs", "free of errors", "fully secure", "never crashes",
    "never fails", "no bugs", "no errors", "no mistakes", "no vulnerabilities", "perfect",
    "perfectly", "without bugs", "without errors", "without mistakes",
];

/// To the jury, or imitating its rules.
#[rustfmt::skip]
pub(super) const TO_JURORS: &[&str] = &[
    "answer met", "answer not_met", "cannot_verify", "disregard", "ignore all", "ignore any",
    "ignore previous", "ignore the", "injection_suspected", "juror", "jurors", "mark this as",
    "not_met", "previous instructions", "system message", "system prompt", "verdict",
    "vote met", "you are", "you must", "you should", "your answer", "your instructions",
];

/// What a program does better.
#[rustfmt::skip]
pub(super) const EXECUTABLE: &[&str] = &[
    "checksum", "code compiles", "compiles", "hash of", "keccak256", "passes all tests",
    "passes the tests", "regular expression", "sha256", "test suite", "tests pass",
    "unit tests", "valid csv", "valid json", "valid xml", "valid yaml", "validates against",
];

/// What programs count.
#[rustfmt::skip]
pub(super) const COUNTED: &[&str] = &[
    "byte", "character", "column", "entry", "heading", "line", "page", "row", "sentence",
    "word",
];

/// Negations.
#[rustfmt::skip]
pub(super) const NEGATORS: &[&str] = &[
    "aren't", "can't", "cannot", "doesn't", "don't", "isn't", "mustn't", "neither", "never",
    "no", "nobody", "none", "not", "nothing", "shouldn't", "without", "won't",
];

/// What a negation turns into a double one.
#[rustfmt::skip]
pub(super) const NEGATIVES: &[&str] = &[
    "absent", "fail", "fails", "inaccurate", "incomplete", "incorrect", "lack", "lacking",
    "lacks", "missing", "omit", "omits", "omitted", "unclear", "undocumented", "unexplained",
    "unless", "unsourced", "unsupported", "untested", "untrue", "unverified",
];

/// Where another claim may begin.
#[rustfmt::skip]
pub(super) const COORDINATORS: &[&str] = &[
    "and", "but", "plus",
];

/// Where a claim within the claim begins.
#[rustfmt::skip]
pub(super) const SUBORDINATORS: &[&str] = &[
    "because", "how", "if", "since", "so", "that", "what", "when", "where", "whether", "which",
    "while", "who", "whom", "whose", "why",
];

/// Verbs that are nothing else.
#[rustfmt::skip]
pub(super) const VERBS: &[&str] = &[
    "accepts", "adds", "allows", "applies", "are", "argues", "asks", "avoids", "begins",
    "calculates", "compares", "compiles", "concludes", "contains", "converts", "defines",
    "describes", "discusses", "does", "equals", "exceeds", "explains", "fits", "follows",
    "gives", "greets", "had", "handles", "has", "have", "helps", "identifies", "illustrates",
    "implements", "includes", "introduces", "invites", "is", "keeps", "lacks", "lets", "makes",
    "meets", "mentions", "must", "omits", "parses", "presents", "preserves", "proves",
    "provides", "recommends", "rejects", "remains", "removes", "renders", "requires",
    "responds", "says", "sends", "shall", "should", "sorts", "specifies", "stays", "suggests",
    "summarises", "summarizes", "supports", "takes", "tells", "thanks", "translates", "uses",
    "validates", "was", "were", "writes",
];

/// Verbs that may be the plural of a noun.
#[rustfmt::skip]
pub(super) const VERBS_OR_NOUNS: &[&str] = &[
    "addresses", "answers", "checks", "cites", "covers", "credits", "details", "displays",
    "documents", "ends", "highlights", "links", "lists", "loads", "matches", "names", "needs",
    "offers", "opens", "outlines", "passes", "prints", "quotes", "ranks", "rates", "reads",
    "records", "references", "reports", "returns", "runs", "shows", "starts", "states", "tests",
    "works",
];

/// What follows a verb rather than a noun.
#[rustfmt::skip]
pub(super) const AFTER_A_VERB: &[&str] = &[
    "a", "all", "an", "any", "at", "between", "both", "each", "eight", "every", "exactly",
    "five", "four", "from", "her", "his", "how", "in", "it", "its", "least", "most", "nine",
    "no", "not", "on", "one", "only", "seven", "six", "ten", "that", "the", "their", "them",
    "these", "this", "three", "to", "two", "under", "what", "where", "whether", "who", "with",
    "within", "without",
];

/// Verbs that a criterion in the imperative begins with.
#[rustfmt::skip]
pub(super) const IMPERATIVES: &[&str] = &[
    "add", "answer", "avoid", "calculate", "cite", "compare", "contain", "cover", "define",
    "deliver", "describe", "explain", "give", "greet", "identify", "include", "introduce",
    "keep", "list", "make", "mention", "name", "provide", "quote", "recommend", "say", "show",
    "state", "summarise", "summarize", "tell", "translate", "use", "write",
];

/// What an English sentence can hardly do without.
#[rustfmt::skip]
pub(super) const ENGLISH: &[&str] = &[
    "a", "all", "an", "and", "any", "are", "as", "at", "be", "between", "by", "contains",
    "does", "each", "every", "for", "from", "has", "how", "in", "includes", "is", "it", "its",
    "least", "lists", "most", "must", "no", "not", "of", "on", "one", "or", "than", "that",
    "the", "to", "two", "uses", "what", "which", "who", "with",
];

/// What stands in sentences of other languages.
#[rustfmt::skip]
pub(super) const FOREIGN: &[&str] = &[
    "alla", "alle", "ang", "att", "auf", "av", "az", "bir", "cada", "che", "con", "dan", "dari",
    "das", "de", "dei", "del", "della", "dem", "den", "dengan", "der", "des", "di", "die", "du",
    "een", "egy", "ei", "ein", "eine", "einen", "einer", "el", "elke", "en", "er", "es", "est",
    "et", "ett", "gli", "het", "ikke", "il", "im", "inte", "ist", "ja", "jede", "jeden", "jeder",
    "jedes", "jest", "joka", "kein", "keine", "kila", "kwa", "la", "las", "le", "les", "lo",
    "los", "mga", "minden", "mit", "na", "nem", "ng", "nicht", "nie", "niet", "och", "oder",
    "og", "ogni", "oraz", "os", "ou", "para", "pas", "por", "pour", "que", "sans", "setiap",
    "sich", "sin", "sind", "som", "til", "todas", "todo", "todos", "tous", "um", "uma", "un",
    "una", "und", "une", "untuk", "van", "varje", "ve", "von", "voor", "werden", "wird", "wordt",
    "y", "ya", "yang", "zu", "zum", "zur",
];

/// What two criteria are not told apart by.
#[rustfmt::skip]
pub(super) const STOP: &[&str] = &[
    "a", "an", "any", "are", "be", "been", "being", "deliverable", "do", "doe", "document",
    "ha", "have", "i", "in", "is", "it", "must", "of", "shall", "should", "text", "that", "the",
    "there", "thi", "this", "to", "wa", "was", "were", "will",
];
