//! `TestUSDC`, the token of local chains: behaves like Circle's, and its admin mints for the story.

alloy::sol!(
    #[sol(rpc)]
    TestUSDC,
    "artifacts/TestUSDC.json"
);
