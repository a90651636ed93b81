//! UPnP: an internet gateway device, found by SSDP and asked by SOAP. Only the router of the default route is
//! believed, whoever else answers the search.

use std::net::{IpAddr, SocketAddr};

use igd_next::aio::Gateway;
use igd_next::aio::tokio::{Tokio, search_gateway};
use igd_next::{
    AddAnyPortError, AddPortError, GatewayIpVersion, GetExternalIpError, PortMappingProtocol, RequestError,
    SearchError, SearchOptions,
};

use super::mapping::{Granted, Mapping, Way};
use super::{LEASE, Spot};
use crate::base::limits::SSDP_TIMEOUT;
use crate::base::net::is_public;

/// What routers list the mapping under.
const DESCRIPTION: &str = "start-engine";

/// Why there is no mapping.
#[derive(Debug, thiserror::Error)]
pub enum IgdError {
    #[error(transparent)]
    Search(#[from] SearchError),
    #[error("{0} answered, which is not the router")]
    Stranger(IpAddr),
    #[error("it has no public address itself: it is behind another router, or offline")]
    NotPublic,
    #[error(transparent)]
    Refused(#[from] AddPortError),
    #[error(transparent)]
    NoPort(#[from] AddAnyPortError),
}

impl IgdError {
    fn wants_no_lease(&self) -> bool {
        matches!(
            self,
            Self::Refused(AddPortError::OnlyPermanentLeasesSupported)
                | Self::NoPort(AddAnyPortError::OnlyPermanentLeasesSupported)
        )
    }
}

/// Both ports at one router.
#[derive(Debug)]
pub struct Igd {
    gateway: Gateway<Tokio>,
    spot: Spot,
    tcp: Option<u16>,
    udp: Option<u16>,
    /// Some routers know only mappings that last for ever.
    is_lease_possible: bool,
}

impl Igd {
    /// Searches for the router, from the interface that leads to it.
    pub async fn find(spot: Spot) -> Result<Self, IgdError> {
        let mut options = SearchOptions::default();
        options.bind_addr = SocketAddr::new(spot.own_ip.into(), 0);
        options.broadcast_address = spot.ssdp;
        options.timeout = Some(SSDP_TIMEOUT);
        options.single_search_timeout = Some(SSDP_TIMEOUT);
        options.gateway_ip_version = GatewayIpVersion::V4;
        options.allowed_gateway_ips = vec![spot.router.into()];
        let gateway = search_gateway(options).await?;
        match gateway.addr.ip() {
            ip if ip == IpAddr::V4(spot.router) => {
                Ok(Self { gateway, spot, tcp: None, udp: None, is_lease_possible: true })
            }
            stranger => Err(IgdError::Stranger(stranger)),
        }
    }

    /// Asks for both mappings, or for both again.
    ///
    /// # Errors
    /// The router does not map TCP.
    pub async fn map(&mut self) -> Result<Granted, IgdError> {
        let wished = self.tcp.unwrap_or(self.spot.port.get());
        let tcp = match self.map_one(PortMappingProtocol::TCP, wished).await {
            Ok(tcp) => tcp,
            Err(error) => return Err(self.explain(error).await),
        };
        self.tcp = Some(tcp);
        let udp = self.map_one(PortMappingProtocol::UDP, self.udp.unwrap_or(tcp)).await;
        if let Err(error) = &udp {
            tracing::debug!(target: super::LOG, "no UDP: {error}");
        }
        self.udp = udp.ok();
        let external_ip = self.gateway.get_external_ip().await.ok().filter(|ip| !ip.is_unspecified());
        let mapping = Mapping {
            way: Way::Upnp,
            router: self.spot.router,
            external_ip,
            tcp_port: tcp,
            udp_port: self.udp,
        };
        Ok(Granted { mapping, lease: self.is_lease_possible.then_some(LEASE) })
    }

    /// A router that is itself behind another one refuses without saying so.
    async fn explain(&self, error: IgdError) -> IgdError {
        match self.gateway.get_external_ip().await {
            Ok(ip) if is_public(ip) => error,
            // some tell no address at all then
            Ok(_) | Err(GetExternalIpError::RequestError(RequestError::InvalidResponse(_))) => {
                IgdError::NotPublic
            }
            Err(_) => error,
        }
    }

    /// The port outside that is `wished`, or where somebody else has that, any.
    async fn map_one(&mut self, protocol: PortMappingProtocol, wished: u16) -> Result<u16, IgdError> {
        match self.add(protocol, wished).await {
            Err(error) if self.is_lease_possible && error.wants_no_lease() => {
                self.is_lease_possible = false;
                self.add(protocol, wished).await
            }
            added => added,
        }
    }

    async fn add(&self, protocol: PortMappingProtocol, wished: u16) -> Result<u16, IgdError> {
        let local = SocketAddr::new(self.spot.own_ip.into(), self.spot.port.get());
        // 0 stands for ever
        let lease_s = if self.is_lease_possible { LEASE.as_secs() as u32 } else { 0 };
        match self.gateway.add_port(protocol, wished, local, lease_s, DESCRIPTION).await {
            Ok(()) => Ok(wished),
            Err(AddPortError::PortInUse) => {
                Ok(self.gateway.add_any_port(protocol, local, lease_s, DESCRIPTION).await?)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what was mapped; a router that does not hear it lets it run out.
    pub async fn unmap(self) {
        let tcp = self.tcp.map(|port| (PortMappingProtocol::TCP, port));
        let udp = self.udp.map(|port| (PortMappingProtocol::UDP, port));
        let gateway = &self.gateway;
        let removals = tcp.into_iter().chain(udp).map(|(protocol, port)| async move {
            if let Err(error) = gateway.remove_port(protocol, port).await {
                tracing::debug!(target: super::LOG, "mapping is left to run out: {error}");
            }
        });
        futures_util::future::join_all(removals).await;
    }
}
