#![doc = include_str!("../README.md")]

mod flood;
pub mod guard;
pub mod layers;
pub mod page;
pub mod pulse;
pub mod refusal;
pub mod request_id;
pub mod serve;
pub mod socket;
