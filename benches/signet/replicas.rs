//! Several processes over one PostgreSQL database.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::bench::{Bench, Done, LIVE};
use crate::load::Talk;
use crate::process::{Process, Site};
use crate::seed::Size;
use crate::work::{Form, Refresh};
use crate::world;

/// The numbers of processes that are measured.
const PROCESSES: [usize; 3] = [1, 2, 4];
const CONNECTIONS: usize = 64;

/// Drives one, two and four processes; connections are distributed in turn, like by a load balancer.
pub fn measure(bench: &mut Bench<'_>, dir: &Path, url: &str) -> Done {
    // They share one key and one issuer.
    let key = URL_SAFE_NO_PAD.encode([7; 32]);
    let site = |number: usize| -> Done<Site> {
        let dir = dir.join(number.to_string());
        std::fs::create_dir_all(&dir)?;
        Ok(Site::new(&dir)
            .with("SIGNET_DATABASE_URL", url)
            .with("SIGNET_MASTER_KEY", &key)
            .with("SIGNET_ISSUER", "http://localhost:8080"))
    };
    let size = Size { users: 1_000, sessions: LIVE, is_searched: false };
    let world = bench.runtime.block_on(world::make(&site(0)?, size))?;
    let mut used = 0;
    for processes in PROCESSES {
        let servers =
            (0..processes).map(|number| Ok(site(number)?.start()?)).collect::<Done<Vec<_>>>()?;
        let targets: Vec<_> = servers.iter().map(Process::target).collect();
        let label = match processes {
            1 => "PostgreSQL, 1 process".to_owned(),
            more => format!("PostgreSQL, {more} processes"),
        };
        let share = LIVE / PROCESSES.len() as u64;
        let talks = Refresh::share(&world.seeded, used..used + share, CONNECTIONS);
        used += share;
        bench.measure(&targets, &format!("refresh, {label}"), talks, Some("POST"))?;
        let talks = (0..CONNECTIONS)
            .map(|_| {
                let body = "grant_type=client_credentials&scope=read".to_owned();
                let (path, header) = ("/oauth2/token", world.basic());
                Box::new(Form { path, header, body, expects: "\"access_token\"" }) as Box<dyn Talk>
            })
            .collect();
        bench.measure(&targets, &format!("client_credentials, {label}"), talks, Some("POST"))?;
        for server in servers {
            server.stop()?;
        }
    }
    Ok(())
}
