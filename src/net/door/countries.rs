//! The country of an address, from a database in MaxMind's form. It is read whole and once; an address that it
//! does not have is of no country.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use maxminddb::{MaxMindDbError, PathElement, Reader, WithinOptions};

use super::filter::Country;

/// Where the databases of countries, and of cities, keep the code.
const CODE: [PathElement<'static>; 2] = [PathElement::Key("country"), PathElement::Key("iso_code")];
/// Networks in which a database shows that it has countries at all; one of cities has some without.
const PROBED_NETWORKS_MAX: usize = 10_000;

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CountriesError {
    #[error("--geoip-db {path}: {why}")]
    Unreadable { path: PathBuf, why: MaxMindDbError },
    #[error(
        "--geoip-db {path}: a database of {kind:?}, without countries: expected one of countries or cities"
    )]
    NoCountries { path: PathBuf, kind: String },
}

/// A database that was read.
pub struct Countries(Reader<Vec<u8>>);

impl fmt::Debug for Countries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Countries({})", self.0.metadata().database_type)
    }
}

impl Countries {
    /// Reads the whole file; blocks as long as that takes.
    pub fn read(path: &Path) -> Result<Self, CountriesError> {
        let unreadable = |why| CountriesError::Unreadable { path: path.to_owned(), why };
        let countries = Self(Reader::open_readfile(path).map_err(unreadable)?);
        if countries.has_any().map_err(unreadable)? {
            return Ok(countries);
        }
        let kind = countries.0.metadata().database_type.to_string();
        Err(CountriesError::NoCountries { path: path.to_owned(), kind })
    }

    pub fn of(&self, ip: IpAddr) -> Option<Country> {
        let code = self.0.lookup(ip).ok()?.decode_path::<&str>(&CODE).ok().flatten()?;
        code.as_bytes().try_into().ok()
    }

    fn has_any(&self) -> Result<bool, MaxMindDbError> {
        for network in self.0.networks(WithinOptions::default())?.take(PROBED_NETWORKS_MAX) {
            if network?.decode_path::<&str>(&CODE)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
