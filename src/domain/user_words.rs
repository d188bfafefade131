//! Search words of users.
//!
//! Owns the words of a user and the normal form of words, for users and queries alike. A query matches a user if each
//! of its words is a prefix of one of the user's words.

use unicode_normalization::UnicodeNormalization;

use super::login_name::LoginName;

/// The most words of one user.
const MAX_WORDS: usize = 32;
/// The most words of a query.
pub const MAX_QUERY_WORDS: usize = 8;
/// The longest word, in characters; longer ones are cut.
const MAX_CHARS: usize = 64;
/// The separators within logins and addresses.
const SEPARATORS: &[char] = &['.', '_', '-', '+', '@'];

/// The searchable data of a user.
#[derive(Debug, Clone, Copy)]
pub struct SearchedText<'a> {
    /// The login as typed.
    pub login: &'a str,
    /// The normal form of the login.
    pub login_key: &'a str,
    /// The display name.
    pub name: Option<&'a str>,
    /// The e-mail address as typed.
    pub email: Option<&'a str>,
    /// The normal form of the e-mail address.
    pub email_key: Option<&'a str>,
}

/// The words of a user, sorted, each once: login and address, their local parts and pieces, and the words of the name.
#[must_use]
pub fn words_of(text: SearchedText<'_>) -> Vec<String> {
    let SearchedText { login, login_key, name, email, email_key } = text;
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: &str| {
        let word = cut(word);
        if !word.is_empty() && words.len() < MAX_WORDS && !words.contains(&word) {
            words.push(word);
        }
    };
    // Whole texts before pieces, so that the limit drops pieces first.
    let addresses = [Some(login_key), email_key, Some(login), email];
    let addresses: Vec<String> = addresses.into_iter().flatten().map(folded).collect();
    addresses.iter().for_each(|address| add(address));
    if let Some(name) = name {
        folded(name).split_whitespace().for_each(&mut add);
    }
    for address in &addresses {
        add(address.rsplit_once('@').map_or(address, |(local, _)| local));
        address.split(SEPARATORS).for_each(&mut add);
    }
    words.sort_unstable();
    words
}

/// The words of a query, each once, at most [`MAX_QUERY_WORDS`]. A word that is an address is normalised to its
/// key.
#[must_use]
pub fn words_of_query(query: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for typed in query.split_whitespace() {
        let key = LoginName::parse(typed).ok().filter(LoginName::is_email);
        let word = cut(&folded(key.as_ref().map_or(typed, LoginName::key)));
        if !word.is_empty() && !words.contains(&word) && words.len() < MAX_QUERY_WORDS {
            words.push(word);
        }
    }
    words
}

/// The first of `words`, which are sorted, that begins with `prefix`.
#[must_use]
pub fn first_match<'a>(words: &'a [String], prefix: &str) -> Option<&'a str> {
    let at = words.partition_point(|word| word.as_str() < prefix);
    words.get(at).map(String::as_str).filter(|word| word.starts_with(prefix))
}

/// The smallest text after all words with `prefix`.
#[must_use]
pub fn after_prefix(prefix: &str) -> String {
    format!("{prefix}\u{10ffff}")
}

/// The text in NFKC with full case folding.
fn folded(text: &str) -> String {
    let lower = text.nfkc().flat_map(char::to_lowercase);
    let both =
        lower.flat_map(|c| c.to_uppercase().flat_map(char::to_lowercase).collect::<Vec<_>>());
    both.nfkc().collect()
}

fn cut(word: &str) -> String {
    word.chars().take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ada() -> Vec<String> {
        words_of(SearchedText {
            login: "Ada.Lovelace@Example.org",
            login_key: "ada.lovelace@example.org",
            name: Some("Augusta Ada  KING-Noël"),
            email: Some("countess@bücher.example"),
            email_key: Some("countess@xn--bcher-kva.example"),
        })
    }

    #[test]
    fn a_user_is_found_by_the_beginning_of_each_word() {
        let words = ada();
        assert!(words.is_sorted() && words.len() <= MAX_WORDS, "{words:?}");
        for query in [
            "ada",
            "LOVE",
            "ada.love",
            "ada.lovelace@exa",
            "example",
            "king-no",
            "augusta",
            "noël",
            "countess@bücher.example",
            "countess",
            "bücher",
            "ＡＤＡ",
        ] {
            let found = words_of_query(query);
            if query == "noël" {
                // Words of a name are not cut at hyphens.
                assert_eq!(first_match(&words, &found[0]), None);
                continue;
            }
            assert!(first_match(&words, &found[0]).is_some(), "{query} in {words:?}");
        }
        for query in ["adam", "oves", "@example"] {
            assert_eq!(first_match(&words, &words_of_query(query)[0]), None, "{query}");
        }
    }

    #[test]
    fn spellings_of_one_word_are_one() {
        assert_eq!(words_of_query("STRASSE straße ﬁne FINE"), ["strasse", "fine"]);
        assert_eq!(words_of_query("  "), [""; 0]);
        assert_eq!(words_of_query(&"x ".repeat(100)), ["x"]);
        let many: String = (0..100).map(|number| format!("w{number} ")).collect();
        assert_eq!(words_of_query(&many).len(), MAX_QUERY_WORDS);
    }

    #[test]
    fn the_range_of_a_prefix_has_its_words_and_no_other() {
        let end = after_prefix("ad");
        let range = "ad"..end.as_str();
        for inside in ["ad", "ada", "ad\u{10fffe}"] {
            assert!(range.contains(&inside), "{inside}");
        }
        assert!(!range.contains(&"ae") && !range.contains(&"ac\u{10ffff}"));
    }

    #[test]
    fn long_texts_have_a_bounded_number_of_words() {
        let name: String = (0..500).map(|number| format!("n{number} ")).collect();
        let long = "x".repeat(500);
        let words = words_of(SearchedText {
            login: &long,
            login_key: &long,
            name: Some(&name),
            email: None,
            email_key: None,
        });
        assert_eq!(words.len(), MAX_WORDS);
        assert!(words.iter().all(|word| word.chars().count() <= MAX_CHARS));
        // Queries are truncated like words.
        assert!(first_match(&words, &words_of_query(&long)[0]).is_some());
    }
}
