//! The most tokens that a provider can honestly count in a request.

use super::WireRequest;

/// How much longer normalisation form C makes a text, at most: the Unicode standard's own bound.
const GROWTH: u64 = 3;

impl WireRequest {
    /// The most tokens that a provider can count in it.
    ///
    /// A token of a model that is sold stands for at least one byte of the text that it is made
    /// of, since the smallest tokens are single bytes. That text is the request's, which JSON only
    /// makes longer, or its normalisation form C, which some models read instead: a few characters
    /// are longer in it. What a provider adds by itself, such as roles and how a tool is called, is
    /// some hundred tokens; the prompt's own prose has thousands of bytes more than tokens.
    pub fn most_tokens(&self) -> u64 {
        let text = String::from_utf8_lossy(&self.body);
        text.chars().fold(0_u64, |sum, char| {
            let bytes = u64::try_from(char.len_utf8()).unwrap_or(4);
            sum.saturating_add(if grows(char) { bytes.saturating_mul(GROWTH) } else { bytes })
        })
    }
}

/// Whether a character may be longer in normalisation form C: those that it never composes. Some of
/// their neighbours are meant as well, which costs nothing but a larger sum set aside.
const fn grows(char: char) -> bool {
    matches!(
        char,
        '\u{344}'
            | '\u{958}'..='\u{95f}'
            | '\u{9dc}'..='\u{9df}'
            | '\u{a33}'..='\u{a36}'
            | '\u{a59}'..='\u{a5e}'
            | '\u{b5c}'..='\u{b5d}'
            | '\u{f43}'..='\u{fb9}'
            | '\u{2adc}'
            | '\u{fa6c}'..='\u{fad7}'
            | '\u{fb1d}'..='\u{fb4e}'
            | '\u{1d15e}'..='\u{1d1c0}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn most(text: &str) -> u64 {
        let body = text.as_bytes().to_vec();
        WireRequest { path: String::new(), headers: Vec::new(), body }.most_tokens()
    }

    #[test]
    fn a_byte_is_at_most_a_token_and_what_normalisation_grows_counts_as_grown() {
        for (text, needed) in [
            ("", 0),
            ("{\"a\":\"b\"}", 9),
            ("é漢ж", 7),
            // Two characters of three bytes each, three of four, and two of two.
            ("\u{958}", 9),
            ("\u{1d15e}", 12),
            ("a\u{344}b", 8),
        ] {
            assert_eq!(most(text), needed, "{text:?}");
        }
    }
}
