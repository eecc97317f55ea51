//! Whether memory stays where it is once a process is warm.
//!
//! A process is flat when the line through its samples after the warm-up rises by at most 4 MiB an hour
//! or 5 % of its mean, whichever is more, and when no sample is far above where the warm-up ended. A
//! window shorter than half an hour is judged as if it were one: less says nothing about an hour.

/// What a line may rise by in an hour.
const RISE_MIB: f64 = 4.0;
/// The same as a share of the mean.
const RISE_SHARE: f64 = 0.05;
/// The shortest time over which a rise is judged, in hours.
const LEAST_HOURS: f64 = 0.5;
/// What the most may be above the end of the warm-up.
const MOST_SHARE: f64 = 0.25;
const MOST_MIB: f64 = 16.0;
/// Samples of which the two ends are the means.
const END: usize = 10;

/// A sample: seconds since the load began, and MiB.
pub(super) type Point = (f64, f64);

/// How a process's memory went, in MiB.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Course {
    /// The mean of the first samples after the warm-up.
    pub(super) warm: f64,
    /// The mean of the last samples.
    pub(super) end: f64,
    /// The most after the warm-up.
    pub(super) most: f64,
    /// What the line through the samples rises by in an hour.
    pub(super) slope: f64,
    /// What it may rise by.
    pub(super) slope_bound: f64,
    /// What the most may be.
    pub(super) most_bound: f64,
    /// How long was looked, in hours.
    hours: f64,
}

impl Course {
    /// The course of what was sampled after the warm-up; None with fewer than three samples.
    pub(super) fn of(points: &[Point], warm_up_secs: f64) -> Option<Self> {
        let after = |point: &&Point| point.0 >= warm_up_secs;
        let points: Vec<Point> = points.iter().filter(after).copied().collect();
        let (first, last) = (points.first()?.0, points.last()?.0);
        let slope = slope(&points)? * 3_600.0;
        let values: Vec<f64> = points.iter().map(|(_, mib)| *mib).collect();
        let (heads, tails) = (END.min(values.len()), values.len().saturating_sub(END));
        let (warm, end) = (mean(values.get(..heads)?)?, mean(values.get(tails..)?)?);
        Some(Self {
            warm,
            end,
            most: values.iter().copied().fold(0.0, f64::max),
            slope,
            slope_bound: RISE_MIB.max(mean(&values)? * RISE_SHARE),
            most_bound: warm * (1.0 + MOST_SHARE) + MOST_MIB,
            hours: (last - first) / 3_600.0,
        })
    }

    /// What is wrong with it.
    pub(super) fn problem(&self) -> Option<String> {
        let Self { warm, most, slope, slope_bound, most_bound, hours, .. } = self;
        let (rise, may) = (slope * hours, slope_bound * hours.max(LEAST_HOURS));
        if rise > may {
            return Some(format!(
                "memory rises by {slope:.1} MiB/h over {hours:.2} h, more than {slope_bound:.1}"
            ));
        }
        let over = most > most_bound;
        over.then(|| format!("memory went from {warm:.1} to {most:.1} MiB, over {most_bound:.1}"))
    }
}

/// The slope of the least-squares line per second; None where there is no line.
fn slope(points: &[Point]) -> Option<f64> {
    if points.len() < 3 {
        return None;
    }
    let (times, values): (Vec<f64>, Vec<f64>) = points.iter().copied().unzip();
    let (time, value) = (mean(&times)?, mean(&values)?);
    let both: f64 = points.iter().map(|(x, y)| (x - time) * (y - value)).sum();
    let square: f64 = times.iter().map(|x| (x - time) * (x - time)).sum();
    (square > 0.0).then(|| both / square)
}

fn mean(values: &[f64]) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|count| *count > 0)?;
    Some(values.iter().sum::<f64>() / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u32 = 3_600;

    /// A sample every ten seconds of so many seconds.
    fn samples(seconds: u32, mib: impl Fn(f64) -> f64) -> Vec<Point> {
        (0..seconds / 10).map(|i| f64::from(i * 10)).map(|at| (at, mib(at))).collect()
    }

    fn problem(points: &[Point], warm_up: f64) -> Option<String> {
        Course::of(points, warm_up).and_then(|course| course.problem())
    }

    #[test]
    fn the_slope_is_that_of_the_line() {
        let points = samples(HOUR, |at| 50.0 + at / 360.0);
        let course = Course::of(&points, 0.0).unwrap();
        assert!((course.slope - 10.0).abs() < 1e-6, "{course:?}");
        assert!(course.warm < course.end && course.end < course.most, "{course:?}");
    }

    #[test]
    fn what_grows_while_it_warms_up_is_flat_when_it_stays() {
        let points = samples(HOUR, |at| 40.0 + at.min(600.0) / 10.0);
        assert_eq!(problem(&points, 600.0), None);
        assert!(problem(&points, 0.0).is_some());
    }

    #[test]
    fn a_saw_that_comes_back_is_flat() {
        assert_eq!(problem(&samples(HOUR, |at| 60.0 + at % 100.0 / 20.0), 600.0), None);
    }

    #[test]
    fn a_leak_of_a_tenth_in_an_hour_is_found() {
        let found = problem(&samples(HOUR, |at| 100.0 + at / 360.0), 600.0).unwrap();
        assert!(found.starts_with("memory rises by 10.0 MiB/h"), "{found}");
    }

    #[test]
    fn a_small_process_may_rise_by_four_mebibytes() {
        assert_eq!(problem(&samples(HOUR, |at| 20.0 + at / 1_000.0), 600.0), None);
        assert!(problem(&samples(HOUR, |at| 20.0 + at / 700.0), 600.0).is_some());
    }

    #[test]
    fn one_sample_far_above_the_others_is_found() {
        let mut points = samples(HOUR, |_| 60.0);
        points[200].1 = 95.0;
        assert!(problem(&points, 600.0).unwrap().contains("95.0 MiB"));
    }

    #[test]
    fn a_short_window_is_not_taken_for_an_hour() {
        // Half a mebibyte in a minute.
        assert_eq!(problem(&samples(60, |at| 60.0 + at / 120.0), 0.0), None);
    }

    #[test]
    fn too_few_samples_say_nothing() {
        assert_eq!(Course::of(&samples(20, |_| 60.0), 0.0), None);
        assert_eq!(Course::of(&samples(HOUR, |_| 60.0), 3_600.0), None);
    }
}
