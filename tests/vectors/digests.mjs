// Computes every digest of the Surety protocol with viem, from the JSON alone.
//
// Usage: node tests/vectors/digests.mjs < in.json > out.json
//
// in.json is a list of vectors as tests/tests/it/vectors.rs writes them; out.json is the list of
// their digests. The types below are written from the protocol and from the standards, not from our
// artifacts, and the canonical JSON is made here: what agrees with Rust and Solidity was computed
// three times.
import { readFileSync, writeSync } from "node:fs";
import { createRequire } from "node:module";

const tools = createRequire(new URL("../../tools/package.json", import.meta.url));
let viem;
try {
  viem = tools("viem");
} catch {
  console.error("viem is not installed: run `cargo x setup`, or `npm ci` in tools/");
  process.exit(3);
}
const { hashStruct, hashTypedData, keccak256, stringToBytes } = viem;

// RFC 8785: sorted keys (JavaScript compares UTF-16 units, as the RFC asks), no spaces, and the
// numbers and strings of JSON.stringify.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const entries = Object.keys(value).sort();
  return `{${entries.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}
const document = (value) => keccak256(stringToBytes(canonical(value)));

function fields(text) {
  return text.split(",").map((field) => {
    const [type, name] = field.trim().split(" ");
    return { type, name };
  });
}

const types = {
  Terms: fields(`address buyer, address seller, uint256 buyerAgent, uint256 sellerAgent,
    address token, uint96 total, uint96 bond, bytes32 jury, uint96 juryFee, uint96 relayFee,
    uint96 openFee, uint16 feeBps, address feeReceiver, bool payAsCredit, uint40 openBy,
    uint40 judgeWithin, uint40 appealWithin, uint96 appealBond, uint16 silentSellerBps,
    uint16 splitSellerBps, bool sequential, bytes32 document, bytes32 salt,
    Milestone[] milestones`),
  Milestone: fields("uint96 amount, uint40 deliverBy, bytes32 criteria, uint256 rule"),
  Delivery: fields("bytes32 dealId, uint8 milestone, bytes32 deliverable, string uri"),
  Accept: fields(
    "bytes32 dealId, uint8 milestone, uint8 round, uint8 standing, uint96 fee, uint40 validUntil",
  ),
  Concede: fields(
    "bytes32 dealId, uint8 milestone, uint8 round, uint8 standing, uint96 fee, uint40 validUntil",
  ),
  Agree: fields(`bytes32 dealId, uint8 milestone, uint8 round, uint8 standing,
    uint128 sellerAmount, bool asCredit, uint96 fee, uint40 validUntil`),
  Revoke: fields("bytes32 dealId, uint96 fee, uint40 validUntil"),
  Appeal: fields("bytes32 dealId, uint8 milestone, uint8 standing, uint96 fee, uint40 validUntil"),
  Request: fields(`bytes4 action, bytes32 dealId, uint8 milestone, uint8 round, uint8 standing,
    uint96 fee, uint40 validUntil`),
  Case: fields(`uint256 chainId, address jury, address consumer, bytes32 dealId,
    uint8 milestone, uint8 round, bytes32 deliverable`),
  Ballot: fields("bytes32 caseId, uint16 met, uint16 failed, uint8 reason, bytes32 transcript"),
  BallotBatch: fields("bytes32[] cases, bytes votes, bytes32 transcript"),
  Registration: fields(`address juror, string family, string operator, string url,
    uint96 stake, uint32 nonce, uint40 validUntil`),
  Unbonding: fields("address juror, uint32 nonce, uint40 validUntil"),
  ReceiveWithAuthorization: fields(`address from, address to, uint256 value,
    uint256 validAfter, uint256 validBefore, bytes32 nonce`),
};

// The whole numbers of a struct, as BigInt whether they came as numbers or as strings.
function typed(name, data) {
  const message = {};
  for (const { type, name: field } of types[name]) {
    const value = data[field];
    if (value === undefined) throw new Error(`${name} has no ${field}`);
    message[field] = type.startsWith("uint") ? BigInt(value) : value;
  }
  return message;
}

const digest = (domain, primaryType, data) =>
  hashTypedData({ domain, types, primaryType, message: typed(primaryType, data) });

function ruleWord(milestone) {
  let word = (BigInt(milestone.passBps) << 240n) | (milestone.proRata ? 1n << 254n : 0n);
  milestone.criteria.forEach((criterion, index) => {
    word |= BigInt(criterion.weightBps) << BigInt(14 * index);
    if (criterion.mandatory) word |= 1n << BigInt(224 + index);
  });
  return word;
}

const agent = (id) => (id === null ? 0n : BigInt(id) + 1n);

function terms(sheet) {
  return {
    ...sheet,
    buyerAgent: agent(sheet.buyerAgent),
    sellerAgent: agent(sheet.sellerAgent),
    document: document(sheet),
    milestones: sheet.milestones.map((milestone) =>
      typed("Milestone", {
        amount: milestone.amount,
        deliverBy: milestone.deliverBy,
        criteria: document(milestone.criteria),
        rule: ruleWord(milestone),
      }),
    ),
  };
}

function digests(vector) {
  const { jury, token } = vector;
  // The sheet's own text: nothing but JSON stands between it and its digest.
  const sheet = JSON.parse(vector.sheet);
  const { chainId } = sheet;
  const escrow = { name: "Surety", version: "1", chainId, verifyingContract: sheet.escrow };
  const juryDomain = { name: "Surety Jury", version: "1", chainId, verifyingContract: jury };
  const tokenDomain = {
    name: token.name,
    version: token.version,
    chainId,
    verifyingContract: sheet.token,
  };
  const dealId = digest(escrow, "Terms", terms(sheet));
  const authorization = (from, value) =>
    digest(tokenDomain, "ReceiveWithAuthorization", {
      from,
      to: sheet.escrow,
      value,
      validAfter: 0,
      validBefore: sheet.openBy,
      nonce: dealId,
    });
  return {
    document: document(sheet),
    dealId,
    rules: sheet.milestones.map((milestone) => ruleWord(milestone).toString()),
    delivery: digest(escrow, "Delivery", vector.delivery),
    revoke: digest(escrow, "Revoke", vector.revoke),
    accept: digest(escrow, "Accept", vector.accept),
    concede: digest(escrow, "Concede", vector.concede),
    agree: digest(escrow, "Agree", vector.agree),
    appeal: digest(escrow, "Appeal", vector.appeal),
    request: digest(escrow, "Request", vector.request),
    caseId: hashStruct({ data: typed("Case", vector.case), primaryType: "Case", types }),
    ballot: digest(juryDomain, "Ballot", vector.ballot),
    ballotBatch: digest(juryDomain, "BallotBatch", vector.ballotBatch),
    registration: digest(juryDomain, "Registration", vector.registration),
    unbonding: digest(juryDomain, "Unbonding", vector.unbonding),
    buyerAuthorization: authorization(sheet.buyer, sheet.total),
    sellerAuthorization: authorization(sheet.seller, sheet.bond),
  };
}

const vectors = JSON.parse(readFileSync(0, "utf8"));
const out = Buffer.from(JSON.stringify(vectors.map(digests)));
// A pipe takes 64 KiB at a time.
for (let done = 0; done < out.length; ) {
  try {
    done += writeSync(1, out, done);
  } catch (error) {
    if (error.code !== "EAGAIN") throw error;
  }
}
