//! Tests of the queue: lanes, turns, shares and estimates.

use std::net::IpAddr;

use super::*;

const HASH: Duration = Duration::from_millis(10);

fn queue(workers: usize, max_wait: Duration) -> Queue<(u8, u32)> {
    Queue::new(workers, max_wait, HASH)
}

/// One of many networks, each in its own prefix.
fn from(number: u8) -> Requester {
    Requester::Address(IpAddr::from([192, number, 2, 1]))
}

/// Enters the queue, if there is a slot.
fn come(queue: &mut Queue<(u8, u32)>, lane: Lane, number: u8, which: u32) -> Option<u64> {
    queue.reserve(lane, from(number)).ok()?;
    Some(queue.push(lane, from(number), (number, which)))
}

/// Serves everything and returns the order.
fn served(queue: &mut Queue<(u8, u32)>) -> Vec<(u8, u32)> {
    std::iter::from_fn(|| {
        let job = queue.pop();
        job.inspect(|_| queue.done(Some(HASH)))
    })
    .collect()
}

#[test]
fn a_lane_serves_its_networks_in_turn_and_each_in_order() {
    let mut queue = queue(1, Duration::from_secs(9));
    for which in 0..4 {
        come(&mut queue, Lane::Stranger, 1, which).unwrap();
    }
    come(&mut queue, Lane::Stranger, 2, 0).unwrap();
    come(&mut queue, Lane::Stranger, 3, 0).unwrap();
    come(&mut queue, Lane::Stranger, 2, 1).unwrap();
    assert_eq!(queue.waiting(), 7);
    let order = [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2), (1, 3)];
    assert_eq!(served(&mut queue), order);
    assert!(queue.lanes[1].is_empty());
}

#[test]
fn known_ones_go_first_and_strangers_get_every_fourth_turn() {
    let mut queue = queue(1, Duration::from_secs(9));
    for which in 0..5 {
        come(&mut queue, Lane::Stranger, 1, which).unwrap();
    }
    for which in 0..8 {
        come(&mut queue, Lane::Known, 2, which).unwrap();
    }
    let networks: Vec<u8> = served(&mut queue).iter().map(|(network, _)| *network).collect();
    assert_eq!(networks, [2, 2, 2, 1, 2, 2, 2, 1, 2, 2, 1, 1, 1]);
}

/// However many strangers wait, a known network waits for at most one of them, and a stranger for at most three
/// known ones.
#[test]
fn neither_lane_starves_the_other() {
    for (flood, lonely, most) in
        [(Lane::Stranger, Lane::Known, 1), (Lane::Known, Lane::Stranger, 3)]
    {
        for served_before in 0..8 {
            let mut queue = queue(1, Duration::from_secs(99));
            for number in 0..200 {
                come(&mut queue, flood, number, 0).unwrap();
            }
            for _ in 0..served_before {
                queue.pop().unwrap();
                queue.done(Some(HASH));
            }
            come(&mut queue, lonely, 250, 7).unwrap();
            let place = served(&mut queue).iter().position(|job| *job == (250, 7)).unwrap();
            assert!(place <= most, "{lonely:?} after {served_before}: place {place}");
        }
    }
}

#[test]
fn nothing_waits_while_a_worker_is_free() {
    let mut queue = queue(2, Duration::ZERO);
    assert_eq!(queue.wait(Lane::Stranger, from(1)), Duration::ZERO);
    come(&mut queue, Lane::Stranger, 1, 0).unwrap();
    come(&mut queue, Lane::Stranger, 1, 1).unwrap();
    let refused = queue.reserve(Lane::Stranger, from(1)).unwrap_err();
    assert_eq!(refused, (Refused::TooLong, HASH / 2));
    assert_eq!(queue.pop(), Some((1, 0)));
    // The worker that took it is busy, so there is still no free one.
    assert!(queue.reserve(Lane::Stranger, from(1)).is_err());
    queue.done(Some(HASH));
    assert!(queue.reserve(Lane::Stranger, from(1)).is_ok());
}

#[test]
fn a_request_that_would_wait_too_long_is_refused_at_once() {
    let mut queue = queue(2, Duration::from_millis(500));
    let admitted =
        (0..1000).filter(|n| come(&mut queue, Lane::Stranger, (n % 200) as u8, *n).is_some());
    // 500 ms of two workers at 10 ms each, and the two that go at once.
    assert_eq!(admitted.count(), 101 + 1);
    let (why, wait) = queue.reserve(Lane::Stranger, from(201)).unwrap_err();
    assert_eq!(why, Refused::TooLong);
    assert!(wait > Duration::from_millis(500) && wait < Duration::from_millis(520), "{wait:?}");
    // Slower hashes: fewer requests are admitted from now on.
    for _ in 0..100 {
        queue.pop().unwrap();
        queue.done(Some(HASH * 4));
    }
    while queue.pop().is_some() {
        queue.done(Some(HASH * 4));
    }
    let admitted =
        (0..1000).filter(|n| come(&mut queue, Lane::Stranger, (n % 200) as u8, *n).is_some());
    let admitted = admitted.count();
    assert!((25..=28).contains(&admitted), "{admitted}");
}

/// All admitted requests with the time at which their hash begins, if each takes as long as before.
fn begun(queue: &mut Queue<(u8, u32)>) -> Vec<((u8, u32), Duration)> {
    let mut begun = Vec::new();
    for round in 0.. {
        let jobs: Vec<_> = (0..queue.workers).map_while(|_| queue.pop()).collect();
        if jobs.is_empty() {
            return begun;
        }
        jobs.iter().for_each(|_| queue.done(Some(HASH)));
        begun.extend(jobs.into_iter().map(|job| (job, HASH * round)));
    }
    unreachable!("the queue never ends")
}

/// Estimates are kept and no request is refused that could have been served, for strangers of one or many networks,
/// mixed with known networks.
#[test]
fn a_request_that_is_let_in_is_served_in_time() {
    let max_wait = Duration::from_millis(300);
    for workers in [1, 2, 5] {
        for networks in [1u32, 200] {
            let mut queue = queue(workers, max_wait);
            for n in 0..200u32 {
                let number = u8::try_from(n % networks).unwrap();
                come(&mut queue, Lane::Stranger, number, n);
            }
            let begun = begun(&mut queue);
            assert_eq!(begun.len(), 30 * workers + workers, "{workers} {networks}");
            assert!(begun.iter().all(|(_, at)| *at <= max_wait), "{workers} {networks}");
        }
        for known in 2..6 {
            let mut queue = queue(workers, max_wait);
            for n in 0..200u32 {
                let lane = if n % known == 0 { Lane::Known } else { Lane::Stranger };
                come(&mut queue, lane, u8::try_from(n).unwrap(), n);
            }
            let begun = begun(&mut queue);
            let late = begun.iter().filter(|((_, n), at)| n % known == 0 && *at > max_wait);
            assert_eq!(late.count(), 0, "{workers} {known}");
            assert!(begun.iter().any(|((_, n), _)| n % known != 0), "{workers} {known}");
        }
    }
}

/// Reserves all slots that this requester gets; returns their number and the final refusal.
fn reserve_all(queue: &mut Queue<(u8, u32)>, lane: Lane, who: Requester) -> (usize, Refused) {
    for reserved in 0.. {
        if let Err((why, _)) = queue.reserve(lane, who) {
            return (reserved, why);
        }
    }
    unreachable!("places never end")
}

#[test]
fn one_network_cannot_fill_the_queue() {
    let mut queue = queue(1, Duration::from_secs(3600));
    let filled = reserve_all(&mut queue, Lane::Stranger, from(1));
    assert_eq!(filled, (SHARE, Refused::NetworkQuota));
    // Another network is next but one.
    assert_eq!(queue.wait(Lane::Stranger, from(2)), HASH);
    queue.release(Lane::Stranger, from(1));
    assert!(queue.reserve(Lane::Stranger, from(1)).is_ok());
}

/// A few networks that take all they can leave slots for others, and known networks find slots when strangers have
/// taken all of theirs.
#[test]
fn floods_leave_places_for_others() {
    let mut queue = queue(1, Duration::from_secs(3600));
    for number in 1..=20 {
        let (reserved, why) = reserve_all(&mut queue, Lane::Stranger, from(number));
        assert!(reserved >= SMALL && why == Refused::NetworkQuota, "{number}: {reserved} {why:?}");
    }
    assert!(queue.reserve(Lane::Stranger, from(200)).is_ok());
    for number in 0..=255 {
        for host in 0..4 {
            let address = IpAddr::from([10, number, host, 1]);
            let _ = queue.reserve(Lane::Stranger, Requester::Address(address));
        }
    }
    assert_eq!(queue.lanes[1].places(), STRANGERS);
    let (why, _) = queue.reserve(Lane::Stranger, from(201)).unwrap_err();
    assert_eq!(why, Refused::Full);
    for number in 1..=20 {
        let (reserved, _) = reserve_all(&mut queue, Lane::Known, from(number));
        assert!(reserved >= SMALL, "{number}: {reserved}");
    }
    assert!(queue.reserve(Lane::Known, from(200)).is_ok());
}

/// A prefix with many networks has one turn, and one share of the slots.
#[test]
fn networks_of_one_prefix_share_its_turns_and_its_places() {
    let crowd = |n: u32| {
        let [.., high, low] = n.to_be_bytes();
        let v4 = IpAddr::from([192, 0, 2, low]);
        // /64 networks in many /56 of one /48.
        let v6 =
            IpAddr::from([0x2001, 0xdb8, 7, u16::from(high) << 8 | u16::from(low), 0, 0, 0, 1]);
        [Requester::Address(v4), Requester::Address(v6)]
    };
    for kind in 0..2 {
        let mut queue = queue(1, Duration::from_secs(3600));
        let admitted = (0..1000).filter(|n| {
            let who = crowd(*n)[kind];
            let reserved = queue.reserve(Lane::Stranger, who).is_ok();
            if reserved {
                queue.push(Lane::Stranger, who, (0, *n));
            }
            reserved
        });
        assert_eq!(admitted.count(), SHARE);
        come(&mut queue, Lane::Stranger, 9, 0).unwrap();
        come(&mut queue, Lane::Stranger, 9, 1).unwrap();
        let served = served(&mut queue);
        let turns: Vec<usize> = (0..served.len()).filter(|at| served[*at].0 == 9).collect();
        assert_eq!(turns, [1, 3]);
        assert!(queue.lanes[1].is_empty());
    }
}

#[test]
fn a_small_site_and_a_large_one_in_one_prefix_take_turns() {
    let site =
        |subnet: u16| Requester::Address(IpAddr::from([0x2001, 0xdb8, 7, subnet, 0, 0, 0, 1]));
    let mut queue = queue(1, Duration::from_secs(3600));
    // Forty /64 of one /56, then one of another /56 of the same /48.
    for subnet in 0..40 {
        queue.reserve(Lane::Stranger, site(subnet)).unwrap();
        queue.push(Lane::Stranger, site(subnet), (1, 0));
    }
    assert_eq!(queue.wait(Lane::Stranger, site(0x100)), HASH);
    queue.reserve(Lane::Stranger, site(0x100)).unwrap();
    queue.push(Lane::Stranger, site(0x100), (2, 0));
    assert_eq!(served(&mut queue).iter().position(|job| job.0 == 2), Some(1));
}

#[test]
fn an_account_that_has_authenticated_has_one_turn_from_whichever_networks() {
    let mut queue = queue(1, Duration::from_secs(3600));
    let account = Requester::Account(uuid::Uuid::from_u128(7));
    for which in 0..100 {
        queue.reserve(Lane::Known, account).unwrap();
        queue.push(Lane::Known, account, (0, which));
    }
    assert_eq!(queue.wait(Lane::Known, from(1)), HASH);
}

#[test]
fn reservations_count_until_they_are_used_or_dropped() {
    let mut queue = queue(1, HASH);
    queue.reserve(Lane::Known, from(1)).unwrap();
    queue.reserve(Lane::Known, from(2)).unwrap();
    assert!(queue.reserve(Lane::Known, from(3)).is_err());
    assert_eq!((queue.waiting(), queue.pop()), (0, None));
    queue.release(Lane::Known, from(2));
    queue.release(Lane::Known, from(2));
    queue.reserve(Lane::Known, from(3)).unwrap();
    queue.push(Lane::Known, from(3), (3, 0));
    queue.push(Lane::Known, from(1), (1, 0));
    assert_eq!(served(&mut queue), [(3, 0), (1, 0)]);
    assert!(queue.lanes[0].is_empty());
}

#[test]
fn a_request_that_leaves_is_not_served_and_delays_none() {
    let mut queue = queue(1, Duration::from_secs(9));
    let first = come(&mut queue, Lane::Stranger, 1, 0).unwrap();
    let second = come(&mut queue, Lane::Stranger, 1, 1).unwrap();
    let other = come(&mut queue, Lane::Stranger, 2, 0).unwrap();
    assert_eq!(queue.leave(Lane::Stranger, from(1), first), Some((1, 0)));
    assert_eq!(queue.leave(Lane::Stranger, from(1), first), None);
    assert_eq!(queue.leave(Lane::Stranger, from(2), other), Some((2, 0)));
    assert_eq!(queue.wait(Lane::Stranger, from(2)), HASH);
    assert_eq!(served(&mut queue), [(1, 1)]);
    assert_eq!(queue.leave(Lane::Stranger, from(1), second), None);
    assert_eq!(queue.wait(Lane::Stranger, from(2)), Duration::ZERO);
    assert!(queue.lanes[1].is_empty());
}

#[test]
fn one_slow_measurement_does_not_close_the_queue() {
    let mut queue = queue(1, Duration::from_secs(2));
    come(&mut queue, Lane::Known, 1, 0).unwrap();
    queue.pop().unwrap();
    queue.done(Some(Duration::from_secs(3600)));
    assert!(queue.average < HASH * 2, "{:?}", queue.average);
    // Skipped requests do not change the average.
    let before = queue.average;
    come(&mut queue, Lane::Known, 1, 1).unwrap();
    queue.pop().unwrap();
    queue.done(None);
    assert_eq!(queue.average, before);
}
