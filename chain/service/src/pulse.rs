//! Whether long-lived tasks still go round.
//!
//! A task that ends by a panic, or hangs in a call that never returns, leaves a process that answers
//! and does nothing. So each task beats on every round, and whoever asks whether the process lives
//! hears of the one that stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The pulses of a process's tasks.
#[derive(Debug, Default)]
pub struct Pulses(Mutex<Vec<Arc<Task>>>);

#[derive(Debug)]
struct Task {
    name: &'static str,
    last: Mutex<Instant>,
    ended: AtomicBool,
}

impl Task {
    fn age(&self) -> Duration {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

/// A task's own pulse. Dropping it says that the task has ended.
#[derive(Debug)]
pub struct Beat(Arc<Task>);

impl Beat {
    /// The task goes round.
    pub fn beat(&self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.0.ended.store(true, Ordering::Relaxed);
    }
}

impl Pulses {
    /// A new task, which begins with a beat.
    pub fn task(&self, name: &'static str) -> Beat {
        let (last, ended) = (Mutex::new(Instant::now()), AtomicBool::new(false));
        let task = Arc::new(Task { name, last, ended });
        self.tasks().push(Arc::clone(&task));
        Beat(task)
    }

    /// What is wrong: tasks that have ended, and tasks that beat longer ago than `patience`.
    pub fn faults(&self, patience: Duration) -> Vec<String> {
        let fault = |task: &Arc<Task>| {
            let (name, age) = (task.name, task.age());
            if task.ended.load(Ordering::Relaxed) {
                Some(format!("the task `{name}` has ended: restart the process, see the log"))
            } else if age > patience {
                let secs = age.as_secs();
                Some(format!("the task `{name}` has stood still for {secs} s"))
            } else {
                None
            }
        };
        self.tasks().iter().filter_map(fault).collect()
    }

    /// How long ago each task beat.
    pub fn ages(&self) -> Vec<(&'static str, Duration)> {
        self.tasks().iter().map(|task| (task.name, task.age())).collect()
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Task>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_ended_or_stands_still_is_named() {
        let pulses = Pulses::default();
        let (steady, gone) = (pulses.task("steady"), pulses.task("gone"));
        assert!(pulses.faults(Duration::from_secs(9)).is_empty());
        drop(gone);
        steady.beat();
        let faults = pulses.faults(Duration::from_secs(9));
        assert!(faults.len() == 1 && faults[0].contains("`gone` has ended"), "{faults:?}");
        assert_eq!(pulses.faults(Duration::ZERO).len(), 2);
        assert_eq!(pulses.ages().len(), 2);
    }
}
