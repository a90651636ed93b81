//! ffprobe, ffmpeg, mpv and VLC watch live broadcasts that ffmpeg made and that went through a source, a
//! support node and a client.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use start_engine::base::ids::Infohash;
use start_engine::wire::transport_file::TransportFile;

use crate::broadcast::{self, Broadcast, H264_AAC, Source};
use crate::opentracker::Opentracker;
use crate::program::{Running, free_port, output_of, wait_for};

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

#[test]
#[ignore = "needs ffmpeg"]
fn ffprobe_finds_picture_and_sound_from_the_first_packet_on() {
    let broadcast = Broadcast::of(H264_AAC);
    let found = probe(&broadcast.play_url, 5);
    let [(video, pictures), (audio, sounds)] = &found[..] else { panic!("{found:?}\n{}", broadcast.story()) };
    assert_eq!((video.as_str(), audio.as_str()), ("h264", "aac"));
    assert!(*pictures >= 100 && *sounds >= 180, "{found:?}");
}

#[test]
#[ignore = "needs ffmpeg"]
fn ffmpeg_decodes_ten_seconds_without_an_error() {
    let broadcast = Broadcast::of(H264_AAC);
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "warning", "-progress", "pipe:1", "-t", "10", "-i", &broadcast.play_url]);
    let output = output_of(command.args(["-f", "null", "-"]));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", broadcast.story());
    let progress = String::from_utf8(output.stdout).unwrap();
    let frames = progress.lines().filter_map(|line| line.strip_prefix("frame=")).next_back();
    assert_eq!(frames, Some("250"), "{progress}");
}

#[test]
#[ignore = "needs ffmpeg and mpv"]
fn mpv_plays_without_losing_a_frame() {
    let broadcast = Broadcast::of(H264_AAC);
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("watch.lua");
    std::fs::write(&script, MPV_SCRIPT).unwrap();
    let mut command = Command::new("mpv");
    command.args(["--no-config", "--vo=null", "--ao=null", "--msg-level=all=error,watch=info"]);
    command.arg(format!("--script={}", script.display())).arg(&broadcast.play_url);
    let output = output_of(&mut command);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains("frames=2") && said.contains("late=0 undecoded=0"),
        "{said}\n{}",
        broadcast.story()
    );
    assert_eq!(said.lines().count(), 1, "errors of mpv: {said}");
}

#[test]
#[ignore = "needs ffmpeg and VLC"]
fn vlc_plays_without_losing_a_frame() {
    let broadcast = Broadcast::of(H264_AAC);
    let mut vlc = Vlc::open(&broadcast.play_url);
    wait_for("VLC to show 150 pictures", || vlc.figure("frames displayed") >= 150);
    assert_eq!((vlc.figure("frames lost"), vlc.figure("buffers lost")), (0, 0), "{}", broadcast.story());
    assert!(vlc.figure("audio decoded") > 200);
}

#[test]
#[ignore = "needs ffmpeg"]
fn codecs_of_television_pass_through_unchanged() {
    let picture = "-f lavfi -i testsrc2=size=320x180:rate=25";
    let tone = "-f lavfi -i sine=frequency=1000:sample_rate=48000";
    let mpeg2 = format!("{picture} {tone} -c:v mpeg2video -b:v 800k -g 12 -c:a mp2 -muxrate 1500k");
    let hevc = format!(
        "{picture} {tone} -c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=25 \
         -b:v 500k -c:a ac3 -muxrate 1500k"
    );
    let radio = format!("{tone} -c:a aac -b:a 128k -muxrate 600k");
    for (recipe, expected) in
        [(mpeg2, &["mpeg2video", "mp2"][..]), (hevc, &["hevc", "ac3"]), (radio, &["aac"])]
    {
        let broadcast = Broadcast::of(&recipe);
        let found = probe(&broadcast.play_url, 3);
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, expected, "{}", broadcast.story());
        assert!(found.iter().all(|(_, frames)| *frames >= 60), "{found:?}");
    }
}

#[test]
#[ignore = "needs ffmpeg"]
fn datagrams_are_broadcast_from_one_host_and_from_a_group() {
    for group in [None, Some("239.77.1.1")] {
        let port = free_port();
        let to = group.unwrap_or("127.0.0.1");
        let sink = format!("udp://{to}:{port}?pkt_size=1316&ttl=0&localaddr=127.0.0.1");
        let address = match group {
            Some(group) => format!("udp://@{group}:{port}?localaddr=127.0.0.1"),
            None => format!("udp://127.0.0.1:{port}"),
        };
        let broadcast = Broadcast::over(H264_AAC, &sink, &address);
        let found = probe(&broadcast.play_url, 5);
        assert!(found.len() == 2 && found[0].1 >= 100, "{found:?}\n{}", broadcast.story());
    }
}

#[test]
#[ignore = "needs ffmpeg and opentracker"]
fn our_nodes_find_each_other_through_opentracker() {
    let dir = tempfile::tempdir().unwrap();
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/src/node/demo/clip.ts");
    std::fs::copy(clip, dir.path().join("clip.ts")).unwrap();
    let mut source = Source::start(dir, "file:clip.ts", &[], None);
    for scheme in ["http", "udp"] {
        let dir = source.end();
        let opentracker = Opentracker::start(&infohash(&dir).to_string());
        let tracker = format!("{scheme}://{}/announce", opentracker.address);
        source =
            Source::start(dir, "file:clip.ts", &["--skip-internal-tracker", "--tracker", &tracker], None);
        let (_client, play_url) = broadcast::client(source.dir.path(), &[]);
        let found = probe(&play_url, 3);
        assert!(found.len() == 2 && found[0].1 >= 50, "{scheme}: {found:?}");
    }
}

fn infohash(dir: &tempfile::TempDir) -> Infohash {
    let bytes = std::fs::read(dir.path().join("test.acelive")).unwrap();
    TransportFile::parse(bytes.into()).unwrap().infohash
}

/// Codecs and frames in so many seconds from the join on; no decoder may complain.
fn probe(url: &str, seconds: u32) -> Vec<(String, u32)> {
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
