//! The story itself.

use crate::command::StoryArgs;
use crate::error::DemoError;

/// Tells the story and returns the exit code.
pub async fn run(_args: &StoryArgs) -> Result<u8, DemoError> {
    Ok(0)
}
