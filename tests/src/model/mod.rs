//! The protocol a second time, and random histories that must end alike in both.
pub mod calls;
pub mod chain;
pub mod compare;
pub mod draw;
pub mod draw_steps;
pub mod events;
pub mod history;
pub mod money;
pub mod reputation;
pub mod rows;
pub mod shrink;
pub mod state;
pub mod step;
pub mod tally;
pub mod terms;
pub mod token;
pub mod verdicts;
