//! Origin and player of HLS broadcasts, as the tests on loopback have them.

#[path = "../e2e/hls/cipher.rs"]
mod cipher;
#[path = "../e2e/hls/clip.rs"]
mod clip;
#[path = "../e2e/hls/http.rs"]
mod http;
#[path = "../e2e/hls/origin.rs"]
pub mod origin;
#[path = "../e2e/hls/origin_answers.rs"]
mod origin_answers;
#[path = "../e2e/hls/playlist.rs"]
mod playlist;
#[path = "../e2e/hls/viewer.rs"]
pub mod viewer;
