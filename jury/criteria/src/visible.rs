//! What a reader sees of a text: characters that cannot be seen, or that reorder what is seen, are
//! stripped and counted. They carry words to a model that a person would never notice.

use serde::{Deserialize, Serialize};

/// What was stripped from a text, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signals {
    /// Characters that reorder what is seen.
    pub bidi: u32,
    /// Zero-width and blank fillers, variation selectors, joiners.
    pub invisible: u32,
    /// The Unicode tag block: ASCII in invisible ink.
    pub tags: u32,
    /// Private-use characters.
    pub private_use: u32,
    /// Control characters other than tab and line end.
    pub control: u32,
}

impl Signals {
    /// All that was stripped.
    pub fn total(&self) -> u32 {
        [self.bidi, self.invisible, self.tags, self.private_use, self.control]
            .into_iter()
            .fold(0, u32::saturating_add)
    }
}

/// Removes what cannot be seen from `text` and counts it.
pub fn strip(text: &str) -> (String, Signals) {
    let mut signals = Signals::default();
    let mut visible = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => visible.push('\n'),
            _ => match hidden(char, &mut signals) {
                Some(count) => *count = count.saturating_add(1),
                None => visible.push(char),
            },
        }
    }
    (visible, signals)
}

/// The counter of the kind of hidden character that `char` is, if it is one.
fn hidden(char: char, signals: &mut Signals) -> Option<&mut u32> {
    match char {
        '\t' | '\n' => None,
        '\u{061c}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}' => Some(&mut signals.bidi),
        '\u{ad}'
        | '\u{034f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200d}'
        | '\u{2060}'..='\u{2065}'
        | '\u{206a}'..='\u{206f}'
        | '\u{2800}'
        | '\u{3164}'
        // Among them what is no character at all, whatever a font draws for it.
        | '\u{fdd0}'..='\u{fdef}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' => Some(&mut signals.invisible),
        '\u{e0000}'..='\u{e0fff}' => Some(&mut signals.tags),
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => Some(&mut signals.private_use),
        _ if u32::from(char) & 0xfffe == 0xfffe => Some(&mut signals.invisible),
        _ if char.is_control() => Some(&mut signals.control),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_character_is_stripped_in_every_plane() {
        let text = "a\u{fdd0}\u{fdef}\u{fffe}\u{ffff}\u{1fffe}\u{3ffff}b\u{fffd}";
        let (shown, signals) = strip(text);
        assert_eq!((shown.as_str(), signals.invisible), ("ab\u{fffd}", 6));
    }

    #[test]
    fn every_kind_is_counted() {
        let (shown, signals) = strip("a\u{202e}\u{200b}\u{e0041}\u{e000}\u{1b}b\r\nc\u{2028}d");
        assert_eq!(shown, "ab\nc\nd");
        let one = Signals { bidi: 1, invisible: 1, tags: 1, private_use: 1, control: 1 };
        assert_eq!((signals, signals.total()), (one, 5));
    }
}
