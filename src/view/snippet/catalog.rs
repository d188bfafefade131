//! The output of `signet snippet`: the files of `examples/resource-servers` and `deploy/gateways`, which the test
//! suite runs as they are printed.

use super::syntax::Syntax;

/// A file that can be printed.
#[derive(Debug)]
pub struct Snippet {
    /// The name on the command line.
    pub name: &'static str,
    /// The library or product that it is for.
    pub about: &'static str,
    /// The name that the file should have.
    pub file: &'static str,
    /// The command that installs its dependencies.
    pub install: &'static str,
    /// How to start it.
    pub run: &'static str,
    /// How the test suite checks it.
    pub tested: Tested,
    /// The parts of the template that are replaced.
    pub kind: Kind,
    /// The template, with the values of an example.
    pub source: &'static str,
}

/// How the test suite checks a snippet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tested {
    /// Runs it with good and hostile tokens.
    Run,
    /// Checks its form only: its dependencies cannot be installed where the suite runs.
    FormOnly,
}

/// The parts of a template that are replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The constants of a program that verifies tokens.
    Program(Syntax),
    /// The same, and the behaviour while the revocation feed is stale.
    ProgramWithFeed(Syntax),
    /// The decision request of a gateway, with the prefix of a comment in that file.
    Gateway(&'static str),
    /// The same in a file where `%` begins a format.
    GatewayWithFormats(&'static str),
}

macro_rules! example {
    ($path:literal) => {
        include_str!(concat!("../../../examples/resource-servers/", $path))
    };
}
macro_rules! recipe {
    ($path:literal) => {
        include_str!(concat!("../../../deploy/gateways/", $path))
    };
}

const fn program(
    syntax: Syntax,
    [name, about, file, install, run]: [&'static str; 5],
    source: &'static str,
) -> Snippet {
    let (tested, kind) = (Tested::Run, Kind::Program(syntax));
    Snippet { name, about, file, install, run, tested, kind, source }
}

/// A snippet that the test suite cannot run.
const fn form_only(snippet: Snippet) -> Snippet {
    Snippet { tested: Tested::FormOnly, ..snippet }
}

const fn with_feed(syntax: Syntax, texts: [&'static str; 5], source: &'static str) -> Snippet {
    Snippet { kind: Kind::ProgramWithFeed(syntax), ..program(syntax, texts, source) }
}

const fn gateway(
    kind: Kind,
    [name, about, file, run]: [&'static str; 4],
    source: &'static str,
) -> Snippet {
    Snippet { name, about, file, install: "", run, tested: Tested::Run, kind, source }
}

const JS: Syntax = Syntax::JavaScript;
const PY: Syntax = Syntax::Python;
const CONF: Kind = Kind::Gateway("#");

/// All snippets, in the order of `--list`.
pub const SNIPPETS: &[Snippet] = &[
    program(
        JS,
        ["node", "node:http with jose", "node.mjs", "npm install jose@6", "node node.mjs"],
        example!("node/node.mjs"),
    ),
    with_feed(
        JS,
        [
            "node-revocations",
            "node:http with jose, and the feed of revocations",
            "node-revocations.mjs",
            "npm install jose@6",
            "node node-revocations.mjs",
        ],
        example!("node/node-revocations.mjs"),
    ),
    program(
        JS,
        [
            "express",
            "Express with jose",
            "express.mjs",
            "npm install express@5 jose@6",
            "node express.mjs",
        ],
        example!("node/express.mjs"),
    ),
    program(
        JS,
        [
            "express-oauth2-jwt-bearer",
            "Express with express-oauth2-jwt-bearer",
            "express-oauth2-jwt-bearer.mjs",
            "npm install express@5 express-oauth2-jwt-bearer@1.10",
            "node express-oauth2-jwt-bearer.mjs",
        ],
        example!("node/express-oauth2-jwt-bearer.mjs"),
    ),
    program(
        JS,
        [
            "fastify",
            "Fastify with jose",
            "fastify.mjs",
            "npm install fastify@5 jose@6",
            "node fastify.mjs",
        ],
        example!("node/fastify.mjs"),
    ),
    program(
        JS,
        [
            "hono",
            "Hono with jose",
            "hono.mjs",
            "npm install hono@4 @hono/node-server@2 jose@6",
            "node hono.mjs",
        ],
        example!("node/hono.mjs"),
    ),
    program(
        JS,
        [
            "jsonwebtoken",
            "node:http with jsonwebtoken",
            "jsonwebtoken.mjs",
            "npm install jsonwebtoken@9",
            "node jsonwebtoken.mjs",
        ],
        example!("node/jsonwebtoken.mjs"),
    ),
    program(
        PY,
        [
            "python",
            "http.server with PyJWT",
            "pyjwt_server.py",
            "pip install 'pyjwt[crypto]>=2.13'",
            "python3 pyjwt_server.py",
        ],
        example!("python/pyjwt_server.py"),
    ),
    with_feed(
        PY,
        [
            "python-revocations",
            "http.server with PyJWT, and the feed of revocations",
            "revocations_server.py",
            "pip install 'pyjwt[crypto]>=2.13'",
            "python3 revocations_server.py",
        ],
        example!("python/revocations_server.py"),
    ),
    program(
        PY,
        [
            "fastapi",
            "FastAPI with PyJWT",
            "fastapi_server.py",
            "pip install fastapi uvicorn 'pyjwt[crypto]>=2.13'",
            "python3 fastapi_server.py",
        ],
        example!("python-frameworks/fastapi_server.py"),
    ),
    program(
        PY,
        [
            "flask",
            "Flask with PyJWT",
            "flask_server.py",
            "pip install flask 'pyjwt[crypto]>=2.13'",
            "python3 flask_server.py",
        ],
        example!("python-frameworks/flask_server.py"),
    ),
    program(
        PY,
        [
            "django",
            "Django with PyJWT",
            "django_server.py",
            "pip install django 'pyjwt[crypto]>=2.13'",
            "python3 django_server.py",
        ],
        example!("python-frameworks/django_server.py"),
    ),
    program(
        PY,
        [
            "fastmcp",
            "an MCP server with FastMCP and PyJWT",
            "fastmcp_server.py",
            "pip install 'fastmcp>=4.2' 'pyjwt[crypto]>=2.13'",
            "python3 fastmcp_server.py",
        ],
        example!("python-frameworks/fastmcp_server.py"),
    ),
    program(
        Syntax::Go,
        [
            "go",
            "net/http with golang-jwt",
            "server.go",
            "go mod init orders && go get github.com/golang-jwt/jwt/v5",
            "go run server.go",
        ],
        example!("go/server.go"),
    ),
    program(
        Syntax::Ruby,
        [
            "ruby",
            "Rack with ruby-jwt",
            "server.rb",
            "gem install jwt rack rackup webrick",
            "ruby server.rb",
        ],
        example!("ruby/server.rb"),
    ),
    form_only(program(
        Syntax::Java,
        [
            "spring",
            "Spring Boot",
            "SecurityConfig.java",
            "spring-boot-starter-oauth2-resource-server, Spring Boot 3.5 or later",
            "mvn spring-boot:run",
        ],
        example!("java/SecurityConfig.java"),
    )),
    form_only(program(
        Syntax::CSharp,
        [
            "aspnet",
            "ASP.NET Core with AddJwtBearer",
            "Program.cs",
            "dotnet add package Microsoft.AspNetCore.Authentication.JwtBearer",
            "dotnet run",
        ],
        example!("csharp/Program.cs"),
    )),
    form_only(program(
        Syntax::Php,
        [
            "php",
            "PHP with firebase/php-jwt",
            "server.php",
            "composer require firebase/php-jwt",
            "php -S 127.0.0.1:3000 server.php",
        ],
        example!("php/server.php"),
    )),
    gateway(
        CONF,
        ["nginx", "nginx asks Signet", "nginx.conf", "nginx -p . -c nginx.conf -e stderr"],
        recipe!("nginx/nginx.conf"),
    ),
    gateway(
        CONF,
        ["traefik", "Traefik asks Signet", "traefik.yml", "traefik --configFile=traefik.yml"],
        recipe!("traefik/traefik.yml"),
    ),
    gateway(
        CONF,
        [
            "traefik-routes",
            "the routes of traefik, beside it",
            "routes.yml",
            "traefik --configFile=traefik.yml",
        ],
        recipe!("traefik/routes.yml"),
    ),
    gateway(
        CONF,
        ["caddy", "Caddy asks Signet", "Caddyfile", "caddy run --config Caddyfile"],
        recipe!("caddy/Caddyfile"),
    ),
    gateway(
        CONF,
        ["envoy", "Envoy asks Signet", "envoy.yaml", "envoy -c envoy.yaml"],
        recipe!("envoy/envoy.yaml"),
    ),
    gateway(
        Kind::GatewayWithFormats("#"),
        ["haproxy", "HAProxy asks Signet", "haproxy.cfg", "haproxy -db -f haproxy.cfg"],
        recipe!("haproxy/haproxy.cfg"),
    ),
    gateway(
        Kind::Gateway("--"),
        [
            "haproxy-lua",
            "the question of haproxy, beside it",
            "signet.lua",
            "haproxy -db -f haproxy.cfg",
        ],
        recipe!("haproxy/signet.lua"),
    ),
];

impl Snippet {
    /// The snippet of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        SNIPPETS.iter().find(|snippet| snippet.name == name)
    }

    /// The language of its program, if it is one.
    pub const fn syntax(&self) -> Option<Syntax> {
        match self.kind {
            Kind::Program(syntax) | Kind::ProgramWithFeed(syntax) => Some(syntax),
            Kind::Gateway(_) | Kind::GatewayWithFormats(_) => None,
        }
    }

    /// Whether it reads the revocation feed.
    pub const fn has_feed(&self) -> bool {
        matches!(self.kind, Kind::ProgramWithFeed(_))
    }
}
