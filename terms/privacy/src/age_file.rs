//! Age files in memory: made for X25519 recipients only, and read within bounds.
//!
//! Whoever sends an age file chose every byte of it. So its header is measured before it is parsed,
//! passphrases are refused before anything is derived from them, and no more is decrypted than the
//! reader asked for.

use std::io::{Read as _, Write as _};

use age::{DecryptError, Decryptor, Encryptor};
use surety_terms::Recipient;

use crate::Identities;

/// What an age file of this version begins with.
const MAGIC: &[u8] = b"age-encryption.org/v1\n";
/// The longest header that is read: more than the recipients below need.
const HEADER_BYTES: usize = 16 << 10;
/// The most recipients of a file that is read: two parties, two panels of fifteen, and room for one
/// that no program knows, as the format asks for.
const RECIPIENTS: usize = 40;
/// What each piece of 64 KiB, also of an empty file, grows by.
const TAG_BYTES: usize = 16;
/// The size of a piece.
const PIECE_BYTES: usize = 64 << 10;

/// Why something private cannot be made or read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrivacyError {
    /// It is no age file of the known version, or ends in its header.
    #[error(
        "these bytes are no age file of version 1 with a header of at most {HEADER_BYTES} bytes"
    )]
    Form,
    /// It has more recipients than any panel has seats.
    #[error("the age file has {got} recipients, more than {most}")]
    ManyRecipients {
        /// How many.
        got: usize,
        /// The most that are read.
        most: usize,
    },
    /// It is encrypted to a passphrase. Trying one costs minutes, which its sender chooses.
    #[error("the age file is encrypted to a passphrase: encrypt it to recipients")]
    Passphrase,
    /// It is encrypted to others.
    #[error("the age file is not encrypted to any of these identities")]
    NotForUs,
    /// It is not what its maker made.
    #[error("the age file was cut off or changed")]
    Damaged,
    /// It holds more than is read.
    #[error("the age file holds more than {most} bytes")]
    TooLarge {
        /// The limit.
        most: usize,
    },
    /// There is nobody to encrypt to.
    #[error("there is no recipient to encrypt to")]
    NoRecipient,
    /// The file could not be made.
    #[error("nothing could be encrypted")]
    NotMade,
}

/// Whether bytes look like an age file. Ask only where plain bytes cannot begin so, or where both
/// readings are tried.
pub fn is_private(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// The largest age file that holds so many bytes.
pub const fn ciphertext_most(plain: usize) -> usize {
    let pieces = plain.div_ceil(PIECE_BYTES).saturating_add(1);
    plain.saturating_add(pieces.saturating_mul(TAG_BYTES)).saturating_add(HEADER_BYTES + 16)
}

/// Encrypts to all of these recipients; each of them alone can read it.
pub fn encrypt(bytes: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, PrivacyError> {
    let parsed: Vec<age::x25519::Recipient> = recipients
        .iter()
        .map(|recipient| recipient.to_string().parse().map_err(|_| PrivacyError::NotMade))
        .collect::<Result<_, _>>()?;
    if parsed.is_empty() {
        return Err(PrivacyError::NoRecipient);
    }
    let made = Encryptor::with_recipients(parsed.iter().map(|recipient| recipient as _));
    let made = made.map_err(|_| PrivacyError::NotMade)?;
    let mut file = Vec::with_capacity(ciphertext_most(bytes.len()));
    let mut writer = made.wrap_output(&mut file).map_err(|_| PrivacyError::NotMade)?;
    writer.write_all(bytes).map_err(|_| PrivacyError::NotMade)?;
    writer.finish().map_err(|_| PrivacyError::NotMade)?;
    Ok(file)
}

impl Identities {
    /// What an age file holds, if it is encrypted to one of these and has at most `most` bytes.
    pub fn decrypt(&self, file: &[u8], most: usize) -> Result<Vec<u8>, PrivacyError> {
        measure(file)?;
        let decryptor = Decryptor::new_buffered(file).map_err(|_| PrivacyError::Form)?;
        if decryptor.is_scrypt() {
            return Err(PrivacyError::Passphrase);
        }
        let reader = decryptor.decrypt(self.as_age()).map_err(|error| {
            let for_others = matches!(error, DecryptError::NoMatchingKeys);
            if for_others { PrivacyError::NotForUs } else { PrivacyError::Damaged }
        })?;
        let mut plain = Vec::new();
        let one_more = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        reader.take(one_more).read_to_end(&mut plain).map_err(|_| PrivacyError::Damaged)?;
        if plain.len() > most { Err(PrivacyError::TooLarge { most }) } else { Ok(plain) }
    }
}

/// Looks at a header before it is parsed: the parser has no limits of its own.
fn measure(file: &[u8]) -> Result<(), PrivacyError> {
    if !is_private(file) {
        return Err(PrivacyError::Form);
    }
    let head = file.get(..file.len().min(HEADER_BYTES)).unwrap_or(file);
    let mut got: usize = 0;
    for line in head.split(|byte| *byte == b'\n') {
        if line.starts_with(b"---") {
            let most = RECIPIENTS;
            let many = got > most;
            return if many { Err(PrivacyError::ManyRecipients { got, most }) } else { Ok(()) };
        }
        if line.starts_with(b"-> scrypt ") {
            return Err(PrivacyError::Passphrase);
        }
        got = got.saturating_add(usize::from(line.starts_with(b"-> ")));
    }
    Err(PrivacyError::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Identity;

    fn three() -> [Identity; 3] {
        [(); 3].map(|()| Identity::random())
    }

    fn only(identity: &Identity) -> Identities {
        Identities::new(vec![identity.clone()])
    }

    fn file(bytes: &[u8], readers: &[Identity]) -> Vec<u8> {
        let recipients: Vec<Recipient> = readers.iter().map(Identity::recipient).collect();
        encrypt(bytes, &recipients).unwrap()
    }

    #[test]
    fn every_recipient_reads_it_and_nobody_else() {
        let [a, b, stranger] = three();
        let file = file(b"the work", &[a.clone(), b.clone()]);
        for reader in [&a, &b] {
            assert_eq!(only(reader).decrypt(&file, 8).unwrap(), b"the work");
        }
        assert_eq!(only(&stranger).decrypt(&file, 8), Err(PrivacyError::NotForUs));
        assert_eq!(Identities::default().decrypt(&file, 8), Err(PrivacyError::NotForUs));
        let old_and_new = Identities::new(vec![stranger, b]);
        assert_eq!(old_and_new.decrypt(&file, 8).unwrap(), b"the work");
        assert!(!file.windows(8).any(|window| window == b"the work"));
        assert_eq!(encrypt(b"", &[]), Err(PrivacyError::NoRecipient));
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_no_answer() {
        let [a, ..] = three();
        let whole = file(&[7; 100], std::slice::from_ref(&a));
        for length in 0..whole.len() {
            assert!(only(&a).decrypt(&whole[..length], 1_000).is_err(), "{length}");
        }
        let longer = [whole.as_slice(), b"x"].concat();
        assert_eq!(only(&a).decrypt(&longer, 1_000), Err(PrivacyError::Damaged));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let [a, ..] = three();
        let whole = file(b"pay the seller", std::slice::from_ref(&a));
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(only(&a).decrypt(&changed, 1_000).is_err(), "byte {at}");
        }
    }

    #[test]
    fn thousands_of_recipients_are_refused_before_any_is_tried() {
        let [a, b, _] = three();
        let many: Vec<Recipient> = std::iter::repeat_n(b.recipient(), 60).collect();
        let crowd = encrypt(b"x", &many).unwrap();
        let refused = only(&a).decrypt(&crowd, 10).unwrap_err();
        assert!(matches!(refused, PrivacyError::ManyRecipients { got: 60.., .. }), "{refused}");
        let more: Vec<Recipient> = std::iter::repeat_n(b.recipient(), 5_000).collect();
        let huge = encrypt(b"x", &more).unwrap();
        assert_eq!(only(&a).decrypt(&huge, 10), Err(PrivacyError::Form));
        let endless = [MAGIC, &b"-> x\n".repeat(1 << 20)].concat();
        assert_eq!(only(&a).decrypt(&endless, 10), Err(PrivacyError::Form));
    }

    #[test]
    fn a_panel_of_fifteen_with_its_appeal_panel_fits() {
        let [a, ..] = three();
        let all = vec![a.clone(); 32];
        for size in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES] {
            let made = file(&vec![1; size], &all);
            assert!(made.len() <= ciphertext_most(size), "{size}");
            assert_eq!(only(&a).decrypt(&made, size).unwrap().len(), size);
        }
    }

    #[test]
    fn a_passphrase_is_refused_before_anything_is_derived_from_it() {
        let [a, ..] = three();
        let passphrase = age::secrecy::SecretString::from("hunter2".to_owned());
        // As the library writes it but for the work factor, which would take hours.
        let header = b"-> scrypt Zm9vYmFyZm9vYmFyZm9vYmE 30\n\
                       AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- ";
        let dear = [MAGIC, header, &[b'A'; 43], b"\n", &[0; 64]].concat();
        assert_eq!(only(&a).decrypt(&dear, 10), Err(PrivacyError::Passphrase));
        let mut honest = Vec::new();
        let mut writer =
            Encryptor::with_user_passphrase(passphrase).wrap_output(&mut honest).unwrap();
        writer.write_all(b"x").unwrap();
        writer.finish().unwrap();
        assert_eq!(only(&a).decrypt(&honest, 10), Err(PrivacyError::Passphrase));
    }

    #[test]
    fn no_more_is_decrypted_than_was_asked_for() {
        let [a, ..] = three();
        let big = file(&vec![0; 1 << 20], std::slice::from_ref(&a));
        let refused = only(&a).decrypt(&big, 1_000);
        assert_eq!(refused, Err(PrivacyError::TooLarge { most: 1_000 }));
        assert_eq!(only(&a).decrypt(&big, 1 << 20).unwrap().len(), 1 << 20);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(rest in proptest::collection::vec(any::<u8>(), 0..400)) {
            let [a, ..] = three();
            let bytes = [MAGIC, &rest].concat();
            prop_assert!(only(&a).decrypt(&bytes, 1_000).is_err());
            prop_assert!(only(&a).decrypt(&rest, 1_000).is_err());
        }
    }
}
