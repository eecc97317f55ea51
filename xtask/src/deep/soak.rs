//! The relayer with five jurors under load. `surety-soak` does and judges it.

use super::Part;
use crate::output::step;
use crate::programs;
use crate::repository::Repository;

/// How long deals are opened: what is asked for, else the hours when nothing else runs, else a quarter
/// of an hour for each.
pub(super) fn minutes(asked: Option<u32>, hours: u32, only: Option<Part>) -> u32 {
    let each = if only.is_some() { 60 } else { 15 };
    asked.unwrap_or(each * hours.max(1)).max(1)
}

/// Runs it, optimised as operators run it, and says what is wrong.
pub(super) fn run(repository: &Repository, minutes: u32) -> anyhow::Result<Vec<String>> {
    // The processes are those of the binary beside the program.
    let program = programs::build_optimised(repository, &["surety-soak", "surety"])?;
    let dir = repository.target()?.join("deep").join("soak");
    step(&format!("surety-soak, {minutes} min"));
    let mut soak = repository.command(program);
    soak.args(["--minutes", &minutes.to_string(), "--dir"]).arg(&dir);
    let status = soak.status()?;
    let failed = || format!("soak: it failed ({status}); see {}", dir.display());
    Ok(if status.success() { Vec::new() } else { vec![failed()] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_takes_its_hours_alone_and_a_quarter_of_them_among_others() {
        assert_eq!(minutes(None, 1, Some(Part::Soak)), 60);
        assert_eq!(minutes(None, 2, None), 30);
        assert_eq!(minutes(Some(5), 1, Some(Part::Soak)), 5);
        assert_eq!(minutes(None, 0, None), 15);
    }
}
