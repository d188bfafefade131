//! `signet snippet`: a file with which an API verifies the tokens of its audience, or a recipe for a gateway.
//!
//! Owns the values in a template. With a database they are those of the registered API; without one, the defaults.

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::admin::apis;
use crate::base::Timestamp;
use crate::config::{Config, Database, checked_issuer};
use crate::domain::api::Api;
use crate::domain::scope::Scopes;
use crate::domain::token_rules::{TokenAlg, TokenProfile, TokenType};
use crate::view::snippet::{SNIPPETS, Snippet, Tested, Values};

use super::error::{CommandError, about};
use super::exit::Exit;
use super::output::{Output, Row, write};
use super::startup_report;
use super::with_app::with_app;

/// `signet snippet`.
#[derive(Debug, Args)]
pub struct SnippetArgs {
    /// What to print
    #[arg(
        value_name = "NAME",
        value_parser = PossibleValuesParser::new(SNIPPETS.iter().map(|snippet| snippet.name)),
        hide_possible_values = true,
        required_unless_present = "list"
    )]
    name: Option<String>,
    /// The identifier of the API
    #[arg(long, value_name = "IDENTIFIER", required_unless_present = "list")]
    audience: Option<String>,
    /// A scope that every token must have; may be repeated (default: none)
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<String>,
    /// The issuer (default: SIGNET_ISSUER)
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// What a snippet with the feed of revocations does while its feed is not recent: refuse with 503 because tokens may
    /// have ended (closed), or accept them (open)
    #[arg(long, value_enum, value_name = "CHOICE")]
    when_stale: Option<WhenStale>,
    /// List what can be printed
    #[arg(long, conflicts_with_all = ["name", "audience", "scope", "issuer", "when_stale"])]
    list: bool,
}

/// What a verifier does while its feed is not recent.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum WhenStale {
    Open,
    Closed,
}

impl Row for Snippet {
    const HEAD: &'static [&'static str] = &["NAME", "WHAT", "TESTS"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let tested = match self.tested {
            Tested::Run => "run",
            Tested::FormOnly => "form only, not run",
        };
        vec![self.name.to_owned(), self.about.to_owned(), tested.to_owned()]
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name, "what": self.about, "file": self.file, "install": self.install,
            "run": self.run, "is_run_by_tests": self.tested == Tested::Run,
        })
    }
}

/// The form of an API's tokens.
struct Tokens {
    token_type: TokenType,
    algorithms: Vec<&'static str>,
}

/// Prints a snippet, or the list of snippets.
pub fn run(args: &SnippetArgs, output: Output) -> Result<(), CommandError> {
    let found = args.name.as_deref().and_then(Snippet::named);
    let (Some(snippet), Some(audience), false) = (found, &args.audience, args.list) else {
        let mut list = output.list();
        list.rows(SNIPPETS)?;
        return Ok(list.end()?);
    };
    let when_stale = args.when_stale_for(snippet)?;
    let scopes = args.scopes()?;
    let config = Config::load()?.config;
    let issuer = match &args.issuer {
        Some(typed) => checked_issuer(typed)
            .map_err(|wrong| CommandError::usage(format!("--issuer {typed:?} {wrong}")))?,
        None => config.issuer.clone(),
    };
    let print = |audience: &str, tokens: &Tokens| -> Result<(), CommandError> {
        let values = Values {
            issuer: &issuer,
            audience,
            scope: &scopes.to_string(),
            token_type: tokens.token_type,
            algorithms: &tokens.algorithms,
            when_stale,
        };
        Ok(write(&snippet.rendered(&values))?)
    };
    let has_database = match &config.database {
        Database::Sqlite(path) => path.exists(),
        Database::Postgres(_) => true,
    };
    if !has_database {
        let api = Api::new(audience, scopes.clone())
            .map_err(|error| CommandError::usage(error.message()))?;
        startup_report::say(
            "warning: there is no database here, so it is not checked that the API is registered. The file takes \
             ES256 and RS256.\n",
        );
        let tokens = Tokens { token_type: TokenType::AtJwt, algorithms: vec!["ES256", "RS256"] };
        return print(&api.identifier, &tokens);
    }
    with_app(async |app| {
        let work = apis::show(app.clone(), audience.clone());
        let stored = app.run_to_completion(work).await.map_err(about("api", audience))?;
        require_offered(&stored.api, &scopes)?;
        let rules = &stored.api.rules;
        let alg = rules.signing_alg.unwrap_or(TokenAlg::Key(app.config.signing_alg));
        let token_type = match rules.profile {
            TokenProfile::Rfc9068 => TokenType::AtJwt,
            TokenProfile::Jwt => TokenType::Jwt,
        };
        if alg == TokenAlg::SharedSecret {
            return Err(shared_secret(&stored.api.identifier));
        }
        print(&stored.api.identifier, &Tokens { token_type, algorithms: vec![alg.as_str()] })
    })
}

impl SnippetArgs {
    fn scopes(&self) -> Result<Scopes, CommandError> {
        Scopes::parse(&self.scope.join(" ")).map_err(|_| {
            CommandError::usage(format!(
                "--scope {:?} is not a list of scopes.\n  A scope has printable ASCII characters without space, \
                 \" and \\, such as orders:read",
                self.scope.join(",")
            ))
        })
    }

    /// The choice for a stale feed, which is required for a snippet with the feed and refused for any other.
    fn when_stale_for(&self, snippet: &Snippet) -> Result<Option<&'static str>, CommandError> {
        match (snippet.has_feed(), self.when_stale) {
            (false, None) => Ok(None),
            (true, Some(WhenStale::Open)) => Ok(Some("open")),
            (true, Some(WhenStale::Closed)) => Ok(Some("closed")),
            (true, None) => Err(CommandError::usage(format!(
                "{} needs a choice: what it does while its feed of revocations is not recent.\n  \
                 --when-stale closed  refuses with 503, because tokens may have ended\n  \
                 --when-stale open    accepts tokens that may have ended, and warns",
                snippet.name
            ))),
            (false, Some(_)) => Err(CommandError::usage(format!(
                "{} reads no feed of revocations, so --when-stale means nothing.\n  Leave it out, or print \
                 node-revocations or python-revocations.",
                snippet.name
            ))),
        }
    }
}

/// Refuses a scope that the API does not offer: no token has it, so the file would refuse every token.
fn require_offered(api: &Api, scopes: &Scopes) -> Result<(), CommandError> {
    match scopes.iter().find(|scope| !api.scopes.contains(scope)) {
        None => Ok(()),
        Some(scope) => Err(CommandError::new(
            Exit::Usage,
            format!(
                "the API {} does not offer the scope {scope:?}.\n  It offers: {}\n  Change that:  signet api set \
                 {0} --scope …",
                api.identifier,
                if api.scopes.is_empty() { "none".to_owned() } else { api.scopes.to_string() },
            ),
        )),
    }
}

fn shared_secret(identifier: &str) -> CommandError {
    CommandError::usage(format!(
        "the API {identifier} has a shared secret (HS256): its tokens verify with no public key.\n  Choose another \
         algorithm:  signet api set {identifier} --signing-alg ES256"
    ))
}
