//! What a juror's model is shown of a deliverable: numbered lines of visible text.
//!
//! Characters that a reader cannot see, or that reorder what it sees, are stripped and counted:
//! they carry instructions to a model that a person would never notice. Quotes are checked against
//! the view, so both sides speak of the same text.

use alloy::primitives::{B256, keccak256};
pub use surety_criteria::visible::Signals;
use surety_criteria::visible::strip;
use thiserror::Error;

/// A larger deliverable is for deterministic checks only. Part of the template: every juror must
/// read the same bytes, so this is no setting.
pub const MAX_VIEW_BYTES: usize = 256 * 1024;
/// A deliverable of more lines is for deterministic checks only: each is shown with its tag, so that
/// many short ones would cost more than the longest text.
pub const MAX_VIEW_LINES: usize = 4_096;
/// A longer line is shown as several.
pub const MAX_LINE_CHARS: usize = 1_000;

/// Why no model can be shown a deliverable, though its bytes match the digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unreadable {
    /// Larger than any model is asked to read.
    #[error("the deliverable has {got} bytes, a model is shown at most {most}")]
    TooLarge {
        /// Its bytes.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// More lines than any model is asked to read.
    #[error("the deliverable has more than {most} lines")]
    TooManyLines {
        /// The limit.
        most: usize,
    },
    /// Not text.
    #[error("the deliverable is no UTF-8 text from byte {at} on")]
    NotText {
        /// The first byte that is not UTF-8.
        at: usize,
    },
}

/// The visible lines of a deliverable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    lines: Vec<String>,
    signals: Signals,
}

impl View {
    /// Reads a deliverable.
    pub fn of(deliverable: &[u8]) -> Result<Self, Unreadable> {
        let got = deliverable.len();
        if got > MAX_VIEW_BYTES {
            return Err(Unreadable::TooLarge { got, most: MAX_VIEW_BYTES });
        }
        let text = std::str::from_utf8(deliverable)
            .map_err(|error| Unreadable::NotText { at: error.valid_up_to() })?;
        let (text, signals) = strip(text);
        let mut lines = Vec::new();
        for line in text.lines() {
            wrap(line, &mut lines);
            if lines.len() > MAX_VIEW_LINES {
                return Err(Unreadable::TooManyLines { most: MAX_VIEW_LINES });
            }
        }
        Ok(Self { lines, signals })
    }

    /// The lines; line 1 is the first.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The line with that number, from 1.
    pub fn line(&self, number: u32) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.lines.get(index).map(String::as_str)
    }

    /// Whether a text stands byte for byte in what is shown, on whatever line or across line ends.
    pub fn holds(&self, text: &str) -> bool {
        self.lines.join("\n").contains(text)
    }

    /// What was stripped.
    pub const fn signals(&self) -> Signals {
        self.signals
    }

    /// Whether there is nothing to judge: not one letter or digit. Some models call a lone colon a
    /// correct answer, so such a deliverable fails without being shown to any.
    pub fn is_blank(&self) -> bool {
        !self.lines.iter().any(|line| line.chars().any(char::is_alphanumeric))
    }

    /// keccak256 of the lines, joined by line feeds.
    pub fn digest(&self) -> B256 {
        keccak256(self.lines.join("\n"))
    }
}

/// Appends `line`, in pieces of at most [`MAX_LINE_CHARS`].
fn wrap(line: &str, lines: &mut Vec<String>) {
    let mut piece = String::new();
    let mut count = 0_usize;
    for char in line.chars() {
        if count == MAX_LINE_CHARS {
            lines.push(std::mem::take(&mut piece));
            count = 0;
        }
        piece.push(char);
        count = count.saturating_add(1);
    }
    lines.push(piece);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(text: &str) -> Vec<String> {
        View::of(text.as_bytes()).unwrap().lines
    }

    #[test]
    fn lines_end_wherever_a_reader_sees_them_end() {
        let text = "a\nb\r\nc\rd\u{0b}e\u{0c}f\u{85}g\u{2028}h\u{2029}i";
        assert_eq!(lines(text), ["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
        assert_eq!(lines("a\n\n b \n"), ["a", "", " b "]);
        assert_eq!(lines(""), [""; 0]);
    }

    #[test]
    fn hidden_characters_are_stripped_and_counted_by_kind() {
        let text = "a\u{202e}b\u{2066}\u{200f} \u{200b}c\u{feff}\u{ad}\u{fe0f}\u{e0100} \
                    \u{e0041}\u{e0042} \u{e000}\u{f0000}\u{10ffff} \u{1b}[0m\u{7f}\u{0}\td é 漢 🙂";
        let view = View::of(text.as_bytes()).unwrap();
        assert_eq!(view.lines(), ["ab c   [0m\td é 漢 🙂"]);
        let wanted = Signals { bidi: 3, invisible: 4, tags: 3, private_use: 3, control: 3 };
        assert_eq!(view.signals(), wanted);
        assert_eq!(view.signals().total(), 16);
    }

    #[test]
    fn a_long_line_is_shown_in_pieces_that_can_be_quoted() {
        let long = format!("{}{}", "ä".repeat(MAX_LINE_CHARS), "b");
        assert_eq!(lines(&long), ["ä".repeat(MAX_LINE_CHARS), "b".to_owned()]);
        assert_eq!(lines(&"x".repeat(MAX_LINE_CHARS)).len(), 1);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let view = View::of(b"first\nsecond").unwrap();
        let at: Vec<Option<&str>> = [0, 1, 2, 3, u32::MAX].map(|line| view.line(line)).to_vec();
        assert_eq!(at, [None, Some("first"), Some("second"), None, None]);
    }

    #[test]
    fn what_is_shown_is_held_byte_for_byte_and_nothing_else_is() {
        let view = View::of("Dear “reader”,\r\nthank\u{200b} you.".as_bytes()).unwrap();
        for held in ["", "Dear “reader”,", "reader”,\nthank you", "thank you."] {
            assert!(view.holds(held), "{held:?}");
        }
        for other in ["dear", "\"reader\"", ",thank", "reader”,\r\nthank", "thank\u{200b} you"] {
            assert!(!view.holds(other), "{other:?}");
        }
    }

    #[test]
    fn binary_and_oversized_deliverables_are_unreadable() {
        assert_eq!(View::of(b"ok\xff"), Err(Unreadable::NotText { at: 2 }));
        let most = MAX_VIEW_BYTES;
        assert!(View::of(&vec![b'a'; most]).is_ok());
        assert_eq!(
            View::of(&vec![b'a'; most + 1]),
            Err(Unreadable::TooLarge { got: most + 1, most })
        );
    }

    #[test]
    fn a_deliverable_of_countless_lines_is_unreadable() {
        let lines = |count: usize| View::of("a\n".repeat(count).as_bytes());
        assert!(lines(MAX_VIEW_LINES).is_ok());
        let most = MAX_VIEW_LINES;
        assert_eq!(lines(MAX_VIEW_LINES + 1), Err(Unreadable::TooManyLines { most }));
        assert_eq!(View::of(&vec![b'\n'; MAX_VIEW_BYTES]), Err(Unreadable::TooManyLines { most }));
    }

    #[test]
    fn punctuation_alone_is_blank() {
        for blank in ["", " \n", ":", "...", "\u{200b}\u{e0041}", "—⟂—"] {
            assert!(View::of(blank.as_bytes()).unwrap().is_blank(), "{blank:?}");
        }
        for text in ["a", "42", "漢"] {
            assert!(!View::of(text.as_bytes()).unwrap().is_blank(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_hidden_survives(text in any::<String>()) {
            let view = View::of(text.as_bytes()).unwrap();
            let shown = view.lines().join("\n");
            let (again, signals) = strip(&shown);
            prop_assert_eq!((again, signals), (shown, Signals::default()));
            prop_assert!(view.lines().iter().all(|line| line.chars().count() <= MAX_LINE_CHARS));
        }

        #[test]
        fn any_bytes_are_read_or_unreadable(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert_eq!(View::of(&bytes).is_ok(), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
