//! Whether a request comes from where a rule speaks of.

use std::net::IpAddr;

use crate::{
    id::ZoneId,
    model::{policy_set::NetworkCondition, zone::Zone},
};

/// Whether an address fits a condition. An address that is not known lies in no zone; nor does any in a zone that is gone.
pub(super) fn lies_in(condition: &NetworkCondition, zones: &[Zone], ip: Option<IpAddr>) -> bool {
    let in_any = |ids: &[ZoneId]| {
        ip.is_some_and(|ip| zones.iter().any(|zone| ids.contains(&zone.id) && zone.contains(ip)))
    };
    (condition.include.is_empty() || in_any(&condition.include)) && !in_any(&condition.exclude)
}
