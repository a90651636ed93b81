//! A player that begins when its buffer is full and stops when it has run out.

use super::events::Time;

#[derive(Debug, Default)]
pub struct Player {
    buffered: u64,
    /// While playing: when what was delivered so far has been played.
    runs_out_at: Option<Time>,
    has_played: bool,
    pub stalls: u64,
}

impl Player {
    /// One more piece of `piece_duration`; play begins at `buffer`, and after a stall at half of it.
    pub fn delivered(&mut self, now: Time, piece_duration: Time, buffer: Time) {
        self.check(now);
        if let Some(runs_out_at) = &mut self.runs_out_at {
            *runs_out_at += piece_duration;
            return;
        }
        self.buffered += 1;
        let enough = if self.has_played { buffer / 2 } else { buffer };
        if self.buffered * piece_duration >= enough {
            self.runs_out_at = Some(now + self.buffered * piece_duration);
            self.has_played = true;
            self.buffered = 0;
        }
    }

    /// Notes a stall that began before `now`.
    pub fn check(&mut self, now: Time) {
        if self.runs_out_at.is_some_and(|runs_out_at| runs_out_at < now) {
            self.runs_out_at = None;
            self.stalls += 1;
        }
    }
}
