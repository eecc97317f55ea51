#![doc = include_str!("../README.md")]

mod config;
mod desk;
mod error;
mod rows;

use std::{io, path::Path};

pub use config::PreviewsConfig;
pub use desk::Previews;
pub use error::PreviewError;

/// Makes a folder that only its owner can read: deliverables and transcripts are private.
fn make_private_dir(dir: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}
