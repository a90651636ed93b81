//! Standard input belongs to a process, so this test runs itself once more with a pipe.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::reading::{Reading, packets};

/// Says to this test that it is the one with the pipe.
const CHILD: &str = "INGEST_TEST_READS_STDIN";

#[test]
fn end_of_standard_input_is_a_clean_end() {
    if std::env::var_os(CHILD).is_some() {
        return read_pipe();
    }
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "stdin::end_of_standard_input_is_a_clean_end"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("a child");
    child.stdin.take().expect("a pipe").write_all(&packets(0..50)).expect("written");
    assert!(child.wait().expect("an end").success());
}

#[tokio::main(flavor = "current_thread")]
async fn read_pipe() {
    let mut reading = Reading::start("-");
    assert!(reading.bytes(50 * 188).await == packets(0..50));
    reading.end().await.expect("a clean end");
}
