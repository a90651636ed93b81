//! How a task hears that its node stops: one watched flag, which only ever turns true.

use tokio::sync::watch;

/// Returns once the flag is true, or whoever could set it is gone.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    // an error says that the sender is gone; the guard must not outlive this line
    let _ = stop.wait_for(|&stop| stop).await;
}
