//! Texts: how long they may be, and what they must not hide from their reader.

use super::{Checked, limits, refuse};
use crate::error::Fault;

/// Whether a text may have more than one line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Lines {
    One,
    Many,
}

pub(super) fn prose(field: &str, text: &str) -> Checked {
    optional_text(field, text, limits::PROSE_CHARS, Lines::Many)
}

pub(super) fn text(field: &str, text: &str, most: usize, lines: Lines) -> Checked {
    if text.trim().is_empty() {
        return refuse(field, Fault::TextEmpty);
    }
    optional_text(field, text, most, lines)
}

pub(super) fn optional_text(field: &str, text: &str, most: usize, lines: Lines) -> Checked {
    let got = text.chars().count();
    if got > most {
        return refuse(field, Fault::TextTooLong { got, most });
    }
    match text.chars().find(|char| deceptive(*char, lines)) {
        Some(char) => refuse(field, Fault::TextInvalid { got: char.into() }),
        None => Ok(()),
    }
}

/// Characters by which a text shows a reader something else than it says: controls, those that
/// change the direction of writing, and tags, which models read and people do not see.
fn deceptive(char: char, lines: Lines) -> bool {
    match char {
        '\n' | '\t' => lines == Lines::One,
        '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => char.is_control(),
    }
}
