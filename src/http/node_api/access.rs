//! Who may ask a node for what: this machine, and whom the operator named.
//!
//! A token is an element of the path. Once one is set, nothing under `/app` answers without it, not even to
//! this machine, and it is compared in a time that does not depend on how much of it is right.

use std::net::IpAddr;

use crate::base::net::{canonical, is_localhost};
use crate::base::openings::PrivateLists;

/// What the operator allows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Access {
    /// `--service-access-token`.
    pub token: Option<String>,
    /// `--service-remote-access`: state is told to other machines too.
    pub is_remote: bool,
    /// `--monitor-node-ip`: state is told to this machine too.
    pub monitor_ip: Option<IpAddr>,
    /// On a private node these alone say who may have what.
    pub lists: Option<PrivateLists>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("the access token is missing or wrong: expected /app/<token>/<method>")]
    Token,
    #[error(
        "this answers requests from 127.0.0.1 and ::1; --service-remote-access or --monitor-node-ip allow others"
    )]
    Address,
    #[error("this node is private: --monitor-node-ip names who may ask")]
    Private,
}

impl Access {
    /// The method that `path`, what follows `/app/`, asks for.
    pub fn method<'a>(&self, path: &'a str) -> Result<&'a str, Denied> {
        let Some(token) = &self.token else { return Ok(path) };
        match path.split_once('/') {
            Some((given, method)) if is_same(given.as_bytes(), token.as_bytes()) => Ok(method),
            _ => Err(Denied::Token),
        }
    }

    /// Whether the node's state is told to `from`.
    pub fn may_see_state(&self, from: IpAddr) -> Result<(), Denied> {
        let from = canonical(from);
        if let Some(lists) = &self.lists {
            return if lists.openings(from).state { Ok(()) } else { Err(Denied::Private) };
        }
        let is_allowed = self.is_remote || is_localhost(from) || self.monitor_ip.map(canonical) == Some(from);
        if is_allowed { Ok(()) } else { Err(Denied::Address) }
    }

    /// Whether `from` is given the transport file.
    pub fn may_have_file(&self, from: IpAddr) -> Result<(), Denied> {
        let is_allowed = self.lists.as_ref().is_none_or(|lists| lists.openings(from).transport_file);
        if is_allowed { Ok(()) } else { Err(Denied::Private) }
    }
}

/// Looks at every byte of both, whatever they hold. Only the length of the given one shows in the time.
fn is_same(given: &[u8], token: &[u8]) -> bool {
    let padded = token.iter().copied().chain(std::iter::repeat(0));
    let difference = given.iter().zip(padded).fold(0, |sum, (given, token)| sum | (given ^ token));
    std::hint::black_box(difference) == 0 && given.len() == token.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn state_is_for_this_machine_and_for_whom_the_operator_names() {
        let (closed, remote) = (Access::default(), Access { is_remote: true, ..Access::default() });
        let named = Access { monitor_ip: Some(ip("10.0.0.5")), ..Access::default() };
        for access in [&closed, &remote, &named] {
            for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(access.may_see_state(ip(local)), Ok(()));
            }
        }
        for (access, allowed) in [(&closed, false), (&remote, true), (&named, true)] {
            assert_eq!(access.may_see_state(ip("::ffff:10.0.0.5")).is_ok(), allowed);
        }
        for elsewhere in ["10.0.0.6", "127.0.0.2", "2001:db8::1"] {
            assert_eq!(named.may_see_state(ip(elsewhere)), Err(Denied::Address));
        }
    }

    #[test]
    fn token_stands_before_the_method_and_must_be_whole() {
        let access = Access { token: Some("s3cret".to_owned()), ..Access::default() };
        assert_eq!(access.method("s3cret/monitor"), Ok("monitor"));
        for wrong in
            ["monitor", "s3cre/monitor", "s3cretx/monitor", "S3cret/monitor", "/monitor", "s3cret", ""]
        {
            assert_eq!(access.method(wrong), Err(Denied::Token), "{wrong}");
        }
        assert_eq!(Access::default().method("monitor"), Ok("monitor"));
    }
}
