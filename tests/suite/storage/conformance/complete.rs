//! Completeness: a function of the store that no test here calls is reported.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{ImplItem, Item, Type, Visibility};

use crate::project::architecture::source::{self, File};

/// Functions without a call, and the reason.
const EXEMPT: &[(&str, &str)] = &[(
    "Refresher::present",
    "a task with a queue rather than a statement: `batch` and `refresh` ask it under load",
)];

/// A function of the store, as a test would name it.
#[derive(Debug, PartialEq, Eq)]
struct Function {
    /// The file it is in.
    path: String,
    /// `module::name`, or `Type::name` of a method.
    name: String,
    is_method: bool,
}

/// Every async function of `file` that other modules may call.
fn functions(file: &File) -> Vec<Function> {
    // The folder `db` is one module for its users: it re-exports the items of its files.
    let module = match file.module().as_slice() {
        [_, folder, _] if folder == "db" => folder.clone(),
        path => path.last().cloned().unwrap_or_default(),
    };
    let mut found = Vec::new();
    for item in syn::parse_file(&file.text).unwrap().items {
        match item {
            Item::Fn(item) if is_open(&item.vis) && item.sig.asyncness.is_some() => {
                found.push(function(file, &module, &item.sig));
            }
            Item::Impl(item) if item.trait_.is_none() => {
                let owner = type_name(&item.self_ty);
                for member in item.items {
                    if let ImplItem::Fn(method) = member
                        && is_open(&method.vis)
                        && method.sig.asyncness.is_some()
                    {
                        found.push(function(file, &owner, &method.sig));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

fn function(file: &File, owner: &str, signature: &syn::Signature) -> Function {
    Function {
        path: file.path.clone(),
        name: format!("{owner}::{}", signature.ident),
        is_method: signature.receiver().is_some(),
    }
}

/// Whether code outside of the store can call it.
fn is_open(visibility: &Visibility) -> bool {
    match visibility {
        Visibility::Public(_) => true,
        Visibility::Restricted(restricted) => restricted.path.is_ident("crate"),
        Visibility::Inherited => false,
    }
}

fn type_name(of: &Type) -> String {
    let Type::Path(path) = of else { return String::new() };
    path.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

/// The tokens of a file, including those inside macro calls. Comments and strings are not tokens.
fn flat(tokens: TokenStream, into: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                let opens = if group.delimiter() == Delimiter::Parenthesis { "(" } else { "{" };
                into.push(opens.to_owned());
                flat(group.stream(), into);
                into.push("}".to_owned());
            }
            TokenTree::Literal(_) => into.push("literal".to_owned()),
            other => into.push(other.to_string()),
        }
    }
}

/// Whether `tokens` call `function`: by its path, or a method on a value.
fn calls(tokens: &[String], function: &Function) -> bool {
    let (owner, name) = function.name.split_once("::").unwrap();
    let by_path = [owner, ":", ":", name, "("];
    let found = |wanted: &[&str]| tokens.windows(wanted.len()).any(|window| window == wanted);
    found(&by_path) || (function.is_method && found(&[".", name, "("]))
}

/// The remarks about functions that no test calls.
fn remarks(store: &[File], tests: &[File], exempt: &[(&str, &str)]) -> Vec<String> {
    let mut tokens = Vec::new();
    for file in tests {
        flat(file.tokens.clone(), &mut tokens);
    }
    let all: Vec<Function> = store.iter().flat_map(functions).collect();
    let mut remarks = Vec::new();
    for function in &all {
        let excused = exempt.iter().any(|(name, _)| *name == function.name);
        let Function { path, name, .. } = function;
        match (calls(&tokens, function), excused) {
            (false, false) => remarks.push(format!(
                "{path}: no test under tests/suite/storage/conformance calls `{name}`. Call it there on \
                 both databases, and assert what its documentation promises."
            )),
            (true, true) => {
                remarks.push(format!("{path}: `{name}` is called after all; take it off EXEMPT."));
            }
            _ => {}
        }
    }
    for (name, _) in exempt {
        if !all.iter().any(|function| function.name == *name) {
            remarks.push(format!("`{name}` of EXEMPT is gone from the store; take it off."));
        }
    }
    remarks
}

#[test]
fn every_function_of_the_store_is_called_on_both_databases() {
    let store = source::files("src/store");
    assert!(store.iter().flat_map(functions).count() > 60, "the store was not read");
    let remarks = remarks(&store, &source::files("tests/suite/storage/conformance"), EXEMPT);
    assert!(remarks.is_empty(), "\n{}\n", remarks.join("\n"));
}

#[test]
fn the_checker_sees_what_is_not_called() {
    let store = File::read(
        "src/store/things.rs",
        "pub async fn called() {} pub async fn forgotten() {} pub(crate) async fn inner() {}\n\
         async fn private() {} pub(super) async fn near() {} pub fn decides() {}\n\
         impl Thing { pub async fn taken(self) {} pub async fn left(self) {} }\n\
         impl Link for Thing { async fn conn(&mut self) {} }\n",
    );
    let test = File::read(
        "tests/suite/storage/conformance/things.rs",
        "fn test() { assert!(things::called(1)); thing.taken(); others::inner(); }\n\
         // things::forgotten()\n\
         const TEXT: &str = \"things::forgotten()\"; use things::forgotten;\n",
    );
    let exempt = [("things::called", ""), ("things::gone", "")];
    let found = remarks(&[store], &[test], &exempt);
    let named = ["`things::called` is called", "`things::forgotten`", "`things::inner`"];
    let named = named.into_iter().chain(["`Thing::left`", "`things::gone` of EXEMPT"]);
    assert_eq!(found.len(), 5, "{found:#?}");
    for (remark, name) in found.iter().zip(named) {
        assert!(remark.contains(name), "{name}: {remark}");
    }
}
