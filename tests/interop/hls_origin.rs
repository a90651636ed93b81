//! An HLS origin of other people's programs: one ffmpeg encodes live, in every form that the tests play, and
//! nginx serves the files. All tests of a run share it.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::program::{free_port, wait_for};

/// Ends both programs and removes their directory when the tests' process ends, however it does: then nobody
/// holds the other end of its standard input any more.
const GUARD: &str = r#"
nginx -c "$PWD/nginx.conf" 2>nginx.log &
nginx=$!
ffmpeg "$@" 2>ffmpeg.log &
ffmpeg=$!
read -r the_end
kill $nginx $ffmpeg
wait
rm -r "$PWD"
"#;

const PICTURE: &str = "testsrc2=size=640x360:rate=25";
const TONE: &str = "sine=frequency=1000:sample_rate=48000";
const SCREENS: &str = "[0:v]split=5[ts][aes][fmp4][hi][full];[full]scale=320:180[lo]";
const ENCODED: &str = "-c:v libx264 -preset ultrafast -tune zerolatency -pix_fmt yuv420p -g 25 -keyint_min 25 \
    -sc_threshold 0 -b:v 800k -c:a aac -b:a 96k -ac 2";
const SEGMENTED: &str = "-f hls -hls_time 1 -hls_list_size 6 \
    -hls_flags delete_segments+omit_endlist+program_date_time+temp_file";
const KEY: &[u8; 16] = b"only for a test!";
const KEY_FILE: &str = "key.bin\naes/key.bin\n000102030405060708090a0b0c0d0e0f\n";

/// What the origin offers.
#[derive(Clone, Copy)]
pub enum Form {
    TransportStream,
    /// The same, locked by AES-128.
    Encrypted,
    FragmentedMp4,
    /// A master playlist of 640×360 and 320×180.
    TwoVariants,
}

impl Form {
    const ALL: [Self; 4] = [Self::TransportStream, Self::Encrypted, Self::FragmentedMp4, Self::TwoVariants];

    /// What a packager's operator calls the address of the stream.
    fn playlist(self) -> &'static str {
        match self {
            Self::TransportStream => "ts/index.m3u8",
            Self::Encrypted => "aes/index.m3u8",
            Self::FragmentedMp4 => "fmp4/index.m3u8",
            Self::TwoVariants => "abr/master.m3u8",
        }
    }

    fn directory(self) -> &'static Path {
        Path::new(self.playlist()).parent().unwrap()
    }

    /// ffmpeg's words for this output.
    fn recipe(self) -> String {
        let of = |map: &str, more: &str| format!("{map} {ENCODED} {SEGMENTED} {more} {}", self.playlist());
        match self {
            Self::TransportStream => of("-map [ts] -map 1:a", "-hls_segment_filename ts/%05d.ts"),
            Self::Encrypted => {
                of("-map [aes] -map 1:a", "-hls_key_info_file key_file -hls_segment_filename aes/%05d.ts")
            }
            Self::FragmentedMp4 => of(
                "-map [fmp4] -map 1:a",
                "-hls_segment_type fmp4 -hls_fmp4_init_filename init.mp4 -hls_segment_filename fmp4/%05d.m4s",
            ),
            Self::TwoVariants => format!(
                "-map [hi] -map 1:a -map [lo] -map 1:a {ENCODED} -b:v:1 200k {SEGMENTED} \
                 -master_pl_name master.m3u8 -var_stream_map v:0,a:0,name:hi#v:1,a:1,name:lo \
                 -hls_segment_filename abr/%v_%05d.ts abr/%v.m3u8"
            ),
        }
    }
}

pub struct Origin {
    dir: PathBuf,
    port: u16,
    _guard: Child,
}

impl Origin {
    /// The one of this run.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Origin> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    pub fn url(&self, form: Form) -> String {
        format!("http://{}/{}", self.authority(), form.playlist())
    }

    /// Host and port, which whoever shall not know the origin must not be told.
    pub fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn start() -> Self {
        for program in ["nginx", "ffmpeg"] {
            // the guard's shell would say it to nobody
            let found = Command::new(program).arg("-h").output();
            found.unwrap_or_else(|error| panic!("{program} is needed for this test: {error}"));
        }
        // the guard removes it
        let (dir, port) = (tempfile::tempdir().unwrap().keep(), free_port());
        for form in Form::ALL {
            std::fs::create_dir(dir.join(form.directory())).unwrap();
        }
        std::fs::write(dir.join("aes/key.bin"), KEY).unwrap();
        std::fs::write(dir.join("key_file"), KEY_FILE).unwrap();
        std::fs::write(dir.join("nginx.conf"), nginx_conf(&dir, port)).unwrap();
        let mut command = Command::new("sh");
        command.current_dir(&dir).args(["-c", GUARD, "guard"]).args(ffmpeg_words());
        let guard =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let origin = Self { dir, port, _guard: guard };
        origin.wait_until_live();
        origin
    }

    fn wait_until_live(&self) {
        wait_for("nginx to listen", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        wait_for(&format!("ffmpeg to write playlists in {}", self.dir.display()), || {
            Form::ALL.iter().all(|form| self.dir.join(form.playlist()).exists())
        });
    }
}

fn ffmpeg_words() -> Vec<String> {
    let input = |source: &str| format!("-re -f lavfi -i {source}");
    let mut text = format!("-nostdin -v error {} {} -filter_complex {SCREENS}", input(PICTURE), input(TONE));
    for form in Form::ALL {
        text.push(' ');
        text.push_str(&form.recipe());
    }
    // the one word with a space in it
    text.split_whitespace().map(|word| word.replace('#', " ")).collect()
}

/// One process that the guard knows. The key is all that a browser asks the origin for.
fn nginx_conf(dir: &Path, port: u16) -> String {
    let dir = dir.display();
    format!(
        "daemon off; master_process off; pid {dir}/nginx.pid; error_log {dir}/nginx.log; events {{}}
        http {{
            access_log off;
            client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
            uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
            types {{ application/vnd.apple.mpegurl m3u8; video/mp2t ts; video/mp4 m4s mp4; }}
            server {{
                listen 127.0.0.1:{port};
                root {dir};
                location = /aes/key.bin {{ add_header Access-Control-Allow-Origin *; }}
            }}
        }}"
    )
}
