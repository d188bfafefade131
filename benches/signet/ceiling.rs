//! The maximum rate of actix-web: an endpoint that returns a constant.

use std::io::{self, Write as _};

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};

/// As large as a JWKS with two keys.
const DOCUMENT: &str = include_str!("ceiling.json");

/// Serves until it is ended; prints its port to stdout. Two workers, like the server on two cores.
pub fn serve() -> io::Result<()> {
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(|| {
            App::new()
                .route("/constant", web::get().to(constant))
                .route("/constant", web::post().to(after_reading))
        })
        .disable_signals()
        .bind("127.0.0.1:0")?;
        let mut out = io::stdout();
        writeln!(out, "{}", server.addrs()[0])?;
        out.flush()?;
        server.run().await
    })
}

async fn constant() -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT)
}

async fn after_reading(_: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(DOCUMENT)
}
