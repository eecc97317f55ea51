//! `TestUSDC`, the token of local chains: behaves like Circle's, and its admin mints for the story.
#![expect(missing_docs, reason = "generated from the ABI; the token is documented in Solidity")]

alloy::sol!(
    #[sol(rpc)]
    TestUSDC,
    "artifacts/TestUSDC.json"
);
