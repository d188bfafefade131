//! The accepted values of each setting, and the error for an invalid one.

use super::*;

#[test]
fn the_issuer_has_one_spelling() {
    for good in [
        "https://id.example.com",
        "https://id.example.com:8443/a/b",
        "http://127.3.2.1:1",
        "http://[::1]:8484",
        "http://a.localhost",
    ] {
        assert_eq!(load(&[("SIGNET_ISSUER", good)]).issuer, good);
    }
    for (bad, part) in [
        ("id.example.com", "is not an absolute URL"),
        ("localhost:8484", "is not an http or https URL"),
        ("ftp://id.example.com", "is not an http or https URL"),
        ("https://id.example.com/", "Type https://id.example.com"),
        ("https://id.example.com/a//", "Type https://id.example.com/a"),
        ("https://id.example.com?", "has a query"),
        ("https://id.example.com/?a=1", "Type https://id.example.com"),
        ("https://id.example.com#", "has a fragment"),
        ("https://ID.example.com:443", "Type https://id.example.com"),
        ("https://id.example.com/a/../b", "Type https://id.example.com/b"),
        (" https://id.example.com", "Type https://id.example.com"),
        ("https://bücher.example", "Type https://xn--bcher-kva.example"),
        ("https://id.example.com/a//b", "other characters"),
        ("https://id.example.com/a%2Fb", "other characters"),
        ("https://id.example.com/a%20b", "other characters"),
        ("https://id.example.com/a;Domain=example.com", "other characters"),
        ("https://id.example.com/{id}", "other characters"),
        ("https://id.example.com/a@b", "other characters"),
    ] {
        one(&[("SIGNET_ISSUER", bad)], "SIGNET_ISSUER", part);
    }
    one(&[("SIGNET_ISSUER", "https://me:hunter2@id.example.com")], "SIGNET_ISSUER", "user name");
    let text = mistakes(&[("SIGNET_ISSUER", "https://me:hunter2@id.example.com")])[0].to_string();
    assert!(!text.contains("hunter2") && text.contains("Type https://id.example.com"), "{text}");
}

#[test]
fn an_issuer_that_is_recommended_is_accepted() {
    for bad in [
        "https://b\u{fc}cher.example",
        "https://B\u{dc}CHER.example:443/auth/",
        "http://b\u{fc}cher.example/",
        "http://b\u{fc}cher.example:8080/?a=1#b",
        "https://b\u{fc}cher.example/stra\u{df}e",
        "https://b\u{fc}cher.example/health/?a",
        "https://me:secret@fa\u{df}.example",
        "http://ID.example.com",
        "https://\u{65e5}\u{672c}.example.",
    ] {
        let text = mistakes(&[("SIGNET_ISSUER", bad)])[0].to_string();
        let advice = text.rsplit_once("Type ").unwrap().1;
        match advice.split([',', ' ', '\n']).next().unwrap() {
            // No other spelling of an invalid path is suggested: the operator must choose another path.
            "a" | "another" => assert!(advice.contains("/auth"), "{text}"),
            issuer => assert_eq!(load(&[("SIGNET_ISSUER", issuer)]).issuer, issuer, "{text}"),
        }
    }
}

#[test]
fn the_path_of_an_issuer_has_letters_digits_and_few_others_and_is_short() {
    load(&[("SIGNET_ISSUER", "https://id.example.com/a-b._~/C9")]);
    let of_length = |length: usize| format!("https://id.example.com/{}", "a".repeat(length - 1));
    load(&[("SIGNET_ISSUER", &of_length(128))]);
    one(&[("SIGNET_ISSUER", &of_length(129))], "SIGNET_ISSUER", "at most 128 bytes");
}

#[test]
fn only_a_path_that_is_there_can_be_stripped() {
    let strips = ("SIGNET_PROXY_STRIPS_PATH", "true");
    for issuer in [None, Some("https://id.example.com")] {
        let mut pairs = vec![strips];
        pairs.extend(issuer.map(|issuer| ("SIGNET_ISSUER", issuer)));
        let all = mistakes(&pairs);
        assert_eq!(all.len(), 1, "{all:?}");
        assert!(all[0].to_string().contains("SIGNET_ISSUER has no path"), "{}", all[0]);
    }
    load(&[strips, ("SIGNET_ISSUER", "https://id.example.com/auth")]);
    one(&[("SIGNET_PROXY_STRIPS_PATH", "on")], "SIGNET_PROXY_STRIPS_PATH", "Type true or false");
}

#[test]
fn plain_http_beyond_this_machine_must_be_wanted() {
    for issuer in [
        "http://id.example.com",
        "http://10.0.0.1:8484",
        "http://[::2]",
        "http://localhost.example.com",
        "http://notlocalhost",
        "http://0.0.0.0:8484",
    ] {
        one(&[("SIGNET_ISSUER", issuer)], "SIGNET_ISSUER", "SIGNET_INSECURE_HTTP=true");
        load(&[("SIGNET_ISSUER", issuer), ("SIGNET_INSECURE_HTTP", "true")]);
    }
    one(&[("SIGNET_INSECURE_HTTP", "1")], "SIGNET_INSECURE_HTTP", "Type true or false");
}

#[test]
fn lengths_of_time_have_units_and_ranges() {
    for (text, part) in [
        ("10", "has no unit"),
        ("m", "is not a length of time"),
        ("-5m", "is not a length of time"),
        ("1.5h", "has an unknown unit"),
        ("10min", "has an unknown unit"),
        ("10 m", "has an unknown unit"),
        ("10M", "has an unknown unit"),
        ("999ms", "is too short"),
        ("25h", "is too long"),
        ("99999999999999999999d", "is too long"),
        ("9223372036854775807d", "is too long"),
    ] {
        one(&[("SIGNET_ACCESS_TOKEN_TTL", text)], "SIGNET_ACCESS_TOKEN_TTL", part);
    }
    assert_eq!(
        load(&[("SIGNET_ACCESS_TOKEN_TTL", "24h")]).access_token_ttl,
        TimeSpan::from_days(1)
    );
    for (span, text) in [
        (TimeSpan::ZERO, "0s"),
        (TimeSpan::from_millis(1500), "1500ms"),
        (TimeSpan::from_secs(90), "90s"),
        (TimeSpan::from_mins(120), "2h"),
        (TimeSpan::from_days(30), "30d"),
    ] {
        assert_eq!(parse::spell(span), text);
    }
}

#[test]
fn a_collector_is_an_address_of_http() {
    let (endpoint, headers, sample) =
        ("SIGNET_OTLP_ENDPOINT", "SIGNET_OTLP_HEADERS", "SIGNET_OTLP_SAMPLE");
    let good = "http://127.0.0.1:4318";
    let posted_to = |address| load(&[(endpoint, address)]).spans.unwrap().endpoint.to_string();
    for address in [good, "http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"] {
        assert_eq!(posted_to(address), "http://127.0.0.1:4318/v1/traces");
    }
    for (text, part) in [
        ("127.0.0.1:4318", "is not a URL"),
        ("grpc://127.0.0.1:4317", "is not an http or https URL"),
        ("http://u:hunter2@collector", "has a user"),
        ("http://collector/?a=b", "has a user, a query"),
    ] {
        one(&[(endpoint, text)], endpoint, part);
    }
    let refused = mistakes(&[(endpoint, "http://collector/?token=hunter2")])[0].to_string();
    assert!(refused.contains("?[hidden]") && !refused.contains("hunter2"), "{refused}");
    for (text, part) in [
        ("Authorization", "a part without ="),
        ("A B=c", "an invalid header name"),
        ("a=", "a value that is empty"),
        ("a=b,", "a part without ="),
    ] {
        one(&[(endpoint, good), (headers, text)], headers, part);
    }
    one(&[(headers, "a=b")], headers, "these headers need a collector");
    for text in ["1.5", "-1", "NaN", "all"] {
        one(&[(sample, text)], sample, "is not a number from 0 to 1");
    }
}

#[test]
fn settings_must_agree() {
    let (ttl, window) = ("SIGNET_ACCESS_TOKEN_TTL", "SIGNET_REFRESH_RETRY_WINDOW");
    load(&[(ttl, "10m"), (window, "5m")]);
    load(&[(ttl, "1s"), (window, "0s")]);
    one(&[(ttl, "599s"), (window, "5m")], ttl, "SIGNET_ACCESS_TOKEN_TTL=10m or longer");
    one(&[(ttl, "30s")], ttl, "SIGNET_REFRESH_RETRY_WINDOW=30s (default)");
    one(&[(window, "301s")], window, "from 0s to 5m");

    let (idle, max) = ("SIGNET_REFRESH_IDLE_TTL", "SIGNET_REFRESH_MAX_TTL");
    load(&[(idle, "5d"), (max, "5d")]);
    one(&[(max, "7d")], idle, "SIGNET_REFRESH_IDLE_TTL=7d or shorter");

    let (memory, lanes) = ("SIGNET_ARGON2_MEMORY_KIB", "SIGNET_ARGON2_PARALLELISM");
    load(&[(memory, "32"), (lanes, "4")]);
    one(&[(memory, "31"), (lanes, "4")], memory, "SIGNET_ARGON2_MEMORY_KIB=32 or more");
    one(&[(memory, "8"), (lanes, "17")], lanes, "from 1 to 16");
    // The default replaces the wrong value, so a mistake about it would only confuse.
    one(&[(idle, "200d"), (max, "1y")], max, "unknown unit");
}

#[test]
fn hash_costs_have_ranges_and_memory_takes_sizes() {
    let memory = "SIGNET_ARGON2_MEMORY_KIB";
    assert_eq!(load(&[(memory, "64MiB")]).argon2.memory_kib, 65536);
    assert_eq!(load(&[(memory, "8KiB")]).argon2.memory_kib, 8);
    let large = Machine { cores: 4, memory: None };
    let loaded = Config::from_source(&source(&[(memory, "4GiB")]).on(large)).unwrap();
    assert_eq!(loaded.config.argon2.memory_kib, 4 * 1024 * 1024);
    for bad in ["7", "4097MiB", "5GiB", "18446744073709551615GiB", "64MB", "MiB", "-1", "+8"] {
        one(&[(memory, bad)], memory, "a size such as 64MiB");
    }
    for bad in ["0", "65", "two", "+2", "2.0"] {
        one(&[("SIGNET_ARGON2_ITERATIONS", bad)], "SIGNET_ARGON2_ITERATIONS", "from 1 to 64");
    }
    one(&[("SIGNET_HASH_WORKERS", "0")], "SIGNET_HASH_WORKERS", "from 1 to 1024");
}

#[test]
fn hash_workers_fit_cores_and_a_quarter_of_the_memory() {
    let on = |cores, memory| Machine { cores, memory };
    assert_eq!(on(4, Some(1 << 30)).hash_workers(19456), 4);
    assert_eq!(on(64, Some(1 << 30)).hash_workers(19456), 13);
    assert_eq!(on(8, Some(128 << 20)).hash_workers(19456), 1);
    assert_eq!(on(8, Some(1 << 20)).hash_workers(19456), 1);
    assert_eq!(on(8, None).hash_workers(19456), 8);
    let loaded = Config::from_source(
        &source(&[("SIGNET_ARGON2_MEMORY_KIB", "128MiB")]).on(on(64, Some(1 << 30))),
    )
    .unwrap();
    assert_eq!(loaded.config.hash_workers, 2);
    assert_eq!(shown(&loaded, "SIGNET_HASH_WORKERS"), ("2".to_owned(), "default".to_owned()));
}

#[test]
fn lists_of_addresses_and_networks_are_checked() {
    for bad in ["8484", ":8484", "localhost:8484", "127.0.0.1", "127.0.0.1:1,", "[::1]:1,[::1]:1"] {
        one(&[("SIGNET_LISTEN", bad)], "SIGNET_LISTEN", "such as 0.0.0.0:8484");
    }
    assert_eq!(load(&[("SIGNET_LISTEN", "127.0.0.1:0,127.0.0.1:0")]).listen.len(), 2);
    for bad in ["10.0.0.0/33", "proxy.example", "10.0.0.1,", "10.0.0.0-10.0.0.9"] {
        one(&[("SIGNET_TRUSTED_PROXIES", bad)], "SIGNET_TRUSTED_PROXIES", "not a network");
    }
    for (typed, header) in [
        ("x-forwarded-for", ProxyHeader::XForwardedFor),
        ("X-Forwarded-For", ProxyHeader::XForwardedFor),
        ("Forwarded", ProxyHeader::Forwarded),
        ("CF-Connecting-IP", ProxyHeader::Single("cf-connecting-ip".to_owned())),
    ] {
        assert_eq!(load(&[("SIGNET_PROXY_HEADER", typed)]).proxy_header, header);
    }
    for bad in ["x real ip", "x-real-ip:", "x-real-ip,forwarded", "x\u{fc}"] {
        one(&[("SIGNET_PROXY_HEADER", bad)], "SIGNET_PROXY_HEADER", "not the name of a header");
    }
    one(&[("SIGNET_PROXY_HEADER", "Host")], "SIGNET_PROXY_HEADER", "never contains");
    one(&[("SIGNET_METRICS_LISTEN", "no")], "SIGNET_METRICS_LISTEN", "or off");
}

#[test]
fn words_and_log_directives_are_checked() {
    one(
        &[("SIGNET_SIGNING_ALG", "es256")],
        "SIGNET_SIGNING_ALG",
        "Type ES256 or RS256 or PS256 or",
    );
    one(
        &[("SIGNET_REGISTRATION", "true")],
        "SIGNET_REGISTRATION",
        "Type closed or open or verified or invite",
    );
    let domains = "SIGNET_REGISTRATION_DOMAINS";
    one(&[(domains, "example.com,a b")], domains, "holds \"a b\", not a domain");
    let documents = "SIGNET_CLIENT_DOCUMENTS";
    for (typed, found) in [
        ("on", "holds \"on\", not an https URL"),
        ("https://a.example/,https://b.example", "holds \"https://b.example\", not an https URL"),
        ("http://a.example/", "not an https URL that ends with a slash"),
    ] {
        one(&[(documents, typed)], documents, found);
    }
    one(&[("SIGNET_LOG_FORMAT", "text")], "SIGNET_LOG_FORMAT", "auto or pretty or json");
    one(&[("SIGNET_LOG", "inof")], "SIGNET_LOG", "is not a level");
    one(&[("SIGNET_LOG", "info,sqlx")], "SIGNET_LOG", "\"sqlx\", which is not a level");
    for good in ["off", "WARN", "info,signet::http=debug", "[login{user=a,b}]=trace"] {
        assert_eq!(load(&[("SIGNET_LOG", good)]).log, good);
    }
}

#[test]
fn the_database_is_a_file_or_a_postgresql_url() {
    let sqlite = |url: &str| match load(&[("SIGNET_DATABASE_URL", url)]).database {
        Database::Sqlite(path) => path,
        Database::Postgres(_) => PathBuf::new(),
    };
    assert_eq!(sqlite("sqlite:///srv/a b.db"), Path::new("/srv/a b.db"));
    assert_eq!(sqlite("sqlite://data/a.db"), Path::new("/srv/data/a.db"));
    assert_eq!(sqlite("sqlite://./a%20b.db"), Path::new("/srv/a%20b.db"));
    for (bad, part) in [
        ("sqlite://", "names no file"),
        ("sqlite:///srv/", "names no file"),
        ("sqlite://..", "names no file"),
        ("sqlite://:memory:", "in-memory"),
        ("sqlite://a.db?mode=memory", "parameters"),
        ("sqlite:a.db", "neither sqlite:// nor postgres://"),
        ("mysql://u:p@h/d", "neither sqlite:// nor postgres://"),
        ("postgres://u:p#w@h/d", "%23"),
        ("postgres://u:12#w@h/d", "%23"),
        ("postgres://u:12/w@h/d", "%2F"),
    ] {
        one(&[("SIGNET_DATABASE_URL", bad)], "SIGNET_DATABASE_URL", part);
    }
    assert!(matches!(
        load(&[("SIGNET_DATABASE_URL", "postgres:///signet?host=/run/postgresql")]).database,
        Database::Postgres(_)
    ));
    let loaded = Config::from_source(&source(&[("SIGNET_DATA_DIR", "../d")])).unwrap();
    assert_eq!(shown(&loaded, "SIGNET_DATABASE_URL").0, "sqlite:///srv/../d/signet.db");
}

#[test]
fn the_master_key_is_exactly_32_bytes() {
    let padded = format!("{KEY}=");
    for bad in [&KEY[..42], padded.as_str(), &KEY.replace('B', "+"), &KEY.replace("wc", "wd"), "A"]
    {
        one(&[("SIGNET_MASTER_KEY", bad)], "SIGNET_MASTER_KEY", "43 characters");
    }
    one(&[("SIGNET_MASTER_KEY", &padded)], "SIGNET_MASTER_KEY", "of 44 characters (not shown)");
}

#[test]
fn pairs_are_set_together() {
    for (set, missing) in [
        ("SIGNET_TLS_CERT", "SIGNET_TLS_KEY"),
        ("SIGNET_TLS_KEY", "SIGNET_TLS_CERT"),
        ("SIGNET_BOOTSTRAP_ADMIN_LOGIN", "SIGNET_BOOTSTRAP_ADMIN_PASSWORD"),
        ("SIGNET_BOOTSTRAP_ADMIN_PASSWORD", "SIGNET_BOOTSTRAP_ADMIN_LOGIN"),
    ] {
        one(&[(set, "x")], missing, &format!("although {set} is set"));
    }
}

#[test]
fn the_default_issuer_is_reached_at_the_first_port() {
    let issuer = |pairs: &[(&str, &str)]| load(pairs).issuer;
    assert_eq!(
        issuer(&[("SIGNET_LISTEN", "0.0.0.0:9000,127.0.0.1:9001")]),
        "http://localhost:9000"
    );
    assert_eq!(issuer(&[("SIGNET_LISTEN", "[::1]:80")]), "http://localhost");
    let tls = [("SIGNET_TLS_CERT", "a.crt"), ("SIGNET_TLS_KEY", "a.key")];
    let with_tls = |listen: &'static str| issuer(&[tls[0], tls[1], ("SIGNET_LISTEN", listen)]);
    assert_eq!(with_tls("127.0.0.1:8484"), "https://localhost:8484");
    assert_eq!(with_tls("0.0.0.0:443"), "https://localhost");
    let set = [("SIGNET_LISTEN", "127.0.0.1:9000"), ("SIGNET_ISSUER", "http://localhost:8484")];
    assert_eq!(issuer(&set), "http://localhost:8484");
}

#[test]
fn an_rp_id_belongs_to_the_issuer_and_origins_are_origins() {
    let bare = load(&[]);
    assert!(bare.passkeys.enabled && bare.passkeys.origins.is_empty());
    assert_eq!(bare.passkeys.rp_id_of(&bare.issuer), Ok(Some("localhost".to_owned())));
    assert!(!load(&[("SIGNET_PASSKEYS", "off")]).passkeys.enabled);
    let issuer = ("SIGNET_ISSUER", "https://id.example.com");
    for good in ["id.example.com", "example.com"] {
        assert_eq!(load(&[issuer, ("SIGNET_RP_ID", good)]).passkeys.rp_id.as_deref(), Some(good));
    }
    for bad in ["com", "example.org", "Example.com", "https://example.com", "a.id.example.com"] {
        one(&[issuer, ("SIGNET_RP_ID", bad)], "SIGNET_RP_ID", "Type SIGNET_RP_ID=id.example.com");
    }
    let local = ("SIGNET_ISSUER", "http://127.0.0.1:8484");
    one(&[local, ("SIGNET_RP_ID", "127.0.0.1")], "SIGNET_RP_ID", "bound to the host of the issuer");
    let android = format!("android:apk-key-hash:{}", "A".repeat(43));
    let both = format!("https://example.org,{android}");
    let config = load(&[issuer, ("SIGNET_PASSKEY_ORIGINS", &both)]);
    assert_eq!(config.passkeys.origins, ["https://example.org", &android]);
    for bad in
        ["http://example.org", "https://example.org/", "example.org", "android:apk-key-hash:x"]
    {
        one(&[issuer, ("SIGNET_PASSKEY_ORIGINS", bad)], "SIGNET_PASSKEY_ORIGINS", "Type origins");
    }
    let many = vec!["https://example.org"; 21].join(",");
    one(&[issuer, ("SIGNET_PASSKEY_ORIGINS", &many)], "SIGNET_PASSKEY_ORIGINS", "more than 20");
}
