//! Transport streams: alignment, clocks, bitrate, endless clips.

mod align;
mod bitrate;
mod clip;
mod oracle;
mod stream;
