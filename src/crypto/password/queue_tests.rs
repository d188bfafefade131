//! The queue by itself: lanes, turns, shares, and estimates that come true.

use super::*;

const HASH: Duration = Duration::from_millis(10);

fn queue(workers: usize, max_wait: Duration) -> Queue<(u8, u32)> {
    Queue::new(workers, max_wait, HASH)
}

/// One of many networks.
fn from(number: u8) -> Network {
    Some(IpAddr::from([192, 0, 2, number]))
}

/// Comes, if there is a place.
fn come(queue: &mut Queue<(u8, u32)>, lane: Lane, number: u8, which: u32) -> Option<u64> {
    queue.reserve(lane, from(number)).ok()?;
    Some(queue.push(lane, from(number), (number, which)))
}

/// Who is served, one after the other, until nobody waits.
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
    assert_eq!((queue.waiting(), queue.lanes[1].places), (0, 0));
    assert!(queue.lanes[1].networks.is_empty() && queue.lanes[1].turns.is_empty());
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

/// However many strangers there are, a known one waits for one of them at most, and the other way
/// round for three.
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
fn nobody_waits_while_a_worker_is_free() {
    let mut queue = queue(2, Duration::ZERO);
    assert_eq!(queue.wait(Lane::Stranger, from(1)), Duration::ZERO);
    come(&mut queue, Lane::Stranger, 1, 0).unwrap();
    come(&mut queue, Lane::Stranger, 1, 1).unwrap();
    let refused = queue.reserve(Lane::Stranger, from(1)).unwrap_err();
    assert_eq!(refused, (Refused::TooLong, HASH / 2));
    assert_eq!(queue.pop(), Some((1, 0)));
    // The worker that took it is busy: still nobody to spare.
    assert!(queue.reserve(Lane::Stranger, from(1)).is_err());
    queue.done(Some(HASH));
    assert!(queue.reserve(Lane::Stranger, from(1)).is_ok());
}

#[test]
fn whoever_would_wait_too_long_is_told_so_at_once() {
    let mut queue = queue(2, Duration::from_millis(500));
    let admitted =
        (0..1000).filter(|n| come(&mut queue, Lane::Stranger, (n % 200) as u8, *n).is_some());
    // 500 ms of two workers at 10 ms each, and the two that go at once.
    assert_eq!(admitted.count(), 101 + 1);
    let (why, wait) = queue.reserve(Lane::Stranger, from(201)).unwrap_err();
    assert_eq!(why, Refused::TooLong);
    assert!(wait > Duration::from_millis(500) && wait < Duration::from_millis(520), "{wait:?}");
    // Slower hashes: fewer are let in from now on.
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

/// Everybody who was let in, with the time his hash begins, where each takes what it took before.
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

/// The promise is kept, and nobody was turned away who could have been served: strangers of one
/// network or of many, and known ones among them, whom nobody overtakes.
#[test]
fn whoever_is_let_in_is_served_in_time() {
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

#[test]
fn one_network_cannot_fill_the_queue() {
    let mut queue = queue(1, Duration::from_secs(3600));
    let mut admitted = 0;
    let refused = loop {
        match queue.reserve(Lane::Stranger, from(1)) {
            Ok(()) => admitted += 1,
            Err((why, _)) => break why,
        }
    };
    assert_eq!((admitted, refused), (SHARE, Refused::NetworkQuota));
    // Whoever else comes is next but one.
    assert_eq!(queue.wait(Lane::Stranger, from(2)), HASH);
    for network in 2..=4 {
        for which in 0..SHARE {
            come(&mut queue, Lane::Stranger, network, u32::try_from(which).unwrap()).unwrap();
        }
    }
    let (why, _) = queue.reserve(Lane::Known, from(9)).unwrap_err();
    assert_eq!(why, Refused::Full);
    queue.release(Lane::Stranger, from(1));
    assert!(queue.reserve(Lane::Known, from(9)).is_ok());
}

#[test]
fn promises_count_until_they_are_taken_or_given_up() {
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
    assert!(queue.lanes[0].networks.is_empty());
}

#[test]
fn whoever_leaves_is_not_served_and_holds_nobody_up() {
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
    assert!(queue.lanes[1].networks.is_empty() && queue.lanes[1].turns.is_empty());
}

#[test]
fn one_absurd_measurement_does_not_close_the_door() {
    let mut queue = queue(1, Duration::from_secs(2));
    come(&mut queue, Lane::Known, 1, 0).unwrap();
    queue.pop().unwrap();
    queue.done(Some(Duration::from_secs(3600)));
    assert!(queue.average < HASH * 2, "{:?}", queue.average);
    // What was skipped says nothing about how long a hash takes.
    let before = queue.average;
    come(&mut queue, Lane::Known, 1, 1).unwrap();
    queue.pop().unwrap();
    queue.done(None);
    assert_eq!(queue.average, before);
}
