//! The versions of the rules by which answers become a ballot.
//!
//! Both parties sign a template, a template names its version of these rules, and a transcript says
//! in its first line in which template it was asked. So a transcript is read, years later, by the
//! rules of its day, and one of a template that this build lacks is refused by name.
//!
//! A version covers what is a vote and what it says ([`Vote::read`](crate::Vote::read)), which
//! outcome settles a question and when an answer that nobody can read counts as declined
//! ([`Record`](crate::Record)), and what all of it adds up to ([`Opinion::of`](crate::Opinion::of)).
//! There is one. Whoever changes a rule makes it a choice of the version, adds another, and lets the
//! next template name that.

/// A version of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reading {
    /// One vote in its form, quotes byte for byte, canaries, pairs, at most one second try.
    R1,
}

impl Reading {
    /// Its name in the digest of a template.
    pub const fn name(self) -> &'static str {
        match self {
            Self::R1 => "r1",
        }
    }
}

#[cfg(test)]
mod tests;
