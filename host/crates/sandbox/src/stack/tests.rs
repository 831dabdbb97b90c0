//! The merge of layers, a test for each row of the table in docs/policy.md.
