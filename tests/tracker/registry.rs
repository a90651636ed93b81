//! The registry against a naive model, within its bounds, and in virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use start_engine::tracker::registry::{Announcement, Answer, Registry, RegistryError, RegistryLimits};
use start_engine::wire::announce::AnnounceEvent;
use start_engine::wire::tracker_http::{unpacked_v4, unpacked_v6};

use crate::fixture::infohash;

const LIFETIME_S: u64 = 600;

fn limits() -> RegistryLimits {
    RegistryLimits { peer_lifetime: Duration::from_secs(LIFETIME_S), ..RegistryLimits::default() }
}

fn from(swarm: u8, address: SocketAddr) -> Announcement {
    Announcement {
        infohash: infohash(swarm),
        address,
        from_loopback: false,
        seeder: false,
        event: AnnounceEvent::None,
        want: 50,
        own_family_only: false,
    }
}

fn public(number: u16) -> SocketAddr {
    ([192, 0, 2, (number % 7) as u8], 1000 + number).into()
}

fn ask(registry: &Registry, now: Instant, announcement: &Announcement) -> Vec<SocketAddr> {
    let mut answer = Answer::default();
    registry.announce(now, announcement, &mut answer).unwrap();
    let v4 = answer.v4.into_iter().map(unpacked_v4).map(SocketAddr::V4);
    v4.chain(answer.v6.into_iter().map(unpacked_v6).map(SocketAddr::V6)).collect()
}

#[test]
fn large_swarm_gives_as_many_distinct_others_as_wanted_and_reaches_everyone() {
    let now = Instant::now();
    let registry = Registry::new(limits(), 1, now);
    (0..1000).for_each(|number| _ = ask(&registry, now, &from(1, public(number))));
    let mut seen = BTreeSet::new();
    for number in 0..1000 {
        let told = ask(&registry, now, &from(1, public(number)));
        let distinct: BTreeSet<_> = told.iter().copied().collect();
        assert_eq!((told.len(), distinct.len()), (50, 50));
        assert!(!distinct.contains(&public(number)), "an announcer is not told of itself");
        seen.extend(distinct);
    }
    assert_eq!(seen.len(), 1000);
}

#[test]
fn loopback_peer_is_told_to_loopback_only() {
    let now = Instant::now();
    let registry = Registry::new(limits(), 1, now);
    let helper = Announcement { from_loopback: true, ..from(1, ([127, 0, 0, 1], 7764).into()) };
    ask(&registry, now, &helper);
    ask(&registry, now, &from(1, (Ipv6Addr::LOCALHOST, 7764).into()));
    assert_eq!(ask(&registry, now, &from(1, public(1))), []);
    let second = Announcement { address: ([127, 0, 0, 1], 8621).into(), ..helper };
    let told: BTreeSet<_> = ask(&registry, now, &second).into_iter().collect();
    assert_eq!(told, BTreeSet::from([helper.address, public(1), (Ipv6Addr::LOCALHOST, 7764).into()]));
}

#[test]
fn other_family_is_told_only_where_it_is_of_use() {
    let now = Instant::now();
    let registry = Registry::new(limits(), 1, now);
    let v6: SocketAddr = "[2001:db8::1]:9".parse().unwrap();
    ask(&registry, now, &from(1, v6));
    assert_eq!(ask(&registry, now, &from(1, public(1))), [v6]);
    assert_eq!(
        ask(&registry, now, &Announcement { own_family_only: true, ..from(1, public(2)) }),
        [public(1)]
    );
}

#[test]
fn flood_of_swarms_and_peers_stays_within_the_bounds() {
    let now = Instant::now();
    let bounds = RegistryLimits { max_swarms: 3, max_swarm_peers: 40, max_peers: 60, ..limits() };
    let registry = Registry::new(bounds, 1, now);
    for swarm in 0..3 {
        (0..200).for_each(|number| _ = ask(&registry, now, &from(swarm, public(number))));
        assert!(registry.scrape(&infohash(swarm)).leechers <= 40);
    }
    assert_eq!((registry.swarms(), registry.peers()), (3, 60));
    let newcomer = ask(&registry, now, &from(1, public(500)));
    assert!(!newcomer.is_empty(), "a full tracker still answers");
    let one_more = registry.announce(now, &from(9, public(1)), &mut Answer::default());
    assert_eq!(one_more, Err(RegistryError::TooManySwarms(3)));
    registry.expire(now + Duration::from_secs(LIFETIME_S + 1));
    assert_eq!((registry.swarms(), registry.peers()), (0, 0));
    assert!(registry.announce(now, &from(9, public(1)), &mut Answer::default()).is_ok());
}

#[test]
fn newcomer_of_a_full_swarm_takes_a_place() {
    let now = Instant::now();
    let registry = Registry::new(RegistryLimits { max_swarm_peers: 10, ..limits() }, 1, now);
    (0..100).for_each(|number| _ = ask(&registry, now, &from(1, public(number))));
    let asker = Announcement { address: ([192, 0, 2, 200], 0).into(), ..from(1, public(0)) };
    let told = ask(&registry, now, &asker);
    assert_eq!(told.len(), 10);
    assert!(told.contains(&public(99)));
}

#[test]
fn same_seed_gives_the_same_answers() {
    let now = Instant::now();
    let run = |seed| {
        let registry = Registry::new(limits(), seed, now);
        (0..300).map(|number| ask(&registry, now, &from(1, public(number)))).collect::<Vec<_>>()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
}

#[derive(Debug, Clone)]
enum Step {
    Announce { swarm: u8, peer: u16, seeder: bool, want: usize },
    Stop { swarm: u8, peer: u16 },
    Wait { s: u64 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0u8..3, 0u16..60, any::<bool>(), 0usize..70)
            .prop_map(|(swarm, peer, seeder, want)| Step::Announce { swarm, peer, seeder, want }),
        2 => (0u8..3, 0u16..60).prop_map(|(swarm, peer)| Step::Stop { swarm, peer }),
        1 => (1u64..400).prop_map(|s| Step::Wait { s }),
    ]
}

/// Swarm and peer, to whether it is a seeder and when it was seen.
type Model = BTreeMap<(u8, SocketAddr), (bool, u64)>;

fn check_announce(
    registry: &Registry,
    model: &mut Model,
    now: Instant,
    now_s: u64,
    announcement: &Announcement,
    swarm: u8,
) -> Result<(), TestCaseError> {
    model.insert((swarm, announcement.address), (announcement.seeder, now_s));
    let told = ask(registry, now, announcement);
    let others: BTreeSet<_> =
        model.keys().filter(|key| key.0 == swarm && key.1 != announcement.address).map(|key| key.1).collect();
    let distinct: BTreeSet<_> = told.iter().copied().collect();
    prop_assert_eq!(distinct.len(), told.len());
    prop_assert_eq!(told.len(), others.len().min(announcement.want));
    prop_assert!(distinct.is_subset(&others));
    Ok(())
}

proptest! {
    #[test]
    fn random_operations_agree_with_a_naive_model(
        steps in prop::collection::vec(any_step(), 1..400), seed: u64,
    ) {
        let start = Instant::now();
        let registry = Registry::new(limits(), seed, start);
        let (mut model, mut now_s) = (Model::new(), 0);
        for step in steps {
            let now = start + Duration::from_secs(now_s);
            match step {
                Step::Announce { swarm, peer, seeder, want } => {
                    let announcement = Announcement { seeder, want, ..from(swarm, public(peer)) };
                    check_announce(&registry, &mut model, now, now_s, &announcement, swarm)?;
                }
                Step::Stop { swarm, peer } => {
                    model.remove(&(swarm, public(peer)));
                    let goodbye = Announcement { event: AnnounceEvent::Stopped, ..from(swarm, public(peer)) };
                    prop_assert_eq!(ask(&registry, now, &goodbye), []);
                }
                Step::Wait { s } => {
                    now_s += s;
                    registry.expire(start + Duration::from_secs(now_s));
                    model.retain(|_, &mut (_, seen_s)| seen_s + LIFETIME_S >= now_s);
                }
            }
            prop_assert_eq!(registry.peers(), model.len());
            for swarm in 0..3 {
                let of_swarm = || model.iter().filter(|(key, _)| key.0 == swarm);
                let seeders = of_swarm().filter(|(_, value)| value.0).count();
                let counts = registry.scrape(&infohash(swarm));
                prop_assert_eq!(counts.seeders as usize, seeders);
                prop_assert_eq!(counts.leechers as usize, of_swarm().count() - seeders);
            }
        }
    }
}
