//! Prints the JSON Schema of a term sheet, to be published in `terms/schema`.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(surety_terms::schema::term_sheet_text().as_bytes())
}
