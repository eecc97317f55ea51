//! Finished works that a seller has in its drawer, found by what a milestone is called.

/// Words of a title, and the work for it.
const WORKS: [(&str, &str); 9] = [
    ("supplier", include_str!("../../works/suppliers.md")),
    ("subsid", include_str!("../../works/subsidies.md")),
    ("recommendation", include_str!("../../works/recommendation.md")),
    ("release notes", include_str!("../../works/release.md")),
    ("interview", include_str!("../../works/interview.md")),
    ("bicycle", include_str!("../../works/bicycles.md")),
    ("e-mail", include_str!("../../works/email.md")),
    ("login", include_str!("../../works/login.md")),
    ("product", include_str!("../../works/products.md")),
];

/// The work for a milestone of this title.
pub(super) fn find(title: &str) -> Option<&'static str> {
    let title = title.to_lowercase();
    WORKS.iter().find(|(word, _)| title.contains(word)).map(|(_, work)| *work)
}
