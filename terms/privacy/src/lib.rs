#![doc = include_str!("../README.md")]

mod age_file;
mod circle;
mod identity;
mod wire;

pub use age_file::{PrivacyError, ciphertext_most, encrypt, is_private};
pub use circle::Circle;
pub use identity::{Identities, Identity, create, open_or_create, read};
pub use surety_terms::{Recipient, Recipients};
pub use wire::{
    AgeFile, CASE_BYTES, PrivateCaseRequest, PrivateDeliveryRequest, PrivateReveal, PrivateSheet,
    names_private_sheet, upload_digest,
};
