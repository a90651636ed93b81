//! The file of `--ip-filter-config`, read strictly: a word that is not known, a network that is none or a group
//! that is not there is an error that says where, and then none of it counts.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::filter::{Country, Filter, LimitedGroup, Origins};
use crate::base::cidr::{Network, NetworkError};

/// What is wrong with a file. Each names its place as `groups.NAME.addresses[3]`.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("expected an object, found a list")]
    List,
    #[error("{place}: {why}")]
    Network { place: String, why: NetworkError },
    #[error("{place}: {text:?} is no country: expected two upper-case letters, as \"PL\"")]
    Country { place: String, text: String },
    #[error("{place}: no group is called {name:?}; {known}")]
    Group { place: String, name: String, known: String },
    #[error("{place}: {text:?} is no share of the connections: expected \"0%\" to \"100%\"")]
    Share { place: String, text: String },
    #[error("{0}: it names nobody: leave it out, or name an address, a country or a group")]
    Empty(String),
}

/// Reads the rules.
pub fn parse(text: &[u8]) -> Result<Filter, RulesError> {
    // a list of the fields' values would do for the reader too
    if text.trim_ascii_start().starts_with(b"[") {
        return Err(RulesError::List);
    }
    let file: File = serde_json::from_slice(text)?;
    let read = |(name, group): (&String, &Group)| {
        let origins = read_group(&format!("groups.{name}"), group)?;
        Ok((name.clone(), origins))
    };
    let groups = file.groups.0.iter().map(read).collect::<Result<Groups, RulesError>>()?;
    let blacklist = file.blacklist.as_ref().map(|list| read_list("blacklist", list, &groups));
    let whitelist = file.whitelist.as_ref().map(|list| read_whitelist(list, &groups));
    let limit = |(name, share): (&String, &String)| read_limit(name, share, &groups);
    Ok(Filter {
        blacklist: blacklist.transpose()?.unwrap_or_default().into(),
        whitelist: whitelist.transpose()?,
        limited: file.limit_groups.0.iter().map(limit).collect::<Result<_, _>>()?,
    })
}

/// What one heading names, before it is put in order.
#[derive(Debug, Clone, Default)]
struct Names {
    networks: Vec<Network>,
    countries: Vec<Country>,
}

type Groups = BTreeMap<String, Names>;

impl From<Names> for Origins {
    fn from(names: Names) -> Self {
        let mut countries = names.countries;
        countries.sort_unstable();
        countries.dedup();
        Self { networks: names.networks.into_iter().collect(), countries }
    }
}

fn read_group(place: &str, group: &Group) -> Result<Names, RulesError> {
    let names = read_names(place, &group.addresses, &group.countries)?;
    if names.networks.is_empty() && names.countries.is_empty() {
        return Err(RulesError::Empty(place.to_owned()));
    }
    Ok(names)
}

fn read_names(place: &str, addresses: &[String], countries: &[String]) -> Result<Names, RulesError> {
    let network = |(index, text): (usize, &String)| {
        let place = || format!("{place}.addresses[{index}]");
        text.parse().map_err(|why| RulesError::Network { place: place(), why })
    };
    let country = |(index, text): (usize, &String)| {
        let place = || format!("{place}.countries[{index}]");
        read_country(text).ok_or_else(|| RulesError::Country { place: place(), text: text.clone() })
    };
    Ok(Names {
        networks: addresses.iter().enumerate().map(network).collect::<Result<_, _>>()?,
        countries: countries.iter().enumerate().map(country).collect::<Result<_, _>>()?,
    })
}

fn read_country(text: &str) -> Option<Country> {
    let letters: Country = text.as_bytes().try_into().ok()?;
    letters.iter().all(u8::is_ascii_uppercase).then_some(letters)
}

fn read_list(place: &str, list: &List, groups: &Groups) -> Result<Names, RulesError> {
    let mut names = read_names(place, &list.addresses, &list.countries)?;
    for (index, name) in list.groups.iter().enumerate() {
        let group = find(groups, name, || format!("{place}.groups[{index}]"))?;
        names.networks.extend(&group.networks);
        names.countries.extend(&group.countries);
    }
    Ok(names)
}

/// One without a name would shut everybody out, which nobody means.
fn read_whitelist(list: &List, groups: &Groups) -> Result<Origins, RulesError> {
    let names = read_list("whitelist", list, groups)?;
    if names.networks.is_empty() && names.countries.is_empty() {
        return Err(RulesError::Empty("whitelist".to_owned()));
    }
    Ok(names.into())
}

fn read_limit(name: &str, share: &str, groups: &Groups) -> Result<LimitedGroup, RulesError> {
    let place = || format!("limit_groups.{name}");
    let origins = find(groups, name, place)?.clone().into();
    let percent = share.strip_suffix('%').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
    let percent = percent.and_then(|digits| digits.parse().ok()).filter(|percent| *percent <= 100);
    let percent = percent.ok_or_else(|| RulesError::Share { place: place(), text: share.to_owned() })?;
    Ok(LimitedGroup { name: name.to_owned(), origins, percent })
}

fn find<'a>(groups: &'a Groups, name: &str, place: impl Fn() -> String) -> Result<&'a Names, RulesError> {
    let known = || match groups.is_empty() {
        true => "the file has no groups".to_owned(),
        false => format!("groups are {}", groups.keys().cloned().collect::<Vec<_>>().join(", ")),
    };
    let unknown = || RulesError::Group { place: place(), name: name.to_owned(), known: known() };
    groups.get(name).ok_or_else(unknown)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    groups: Named<Group>,
    blacklist: Option<List>,
    whitelist: Option<List>,
    #[serde(default)]
    limit_groups: Named<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    countries: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    addresses: Vec<String>,
    #[serde(default)]
    countries: Vec<String>,
    #[serde(default)]
    groups: Vec<String>,
}

/// A map in which no name comes twice: of two, one would silently not count.
struct Named<T>(BTreeMap<String, T>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose names are groups")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut named = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if named.contains_key(&name) {
                return Err(A::Error::custom(format!("group {name:?} comes twice")));
            }
            named.insert(name, map.next_value()?);
        }
        Ok(Named(named))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn file_of_every_part_is_read() {
        let text = br#"{
            "groups": {"office": {"addresses": ["10.0.0.0/8", "fd00::/8"]}, "east": {"countries": ["PL", "CZ", "PL"]}},
            "blacklist": {"addresses": ["10.9.0.0/16"], "countries": ["XX"]},
            "whitelist": {"groups": ["office", "east"], "addresses": ["192.0.2.7"]},
            "limit_groups": {"east": "30%"}
        }"#;
        let filter = parse(text).expect("a filter");
        for (address, country, is_wanted) in [
            ("10.1.1.1", None, true),
            ("fd00::1", None, true),
            ("10.9.1.1", None, false),
            ("192.0.2.7", None, true),
            ("192.0.2.8", None, false),
            ("192.0.2.8", Some(*b"CZ"), true),
            ("192.0.2.7", Some(*b"XX"), false),
        ] {
            assert_eq!(filter.judge(ip(address), country).is_ok(), is_wanted, "{address} {country:?}");
        }
        let groups: Vec<_> =
            filter.groups_of(ip("1.2.3.4"), Some(*b"PL")).map(|group| group.percent).collect();
        assert_eq!((groups, filter.knows_countries()), (vec![30], true));
    }

    #[test]
    fn parts_may_be_left_out_or_empty() {
        for text in ["{}", r#"{"groups": {}, "blacklist": {"addresses": []}, "limit_groups": {}}"#] {
            assert_eq!(parse(text.as_bytes()).expect(text), Filter::default(), "{text}");
        }
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        for (text, why) in [
            (
                r#"{"blacklist": {"addresses": ["10.0.0.0/8", "10.0.0.1/8"]}}"#,
                "blacklist.addresses[1]: 10.0.0.1/8 names",
            ),
            (
                r#"{"groups": {"g": {"addresses": ["host"]}}}"#,
                r#"groups.g.addresses[0]: "host" is no address"#,
            ),
            (r#"{"whitelist": {"countries": ["pl"]}}"#, r#"whitelist.countries[0]: "pl" is no country"#),
            (r#"{"whitelist": {"countries": ["POL"]}}"#, r#"whitelist.countries[0]: "POL" is no country"#),
            (
                r#"{"blacklist": {"groups": ["h"]}}"#,
                r#"blacklist.groups[0]: no group is called "h"; the file has no groups"#,
            ),
            (
                r#"{"groups": {"a": {"countries": ["PL"]}}, "limit_groups": {"b": "1%"}}"#,
                r#"limit_groups.b: no group is called "b"; groups are a"#,
            ),
            (r#"{"whitelist": {}}"#, "whitelist: it names nobody"),
            (r#"{"groups": {"g": {}}}"#, "groups.g: it names nobody"),
            (r#"{"blacklst": {}}"#, "unknown field `blacklst`, expected one of"),
            (r#"{"blacklist": {"adresses": []}}"#, "unknown field `adresses`"),
            (r#"{"blacklist": {}, "blacklist": {}}"#, "duplicate field `blacklist`"),
            (
                r#"{"groups": {"g": {"countries": ["PL"]}, "g": {"countries": ["CZ"]}}}"#,
                r#"group "g" comes twice at line 1"#,
            ),
            ("{\n  \"groups\": [\n", "at line 2 column 12"),
            ("", "EOF while parsing a value at line 1"),
            ("[]", "expected an object, found a list"),
        ] {
            let error = parse(text.as_bytes()).expect_err(text).to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn shares_are_whole_percents() {
        let with = |share: &str| {
            let text = format!(
                r#"{{"groups": {{"g": {{"countries": ["PL"]}}}}, "limit_groups": {{"g": "{share}"}}}}"#
            );
            parse(text.as_bytes()).map(|filter| filter.limited[0].percent)
        };
        assert_eq!([with("0%").ok(), with("30%").ok(), with("100%").ok()], [Some(0), Some(30), Some(100)]);
        for share in ["101%", "30", "%", "+3%", "-1%", "3.5%", "30 %", ""] {
            let error = with(share).expect_err(share).to_string();
            assert!(
                error.contains("limit_groups.g:") && error.contains(r#"expected "0%" to "100%""#),
                "{error}"
            );
        }
    }
}
