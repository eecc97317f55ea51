//! Solidity as its words, so that no rule takes a comment or a string for code.

/// A source's names and signs in order, without comments; a string is one word with its quotes.
#[derive(Debug, Default)]
pub(super) struct Source<'a> {
    words: Vec<&'a str>,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn read(text: &'a str) -> Self {
        let mut source = Self::default();
        let (mut rest, mut line) = (text, 1);
        while let Some(first) = rest.chars().next() {
            let (word, after) = rest.split_at(length(rest, first));
            if !first.is_whitespace() && !word.starts_with("//") && !word.starts_with("/*") {
                source.words.push(word);
                source.lines.push(line);
            }
            line += word.matches('\n').count();
            rest = after;
        }
        source
    }

    /// What begins at each word.
    pub(super) fn tails(&self) -> impl Iterator<Item = &[&'a str]> {
        (0..self.words.len()).filter_map(|at| self.words.get(at..))
    }

    /// The line of a word, counted from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.lines.get(at).copied().unwrap_or(1)
    }

    /// The contracts, interfaces and libraries that it declares, each with the names after `is`.
    pub(super) fn contracts(&self) -> Vec<(&'a str, Vec<&'a str>)> {
        let declared = self.tails().filter_map(|tail| match tail {
            ["contract" | "interface" | "library", name, "{" | "is", ..] => {
                let parents = tail.iter().skip(2).take_while(|word| **word != "{");
                Some((*name, parents.copied().collect()))
            }
            _ => None,
        });
        declared.collect()
    }

    /// The functions in whose arguments a word stands, from the inmost to the statement's.
    pub(super) fn callers(&self, at: usize) -> Vec<&'a str> {
        let mut callers = Vec::new();
        let mut closed = 0_usize;
        for (before, word) in self.words.iter().enumerate().take(at).rev() {
            match *word {
                ")" => closed += 1,
                "(" if closed > 0 => closed -= 1,
                "(" => callers.extend(before.checked_sub(1).and_then(|name| self.words.get(name))),
                ";" | "{" | "}" if closed == 0 => break,
                _ => {}
            }
        }
        callers
    }
}

/// How long the word, the comment or the space is that `rest` begins with.
fn length(rest: &str, first: char) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return comment.find("*/").map_or(rest.len(), |end| end + 4);
    }
    if first == '"' || first == '\'' {
        return quoted(rest, first);
    }
    let is_of_a_name = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    if is_of_a_name(first) {
        return rest.find(|c: char| !is_of_a_name(c)).unwrap_or(rest.len());
    }
    first.len_utf8()
}

/// A string ends with its quote, or with the line: then the compiler refuses it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '\n' || (*c == quote && !escaped);
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_left_out_and_strings_are_one_word() {
        let source = Source::read("a /* b\n c */ = \"d // \\\" e\"; // f\n/// g\nh('i')");
        assert_eq!(source.words, ["a", "=", "\"d // \\\" e\"", ";", "h", "(", "'i'", ")"]);
        assert_eq!(source.lines, [1, 2, 2, 2, 4, 4, 4, 4]);
    }

    #[test]
    fn what_never_ends_ends_with_the_text() {
        assert_eq!(Source::read("a /* b").words, ["a"]);
        assert_eq!(Source::read("a // b").words, ["a"]);
        assert_eq!(Source::read("a \"b").words, ["a", "\"b"]);
    }

    #[test]
    fn contracts_are_found_with_what_they_inherit() {
        let source = Source::read("abstract contract A is B, C(d) {}\nlibrary E {}");
        let contracts = source.contracts();
        assert!(matches!(&contracts[..], [("A", _), ("E", none)] if none.is_empty()));
        assert!(["B", "C"].iter().all(|parent| contracts[0].1.contains(parent)));
    }

    #[test]
    fn a_word_stands_in_the_arguments_of_every_call_around_it() {
        let source = Source::read("f(); g(h(1), i(j({k: 2}), here));");
        let at = source.words.iter().position(|word| *word == "here").unwrap();
        assert_eq!(source.callers(at), ["i", "g"]);
    }
}
