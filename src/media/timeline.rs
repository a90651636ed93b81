//! Seconds of stream: the program clock, or the times of pieces where there is no clock.
//!
//! Only distances mean something. The time never runs backwards and a break of the clock counts as
//! no time at all.

/// Ticks of the program clock a second.
const PCR_HZ: f64 = 27_000_000.0;
/// The program clock starts again from zero here.
const PCR_WRAP: u64 = (1 << 33) * 300;
/// A longer step between two clock values is a break, not time that passed.
const PCR_STEP_MAX_S: f64 = 10.0;
/// A longer step between the times of two pieces is a break.
const PIECE_STEP_MAX_S: f64 = 60.0;

/// How far a stream has come.
#[derive(Debug, Default)]
pub struct Timeline {
    seconds: f64,
    pcr: Option<u64>,
    /// What piece times added since the last clock value, so that the clock does not count it again.
    ahead_of_pcr_s: f64,
    piece_time: Option<f64>,
    pcr_since_piece: bool,
}

impl Timeline {
    /// Seconds since the first thing noted.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// Notes a program clock value, in ticks of 27 MHz.
    pub fn note_pcr(&mut self, pcr: u64) {
        self.pcr_since_piece = true;
        let ahead_s = std::mem::take(&mut self.ahead_of_pcr_s);
        let Some(last) = self.pcr.replace(pcr) else { return };
        let step_s = ((pcr + PCR_WRAP - last) % PCR_WRAP) as f64 / PCR_HZ;
        if step_s <= PCR_STEP_MAX_S {
            self.seconds += (step_s - ahead_s).max(0.0);
        }
    }

    /// Forgets the last clock value, as when another clock takes over.
    pub fn break_clock(&mut self) {
        self.pcr = None;
    }

    /// Notes the time of a piece, in seconds; it counts when no clock value came since the last piece.
    pub fn note_piece(&mut self, time: f64) {
        let had_pcr = std::mem::take(&mut self.pcr_since_piece);
        let Some(last) = self.piece_time.replace(time) else { return };
        let step_s = time - last;
        if !had_pcr && step_s > 0.0 && step_s <= PIECE_STEP_MAX_S {
            self.seconds += step_s;
            self.ahead_of_pcr_s += step_s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(timeline: &Timeline, seconds: f64) -> bool {
        (timeline.seconds() - seconds).abs() < 1e-6
    }

    #[test]
    fn clock_counts_across_its_wrap_and_not_across_breaks() {
        let mut timeline = Timeline::default();
        for pcr in [PCR_WRAP - 27_000_000, 0, 27_000_000, 20_000_000_000, 20_027_000_000, 5] {
            timeline.note_pcr(pcr);
        }
        assert!(near(&timeline, 3.0), "{}", timeline.seconds());
    }

    #[test]
    fn piece_times_count_only_without_a_clock() {
        let mut timeline = Timeline::default();
        [100.0, 101.0, 102.5, 0.0, f64::NAN, 2.0].into_iter().for_each(|time| timeline.note_piece(time));
        assert!(near(&timeline, 2.5));
        timeline.note_pcr(0);
        timeline.note_piece(3.0);
        assert!(near(&timeline, 2.5));
        timeline.note_piece(4.0);
        timeline.note_pcr(3 * 27_000_000);
        assert!(near(&timeline, 5.5));
    }
}
