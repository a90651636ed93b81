//! From options that were read to the configuration of one node: defaults filled in, and the rules that
//! join several options checked. After this nothing about the command line is in doubt.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ArgMatches;
use tracing::level_filters::LevelFilter;

use super::args::DEBUG_TARGETS;
use super::error::UsageError;
use super::hls_config::{create_hls, hls_support, publish_hls};
use super::mode::Mode;
use super::source_config::source;
use crate::base::limits::{STARTUP_NODES_MAX, TRACKERS_MAX};
use crate::net::door::FilterFiles;
use crate::node::config::{
    ClientConfig, CommonConfig, CreateHlsConfig, DHT_ROUTERS, DemoConfig, DhtOptions, DoorConfig,
    ExchangeConfig, HlsSupportOptions, LiveCacheConfig, LiveCacheKind, NamedNode, NodeConfig,
    PublishHlsConfig, SOURCE_PORT, ServiceConfig, SourceConfig, SupportConfig, TrackerConfig,
};
use crate::obs::log::{LogConfig, LogFile, LogFormat};
use crate::store::files;

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    Source(SourceConfig),
    Support(SupportConfig),
    Client(ClientConfig),
    CreateHls(CreateHlsConfig),
    PublishHls(PublishHlsConfig),
    Tracker(TrackerConfig),
    Demo(DemoConfig),
    /// Several nodes at once; there are at least two.
    Nodes(Vec<NamedNode>),
    /// Print the infohash of the transport file.
    GetInfohash(PathBuf),
    /// Print what the transport file holds.
    GetFileInfo(PathBuf),
}

impl Command {
    /// What one of several nodes is told; `None` for what ends by itself.
    pub fn into_node(self) -> Option<NodeConfig> {
        match self {
            Self::Source(config) => Some(NodeConfig::Source(config)),
            Self::Support(config) => Some(NodeConfig::Support(config)),
            Self::Client(config) => Some(NodeConfig::Client(config)),
            Self::PublishHls(config) => Some(NodeConfig::PublishHls(config)),
            Self::Tracker(config) => Some(NodeConfig::Tracker(config)),
            Self::CreateHls(_) | Self::Demo(_) | Self::Nodes(_) => None,
            Self::GetInfohash(_) | Self::GetFileInfo(_) => None,
        }
    }
}

/// A command line, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub command: Command,
    pub log: LogConfig,
    /// To be logged once the log is open.
    pub warnings: Vec<String>,
}

/// Builds the configuration of `mode`.
///
/// # Errors
/// Options that contradict each other, or a directory that is missing or read-only.
pub fn run(mode: Mode, matches: &ArgMatches, warnings: Vec<String>) -> Result<Run, UsageError> {
    let typed = Typed(matches);
    let command = match mode {
        Mode::Source => Command::Source(source(&typed)?),
        Mode::Support => Command::Support(support(&typed)?),
        Mode::CreateHls => Command::CreateHls(create_hls(&typed)?),
        Mode::PublishHls => Command::PublishHls(publish_hls(&typed)?),
        Mode::Client => Command::Client(client(&typed)?),
        Mode::Tracker => Command::Tracker(tracker(&typed)?),
        Mode::Demo => {
            Command::Demo(DemoConfig { port: typed.port("port"), http_port: typed.port("http-port") })
        }
        Mode::GetInfohash => Command::GetInfohash(typed.file(mode)?),
        Mode::GetFileInfo | Mode::GetFileInfoWithId => Command::GetFileInfo(typed.file(mode)?),
        Mode::Generate | Mode::Version => {
            return Err(UsageError::new(format!("--{} takes no options", mode.flag())));
        }
    };
    Ok(Run { command, log: log(mode, &typed)?, warnings })
}

/// The log that a mode's options describe.
///
/// # Errors
/// Options of a log file without one, or a directory that cannot be written to.
pub(super) fn log_of(mode: Mode, matches: &ArgMatches) -> Result<LogConfig, UsageError> {
    log(mode, &Typed(matches))
}

/// Values by the name of their option. An option that the mode does not have was not given.
pub(super) struct Typed<'a>(&'a ArgMatches);

impl Typed<'_> {
    pub fn get<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Option<T> {
        self.0.try_get_one::<T>(name).ok().flatten().cloned()
    }

    pub fn list<T: Clone + Send + Sync + 'static>(&self, name: &str) -> Vec<T> {
        self.0
            .try_get_many::<T>(name)
            .ok()
            .flatten()
            .map_or_else(Vec::new, |values| values.cloned().collect())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.get(name).unwrap_or(false)
    }

    pub fn required(&self, name: &str) -> Result<String, UsageError> {
        self.get(name).ok_or_else(|| UsageError::new(format!("--{name} is needed")))
    }

    pub fn required_path(&self, name: &str) -> Result<PathBuf, UsageError> {
        self.get(name).ok_or_else(|| UsageError::new(format!("--{name} is needed")))
    }

    pub fn seconds(&self, name: &str) -> Option<Duration> {
        self.get(name).map(Duration::from_secs)
    }

    /// Kilobytes a second as bytes; 0 is no limit.
    fn rate(&self, name: &str) -> Option<u64> {
        self.get::<u64>(name).filter(|&rate| rate > 0).map(|rate| rate.saturating_mul(1024))
    }

    fn port(&self, name: &str) -> Option<u16> {
        self.get::<u64>(name).and_then(|port| u16::try_from(port).ok())
    }

    fn count(&self, name: &str) -> Option<usize> {
        self.get::<u64>(name).and_then(|count| usize::try_from(count).ok())
    }

    fn file(&self, mode: Mode) -> Result<PathBuf, UsageError> {
        self.get(mode.flag()).ok_or_else(|| UsageError::new(format!("--{} needs a path", mode.flag())))
    }

    /// A directory that must exist and take files.
    pub fn existing_dir(&self, name: &str, default: PathBuf) -> Result<PathBuf, UsageError> {
        let dir = self.get(name).unwrap_or(default);
        writable(name, &dir)?;
        Ok(dir)
    }

    /// The same, where the default directory may not be needed.
    pub fn given_dir(&self, name: &str) -> Result<Option<PathBuf>, UsageError> {
        let given: Option<PathBuf> = self.get(name);
        given.map(|dir| self.existing_dir(name, dir)).transpose()
    }

    /// Trackers given by hand, each once.
    pub fn trackers(&self, name: &str) -> Result<Vec<String>, UsageError> {
        self.bounded_list(name, TRACKERS_MAX)
    }

    pub fn startup_nodes(&self) -> Result<Vec<SocketAddr>, UsageError> {
        self.bounded_list("startup-node", STARTUP_NODES_MAX)
    }

    /// Values, each once, of which a transport file holds so many.
    pub fn bounded_list<T>(&self, name: &str, max: usize) -> Result<Vec<T>, UsageError>
    where
        T: Clone + PartialEq + Send + Sync + 'static,
    {
        let values = unique(self.list(name));
        match values.len() {
            count if count > max => {
                Err(UsageError::new(format!("--{name} was given {count} times, at most {max} fit")))
            }
            _ => Ok(values),
        }
    }
}

/// The values without repetitions, in their order.
pub(super) fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    values.into_iter().fold(Vec::new(), |mut kept, value| {
        if !kept.contains(&value) {
            kept.push(value);
        }
        kept
    })
}

fn writable(option: &str, dir: &Path) -> Result<(), UsageError> {
    files::require_writable_dir(dir).map_err(|error| UsageError::new(format!("--{option}: {error}")))
}

/// What every node takes, over the defaults of its mode.
pub(super) fn common(typed: &Typed<'_>, default: CommonConfig) -> Result<CommonConfig, UsageError> {
    Ok(CommonConfig {
        bind: unique(typed.list("bind")),
        port: typed.port("port").unwrap_or(default.port),
        max_peers: typed.count("max-peers").unwrap_or(default.max_peers),
        max_connections: typed.count("max-connections").unwrap_or(default.max_connections),
        upload_limit: typed.rate("upload-limit"),
        download_limit: typed.rate("download-limit"),
        max_upload_slots: typed.count("max-upload-slots"),
        upload_to: unique(typed.list("upload-to")),
        download_from: unique(typed.list("download-from")),
        exchange: exchange(typed, default.exchange)?,
        door: door(typed)?,
        close_connections_from_same_peer: typed.flag("close-connections-from-same-peer"),
        dht: dht(typed),
        service: ServiceConfig {
            access_token: typed.get("service-access-token"),
            is_remote: typed.flag("service-remote-access"),
            monitor_ip: typed.get("monitor-node-ip"),
            reports_peers: typed.flag("stats-report-peers"),
        },
        maps_port: typed.get("upnp-enabled").unwrap_or(default.maps_port),
        stats_report_interval: typed
            .seconds("stats-report-interval")
            .unwrap_or(default.stats_report_interval),
        allow_private_addresses: typed.flag("allow-private-addresses"),
        state_dir: typed.get("state-dir").or(default.state_dir),
        cache_dir: typed.get("cache-dir").unwrap_or(default.cache_dir),
        live_cache: live_cache(typed)?,
        pid_file_dir: typed.existing_dir("pid-file-dir", default.pid_file_dir)?,
    })
}

/// Where pieces are kept.
fn live_cache(typed: &Typed<'_>) -> Result<LiveCacheConfig, UsageError> {
    let is_disk = typed.get::<String>("live-cache-type").is_some_and(|kind| kind == "disk");
    let disk_bytes: Option<u64> = typed.get("live-disk-cache-size");
    if !is_disk && disk_bytes.is_some() {
        return Err(UsageError::new("--live-disk-cache-size needs --live-cache-type disk"));
    }
    Ok(LiveCacheConfig {
        kind: if is_disk { LiveCacheKind::Disk } else { LiveCacheKind::Memory },
        disk_bytes: disk_bytes.unwrap_or(LiveCacheConfig::DISK_BYTES),
        memory_bytes: typed.get("live-mem-cache-size"),
    })
}

fn exchange(typed: &Typed<'_>, default: ExchangeConfig) -> Result<ExchangeConfig, UsageError> {
    let public_trackers = typed.trackers("public-tracker")?;
    Ok(ExchangeConfig {
        lsd: typed.get("lsd-enabled").unwrap_or(default.lsd),
        public_trackers: if public_trackers.is_empty() { default.public_trackers } else { public_trackers },
    })
}

fn door(typed: &Typed<'_>) -> Result<DoorConfig, UsageError> {
    let (rules, countries) = (typed.get("ip-filter-config"), typed.get("geoip-db"));
    if rules.is_none() && countries.is_some() {
        return Err(UsageError::new("--geoip-db needs --ip-filter-config"));
    }
    Ok(DoorConfig {
        is_private: typed.flag("private-node"),
        filter: rules.map(|rules| FilterFiles { rules, countries }),
    })
}

fn dht(typed: &Typed<'_>) -> DhtOptions {
    let given: Vec<String> = unique(typed.list("dht-bootstrap"));
    let routers = if given.is_empty() { DHT_ROUTERS.map(str::to_owned).to_vec() } else { given };
    DhtOptions { is_enabled: typed.get("dht-enabled").unwrap_or(true), routers }
}

fn support(typed: &Typed<'_>) -> Result<SupportConfig, UsageError> {
    support_of(typed, typed.required("url")?, hls_support(typed)?)
}

/// A support node for the transport file at `url`.
pub(super) fn support_of(
    typed: &Typed<'_>,
    url: String,
    hls: HlsSupportOptions,
) -> Result<SupportConfig, UsageError> {
    let default = SupportConfig::new(url);
    Ok(SupportConfig {
        common: common(typed, default.common)?,
        url: default.url,
        public_transport_file: typed.get("public-transport-file"),
        always_generate_peer_id: typed.flag("always-generate-peer-id"),
        trackers: typed.trackers("tracker")?,
        cleanup_interval: typed.seconds("support-node-cleanup-interval").unwrap_or(default.cleanup_interval),
        hls,
    })
}

fn client(typed: &Typed<'_>) -> Result<ClientConfig, UsageError> {
    let default = ClientConfig::new();
    let mut common = common(typed, CommonConfig { maps_port: true, ..default.common })?;
    if common.state_dir.is_none() {
        common.state_dir = Some(client_state_dir()?);
    }
    Ok(ClientConfig {
        common,
        http_port: typed.port("http-port").unwrap_or(default.http_port),
        bind_all: typed.flag("bind-all"),
        live_buffer_time: typed.seconds("live-buffer-time").unwrap_or(default.live_buffer_time),
        trackers: typed.trackers("tracker")?,
    })
}

fn client_state_dir() -> Result<PathBuf, UsageError> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| UsageError::new("HOME is not set: --state-dir is needed"))?;
    Ok(Path::new(&home).join(".ACEStream"))
}

fn tracker(typed: &Typed<'_>) -> Result<TrackerConfig, UsageError> {
    Ok(TrackerConfig {
        bind: unique(typed.list("bind")),
        port: typed.port("port").unwrap_or(SOURCE_PORT),
        pid_file_dir: typed.existing_dir("pid-file-dir", PathBuf::from("/tmp"))?,
    })
}

/// Nodes log to standard output when nothing else is asked for. What makes files and ends prints its result
/// there, and logs where it is told to; with `--log-debug` alone to standard error.
fn log(mode: Mode, typed: &Typed<'_>) -> Result<LogConfig, UsageError> {
    let file = log_file(typed)?;
    let stdout = sink(typed, "log-stdout", "log-stdout-level");
    let stderr = sink(typed, "log-stderr", "log-stderr-level");
    let none_is_asked_for = file.is_none() && stdout.is_none() && stderr.is_none();
    let debug = typed.get("log-debug").unwrap_or(0);
    let ends = mode == Mode::CreateHls;
    let console_is_free = none_is_asked_for && !ends && !typed.flag("quiet");
    let debug_is_lost = none_is_asked_for && ends && debug != 0;
    let is_json = typed.get::<String>("log-format").is_some_and(|format| format == "json");
    Ok(LogConfig {
        format: if is_json { LogFormat::Json } else { LogFormat::Text },
        debug,
        modules: module_levels(typed),
        file,
        stdout: if console_is_free { Some(None) } else { stdout },
        stderr: if debug_is_lost { Some(None) } else { stderr },
    })
}

fn log_file(typed: &Typed<'_>) -> Result<Option<LogFile>, UsageError> {
    let Some(path) = typed.get::<PathBuf>("log-file") else {
        let idle = ["log-file-mode", "log-max-size", "log-backup-count"];
        let given = idle.iter().find(|name| typed.0.try_contains_id(name).unwrap_or(false));
        return given.map_or(Ok(None), |name| Err(UsageError::new(format!("--{name} needs --log-file"))));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    writable("log-file", parent)?;
    Ok(Some(LogFile {
        truncate: typed.get::<String>("log-file-mode").is_some_and(|mode| mode == "w"),
        max_bytes: typed.get("log-max-size").filter(|bytes| *bytes > 0),
        backups: typed.count("log-backup-count").unwrap_or(1),
        path,
    }))
}

/// Whether lines go to a console, and at which level if not that of their module.
fn sink(typed: &Typed<'_>, flag: &str, level: &str) -> Option<Option<LevelFilter>> {
    let level = typed.get::<String>(level).map(|level| match level.as_str() {
        "error" => LevelFilter::ERROR,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    });
    (typed.flag(flag) || level.is_some()).then_some(level)
}

/// `--debug-*` first: what `--log-modules` says of the same module comes later and wins.
fn module_levels(typed: &Typed<'_>) -> Vec<(String, LevelFilter)> {
    let traced = DEBUG_TARGETS.iter().filter(|(option, _)| typed.flag(option));
    let traced = traced.map(|(_, target)| ((*target).to_owned(), LevelFilter::DEBUG));
    traced.chain(typed.list::<Vec<(String, LevelFilter)>>("log-modules").into_iter().flatten()).collect()
}
