//! The cost of services that poll the revocation feed: `cargo bench --bench signet -- --only feed`.

use std::time::Duration;

use serde_json::json;

use crate::bench::{Bench, Done};
use crate::load::Talk;
use crate::process::Process;
use crate::run::times;
use crate::work::{Fetch, FetchCompressed, Paced};
use crate::world::{Http, World};

const FEED: &str = "/.well-known/revocations";
/// The number of sessions that end before the second half.
const ENDED: u64 = 1_000;

/// Measures the feed when nothing has ended and when a thousand sessions have, at the maximum rate and at that of 1,000
/// services.
pub fn measure(bench: &mut Bench<'_>, server: &Process, world: &World) -> Done {
    if !bench.wanted("feed") {
        return Ok(());
    }
    run(bench, server, "feed, no entries")?;
    let http = Http::to(server);
    bench.runtime.block_on(async {
        for number in 0..ENDED {
            let token = world.seeded.api_token(number);
            // Only a session with possibly valid tokens gets an entry.
            let body = json!({"refresh_token": token});
            let fresh = http.json(reqwest::Method::POST, "/v1/refresh", None, &body).await?;
            let body = json!({"refresh_token": fresh["refresh_token"]});
            http.json(reqwest::Method::POST, "/v1/logout", None, &body).await?;
        }
        Ok::<(), Box<dyn std::error::Error>>(())
    })?;
    run(bench, server, "feed, 1,000 entries")
}

fn run(bench: &mut Bench<'_>, server: &Process, work: &str) -> Done {
    for connections in [16, 64] {
        let talks = times(connections, || Box::new(Fetch(FEED)) as _);
        bench.measure(&[server.target()], work, talks, Some("GET"))?;
    }
    let talks = times(64, || Box::new(FetchCompressed(FEED)) as _);
    bench.measure(&[server.target()], &format!("{work}, gzip"), talks, Some("GET"))?;
    // The rate of 1,000 services that poll every 10 seconds; each connection stands for ten of them.
    let every = Duration::from_secs(1);
    let talk = || Box::new(Paced { talk: FetchCompressed(FEED), every }) as Box<dyn Talk>;
    bench.measure(&[server.target()], &format!("{work}, 100 polls/s"), times(100, talk), None)?;
    Ok(())
}
