//! Players that a test starts, and what they say of what they play.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use crate::program::{Running, output_of, wait_for};

/// Ends mpv as soon as it has shown enough, and says what it lost.
const MPV_SCRIPT: &str = "
mp.add_periodic_timer(0.2, function()
    local frame = mp.get_property_number('estimated-frame-number', 0)
    if frame >= 200 then
        print(string.format('frames=%d late=%d undecoded=%d', frame,
            mp.get_property_number('frame-drop-count', -1),
            mp.get_property_number('decoder-frame-drop-count', -1)))
        mp.command('quit')
    end
end)
";

/// Longer than VLC takes to answer.
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// Lets ffmpeg decode so many seconds of 25 pictures each, without a warning.
pub fn assert_ffmpeg_decodes(url: &str, seconds: u32, story: impl Fn() -> String) {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "warning", "-progress", "pipe:1", "-t", &seconds.to_string(), "-i", url]);
    let output = output_of(command.args(["-f", "null", "-"]));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{url}\n{}", story());
    let progress = String::from_utf8(output.stdout).unwrap();
    let frames = progress.lines().filter_map(|line| line.strip_prefix("frame=")).next_back();
    assert_eq!(frames, Some((seconds * 25).to_string().as_str()), "{url}: {progress}");
}

/// Lets mpv show 200 pictures in time.
pub fn assert_mpv_loses_nothing(url: &str, story: impl Fn() -> String) {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("watch.lua");
    std::fs::write(&script, MPV_SCRIPT).unwrap();
    let mut command = Command::new("mpv");
    command.args(["--no-config", "--vo=null", "--ao=null", "--msg-level=all=error,watch=info"]);
    command.arg(format!("--script={}", script.display())).arg(url);
    let output = output_of(&mut command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("frames=2") && said.contains("late=0 undecoded=0"), "{url}: {said}\n{}", story());
    assert_eq!(said.lines().count(), 1, "{url}: errors of mpv: {said}");
}

/// Lets VLC show 150 pictures.
pub fn assert_vlc_loses_nothing(url: &str, story: impl Fn() -> String) {
    let mut vlc = Vlc::open(url);
    wait_for("VLC to show 150 pictures", || vlc.figure("frames displayed") >= 150);
    assert_eq!((vlc.figure("frames lost"), vlc.figure("buffers lost")), (0, 0), "{url}\n{}", story());
    assert!(vlc.figure("audio decoded") > 200);
}

/// Codecs and frames in so many seconds from the join on; no decoder may complain.
pub fn probe(url: &str, seconds: u32) -> Vec<(String, u32)> {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-count_frames", "-read_intervals", &format!("%+{seconds}")]);
    command.args(["-show_entries", "stream=codec_name,nb_read_frames", "-of", "csv=p=0", url]);
    let output = output_of(&mut command);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{url}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let row = |line: &str| {
        let mut fields = line.split(',');
        Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
    };
    let found: Vec<_> = lines.lines().filter_map(row).collect();
    // once as streams of the program, once more as streams of the file
    found.iter().take(found.len() / 2).cloned().collect()
}

/// VLC without screen and loudspeaker, asked over its standard input.
struct Vlc {
    program: Running,
    lines: Receiver<String>,
}

impl Vlc {
    fn open(url: &str) -> Self {
        let mut command = match is_root() {
            // it refuses to run as root
            true => Command::new("setpriv"),
            false => Command::new("cvlc"),
        };
        if is_root() {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "cvlc"]);
        }
        command.env("HOME", "/tmp").args(["-I", "rc", "--rc-fake-tty", "--vout=dummy", "--aout=dummy", url]);
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = Running::start_as_it_is(pipes);
        let (sender, lines) = mpsc::channel();
        let reader = BufReader::new(program.0.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                let _test_is_over = sender.send(line);
            }
        });
        Self { program, lines }
    }

    /// A row of its statistics, such as `| frames displayed :      146`; 0 before it is told.
    fn figure(&mut self, name: &str) -> u32 {
        let stdin = self.program.0.stdin.as_mut().unwrap();
        stdin.write_all(b"stats\n").expect("VLC is needed for this test (Debian: vlc-bin, vlc-plugin-base)");
        // it is silent before it plays
        let lines = std::iter::from_fn(|| self.lines.recv_timeout(ANSWER_TIME).ok());
        let rows: Vec<String> = lines.take_while(|line| !line.contains("end of statistical info")).collect();
        let row = rows.iter().find(|row| row.contains(name));
        let value = row.and_then(|row| row.rsplit(':').next());
        value.map_or(0, |value| value.trim().parse().unwrap())
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Lines of the first picture's stream.
pub fn height(url: &str) -> u32 {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=height"]);
    let output = output_of(command.args(["-of", "default=nokey=1:noprint_wrappers=1", url]));
    let told = String::from_utf8(output.stdout).unwrap();
    told.lines().next().and_then(|line| line.parse().ok()).unwrap_or_else(|| panic!("{url}: {told}"))
}
