//! `TestUSDC`, the token of local chains: behaves like Circle's, and its admin mints for the story.
#![expect(clippy::too_many_arguments, reason = "generated from the ABI; permit has many")]

alloy::sol!(
    #[sol(rpc)]
    TestUSDC,
    "artifacts/TestUSDC.json"
);
