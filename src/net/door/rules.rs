//! The rules of `--ip-filter-config` together with the database of countries that they may need.

use std::net::IpAddr;
use std::path::PathBuf;

use super::FilterFiles;
use super::countries::{Countries, CountriesError};
use super::filter::{Country, Filter, Unwanted};
use super::places::Share;
use super::rules_file::{self, RulesError};
use crate::base::limits::FILTER_FILE_MAX_BYTES;
use crate::store::files::{self, FileError};

/// Why the rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("--ip-filter-config: {} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("--ip-filter-config: {0}")]
    Unreadable(#[from] FileError),
    #[error("--ip-filter-config {path}: {why}")]
    Wrong { path: PathBuf, why: RulesError },
    #[error("--ip-filter-config {0}: it has rules for countries, which need a database: give --geoip-db")]
    NoDatabase(PathBuf),
    #[error(transparent)]
    Countries(#[from] CountriesError),
}

/// Rules that can be asked.
#[derive(Debug, Default)]
pub(super) struct Rules {
    filter: Filter,
    /// Only there when a rule needs it.
    countries: Option<Countries>,
}

impl Rules {
    /// Reads both files; a database that no rule needs is read as well, so that a mistake shows at once.
    pub fn read(files: &FilterFiles) -> Result<Self, LoadError> {
        let path = || files.rules.clone();
        let text = files::read_bounded(&files.rules, FILTER_FILE_MAX_BYTES)?;
        let text = text.ok_or_else(|| LoadError::Missing(path()))?;
        let filter = rules_file::parse(&text).map_err(|why| LoadError::Wrong { path: path(), why })?;
        let countries = files.countries.as_deref().map(Countries::read).transpose()?;
        match filter.knows_countries() {
            true if countries.is_none() => Err(LoadError::NoDatabase(path())),
            true => Ok(Self { filter, countries }),
            false => Ok(Self { filter, countries: None }),
        }
    }

    pub fn judge(&self, ip: IpAddr) -> Result<(), Unwanted> {
        self.filter.judge(ip, self.country_of(ip))
    }

    /// The shares of the groups that `ip` counts in.
    pub fn shares_of(&self, ip: IpAddr, max_connections: usize) -> Vec<Share> {
        let groups = self.filter.groups_of(ip, self.country_of(ip));
        groups.map(|group| Share { group: group.name.clone(), max: group.places(max_connections) }).collect()
    }

    fn country_of(&self, ip: IpAddr) -> Option<Country> {
        self.countries.as_ref()?.of(ip)
    }
}
