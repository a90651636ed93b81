//! Transport streams: alignment, clocks, bitrate, endless clips.

mod align;
mod bitrate;
mod clip;
mod clock;
mod oracle;
mod stream;
