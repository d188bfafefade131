//! Client keys that no library generates.

/// The modulus of a 2048-bit RSA key whose primes have the structure of CVE-2017-15361 (ROCA), generated for
/// the tests that refuse it.
pub const ROCA_N: &str = "7C4ypUfSCQxsaMhlkall2He-2ROg9vFt6F0OFDTbDlZ9KUtwsAC_0-0daQjj-lIWiwlToTLflmQb1X-G\
    cHSyrqI6REiXSwrPoQJiqmXYvgKxoDqrUYQYqz_htG5syU9dlTCOQoI5xt2ew35HdqtvzqMxAup2QOow\
    VQh3UeeMLEDYLBVHYWHLya5XyghQ6tKtxm6GDZ7xMrKEnLtKRWT6RyYhOa2kIveyfQ0nofxt1C0Dg3mJ\
    fvLM7LgEpEuyajRAn1cb9d1nHGL0yY9rrwAyx0FKGE7t2miMNc5LHU8OcbIxW7pLIyRpf-Q-cDu6vrxB\
    ataNul9y_KYvW9yWa2sgiw";
