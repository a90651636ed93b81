//! PCP (RFC 6887) and NAT-PMP (RFC 6886), spoken to the router of the default route. What the router answers
//! is checked by the crate that reads it; this decides what is asked for and how often.

use std::net::IpAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use crab_nat::{
    InternetProtocol, MappingFailure, PortMapping, PortMappingOptions, PortMappingType, TimeoutConfig,
    natpmp, pcp,
};

use super::mapping::{Granted, Mapping, Way};
use super::{LEASE, Spot};
use crate::base::limits::{PMP_FIRST_TIMEOUT, PMP_RETRIES_MAX};

const TIMEOUTS: TimeoutConfig = TimeoutConfig {
    initial_timeout: PMP_FIRST_TIMEOUT,
    max_retries: PMP_RETRIES_MAX,
    max_retry_timeout: None,
};

/// Which of the two forms is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Pcp,
    NatPmp,
}

/// Both ports at one router.
#[derive(Debug)]
pub struct Pmp {
    form: Form,
    spot: Spot,
    /// The same in every life of this node, so that it may renew what an earlier one left behind.
    nonce: pcp::Nonce,
    tcp: Slot,
    udp: Slot,
}

/// What is known of one port's mapping.
#[derive(Debug)]
struct Slot {
    protocol: InternetProtocol,
    granted: Option<PortMapping>,
}

impl Slot {
    /// The port outside, as the router last gave it.
    fn outside(&self) -> Option<NonZeroU16> {
        self.granted.as_ref().map(PortMapping::external_port)
    }

    /// The address outside, which PCP tells with each mapping.
    fn outer_ip(&self) -> Option<IpAddr> {
        match self.granted.as_ref()?.mapping_type() {
            PortMappingType::Pcp { external_ip, .. } => Some(external_ip),
            PortMappingType::NatPmp => None,
        }
    }
}

impl Pmp {
    pub fn new(form: Form, spot: Spot, nonce: pcp::Nonce) -> Self {
        let slot = |protocol| Slot { protocol, granted: None };
        Self { form, spot, nonce, tcp: slot(InternetProtocol::Tcp), udp: slot(InternetProtocol::Udp) }
    }

    /// Asks for both mappings, or for both again: the port outside that is the node's own, or the last one.
    ///
    /// # Errors
    /// The router does not map TCP.
    pub async fn map(&mut self) -> Result<Granted, MappingFailure> {
        let wished = self.tcp.outside().unwrap_or(self.spot.port);
        let tcp = self.map_one(&self.tcp, wished).await?;
        let wished = self.udp.outside().unwrap_or(tcp.external_port());
        let udp = self.map_one(&self.udp, wished).await;
        if let Err(error) = &udp {
            tracing::debug!(target: super::LOG, "no UDP: {error}");
        }
        let lease = Duration::from_secs(tcp.lifetime().into());
        self.tcp.granted = Some(tcp);
        self.udp.granted = udp.ok();
        let mapping = Mapping {
            way: match self.form {
                Form::Pcp => Way::Pcp,
                Form::NatPmp => Way::NatPmp,
            },
            router: self.spot.router,
            external_ip: self.external_ip().await,
            tcp_port: self.tcp.outside().unwrap_or(wished).get(),
            udp_port: self.udp.outside().map(NonZeroU16::get),
        };
        Ok(Granted { mapping, lease: Some(lease) })
    }

    /// The lease is always asked for anew: what a router granted once may be too short to be asked for.
    async fn map_one(&self, slot: &Slot, wished: NonZeroU16) -> Result<PortMapping, MappingFailure> {
        let options = PortMappingOptions {
            external_port: Some(wished),
            lifetime_seconds: Some(LEASE.as_secs() as u32),
            timeout_config: Some(TIMEOUTS),
        };
        let Spot { router, own_ip, port, .. } = self.spot;
        match self.form {
            Form::Pcp => {
                let request = pcp::BaseMapRequest::new(router.into(), own_ip.into(), slot.protocol, port);
                Ok(pcp::port_mapping(request, Some(self.nonce), slot.outer_ip(), options).await?)
            }
            Form::NatPmp => Ok(natpmp::port_mapping(router.into(), slot.protocol, port, options).await?),
        }
    }

    async fn external_ip(&self) -> Option<IpAddr> {
        let told = match self.form {
            Form::Pcp => self.tcp.outer_ip(),
            Form::NatPmp => {
                natpmp::external_address(self.spot.router.into(), Some(TIMEOUTS)).await.ok().map(IpAddr::V4)
            }
        };
        told.filter(|ip| !ip.is_unspecified())
    }

    /// Tells the router that the mappings are no longer needed; one that does not hear it lets them run out.
    pub async fn unmap(self) {
        let slots = [self.tcp, self.udp].into_iter().filter_map(|slot| slot.granted);
        let removals = slots.map(|granted| async move {
            if let Err((error, _)) = granted.try_drop().await {
                tracing::debug!(target: super::LOG, "mapping is left to run out: {error}");
            }
        });
        futures_util::future::join_all(removals).await;
    }
}
