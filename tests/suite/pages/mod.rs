//! The pages in a browser.

mod browser;
mod gallery;
mod languages;
mod served;
