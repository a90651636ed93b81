//! What a process is told that runs several nodes.

use std::net::IpAddr;
use std::path::Path;

use super::{ClientConfig, CommonConfig, PublishHlsConfig, SourceConfig, SupportConfig, TrackerConfig};

/// One node of several in a process.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedNode {
    /// Unlike that of any other node of the process; stands in its log lines: `source:test`,
    /// `support:8621`.
    pub name: String,
    pub config: NodeConfig,
}

/// What is told to a node of any kind that runs until it is stopped.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeConfig {
    Source(SourceConfig),
    Support(SupportConfig),
    Client(ClientConfig),
    PublishHls(PublishHlsConfig),
    Tracker(TrackerConfig),
}

impl NodeConfig {
    /// What nodes of swarms have in common; a tracker has none of it.
    pub fn common(&self) -> Option<&CommonConfig> {
        match self {
            Self::Source(config) => Some(&config.common),
            Self::Support(config) => Some(&config.common),
            Self::Client(config) => Some(&config.common),
            Self::PublishHls(config) => Some(&config.support.common),
            Self::Tracker(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn common_mut(&mut self) -> Option<&mut CommonConfig> {
        match self {
            Self::Source(config) => Some(&mut config.common),
            Self::Support(config) => Some(&mut config.common),
            Self::Client(config) => Some(&mut config.common),
            Self::PublishHls(config) => Some(&mut config.support.common),
            Self::Tracker(_) => None,
        }
    }

    /// The port that it is to listen on; 0 is a free one.
    pub fn port(&self) -> u16 {
        match self {
            Self::Tracker(config) => config.port,
            _ => self.common().map_or(0, |common| common.port),
        }
    }

    /// Addresses that it is to listen on; none stands for all.
    pub fn bind(&self) -> &[IpAddr] {
        match self {
            Self::Tracker(config) => &config.bind,
            _ => self.common().map_or(&[], |common| &common.bind),
        }
    }

    /// Where its pid file goes.
    pub fn pid_file_dir(&self) -> Option<&Path> {
        match self {
            Self::Tracker(config) => Some(&config.pid_file_dir),
            _ => self.common().map(|common| common.pid_file_dir.as_path()),
        }
    }
}
