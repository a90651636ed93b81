//! Load for any tracker: everybody announces once, or random ones announce for some seconds. Every answer
//! is looked at, and one that is wrong ends the bench.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::crowd::Crowd;
use crate::process::cpu_of;
use crate::{http, udp};

/// Before anything is measured.
const WARM_UP: Duration = Duration::from_millis(500);

/// Over what a tracker is asked.
#[derive(Clone, Copy, PartialEq)]
pub enum Over {
    Udp,
    Http,
}

/// How much is asked.
#[derive(Clone, Copy)]
pub enum Amount {
    /// Everybody once.
    Everyone,
    /// Random ones until then.
    Until(Instant),
}

impl Amount {
    /// Addresses that an answer holds at least.
    pub fn told(self, crowd: Crowd) -> usize {
        if matches!(self, Self::Everyone) { 0 } else { crowd.told() }
    }
}

/// What was asked so far, and how it went.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub answered: u64,
    /// Asked again, since no answer came.
    pub repeated: u64,
}

/// The words of the command line: `fill udp|http ADDRESS SWARMS PEERS`, or
/// `load udp|http ADDRESS SWARMS PEERS SECONDS [PID]`, which counts the CPU time of that process too.
pub fn run(words: &[String]) {
    let number = |place: usize| words[place].parse::<usize>().expect("a number");
    let over = if words[1] == "udp" { Over::Udp } else { Over::Http };
    let tracker: SocketAddr = words[2].parse().expect("an address");
    let crowd = Crowd { swarms: number(3), peers: number(4) };
    if words[0] == "fill" {
        let tally = ask(over, tracker, crowd, Amount::Everyone, &mut |_| {});
        assert_eq!(tally.answered, crowd.len() as u64);
        return;
    }
    let started = Instant::now();
    let measured_from = started + WARM_UP;
    let until = measured_from + Duration::from_secs(number(5) as u64);
    let cpu = || words.get(6).map_or(Duration::ZERO, |pid| cpu_of(pid.parse().expect("a process")));
    let mut first: Option<(Tally, Duration, Instant)> = None;
    let last = ask(over, tracker, crowd, Amount::Until(until), &mut |tally| {
        if first.is_none() && Instant::now() >= measured_from {
            first = Some((tally, cpu(), Instant::now()));
        }
    });
    let (tally, cpu_before, since) = first.expect("the load lasted");
    let answered = last.answered - tally.answered;
    let seconds = since.elapsed().as_secs_f64();
    let cpu_s = (cpu() - cpu_before).as_secs_f64();
    println!("{answered} {cpu_s} {seconds} {}", last.repeated - tally.repeated);
}

/// `look` is called again and again.
fn ask(over: Over, tracker: SocketAddr, crowd: Crowd, amount: Amount, look: &mut dyn FnMut(Tally)) -> Tally {
    match over {
        Over::Udp => udp::ask(tracker, crowd, amount, look),
        Over::Http => http::ask(tracker, crowd, amount, look),
    }
}
