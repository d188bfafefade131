//! Documents of others: what is fetched from hosts that strangers have named, and the clients that such documents
//! describe.

mod fetch;
