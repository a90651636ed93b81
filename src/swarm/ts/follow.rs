//! Where in the stream this node is: when it joined, what comes next, and when that is due.

use std::time::{Duration, Instant};

use crate::base::limits::HEAD_JUMP_MAX_PIECES;

/// After the due time, a later piece that is there is worth this much more waiting.
const SKIP_GRACE: Duration = Duration::from_millis(500);
/// Nobody has the next piece for so long: it is lost.
const LACKING_GRACE: Duration = Duration::from_millis(500);
/// The same before it is due, when it may only not have come so near yet.
const LACKING_MAX: Duration = Duration::from_millis(1500);
/// No piece for so long: begin again.
pub const STALL_LIMIT: Duration = Duration::from_secs(12);
/// No piece for so long, or four pieces' time, and nobody has the next: look elsewhere.
const STARVED_MIN: Duration = Duration::from_secs(2);
/// A join that brought nothing for so long was led astray.
pub const JOIN_LIMIT: Duration = Duration::from_secs(3);
/// Within this time after joining, a better view of the stream moves us forward.
const SETTLING: Duration = Duration::from_secs(5);

/// The place of a node that follows the stream.
#[derive(Debug, Clone, Copy)]
pub struct Position {
    /// The next piece to deliver.
    pub next: u64,
    /// Piece `.0` is due at `.1`.
    anchor: (u64, Instant),
    joined_at: Instant,
    /// What most peers say of the stream's place may end an unproven join.
    is_provisional: bool,
    /// When the last chunk came, or the join.
    progress_at: Instant,
    /// The newest piece verified since joining, and when.
    verified: Option<(u64, Instant)>,
    lacking_since: Option<Instant>,
}

#[derive(Debug)]
pub struct Follow {
    piece_duration: Duration,
    buffer: Duration,
    position: Option<Position>,
    /// The last piece delivered.
    delivered: Option<u64>,
}

impl Follow {
    pub fn new(piece_duration: Duration, buffer: Duration) -> Self {
        Self { piece_duration, buffer, position: None, delivered: None }
    }

    /// `None` while looking for a place to join.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    pub fn next(&self) -> Option<u64> {
        self.position.map(|position| position.next)
    }

    /// Pieces that the buffer holds, and one more.
    pub fn prefetch_pieces(&self) -> u64 {
        (self.buffer.as_secs_f64() / self.piece_duration.as_secs_f64()).ceil() as u64 + 1
    }

    /// Begins to follow at piece `start`.
    pub fn join(&mut self, now: Instant, start: u64) {
        let anchor = (start, now + self.buffer.max(Duration::from_secs(1)));
        self.position = Some(Position {
            next: start,
            anchor,
            joined_at: now,
            is_provisional: true,
            progress_at: now,
            verified: None,
            lacking_since: None,
        });
    }

    /// Where we joined, as long as nothing verified shows that the stream is there.
    pub fn unproven_start(&self) -> Option<u64> {
        let position =
            self.position.filter(|position| position.is_provisional && position.verified.is_none());
        position.map(|position| position.next)
    }

    /// Stays where it joined, whatever most peers say.
    pub fn trust_start(&mut self) {
        self.position.iter_mut().for_each(|position| position.is_provisional = false);
    }

    /// A place to join that does not deliver again what was just delivered.
    pub fn without_repeats(&self, start: u64) -> u64 {
        match self.delivered {
            Some(last) if (start..=start + HEAD_JUMP_MAX_PIECES).contains(&last) => last + 1,
            _ => start,
        }
    }

    /// Whether nothing was verified for a while: longer than a busy swarm needs, shorter than a stall.
    pub fn is_starved(&self, now: Instant) -> bool {
        let patience = STARVED_MIN.max(self.piece_duration * 4).min(STALL_LIMIT);
        let verified = self.position.and_then(|position| position.verified);
        verified.is_some_and(|(_, at)| now.saturating_duration_since(at) >= patience)
    }

    /// Looks for a place to join anew.
    pub fn leave(&mut self) {
        self.position = None;
    }

    /// Notes a chunk that was asked for.
    pub fn chunk_came(&mut self, now: Instant) {
        if let Some(position) = &mut self.position {
            position.progress_at = now;
        }
    }

    /// Notes a verified piece.
    pub fn verified(&mut self, now: Instant, number: u64) {
        let Some(position) = &mut self.position else { return };
        if position.verified.is_none_or(|(newest, _)| number > newest) {
            position.verified = Some((number, now));
        }
    }

    /// Piece `number` was delivered: the one after it comes next.
    pub fn delivered(&mut self, now: Instant, number: u64) {
        self.delivered = Some(number);
        let (due, buffer) = (self.due(number), self.buffer);
        let Some(position) = &mut self.position else { return };
        position.next = number + 1;
        position.lacking_since = None;
        if due.is_some_and(|due| now > due) {
            position.anchor = (number, now + buffer / 2);
        }
    }

    /// Gives up what lies before `number`.
    pub fn skip_to(&mut self, number: u64) {
        if let Some(position) = &mut self.position {
            position.next = number;
            position.lacking_since = None;
        }
    }

    /// When a player that started with us needs piece `number`.
    pub fn due(&self, number: u64) -> Option<Instant> {
        let (anchor, at) = self.position?.anchor;
        let pieces = number.saturating_sub(anchor).min(1 << 20) as u32;
        Some(at + self.piece_duration * pieces)
    }

    /// Whether piece `number` is so near its due time that two peers shall be asked.
    pub fn is_urgent(&self, now: Instant, number: u64) -> bool {
        let margin = (self.buffer / 3).min(Duration::from_secs(1));
        self.due(number).is_some_and(|due| now + margin >= due)
    }

    /// Whether waiting longer for the next piece costs more than losing it, when a later one is there.
    pub fn is_overdue(&self, now: Instant) -> bool {
        let due = self.next().and_then(|next| self.due(next));
        due.is_some_and(|due| now >= due + SKIP_GRACE)
    }

    /// Whether nobody had the next piece for long enough. `is_lacking` says whether that is so now.
    /// Before the piece is due, only the source itself shows that it does not exist: in a mesh that
    /// fetches the rarest first, it may just not have come so near.
    pub fn is_lost(&mut self, now: Instant, is_lacking: bool, source_lacks: bool) -> bool {
        let is_due = self.next().and_then(|next| self.due(next)).is_some_and(|due| now >= due);
        let Some(position) = &mut self.position else { return false };
        if !is_lacking {
            position.lacking_since = None;
            return false;
        }
        let since = *position.lacking_since.get_or_insert(now);
        let lacking = now.saturating_duration_since(since);
        (lacking >= LACKING_GRACE && (is_due || source_lacks)) || lacking >= LACKING_MAX
    }

    /// The highest number that a peer may claim without being ignored: what the source can have made
    /// since the newest piece that we verified, twice over, and a bounded jump. Anything goes before
    /// the first one.
    pub fn plausible_max(&self, now: Instant) -> u64 {
        let Some((newest, at)) = self.position.and_then(|position| position.verified) else {
            return u64::MAX;
        };
        let elapsed = now.saturating_duration_since(at).as_secs_f64();
        let made = 2.0 * elapsed / self.piece_duration.as_secs_f64();
        newest.saturating_add(made as u64).saturating_add(HEAD_JUMP_MAX_PIECES)
    }

    /// Whether we joined, and nothing that we asked for came, or nothing true.
    pub fn was_led_astray(&self, now: Instant) -> bool {
        let Some(position) = self.position.filter(|position| position.verified.is_none()) else {
            return false;
        };
        let elapsed_since = |moment| now.saturating_duration_since(moment);
        elapsed_since(position.progress_at) >= JOIN_LIMIT || elapsed_since(position.joined_at) >= STALL_LIMIT
    }

    /// Whether we followed, and nothing came for long.
    pub fn is_stalled(&self, now: Instant) -> bool {
        let Some((_, verified_at)) = self.position.and_then(|position| position.verified) else {
            return false;
        };
        now.saturating_duration_since(verified_at) >= STALL_LIMIT
    }

    /// How many pieces the swarm may be ahead of us before we jump to it. Little while settling.
    pub fn lag_max_pieces(&self, now: Instant, window_pieces: usize) -> u64 {
        let is_settling = self
            .position
            .is_some_and(|position| now.saturating_duration_since(position.joined_at) < SETTLING);
        let settling_max = 2 * self.prefetch_pieces() + 4;
        // no jump leads back
        let window_max = (window_pieces as u64 * 3 / 4).max(4).max(self.prefetch_pieces());
        if is_settling { settling_max.min(window_max) } else { window_max }
    }

    /// The next moment at which a loss may have to be declared.
    pub fn deadline(&self) -> Option<Instant> {
        let position = self.position?;
        let overdue = self.due(position.next).map(|due| due + SKIP_GRACE);
        let lost = position.lacking_since.map(|since| since + LACKING_GRACE);
        overdue.into_iter().chain(lost).min()
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests make up a time to start from")]
mod tests {
    use super::*;

    const PIECE: Duration = Duration::from_millis(500);
    const BUFFER: Duration = Duration::from_secs(3);

    fn joined_at(now: Instant, start: u64) -> Follow {
        let mut follow = Follow::new(PIECE, BUFFER);
        follow.join(now, start);
        follow
    }

    #[test]
    fn pieces_are_due_one_after_another_from_the_buffer_on() {
        let now = Instant::now();
        let mut follow = joined_at(now, 100);
        assert_eq!(follow.prefetch_pieces(), 7);
        assert_eq!(follow.due(102), Some(now + BUFFER + 2 * PIECE));
        follow.delivered(now + BUFFER + PIECE, 100);
        assert_eq!(follow.due(100), Some(now + BUFFER + PIECE + BUFFER / 2), "who was late gets time");
    }

    #[test]
    fn piece_that_nobody_has_is_lost_when_due_or_when_the_source_lacks_it() {
        let now = Instant::now();
        let mut follow = joined_at(now, 100);
        assert!(!follow.is_lost(now, true, false));
        assert!(!follow.is_lost(now + LACKING_GRACE, true, false), "it may just not have come so near");
        assert!(follow.is_lost(now + LACKING_GRACE, true, true));
        assert!(follow.is_lost(now + LACKING_MAX, true, false));
        assert!(!follow.is_lost(now + BUFFER, false, true));
        assert!(!follow.is_lost(now + BUFFER, true, true), "the wait begins anew");
    }

    #[test]
    fn claims_far_beyond_what_was_verified_are_implausible() {
        let now = Instant::now();
        let mut follow = joined_at(now, 100);
        assert_eq!(follow.plausible_max(now), u64::MAX);
        follow.verified(now, 100);
        assert_eq!(follow.plausible_max(now), 100 + HEAD_JUMP_MAX_PIECES);
        assert_eq!(follow.plausible_max(now + 10 * PIECE), 120 + HEAD_JUMP_MAX_PIECES);
    }

    #[test]
    fn join_after_a_stall_does_not_repeat_what_was_delivered() {
        let now = Instant::now();
        let mut follow = joined_at(now, 100);
        follow.delivered(now, 104);
        follow.leave();
        assert_eq!(follow.without_repeats(98), 105);
        assert_eq!(follow.without_repeats(200), 200);
    }

    #[test]
    fn nothing_verified_for_two_seconds_is_starvation_and_for_twelve_a_stall() {
        let now = Instant::now();
        let mut follow = joined_at(now, 100);
        follow.verified(now, 100);
        assert!(!follow.is_starved(now + Duration::from_millis(1_900)));
        assert!(follow.is_starved(now + STARVED_MIN) && !follow.is_stalled(now + STARVED_MIN));
        assert!(follow.is_stalled(now + STALL_LIMIT));
    }
}
