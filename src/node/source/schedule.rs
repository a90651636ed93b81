//! When a broadcast begins and ends, by the clock of the day. Looks at that clock again and again: whoever sets
//! it right is followed.
#![allow(clippy::disallowed_methods, reason = "a schedule goes by the clock of the day")]

use std::time::Duration;

use tokio::time::sleep;

use super::super::config::SourceConfig;
use super::super::station::unix_time_s;
use super::LOG;
use crate::base::civil::Civil;

/// How often the clock is looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The times that the operator gave.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    start_s: Option<i64>,
    end_s: Option<i64>,
}

impl Schedule {
    /// # Errors
    /// The broadcast is over.
    pub fn new(config: &SourceConfig) -> anyhow::Result<Self> {
        let schedule = Self { start_s: config.date_start, end_s: config.date_end };
        if let Some(end_s) = schedule.end_s {
            anyhow::ensure!(unix_time_s() < end_s as f64, "--date-end {} is in the past", text(end_s));
        }
        Ok(schedule)
    }

    /// Whether the broadcast is still to begin.
    pub fn is_early(&self) -> bool {
        self.start_s.is_some_and(|start_s| unix_time_s() < start_s as f64)
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.end_s.is_some_and(|end_s| unix_time_s() >= end_s as f64)
    }

    /// Says what is waited for, if anything is.
    pub fn announce(&self) {
        if let Some(start_s) = self.start_s.filter(|_| self.is_early()) {
            tracing::info!(target: LOG, "the broadcast begins at {}; no input is read before", text(start_s));
        }
        if let Some(end_s) = self.end_s {
            tracing::info!(target: LOG, "the broadcast ends at {}", text(end_s));
        }
    }

    /// Waits for the beginning.
    pub async fn begins(self) {
        if self.is_early() {
            reached(self.start_s).await;
            tracing::info!(target: LOG, "the broadcast begins as scheduled");
        }
    }

    /// Waits for the end; for ever when there is none.
    pub async fn ends(self) {
        if self.end_s.is_none() {
            return std::future::pending().await;
        }
        reached(self.end_s).await;
        tracing::info!(target: LOG, "the broadcast ends as scheduled");
    }
}

async fn reached(moment_s: Option<i64>) {
    let left_s = || moment_s.map_or(0.0, |moment_s| moment_s as f64 - unix_time_s());
    while left_s() > 0.0 {
        let left = Duration::try_from_secs_f64(left_s().max(0.0)).unwrap_or(LOOK_INTERVAL);
        sleep(left.min(LOOK_INTERVAL).max(Duration::from_millis(1))).await;
    }
}

/// `2030-01-31T20:00:00Z`.
pub fn text(moment_s: i64) -> String {
    let Civil { year, month, day, hour, minute, second } = Civil::from_unix(moment_s);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(date_start: Option<i64>, date_end: Option<i64>) -> anyhow::Result<Schedule> {
        Schedule::new(&SourceConfig { date_start, date_end, ..SourceConfig::new("a", "-", "A") })
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        assert_eq!(text(0), "1970-01-01T00:00:00Z");
        assert_eq!(text(1_900_000_000), "2030-03-17T17:46:40Z");
    }

    #[test]
    fn broadcast_that_is_over_is_refused_by_name() {
        let error = schedule(None, Some(1)).expect_err("over");
        assert_eq!(error.to_string(), "--date-end 1970-01-01T00:00:01Z is in the past");
    }

    #[test]
    fn beginning_in_the_past_is_now() {
        assert!(!schedule(Some(1), None).expect("goes on").is_early());
        assert!(schedule(Some(i64::MAX), None).expect("waits").is_early());
    }
}
