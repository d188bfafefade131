//! The known name that is nearest to a mistyped one.

/// The name with the smallest edit distance to `typed`, and the distance. Of several, the first.
pub fn nearest_name<N: AsRef<str>>(
    typed: &str,
    known: impl IntoIterator<Item = N>,
) -> Option<(N, usize)> {
    let counted = known.into_iter().map(|name| {
        let errors = distance(typed, name.as_ref());
        (name, errors)
    });
    counted.min_by_key(|(_, errors)| *errors)
}

/// Insertions, deletions, substitutions and swaps of neighbours between two names (optimal string
/// alignment). A swap counts as one error: plain Levenshtein would rank `SIGNET_LGO` as far from
/// `SIGNET_LOG` as a different word.
pub fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let substituted = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_typing_errors() {
        for (a, b, expected) in [
            ("", "", 0),
            ("abc", "", 3),
            ("abc", "abd", 1),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn nearest_name_has_the_fewest_errors() {
        assert_eq!(nearest_name("rol", ["name", "role", "roles"]), Some(("role", 1)));
        assert_eq!(nearest_name::<&str>("x", []), None);
    }
}
