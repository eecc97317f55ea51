//! Who may read what is written down about one private case.

use surety_terms::{Recipient, Recipients};

use crate::{Identities, PrivacyError, encrypt};

/// The parties of a deal and the reader that writes: what it writes down, these three can read.
#[derive(Clone, Debug)]
pub struct Circle {
    recipients: Vec<Recipient>,
    identities: Identities,
}

impl Circle {
    /// Parties and a reader. Fails for a reader without an identity, who could not read its own.
    pub fn new(parties: &Recipients, identities: &Identities) -> Result<Self, PrivacyError> {
        let own = identities.recipient().ok_or(PrivacyError::NotForUs)?;
        let recipients = [&parties.both()[..], &[own]].concat();
        Ok(Self { recipients, identities: identities.clone() })
    }

    /// Encrypts to everybody in the circle.
    pub fn encrypt(&self, bytes: &[u8]) -> Result<Vec<u8>, PrivacyError> {
        encrypt(bytes, &self.recipients)
    }

    /// Decrypts at most `most` bytes, by the reader's own identities.
    pub fn decrypt(&self, file: &[u8], most: usize) -> Result<Vec<u8>, PrivacyError> {
        self.identities.decrypt(file, most)
    }
}
