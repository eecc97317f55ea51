//! What is put in place of what. What would say the same in other words is left out: `|` and `^` of
//! fields that do not meet, a loop that never ends.

/// Replacements of a binary operator of Solidity.
pub(crate) fn binary(operator: &str) -> &'static [&'static str] {
    match operator {
        "+" => &["-", "*"],
        "-" => &["+", "*"],
        "*" => &["/", "+"],
        "/" => &["*", "%"],
        "%" => &["/"],
        "**" => &["*"],
        "<<" => &[">>"],
        ">>" => &["<<"],
        "&" | "^" => &["|"],
        "|" => &["&"],
        "<" => &["<=", ">="],
        ">" => &[">=", "<="],
        "<=" => &["<", ">"],
        ">=" => &[">", "<"],
        "==" => &["!="],
        "!=" => &["=="],
        "&&" => &["||"],
        "||" => &["&&"],
        _ => &[],
    }
}

/// Replacements of an assignment that computes.
pub(crate) fn assignment(operator: &str) -> &'static [&'static str] {
    match operator {
        "+=" => &["-=", "="],
        "-=" => &["+=", "="],
        "*=" => &["/=", "="],
        "/=" => &["*=", "="],
        "|=" => &["&=", "="],
        "&=" | "^=" => &["|=", "="],
        "<<=" => &[">>="],
        ">>=" => &["<<="],
        "%=" => &["="],
        _ => &[],
    }
}

/// Replacements of a Yul function by name.
pub(crate) fn yul(name: &str) -> &'static [(&'static str, Wrap)] {
    match name {
        "add" => &[("sub", Wrap::Bare)],
        "sub" => &[("add", Wrap::Bare)],
        "mul" | "mod" => &[("div", Wrap::Bare)],
        "div" => &[("mul", Wrap::Bare), ("mod", Wrap::Bare)],
        "lt" => &[("gt", Wrap::Negated), ("lt", Wrap::Negated)],
        "gt" => &[("lt", Wrap::Negated), ("gt", Wrap::Negated)],
        "eq" => &[("eq", Wrap::Negated)],
        "and" | "xor" => &[("or", Wrap::Bare)],
        "or" => &[("and", Wrap::Bare)],
        "shl" => &[("shr", Wrap::Bare)],
        "shr" => &[("shl", Wrap::Bare)],
        _ => &[],
    }
}

/// How a Yul call is written after its name changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrap {
    /// As it is.
    Bare,
    /// Within `iszero`: `lt` becomes `iszero(gt)`, which is "at most".
    Negated,
}

/// A number one larger and one smaller, as they are written.
pub(crate) fn neighbours(text: &str, yul: bool) -> Vec<String> {
    let plain = text.replace('_', "");
    if let Ok(number) = plain.parse::<u128>() {
        let more = number.checked_add(1);
        return more.into_iter().chain(number.checked_sub(1)).map(|n| n.to_string()).collect();
    }
    if yul {
        return vec![format!("add({text}, 1)"), format!("sub({text}, 1)")];
    }
    vec![format!("({text} + 1)"), format!("({text} - 1)")]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_neighbours_and_none_below_zero() {
        assert_eq!(neighbours("10_000", false), ["10001", "9999"]);
        assert_eq!(neighbours("0", false), ["1"]);
        assert_eq!(neighbours("1 days", false), ["(1 days + 1)", "(1 days - 1)"]);
        assert_eq!(neighbours("0xff", true), ["add(0xff, 1)", "sub(0xff, 1)"]);
    }

    #[test]
    fn no_operator_is_replaced_by_itself() {
        for operator in ["+", "-", "*", "/", "%", "**", "<<", ">>", "&", "|", "^", "<", ">"] {
            assert!(!binary(operator).is_empty() && !binary(operator).contains(&operator));
        }
    }
}
